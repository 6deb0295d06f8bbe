//! Mint: a cluster file becomes the documents of all its machines and an admin's kubeconfig, so that every machine
//! is pinned to the cluster's CA before the cluster exists (design §3). Pure but for key generation
//! ([`crate::pki::random`]): time and randomness are handed in, and nothing is written here.

mod administrator;
mod documents;
mod power;
mod warnings;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::document::field::CertificateKey;
use crate::document::spec::{ClusterSpec, CredentialKind, PkiMode, Pool, SealedBundle};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Mode;
use crate::moment::UnixTime;
use crate::pki::authority::Authority;
use crate::pki::client::{self, ClientIdentity};
use crate::pki::random::Randomness;
use crate::pki::seal;
use crate::pki::shared::{SharedName, SharedPki};
use crate::secret::Secret;

use administrator::Administrator;
use documents::Reader;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// CAs live as long as kubeadm's (caCertificateValidityPeriod, kubeadm.md §1.3).
const CA_LIFE: i64 = 3650 * DAY;
/// A machine whose clock is a day behind the laptop's still accepts the CA.
const CA_BACKDATED: i64 = DAY;
/// Client certificates are good from an hour ago.
const CLIENT_BACKDATED: i64 = HOUR;
/// Machines take minutes to boot: a shorter window would be past before it began.
const SHORTEST: i64 = 600;

/// The document of the one machine that may start the cluster.
pub const INITIALISER: &str = "control-plane-init.yaml";
/// The document that control planes share.
pub const CONTROL_PLANE: &str = "control-plane.yaml";
/// The file of the sealed bundle that `pki: {url: …}` speaks of.
pub const BUNDLE_FILE: &str = "bundle.json";
/// The file of the certificate key: 64 hex digits and a line end.
pub const KEY_FILE: &str = "certificate-key";
/// The folder of the shared PKI, with kubeadm's names in it.
pub const PKI_FOLDER: &str = "pki";
/// Whom files are for that no machine needs.
const NEXT_MINT: &str = "the next mint";
/// The systemd credential by which documents find a certificate key that is kept apart.
pub const KEY_CREDENTIAL: &str = "kubeboot.certificate-key";

/// Where the certificate key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In control planes' documents, and in a file.
    Documents,
    /// In a file; documents name the systemd credential that it has to come as.
    Apart,
    /// The same, but it has its file already.
    Kept,
}

/// What is not in the cluster file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintOptions {
    /// The time of minting.
    pub now: UnixTime,
    /// The window: how long documents start and join the cluster.
    pub valid_for: Duration,
    /// How long admin.conf is good; `None`: seven days, and one day for break-glass.conf.
    pub admin_valid_for: Option<Duration>,
    /// Where the certificate key is to be.
    pub key: KeyPlace,
    /// Whether break-glass.conf is wanted.
    pub break_glass: bool,
}

impl MintOptions {
    /// What is done unless something else is asked for.
    #[must_use]
    pub const fn plain(now: UnixTime, valid_for: Duration) -> Self {
        Self { now, valid_for, admin_valid_for: None, key: KeyPlace::Documents, break_glass: false }
    }
}

/// What the documents stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A new cluster's PKI.
    New,
    /// What an earlier mint made.
    Minted {
        /// Its PKI.
        pki: SharedPki,
        /// Its certificate key.
        key: CertificateKey,
        /// Its bundle.json.
        bundle: EarlierBundle,
    },
    /// A living cluster's PKI, as kubeadm wrote it.
    Living {
        /// Its PKI.
        pki: SharedPki,
        /// The certificate key; `None`: a new one.
        key: Option<CertificateKey>,
    },
}

/// An earlier mint's bundle.json, which may lie at its URL already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlierBundle {
    /// Here it is.
    Kept(Vec<u8>),
    /// It made one, or may have, and it is not there any more.
    Gone,
    /// It made none.
    None,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A machine's document, to be handed to machines.
    Document,
    /// A person's kubeconfig.
    Kubeconfig,
    /// The sealed bundle, to be put at its URL.
    Bundle,
    /// The certificate key.
    CertificateKey,
    /// One of the eight files of the shared PKI.
    Pki,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintedFile {
    /// Path below the folder.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Contents; files are 0600 whether they are secret or not.
    pub bytes: Secret<Vec<u8>>,
    /// Whom it is for.
    pub purpose: String,
    /// What who reads it can do.
    pub power: String,
    /// Whether that is anything at all, alone or together with another file.
    pub secret: bool,
    /// When its use ends; `None`: never.
    pub until: Option<UnixTime>,
}

/// What mint made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// Documents, kubeconfigs, and what they were made from.
    pub files: Vec<MintedFile>,
    /// What a person should know before using them.
    pub warnings: Vec<String>,
}

/// How a joining machine is known to the API server.
enum Credential {
    Certificate(ClientIdentity),
    Token(Secret<String>),
}

