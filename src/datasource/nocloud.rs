//! NoCloud, cloud-init's datasource without a cloud: a seed folder in the image, or a drive labelled `cidata`.
//! <https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html>
//!
//! Laxer than cloud-init in one thing: `meta-data` may be missing. An empty `user-data` is none: people write one beside
//! the `meta-data` that they are after.

use std::path::{Path, PathBuf};

use super::{Found, LIMIT};
use crate::document::{Disposal, Document};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::secret::Secret;

/// Seed folders, in cloud-init's order.
const SEEDS: [&str; 2] = ["/var/lib/cloud/seed/nocloud", "/var/lib/cloud/seed/nocloud-net"];
/// Where udev links drives by their label.
const LABELS: &str = "/dev/disk/by-label";
/// The label in the two spellings that the page allows.
const LABEL: [&str; 2] = ["cidata", "CIDATA"];
/// Where the drive is mounted while it is read; below our own 0700 folder.
const MOUNT: &str = "/run/kubeboot/cidata";

/// The seed folders. The document is removed by kubeboot once it has served; `meta-data` stays, it holds no secret.
pub(super) async fn fetch_seed<H: Host>(host: &H) -> Result<Found, Fault> {
    let mut looked = Vec::new();
    for seed in SEEDS {
        let disposal = Disposal::Remove(vec![Path::new(seed).join("user-data")]);
        match fetch_folder(host, Path::new(seed), seed, disposal).await? {
            Found::Nothing(lines) => looked.extend(lines),
            found @ Found::Document(_) => return Ok(found),
        }
    }
    Ok(Found::Nothing(looked))
}

/// The drive: mounted read-only, read, and unmounted whatever happened.
pub(super) async fn fetch_drive<H: Host>(host: &H) -> Result<Found, Fault> {
    let labels = host.list(Path::new(LABELS)).await?.unwrap_or_default();
    let Some(label) = LABEL.into_iter().find(|label| labels.iter().any(|found| found == label)) else {
        return Ok(Found::Nothing(vec![format!("{LABELS}: no drive labelled cidata or CIDATA")]));
    };
    let device = Path::new(LABELS).join(label);
    let name = device.display().to_string();
    host.mount_read_only(&device, Path::new(MOUNT)).await?;
    let told = format!("detach {name} or delete user-data from it: it holds this machine's document with its secrets");
    let found = fetch_folder(host, Path::new(MOUNT), &format!("{name}:"), Disposal::Tell(told)).await;
    let unmounted = host.unmount(Path::new(MOUNT)).await;
    // What was read comes first: it says more about the machine than a mount that stays until the next boot.
    let found = found?;
    unmounted.map(|()| found)
}

/// The folder that `--datasource nocloud:FOLDER` names. It is the operator's: kubeboot does not remove anything.
pub(super) async fn fetch_told<H: Host>(host: &H, folder: &Path) -> Result<Document, Fault> {
    let name = folder.display().to_string();
    let told = format!("delete {name}/user-data: it holds this machine's document with its secrets");
    match fetch_folder(host, folder, &name, Disposal::Tell(told)).await? {
        Found::Document(document) => Ok(document),
        Found::Nothing(lines) => {
            Err(Fault::new(Failure::NoDocument, "this folder holds no document", name, "look at the folder that --datasource names")
                .because(lines.join("\n")))
        }
    }
}

/// `name` is the folder as a person knows it.
async fn fetch_folder<H: Host>(host: &H, folder: &Path, name: &str, disposal: Disposal) -> Result<Found, Fault> {
    let file = |file: &str| -> PathBuf { folder.join(file) };
    let user_data = host.read(&file("user-data"), LIMIT).await?.map(Secret::new);
    let meta_data = host.read(&file("meta-data"), LIMIT).await?;
    Ok(read(name, user_data, meta_data.as_deref(), disposal))
}

/// `user-data` is the document, `meta-data` says the instance id.
#[must_use]
pub fn read(name: &str, user_data: Option<Secret<Vec<u8>>>, meta_data: Option<&[u8]>, disposal: Disposal) -> Found {
    let origin = if name.ends_with(':') { format!("{name}user-data") } else { format!("{name}/user-data") };
    match user_data {
        None => Found::Nothing(vec![format!("{origin}: no such file")]),
        Some(bytes) if bytes.expose().trim_ascii().is_empty() => Found::Nothing(vec![format!("{origin}: empty")]),
        Some(bytes) => Found::Document(Document { origin, bytes, instance_id: meta_data.and_then(instance_id), disposal }),
    }
}

/// `instance-id` of a `meta-data` file: JSON, or a top-level line of YAML. No YAML reader: the page's own examples and
/// every tool write this one line plainly, and a file that is not ours is no reason to refuse a machine.
#[must_use]
pub fn instance_id(meta_data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(meta_data).ok()?;
    if text.trim_start().starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        return value.get("instance-id")?.as_str().map(str::to_owned).filter(|id| !id.is_empty());
    }
    let value = text.lines().find_map(|line| line.strip_prefix("instance-id:"))?.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.split(quote).next();
    let plain = quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| value.split(" #").next().unwrap_or_default().trim_end());
    Some(plain.to_owned()).filter(|id| !id.is_empty())
}
