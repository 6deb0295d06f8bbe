//! The CNI's objects: in the cluster once, put there under the join Lease by whichever control plane is alive.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use super::turn::Turn;
use crate::backoff;
use crate::cluster::api::{Ask, Client};
use crate::cluster::lease::Watcher;
use crate::cni::{LIMIT, Manifest};
use crate::document::spec::CniChoice;
use crate::failure::{Failure, Seen};
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::paths;
use crate::plan::Course;
use crate::run::{Look, Run};

/// The manifest of the document's CNI, read once; `None` if somebody else installs it.
///
/// # Errors
/// It isn't there, isn't what is pinned, or doesn't fit the document.
pub async fn manifest<H: Host>(run: &mut Run<'_, H>) -> Result<Option<Rc<Manifest>>, Fault> {
    if run.manifest.is_none() {
        run.manifest = read(run).await?.map(Rc::new);
    }
    Ok(run.manifest.clone())
}

async fn read<H: Host>(run: &Run<'_, H>) -> Result<Option<Manifest>, Fault> {
    let baked = async |path: &Path| {
        run.host.read(path, LIMIT).await?.ok_or_else(|| {
            Fault::new(
                Failure::CniManifest,
                "the CNI's manifest is not in this image",
                path.display().to_string(),
                "bake it into the image, or choose another `cni` in the document",
            )
        })
    };
    Ok(match &run.spec.cni {
        CniChoice::None => None,
        CniChoice::Flannel => {
            let manifest = Manifest::read(&baked(Path::new(paths::FLANNEL_MANIFEST)).await?, paths::FLANNEL_MANIFEST)?;
            manifest.check_flannel(&run.spec.networking.pod_subnets, paths::FLANNEL_MANIFEST)?;
            Some(manifest)
        }
        CniChoice::Manifest(path) => Some(Manifest::read(&baked(path).await?, &path.display().to_string())?),
        CniChoice::Url { url, sha256 } => {
            let bytes = super::secret::fetch_pinned(run.host, url, sha256, LIMIT).await?;
            Some(Manifest::read(bytes.expose(), &crate::host::shown_url(url))?)
        }
    })
}

fn client<H: Host>(run: &Run<'_, H>) -> Result<Client, Fault> {
    match run.course {
        Course::Initialise => run.admin_here(),
        Course::Join => run.admin_by_endpoint(),
    }
}

/// The answers to "what resources does this group have", asked once each.
#[derive(Default)]
struct Discovery(BTreeMap<String, Value>);

impl Discovery {
    /// Where the object lives, or why that can't be known yet: its group may be a definition's that isn't served yet.
    async fn path<H: Host>(&mut self, host: &H, client: &Client, object: &crate::cluster::object::Object) -> Result<String, Seen> {
        let group = object.group_path();
        if !self.0.contains_key(&group) {
            let answer = client
                .ask(host, &Ask::get(group.clone()))
                .await
                .map_err(|trouble| trouble.failure().seen(format!("{group}: {}", trouble.line())))?;
            self.0.insert(group.clone(), answer);
        }
        match self.0.get(&group).and_then(|resources| object.path(resources)) {
            Some(path) => Ok(path),
            None => {
                self.0.remove(&group);
                Err(Failure::ApiUnavailable.seen(format!("{group} does not know the kind {}", object.kind)))
            }
        }
    }
}

/// Whether every object is there. A cluster that doesn't answer has none.
///
/// # Errors
/// The manifest's.
pub async fn is_present<H: Host>(run: &mut Run<'_, H>) -> Result<bool, Fault> {
    let Some(manifest) = manifest(run).await? else { return Ok(true) };
    is_there(run, &client(run)?, &manifest).await
}

async fn is_there<H: Host>(run: &Run<'_, H>, client: &Client, manifest: &Manifest) -> Result<bool, Fault> {
    let mut discovery = Discovery::default();
    // The last objects are applied last: asked first, they say soonest that something is missing.
    for object in manifest.objects.iter().rev() {
        let Ok(path) = discovery.path(run.host, client, object).await else { return Ok(false) };
        if client.ask(run.host, &Ask::get(path)).await.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn apply<H: Host>(run: &mut Run<'_, H>, client: &Client, manifest: &Manifest, turn: &mut Turn) -> Result<(), Fault> {
    let mut discovery = Discovery::default();
    for object in &manifest.objects {
        let label = object.label();
        run.until(&format!("{label} to be applied"), backoff::SHARED, async |run| {
            turn.keep(run).await;
            let path = match discovery.path(run.host, client, object).await {
                Ok(path) => path,
                Err(reason) => return Ok(Look::NotYet(reason)),
            };
            match client.ask(run.host, &Ask::apply(&path, &object.body)).await {
                Ok(_) => Ok(Look::Yes(())),
                Err(trouble) => {
                    let fault = trouble.fault("the API server refuses an object of the CNI", &label);
                    if fault.class() == Class::Transient { Ok(Look::NotYet(trouble.seen())) } else { Err(fault) }
                }
            }
        })
        .await?;
    }
    Ok(())
}

/// The step: applies under the Lease, its own or one seized for the purpose, unless another control plane was quicker.
///
/// # Errors
/// The manifest's, or what the API server refuses.
pub async fn ensure<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let Some(manifest) = manifest(run).await? else { return Ok(()) };
    let client = client(run)?;
    if let Some(mut turn) = run.turn.take() {
        let applied = apply(run, &client, &manifest, &mut turn).await;
        run.turn = Some(turn);
        return applied;
    }
    let mut watcher = Watcher::default();
    let seized = run
        .until("the CNI, or the turn to apply it", backoff::SHARED, async |run| {
            if is_there(run, &client, &manifest).await? {
                return Ok(Look::Yes(None));
            }
            Ok(match Turn::seize(run, &client, &mut watcher).await {
                Ok(turn) => Look::Yes(Some(turn)),
                Err(reason) => Look::NotYet(reason),
            })
        })
        .await?;
    let Some(mut turn) = seized else { return Ok(()) };
    let applied = apply(run, &client, &manifest, &mut turn).await;
    turn.release(run).await;
    applied
}