/// Everything that is secret or derived, of which each document takes its share.
struct Material<'a> {
    spec: &'a ClusterSpec,
    options: MintOptions,
    mode: PkiMode,
    /// Whether a cluster lives already, so that no document may start one.
    living: bool,
    /// Whether the keys are an earlier mint's, so that a cluster may live already.
    again: bool,
    before: UnixTime,
    certificate_authority: String,
    certificate_key: Secret<String>,
    bundle: SealedBundle,
    bundle_json: Vec<u8>,
    /// Whether documents may pin another bundle of the same cluster.
    resealed: bool,
    credential: Credential,
}

/// Makes the keys (unless `basis` has them) and the documents of a cluster.
///
/// # Errors
/// [`Failure::CommandLine`]: a window shorter than ten minutes or longer than the CA lives, or a cluster file that can't be
/// used with this basis or these options; [`Failure::PkiUnusable`]: the basis' PKI is not whole; [`Failure::NoRandomness`].
pub fn mint(spec: &ClusterSpec, options: &MintOptions, basis: Basis, random: Randomness<'_>) -> Result<Minted, Fault> {
    let now = options.now;
    let before = end(now, options.valid_for, "--valid-for")?;
    let (living, again) = (matches!(basis, Basis::Living { .. }), matches!(basis, Basis::Minted { .. }));
    let mode = mode(spec, living)?;
    if mode == PkiMode::Disk && options.key == KeyPlace::Apart {
        let what = "with pki: disk nothing is sealed, so that there is no certificate key to keep apart";
        return Err(Fault::new(Failure::CommandLine, what, "--key-out, pki: disk", "leave out --key-out"));
    }

    let (pki, kept_key, kept_bundle) = match basis {
        Basis::New => {
            let pki = SharedPki::mint(spec.encryption, now.plus(-CA_BACKDATED), now.plus(CA_LIFE))?;
            (pki, None, EarlierBundle::None)
        }
        Basis::Minted { pki, key, bundle } => (pki, Some(key), bundle),
        Basis::Living { pki, key } => (pki, key, EarlierBundle::None),
    };
    pki.check(&pki.ca.certificate)?;
    let authority = pki.authority()?;
    let certificate_key = match kept_key {
        Some(key) => key,
        None => CertificateKey::new(bytes(random)?),
    };
    let resealed = kept_bundle == EarlierBundle::Gone;
    let (bundle, bundle_json) = match kept_bundle {
        EarlierBundle::Kept(json) => same_bundle(json, &certificate_key, &pki)?,
        EarlierBundle::Gone | EarlierBundle::None => {
            let bundle = seal::seal(&pki, &certificate_key, random)?;
            let json = serde_json::to_string(&bundle).map(|json| json + "\n");
            let unwritable = |_| Fault::new(Failure::Bug, "a map of text can't be written as JSON", BUNDLE_FILE, "report this");
            (bundle, json.map_err(unwritable)?.into_bytes())
        }
    };
    let credential = match spec.credential {
        CredentialKind::BootstrapCertificate => Credential::Certificate(sign(&authority, "kubeboot", client::BOOTSTRAPPERS, now, before)?),
        CredentialKind::BootstrapToken => Credential::Token(token(random)?),
    };
    let material = Material {
        spec,
        options: *options,
        mode,
        living,
        again,
        before,
        certificate_authority: pki.ca.certificate.clone(),
        certificate_key: Secret::new(certificate_key.to_hex()),
        bundle,
        bundle_json,
        resealed,
        credential,
    };

    let unnamed = Pool::default();
    let mut files: Vec<MintedFile> = readers(&material, &unnamed).iter().map(|reader| documents::file(&material, *reader)).collect();
    for administrator in [Some(Administrator::Admin), options.break_glass.then_some(Administrator::BreakGlass)].into_iter().flatten() {
        files.push(administrator.file(&material, &authority)?);
    }
    files.extend(kept(&material, &pki));
    let warnings = warnings::all(&material, &files)?;
    Ok(Minted { files, warnings })
}

/// The mode of `pki`, and whether it can be used.
fn mode(spec: &ClusterSpec, living: bool) -> Result<PkiMode, Fault> {
    let refuse = |what: &str, at: &str, advice: &str| Err(Fault::new(Failure::CommandLine, what, at, advice));
    if living && spec.credential == CredentialKind::BootstrapToken {
        let advice = "write credential: bootstrapCertificate, which a living cluster knows by its CA";
        return refuse("no machine would make the bootstrap token of these documents in the living cluster", "--pki, credential", advice);
    }
    match (&spec.pki, living) {
        (Some(PkiMode::Secret), true) => {
            let advice =
                "remove `pki` (the bundle then comes inline, in each control plane's document), or write pki: {url: …} or pki: disk";
            refuse("no machine would upload Secret kubeadm-certs to the living cluster", "--pki, pki: secret", advice)
        }
        (Some(mode), _) => Ok(mode.clone()),
        (None, true) => Ok(PkiMode::Inline),
        (None, false) => Ok(PkiMode::Secret),
    }
}

