//! The end: secrets gone, marker synced, unit disabled. A reboot then costs nothing (design §8).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::document::Disposal;
use crate::fault::{Class, Fault};
use crate::host::{Command, Host, Mode};
use crate::paths;
use crate::pki::certificate::Certificate;
use crate::report::Expiry;
use crate::run::Run;

fn marker<H: Host>(run: &Run<'_, H>) -> PathBuf {
    Path::new(paths::DONE).join(&run.facts.machine_id)
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
    let marked = run.host.read(&marker(run), 1024).await?.is_some();
    Ok(marked && run.host.list(Path::new(paths::KUBEADM)).await?.is_none())
}

/// The step. Its order survives a power cut anywhere: the document goes last but for the marker, so that until the
/// marker stands a restart can read it again; super-admin.conf goes first, being made again by a resumed init alone.
///
/// # Errors
/// The disk's, or systemd doesn't disable the unit.
pub async fn retire<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    for file in CERTIFICATES {
        let Some(bytes) = run.host.read(Path::new(file), 256 << 10).await? else { continue };
        if let Ok(certificate) = Certificate::first(&String::from_utf8_lossy(&bytes), file) {
            run.report.certificates.push(Expiry { file: file.to_owned(), expires: certificate.not_after().to_string() });
        }
    }
    run.host.remove(Path::new(paths::SUPER_ADMIN_CONF)).await?;
    run.host.remove_folder(Path::new(paths::KUBEADM)).await?;
    let disable = Command::new("systemctl", ["disable", "--quiet", paths::UNIT], Duration::from_secs(60));
    let output = run.command(&disable).await?;
    if !output.ok() && !output.stderr.contains("does not exist") {
        return Err(Fault::new(
            Class::Transient,
            "kubeboot.service can't be disabled",
            format!("`{}`", disable.line()),
            "disable it by hand; the marker keeps it from running again anyway",
        )
        .because(output.stderr.trim()));
    }
    run.host.write(&marker(run), format!("{}\n", run.host.wall()).as_bytes(), Mode::Public).await?;
    match run.disposal.clone() {
        Disposal::Remove(files) => {
            for file in files {
                run.host.remove(&file).await?;
            }
        }
        Disposal::Tell(task) => run.report.left_to_do.push(task),
    }
    Ok(())
}
