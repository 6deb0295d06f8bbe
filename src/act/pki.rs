//! The shared PKI: on disk before kubeadm starts, wherever the bundle comes from (design §3).

use std::path::PathBuf;
use std::time::Duration;

use crate::backoff;
use crate::cluster::api::Ask;
use crate::digest::sha256;
use crate::document::spec::{NodeSpec, PkiSource, SealedBundle};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, Mode, shown_url};
use crate::moment::{Instant, UnixTime};
use crate::paths;
use crate::pki::certificate::Certificate;
use crate::pki::seal;
use crate::pki::shared::{SharedName, SharedPki};
use crate::plan::StepId;
use crate::run::{Look, Run};
use crate::secret::Secret;

const FIELD: &str = "discovery.certificateAuthority";
const LIMIT: usize = 64 << 10;
/// How long files that are all there may stay wrong and as they are: they may be in the middle of being copied.
const SETTLED: Duration = Duration::from_secs(5);
const SECRET: &str = "/api/v1/namespaces/kube-system/secrets/kubeadm-certs";

/// The cluster's identity: SHA-256 of its first CA certificate, hex.
///
/// # Errors
/// The document's CA can't be read.
pub fn cluster_identity(spec: &NodeSpec) -> Result<String, Fault> {
    Ok(sha256(Certificate::first(&spec.discovery.certificate_authority, FIELD)?.der()))
}

/// From when on the cluster's CA is valid.
///
/// # Errors
/// The document's CA can't be read.
pub fn authority_not_before(spec: &NodeSpec) -> Result<UnixTime, Fault> {
    Ok(Certificate::first(&spec.discovery.certificate_authority, FIELD)?.not_before())
}

fn file(name: SharedName) -> PathBuf {
    PathBuf::from(paths::PKI).join(name.path())
}

/// Files of the eight, PEM.
type Found = Vec<(SharedName, Secret<String>)>;

/// Those that are there.
async fn found<H: Host>(host: &H) -> Result<Found, Fault> {
    let mut found = Vec::new();
    for name in SharedName::ALL {
        let Some(bytes) = host.read(&file(name), LIMIT).await? else { continue };
        found.push((name, Secret::new(String::from_utf8_lossy(&bytes).into_owned())));
    }
    Ok(found)
}

/// Refuses files that are not the bundle's. Ours are, even if a power cut left only some: each is written whole.
///
/// # Errors
/// [`Failure::PkiForeign`], naming them all.
pub fn refuse_foreign(found: &[(SharedName, Secret<String>)], shared: &SharedPki) -> Result<(), Fault> {
    let differs = |(name, text): &&(SharedName, Secret<String>)| text.expose() != shared.text(*name);
    let foreign: Vec<String> = found.iter().filter(differs).map(|(name, _)| file(*name).display().to_string()).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        Failure::PkiForeign,
        "files of another PKI are where this cluster's belong; nothing was written",
        foreign.join(", "),
        "if they are of an earlier life of this machine, re-image it or remove them; if they are right, this machine has another \
         cluster's document",
    ))
}