/// Who gets a document.
fn readers<'a>(material: &Material<'a>, unnamed: &'a Pool) -> Vec<Reader<'a>> {
    let control_planes = &material.spec.control_plane.pool;
    let mut readers = if material.living {
        vec![Reader::ControlPlane(control_planes)]
    } else if material.spec.initialize.claim.is_some() {
        vec![Reader::Claimant(control_planes)]
    } else {
        vec![Reader::Initialiser(control_planes), Reader::ControlPlane(control_planes)]
    };
    let pools: &'a BTreeMap<String, Pool> = &material.spec.workers;
    if pools.is_empty() {
        readers.push(Reader::Worker(None, unnamed));
    }
    readers.extend(pools.iter().map(|(name, pool)| Reader::Worker(Some(name), pool)));
    readers
}

/// The bundle of an earlier mint, which has to be this PKI's under this key: what lies at its URL is then good for new
/// documents, and for the old ones.
fn same_bundle(json: Vec<u8>, key: &CertificateKey, pki: &SharedPki) -> Result<(SealedBundle, Vec<u8>), Fault> {
    let advice = "take pki/, bundle.json and the certificate key of one mint, or remove bundle.json: then a new one is made";
    let unreadable =
        |why: String| Fault::new(Failure::PkiUnusable, "the earlier mint's bundle can't be read", BUNDLE_FILE, advice).because(why);
    let bundle = seal::read(&json).map_err(unreadable)?;
    if seal::open(&bundle, key)? == *pki {
        return Ok((bundle, json));
    }
    Err(Fault::new(Failure::PkiUnusable, "the earlier mint's bundle holds another PKI than its pki/", BUNDLE_FILE, advice))
}

fn end(now: UnixTime, length: Duration, option: &str) -> Result<UnixTime, Fault> {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    if (SHORTEST..CA_LIFE).contains(&seconds) {
        return Ok(now.plus(seconds));
    }
    let what = format!("{option} is {seconds} seconds");
    Err(Fault::new(Failure::CommandLine, what, option, "write at least 10m and less than ten years, for example 24h"))
}

/// Good from an hour ago, or from the CA's own begin: an adopted CA may be minutes old. The end is never moved.
fn sign(authority: &Authority, name: &str, group: &str, now: UnixTime, until: UnixTime) -> Result<ClientIdentity, Fault> {
    let from = now.plus(-CLIENT_BACKDATED).max(authority.certificate().not_before());
    client::sign(authority, name, &[group], from, until)
}

fn bytes<const N: usize>(random: Randomness<'_>) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    random(&mut bytes)?;
    Ok(bytes)
}

/// A bootstrap token: six and sixteen of `a-z0-9`, each equally likely (bytes beyond the last multiple of 36 are thrown away).
fn token(random: Randomness<'_>) -> Result<Secret<String>, Fault> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut token = String::with_capacity(23);
    while token.len() < 23 {
        if token.len() == 6 {
            token.push('.');
        }
        let [byte] = bytes(random)?;
        if byte < 252
            && let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
        {
            token.push(char::from(*letter));
        }
    }
    Ok(Secret::new(token))
}

/// What the documents were made from, for the URL, for machines' disks and for the next mint.
fn kept(material: &Material<'_>, pki: &SharedPki) -> Vec<MintedFile> {
    let file = |name: &str, kind, bytes: &[u8], purpose: &str, power: &str| MintedFile {
        name: name.to_owned(),
        kind,
        bytes: Secret::new(bytes.to_vec()),
        purpose: purpose.to_owned(),
        power: power.to_owned(),
        secret: power != power::PUBLIC,
        until: None,
    };
    let mut files = Vec::new();
    if matches!(material.mode, PkiMode::Url(_)) {
        files.push(file(BUNDLE_FILE, FileKind::Bundle, &material.bundle_json, "the URL of the cluster file's pki", power::BUNDLE));
    }
    if material.options.key != KeyPlace::Kept {
        let line = Secret::new(format!("{}\n", material.certificate_key.expose()));
        let purpose = match material.options.key {
            KeyPlace::Documents => NEXT_MINT,
            KeyPlace::Apart | KeyPlace::Kept => "control planes, as a systemd credential",
        };
        files.push(file(KEY_FILE, FileKind::CertificateKey, line.expose().as_bytes(), purpose, &power::of_key(material)));
    }
    // Of a living cluster there is a PKI already, and a folder without one can't be taken for a cluster to be started.
    if !material.living {
        let purpose = if material.mode == PkiMode::Disk { "/etc/kubernetes/pki of every control plane" } else { NEXT_MINT };
        files.extend(SharedName::ALL.map(|name| {
            let path = format!("{PKI_FOLDER}/{}", name.path());
            let power = if name.mode() == Mode::Private { power::PKI } else { power::PUBLIC };
            file(&path, FileKind::Pki, pki.text(name).as_bytes(), purpose, power)
        }));
    }
    files
}
