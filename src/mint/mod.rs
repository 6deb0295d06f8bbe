//! Mint: a cluster file becomes the documents of all its machines and an admin's kubeconfig, so that every machine
//! is pinned to the cluster's CA before the cluster exists (design §3). Pure but for key generation
//! ([`crate::pki::random`]): time and randomness are handed in, and nothing is written here.

mod documents;

use std::time::Duration;

use crate::document::field::CertificateKey;
use crate::document::spec::{ClusterSpec, CredentialKind, PkiMode, SealedBundle};
use crate::emit::Page;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::kubeconfig::{Kubeconfig, User};
use crate::moment::UnixTime;
use crate::pki::client::{self, ClientIdentity};
use crate::pki::random::Randomness;
use crate::pki::seal;
use crate::pki::shared::SharedPki;
use crate::secret::Secret;

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
/// A window longer than this is worth a word.
const LONG_WINDOW: i64 = 7 * DAY;
/// A document longer than this does not fit into EC2's userdata (16 KB, raw).
const USERDATA_LIMIT: usize = 16 * 1024;

/// What is not in the cluster file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintOptions {
    /// The time of minting.
    pub now: UnixTime,
    /// The window: how long documents start and join the cluster.
    pub valid_for: Duration,
    /// How long admin.conf is good.
    pub admin_valid_for: Duration,
}

/// One file to be handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintedFile {
    /// File name.
    pub name: &'static str,
    /// Contents; each holds a secret, so that files are 0600.
    pub bytes: Secret<Vec<u8>>,
    /// Whom it is for.
    pub purpose: &'static str,
    /// What who reads it can do.
    pub power: &'static str,
    /// When its use ends; `None`: never.
    pub until: Option<UnixTime>,
}

/// What mint made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// control-plane-init.yaml, control-plane.yaml, worker.yaml, admin.conf.
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
struct Material {
    options: MintOptions,
    before: UnixTime,
    certificate_authority: String,
    certificate_key: Secret<String>,
    bundle: SealedBundle,
    credential: Credential,
}

/// Makes a new cluster's keys and documents. Each call makes another cluster: nothing of an earlier one is reused.
///
/// # Errors
/// [`Failure::CommandLine`]: a window shorter than ten minutes or longer than the CA lives; [`Failure::NoRandomness`].
pub fn mint(spec: &ClusterSpec, options: &MintOptions, random: Randomness<'_>) -> Result<Minted, Fault> {
    let now = options.now;
    let before = end(now, options.valid_for, "--valid-for")?;
    let admin_until = end(now, options.admin_valid_for, "--admin-valid-for")?;

    let pki = SharedPki::mint(now.plus(-CA_BACKDATED), now.plus(CA_LIFE))?;
    let authority = pki.authority()?;
    let certificate_key = CertificateKey::new(bytes(random)?);
    let bundle = seal::seal(&pki, &certificate_key, random)?;
    let sign = |name, group, until| client::sign(&authority, name, &[group], now.plus(-CLIENT_BACKDATED), until);
    let credential = match spec.credential {
        CredentialKind::BootstrapCertificate => Credential::Certificate(sign("kubeboot-bootstrap", client::BOOTSTRAPPERS, before)?),
        CredentialKind::BootstrapToken => Credential::Token(token(random)?),
    };
    let admin = sign("kubernetes-admin", client::CLUSTER_ADMINS, admin_until)?;
    let material = Material {
        options: *options,
        before,
        certificate_authority: pki.ca.certificate.clone(),
        certificate_key: Secret::new(certificate_key.to_hex()),
        bundle,
        credential,
    };

    let mut files: Vec<MintedFile> = Reader::ALL.into_iter().map(|reader| documents::file(spec, &material, reader)).collect();
    files.push(admin_file(spec, &material, admin, admin_until));
    let warnings = warnings(spec, options, &files);
    Ok(Minted { files, warnings })
}

fn end(now: UnixTime, length: Duration, option: &str) -> Result<UnixTime, Fault> {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    if (SHORTEST..CA_LIFE).contains(&seconds) {
        return Ok(now.plus(seconds));
    }
    let what = format!("{option} is {seconds} seconds");
    Err(Fault::new(Failure::CommandLine, what, option, "write at least 10m and less than ten years, for example 24h"))
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

fn admin_file(spec: &ClusterSpec, material: &Material, admin: ClientIdentity, until: UnixTime) -> MintedFile {
    let power = "who reads it administers the cluster";
    let mut page = Page::new();
    page.comment(&format!("admin.conf: administers cluster {} (kubectl --kubeconfig admin.conf).", spec.name));
    documents::birth(&mut page, material);
    page.comment(&format!("Good until {until}, from the moment init has given group {} its rights.", client::CLUSTER_ADMINS));
    page.comment(&format!("Power: {power}; it can't be revoked, only expire or lose its group's binding."));
    Kubeconfig {
        cluster: spec.name.clone(),
        server: spec.endpoint.url(),
        certificate_authority: material.certificate_authority.clone(),
        user_name: "kubernetes-admin".to_owned(),
        user: User::Certificate { certificate: admin.certificate_pem, key: admin.key_pem },
    }
    .write(&mut page);
    MintedFile { name: "admin.conf", bytes: page.finish(), purpose: "you", power, until: Some(until) }
}

fn warnings(spec: &ClusterSpec, options: &MintOptions, files: &[MintedFile]) -> Vec<String> {
    let mut warnings = Vec::new();
    if spec.pki == PkiMode::Inline {
        warnings.push(
            "pki: inline puts the CA keys and the key that opens them into every control plane's document: who ever reads such a document \
             owns the cluster, for as long as it lives"
                .to_owned(),
        );
    }
    if options.valid_for.as_secs() > LONG_WINDOW.unsigned_abs() {
        warnings.push(format!(
            "the window is {} days long; until it ends, a leaked document can start or join the cluster",
            options.valid_for.as_secs() / DAY.unsigned_abs()
        ));
    }
    for file in files.iter().filter(|file| file.name != "admin.conf" && file.bytes.expose().len() > USERDATA_LIMIT) {
        warnings.push(format!("{} has {} bytes and does not fit into EC2's userdata (16384)", file.name, file.bytes.expose().len()));
    }
    warnings
}
