//! The end: secrets gone, marker synced, unit disabled. A reboot then costs nothing (design §8).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disposal;
use crate::document::spec::PkiSource;
use crate::fault::Fault;
use crate::host::{Command, Event, Host, Level, Mode, shown_url};
use crate::message::Message;
use crate::paths;
use crate::pki::certificate::Certificate;
use crate::plan::StepId;
use crate::report::{Expiry, Report};
use crate::run::Run;

fn marker(machine_id: &str) -> PathBuf {
    Path::new(paths::DONE).join(machine_id)
}

/// Files whose expiry the report names.
const CERTIFICATES: [&str; 10] = [
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/front-proxy-ca.crt",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/pki/apiserver.crt",
    "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
    "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "/etc/kubernetes/pki/front-proxy-client.crt",
    "/etc/kubernetes/pki/etcd/server.crt",
    "/etc/kubernetes/pki/etcd/peer.crt",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
];

/// Whether the marker is there and kubeadm's configuration is not.
///
/// # Errors
/// The disk's.
pub async fn is_retired<H: Host>(run: &mut Run<'_, H>) -> Result<bool, Fault> {
    let marked = run.host.read(&marker(&run.facts.machine_id), 1024).await?.is_some();
    Ok(marked && run.host.list(Path::new(paths::KUBEADM)).await?.is_none())
}

/// The step. Its order survives a power cut anywhere: super-admin.conf first, being made again by a resumed init alone;
/// then the document, and only then the copies of it and the marker, behind which the unit's condition starts nothing more. A
/// restart between them finds no document, and [`finish`]es.
///
/// # Errors
/// The disk's.
pub async fn retire<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    for file in CERTIFICATES {
        let Some(bytes) = run.host.read(Path::new(file), 256 << 10).await? else { continue };
        if let Ok(certificate) = Certificate::first(&String::from_utf8_lossy(&bytes), file) {
            run.report.certificates.push(Expiry { file: file.to_owned(), expires: certificate.not_after().to_string() });
        }
    }
    run.host.remove(Path::new(paths::SUPER_ADMIN_CONF)).await?;
    if let Some(PkiSource::Url { url, .. }) = &run.spec.pki {
        run.leave_to_do(format!("once every control plane has joined, delete {}: it is the cluster's shared PKI, sealed", shown_url(url)));
    }
    for task in disposal::dispose(run.host, &run.disposal).await {
        run.leave_to_do(task);
    }
    let machine_id = run.facts.machine_id.clone();
    finish(run.host, &machine_id, &mut run.report).await
}

/// What is left of retiring once the document is gone: cloud-init's copies of it, kubeadm's configuration, the marker, the unit.
///
/// # Errors
/// The disk's.
pub async fn finish<H: Host>(host: &H, machine_id: &str, report: &mut Report) -> Result<(), Fault> {
    host.remove(Path::new(paths::SUPER_ADMIN_CONF)).await?;
    // Left by a join that died when the kubelet had its certificate: the bootstrap credential is in it.
    host.remove(Path::new(paths::BOOTSTRAP_KUBELET_CONF)).await?;
    host.remove(Path::new(paths::PACE)).await?;
    host.remove_folder(Path::new(paths::KUBEADM)).await?;
    let mut leave_to_do = |task: String| {
        host.tell(&Event::new(Level::Warning, StepId::Retire.name(), &task).of(Message::LeftToDo));
        report.left_to_do.push(task);
    };
    for task in disposal::remove_copies(host).await {
        leave_to_do(task);
    }
    host.write(&marker(machine_id), format!("{}\n", host.wall()).as_bytes(), Mode::Public).await?;
    let disable = Command::new("systemctl", ["disable", "--quiet", paths::UNIT], Duration::from_secs(60));
    let trouble = match host.run(&disable, &mut |_, _| {}).await {
        Ok(output) if output.ok() || output.stderr.contains("does not exist") => return Ok(()),
        Ok(output) => output.stderr.trim().to_owned(),
        Err(fault) => fault.line(),
    };
    leave_to_do(format!("`{}`, which failed; the marker keeps it from starting anything: {trouble}", disable.line()));
    Ok(())
}
