//! A file: `/etc/kubeboot/node.yaml` or `.json`, put there by whoever made or launched the machine; or the one told.

use std::path::{Path, PathBuf};

use super::{Found, LIMIT};
use crate::document::{Disposal, Document};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::secret::Secret;

/// The two names; both at once is refused.
const PLACES: [&str; 2] = ["/etc/kubeboot/node.yaml", "/etc/kubeboot/node.json"];

/// The document under `/etc/kubeboot`, removed by kubeboot once it has served.
pub(super) async fn fetch<H: Host>(host: &H) -> Result<Found, Fault> {
    let mut found = Vec::new();
    for place in PLACES {
        if let Some(bytes) = host.read(Path::new(place), LIMIT).await? {
            found.push((place, Secret::new(bytes)));
        }
    }
    read(found)
}

/// One of them is the document.
///
/// # Errors
/// [`Failure::DocumentAmbiguous`] if both are there.
pub fn read(mut found: Vec<(&'static str, Secret<Vec<u8>>)>) -> Result<Found, Fault> {
    let Some((place, bytes)) = found.pop() else {
        return Ok(Found::Nothing(PLACES.iter().map(|place| format!("{place}: no such file")).collect()));
    };
    if !found.is_empty() {
        return Err(Fault::new(
            Failure::DocumentAmbiguous,
            "this machine is told two things",
            PLACES.join(" and "),
            "remove one of these files",
        ));
    }
    Ok(Found::Document(Document {
        origin: place.to_owned(),
        bytes,
        instance_id: None,
        disposal: Disposal::Remove(vec![PathBuf::from(place)]),
    }))
}

/// The file that `--datasource file:PATH` names, or `kubeboot plan`. It is the operator's: kubeboot does not remove it.
///
/// # Errors
/// [`Failure::NoDocument`] if there is none; the host's faults.
pub async fn fetch_told<H: Host>(host: &H, path: &Path) -> Result<Document, Fault> {
    let place = path.display().to_string();
    let Some(bytes) = host.read(path, LIMIT).await? else {
        return Err(Fault::new(Failure::NoDocument, "there is no such file", place, "look at the path"));
    };
    Ok(Document {
        bytes: Secret::new(bytes),
        instance_id: None,
        disposal: Disposal::Tell(format!("delete {place}: it holds this machine's document with its secrets")),
        origin: place,
    })
}
