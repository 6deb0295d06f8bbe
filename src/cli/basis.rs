//! What a mint stands on beside the cluster file, read from disk: an earlier mint's folder, a living cluster's PKI, a key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroize;

use super::mint::MintArgs;
use crate::document::field::CertificateKey;
use crate::document::spec::{NodeSpec, PkiSource};
use crate::document::{Disposal, Document, read_node};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::mint::{BUNDLE_FILE, Basis, CONTROL_PLANE, EarlierBundle, INITIALISER, KEY_FILE, PKI_FOLDER};
use crate::pki::seal;
use crate::pki::shared::SharedPki;
use crate::secret::Secret;

/// Largest cluster file, key or certificate, bytes: a hundred times what one needs, and no more than a document may have.
const INPUT_LIMIT: u64 = 1 << 20;

/// What was made before, of which nothing is ever changed.
pub(super) fn basis(args: &MintArgs) -> Result<Basis, Fault> {
    let key = args.key.as_deref().map(certificate_key).transpose()?;
    match (&args.from, &args.pki) {
        (Some(from), _) => {
            let advice =
                "name the folder of a mint that has pki/ in it; what was minted with --pki has none, and is minted again with --pki";
            let pki = shared_pki(&from.join(PKI_FOLDER), advice)?;
            let key = match key {
                Some(key) => refuse_other_key(from, key)?,
                None => certificate_key(&from.join(KEY_FILE))?,
            };
            Ok(Basis::Minted { pki, key, bundle: earlier_bundle(from)? })
        }
        (None, Some(pki)) => {
            let advice =
                "name a whole copy of a control plane's /etc/kubernetes/pki; a cluster whose CA keys are elsewhere can't be adopted";
            Ok(Basis::Living { pki: shared_pki(pki, advice)?, key })
        }
        (None, None) => Ok(Basis::New),
    }
}

fn shared_pki(folder: &Path, advice: &str) -> Result<SharedPki, Fault> {
    SharedPki::from_files(|name| {
        let path = folder.join(name.path());
        let failed = |why: String| {
            Fault::new(Failure::PkiUnusable, "a file of the cluster's PKI can't be read", path.display().to_string(), advice).because(why)
        };
        let bytes = read(&path).map_err(|error| failed(error.to_string()))?;
        match std::str::from_utf8(bytes.expose()) {
            Ok(text) => Ok(Secret::new(text.to_owned())),
            Err(_) => Err(failed("it is no text, and PEM is".to_owned())),
        }
    })
}

/// An earlier mint's bundle.json. Where it is not beside them, that mint's documents say whether there was one; nobody says
/// it where they are gone as well.
fn earlier_bundle(from: &Path) -> Result<EarlierBundle, Fault> {
    let path = from.join(BUNDLE_FILE);
    match read(&path) {
        Ok(bytes) => Ok(EarlierBundle::Kept(bytes.expose().clone())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let documents = documents(from);
            let pins = |node: &NodeSpec| matches!(node.pki, Some(PkiSource::Url { .. }));
            Ok(if documents.is_empty() || documents.iter().any(pins) { EarlierBundle::Gone } else { EarlierBundle::None })
        }
        Err(error) => {
            let advice = "make it readable; the new documents speak of the same bundle";
            let what = "the earlier mint's bundle can't be read";
            Err(Fault::new(Failure::PkiUnusable, what, path.display().to_string(), advice).because(error.to_string()))
        }
    }
}

/// The documents of control planes in a mint's folder. What is missing or can't be read any more says nothing.
fn documents(folder: &Path) -> Vec<NodeSpec> {
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes = read(&path).ok()?;
        let disposal = Disposal::Remove(Vec::new());
        read_node(&Document { origin: path.display().to_string(), bytes, instance_id: None, disposal }).ok()
    };
    [INITIALISER, CONTROL_PLANE].into_iter().filter_map(read).collect()
}

/// A key from elsewhere has to open what the documents of that mint hold, or a cluster would have two.
fn refuse_other_key(from: &Path, key: CertificateKey) -> Result<CertificateKey, Fault> {
    for node in documents(from) {
        if let Some(bundle) = node.pki.as_ref().and_then(PkiSource::bundle) {
            seal::open(bundle, &key)?;
        }
    }
    Ok(key)
}

fn certificate_key(path: &Path) -> Result<CertificateKey, Fault> {
    let failed = |what: &str, why: String| {
        let advice = "name the file of the certificate key: --key FILE, which --key-out wrote";
        Fault::new(Failure::SecretReference, what, path.display().to_string(), advice).because(why)
    };
    let bytes = read(path).map_err(|error| failed("the certificate key can't be read", error.to_string()))?;
    let text = std::str::from_utf8(bytes.expose()).unwrap_or_default();
    CertificateKey::parse(text.trim()).map_err(|why| failed("this is no certificate key", why))
}

/// A file that is small, and may be secret.
pub(super) fn read(path: &Path) -> io::Result<Secret<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(INPUT_LIMIT + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 <= INPUT_LIMIT => Ok(Secret::new(bytes)),
        Ok(_) => {
            bytes.zeroize();
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {INPUT_LIMIT} bytes")))
        }
        Err(error) => {
            bytes.zeroize();
            Err(error)
        }
    }
}
