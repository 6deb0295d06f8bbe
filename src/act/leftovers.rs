//! Before kubeadm goes on where it died: what it left torn or unpaired is removed, for it fails on it for good, or worse,
//! doesn't notice (kubeadm.md §2.3). Never `kubeadm reset`, which would take the delivered CAs and etcd's data along.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, Level};
use crate::leftovers::{LEAVES, authority_trouble, kubeconfig_trouble, leaf_trouble};
use crate::paths;
use crate::pki::certificate::Certificate;
use crate::pki::shared::SharedName;
use crate::run::Run;

/// Largest file looked at, bytes; what is larger is a fault of the disk's.
const LIMIT: usize = 256 << 10;
/// A kubelet of the attempt before may be writing at this moment: torn is what is torn twice, so far apart.
const AGAIN: Duration = Duration::from_secs(1);

/// Files that are no use, and why.
type Found = Vec<(PathBuf, &'static str)>;

async fn read<H: Host>(run: &Run<'_, H>, path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    run.host.read(path, LIMIT).await
}

async fn leaves<H: Host>(run: &Run<'_, H>) -> Result<Found, Fault> {
    let mut found = Found::new();
    let Some(shared) = &run.shared else { return Ok(found) };
    let folder = Path::new(paths::PKI);
    for leaf in LEAVES {
        let files = [folder.join(format!("{}.crt", leaf.name)), folder.join(format!("{}.key", leaf.name))];
        let [certificate, key] = [read(run, &files[0]).await?, read(run, &files[1]).await?];
        let authority = Certificate::first(shared.text(leaf.authority), leaf.authority.path())?;
        let Some(trouble) = leaf_trouble(certificate.as_deref(), key.as_deref(), &authority) else { continue };
        let there = [certificate.is_some(), key.is_some()];
        found.extend(files.into_iter().zip(there).filter(|(_, there)| *there).map(|(file, _)| (file, trouble)));
    }
    Ok(found)
}

async fn torn<H: Host>(run: &Run<'_, H>) -> Result<Found, Fault> {
    let mut found = leaves(run).await?;
    for file in paths::KUBECONFIGS {
        let bytes = read(run, Path::new(file)).await?;
        found.extend(kubeconfig_trouble(bytes.as_deref()).map(|trouble| (PathBuf::from(file), trouble)));
    }
    // A control plane's is one of the eight, which are the bundle's.
    if !run.is_control_plane() {
        let file = Path::new(paths::PKI).join(SharedName::CaCertificate.path());
        let bytes = read(run, &file).await?;
        found.extend(authority_trouble(bytes.as_deref()).map(|trouble| (file, trouble)));
    }
    Ok(found)
}

/// Removes what is no use, telling each file. Only for a machine whose ledger says that its own kubeadm was begun here.
///
/// # Errors
/// The disk's.
pub async fn clear<H: Host>(run: &Run<'_, H>) -> Result<(), Fault> {
    if !run.progress.kubeadm_has_begun() {
        return Err(Fault::new(Failure::Bug, "files are to be removed that are not ours", "leftovers", "report this"));
    }
    let first = torn(run).await?;
    if first.is_empty() {
        return Ok(());
    }
    run.host.sleep(AGAIN).await;
    for (file, trouble) in torn(run).await? {
        if first.iter().any(|(earlier, _)| *earlier == file) {
            run.host.remove(&file).await?;
            run.tell(Level::Warning, &format!("removed {}, which an interrupted kubeadm left: {trouble}", file.display()));
        }
    }
    Ok(())
}
