//! Asks the machine what [`crate::preflight`] judges.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::concurrently::both;
use crate::document::field::KubernetesVersion;
use crate::fault::Fault;
use crate::host::{Command, Host, Level};
use crate::kubeadm::command;
use crate::plan::StepId;
use crate::preflight::{self, Findings};
use crate::run::Run;

const SMALL: usize = 64 << 10;

async fn version<H: Host>(run: &Run<'_, H>, command: &Command) -> Option<Result<KubernetesVersion, String>> {
    Some(match run.command(command).await {
        Err(fault) => Err(fault.line()),
        Ok(output) if !output.ok() => Err(format!("`{}` ended with {:?}: {}", command.line(), output.status, output.stderr.trim())),
        Ok(output) => {
            command::read_version(&output.stdout).ok_or_else(|| format!("`{}` prints `{}`", command.line(), output.stdout.trim()))
        }
    })
}

async fn text<H: Host>(run: &Run<'_, H>, path: &str) -> Result<String, Fault> {
    let bytes = run.host.read(Path::new(path), SMALL).await?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn findings<H: Host>(run: &Run<'_, H>) -> Result<Findings, Fault> {
    let (kubeadm_version, kubelet_version) = (command::kubeadm_version(), command::kubelet_version());
    let versions = both(version(run, &kubeadm_version), version(run, &kubelet_version));
    let enabled = Command::new("systemctl", ["is-enabled", "kubelet.service"], Duration::from_secs(10));
    let ((kubeadm, kubelet), enabled) = both(versions, run.command(&enabled)).await;
    let (forwarding, bridged) = if run.identity.address.is_ipv4() {
        ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/bridge/bridge-nf-call-iptables")
    } else {
        ("/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/bridge/bridge-nf-call-ip6tables")
    };
    let mut busy_ports = Vec::new();
    for port in preflight::ports(run.spec.role) {
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), run.identity.address] {
            if run.host.connects(SocketAddr::new(address, *port), Duration::from_millis(250)).await.is_ok() && !busy_ports.contains(port) {
                busy_ports.push(*port);
            }
        }
    }
    Ok(Findings {
        kubeadm,
        kubelet,
        forwarding: text(run, forwarding).await?.trim() == "1",
        overlay: text(run, "/proc/filesystems").await?.split_whitespace().any(|word| word == "overlay"),
        bridge_netfilter: text(run, bridged).await?.trim() == "1",
        etcd_state: super::fence::etcd_is_local(run).await?,
        busy_ports,
        kubelet_enabled: enabled?.ok(),
    })
}

/// The step.
///
/// # Errors
/// One fault that lists everything that is wrong.
pub async fn check<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let fresh = !run.progress.has_begun(StepId::KubeadmInit) && !run.progress.has_begun(StepId::KubeadmJoin);
    // A manifest that isn't there or doesn't fit must not be found out by a cluster that is half made.
    super::cni::manifest(run).await?;
    let verdict = preflight::check(&run.spec, &run.facts, &findings(run).await?, fresh);
    for warning in &verdict.warnings {
        run.tell(Level::Warning, warning);
    }
    if verdict.errors.is_empty() { Ok(()) } else { Err(preflight::fault(&verdict.errors)) }
}