/// Whether the eight files are there and right; then they are what the run uses.
///
/// # Errors
/// Files are there, but of another cluster: nothing of theirs is overwritten.
pub async fn on_disk<H: Host>(run: &mut Run<'_, H>) -> Result<bool, Fault> {
    let found = found(run.host).await?;
    if found.len() < SharedName::ALL.len() {
        return Ok(false);
    }
    let shared = together(&found)?;
    match shared.check(&run.spec.discovery.certificate_authority) {
        Ok(()) => {
            run.shared = Some(shared);
            Ok(true)
        }
        // Written here once, for another document perhaps: `provide` looks closer. Else somebody else's: left alone.
        Err(_) if run.progress.has_begun(StepId::SharedPki) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The step: opens the bundle and puts the files there, each whole, all checked before the first is written.
///
/// # Errors
/// The bundle can't be had, doesn't open, or is another cluster's; or other files are there than a run here wrote.
pub async fn provide<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let bundle = match &run.spec.pki {
        Some(PkiSource::Inline { bundle } | PkiSource::Secret { bundle: Some(bundle) }) => bundle.clone(),
        Some(PkiSource::Secret { bundle: None }) => download(run).await?,
        Some(PkiSource::Url { url, sha256 }) => fetch(run.host, url, sha256).await?,
        Some(PkiSource::Disk) => {
            run.shared = Some(delivered(run).await?);
            return tell_open_keys(run).await;
        }
        None => {
            return Err(Fault::new(
                Failure::Bug,
                "a worker has no shared PKI",
                "step shared-pki",
                "report this with the document's role and pki",
            ));
        }
    };
    let shared = seal::open(&bundle, &run.certificate_key().await?)?;
    shared.check(&run.spec.discovery.certificate_authority)?;
    // Once done here they were all ours, and kubeadm, which would bind this machine to them, was not begun: a new document counts.
    if !run.progress.done.contains(&StepId::SharedPki) {
        refuse_foreign(&found(run.host).await?, &shared)?;
    }
    for part in shared.files() {
        run.host.write(&PathBuf::from(paths::PKI).join(part.path), part.bytes.expose(), part.mode).await?;
    }
    run.shared = Some(shared);
    Ok(())
}

/// The bundle at a URL: the `data` of a kubeadm-certs Secret, as JSON.
async fn fetch<H: Host>(host: &H, url: &str, sha256: &str) -> Result<SealedBundle, Fault> {
    let bytes = super::secret::fetch_pinned(host, url, sha256, LIMIT).await?;
    seal::read(bytes.expose()).map_err(|why| {
        let advice = "put there what mint wrote as bundle.json: one JSON object, file name to base64 text";
        Fault::new(Failure::PkiUnusable, "what the URL serves is no bundle", shown_url(url), advice).because(why)
    })
}

/// The files that the operator puts there, perhaps at this moment: what is wrong for long is wrong.
async fn delivered<H: Host>(run: &mut Run<'_, H>) -> Result<SharedPki, Fault> {
    let mut wrong: Option<(Instant, Found)> = None;
    run.until("the operator's files in /etc/kubernetes/pki", backoff::LOCAL, async |run| {
        let found = found(run.host).await?;
        let missing: Vec<&str> =
            SharedName::ALL.into_iter().filter(|name| found.iter().all(|(other, _)| other != name)).map(SharedName::path).collect();
        if !missing.is_empty() {
            wrong = None;
            return Ok(Look::NotYet(Failure::PkiAwaited.seen(format!("not there yet: {}", missing.join(", ")))));
        }
        let shared = together(&found)?;
        let Err(fault) = shared.check(&run.spec.discovery.certificate_authority) else { return Ok(Look::Yes(shared)) };
        let now = run.host.now();
        let since = match wrong.take() {
            Some((since, same)) if same == found => since,
            _ => now,
        };
        wrong = Some((since, found));
        if now.since(since) < SETTLED {
            return Ok(Look::NotYet(Failure::PkiAwaited.seen(format!("{}: {}", fault.at(), fault.what()))));
        }
        let advice = "put the cluster's own eight files there: those of mint's pki folder, or of another control plane";
        let wrong = Fault::new(fault.failure(), fault.what(), format!("{}, {}", paths::PKI, fault.at()), advice);
        Err(fault.why().map(str::to_owned).into_iter().fold(wrong, Fault::because))
    })
    .await
}

/// Tells which of the operator's private keys others may read or write. They stay as they are, as kubeadm leaves what it finds.
async fn tell_open_keys<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let mut open = Vec::new();
    for name in SharedName::ALL.into_iter().filter(|name| name.mode() == Mode::Private) {
        if run.host.is_private(&file(name)).await? == Some(false) {
            open.push(file(name).display().to_string());
        }
    }
    if !open.is_empty() {
        run.leave_to_do(format!(
            "`chmod 600 {}`: not only their owner may read or write these private keys of the cluster",
            open.join(" ")
        ));
    }
    Ok(())
}

/// The eight files as one.
fn together(found: &[(SharedName, Secret<String>)]) -> Result<SharedPki, Fault> {
    let missing = || Fault::new(Failure::Bug, "a shared file vanished while it was read", paths::PKI, "start kubeboot again");
    SharedPki::from_files(|name| found.iter().find(|(other, _)| *other == name).map(|(_, text)| text.clone()).ok_or_else(missing))
}

/// Secret kubeadm-certs, read with the bootstrap credential.
async fn download<H: Host>(run: &mut Run<'_, H>) -> Result<SealedBundle, Fault> {
    let client = run.as_bootstrapper().await?;
    run.until("Secret kube-system/kubeadm-certs", backoff::SHARED, async |run| {
        let gone = |what: &str, advice: &str| Fault::new(Failure::SecretGone, what, SECRET, advice);
        match client.ask(run.host, &Ask::get(SECRET)).await {
            Ok(secret) => {
                let data = secret.get("data").cloned().unwrap_or_default();
                serde_json::from_value::<SealedBundle>(data).map(Look::Yes).map_err(|error| {
                    let advice = "upload it again with `kubeadm init phase upload-certs`";
                    gone("Secret kubeadm-certs has no data of text", advice).because(error.to_string())
                })
            }
            Err(trouble) if trouble.status() == Some(404) => Err(gone(
                "Secret kubeadm-certs is gone: kubeadm keeps it for two hours only",
                "on a control plane run `kubeadm init phase upload-certs --upload-certs --certificate-key …` with the document's key, or \
                 put the bundle of the cluster's control-plane-init.yaml into this machine's document as `pki: {inline: {bundle: …}}`",
            )),
            Err(trouble) => Ok(Look::NotYet(trouble.seen())),
        }
    })
    .await
}
