//! The joiner's side of the load balancer gate: good answers in a row, then the right that init gives last, then the name.

use std::time::Duration;

use crate::backoff;
use crate::cluster::api::{Ask, Client};
use crate::cluster::object;
use crate::document::spec::BootstrapCredential;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::gate::{GOOD_IN_A_ROW, Sight, refused, sight};
use crate::host::{Host, Request};
use crate::pki::certificate::Certificate;
use crate::run::{Look, Run};

/// How long the Node of a machine that is off may stay Ready: kube-controller-manager notices after 50 s
/// (`--node-monitor-grace-period`; 40 s before 1.32).
const OUTLIVED: Duration = Duration::from_secs(90);

/// The step.
///
/// # Errors
/// The credential is refused and expired, or the waiting took too long.
pub async fn pass<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    run.report.course = Some(run.course);
    let client = run.as_bootstrapper().await?;
    let endpoint = run.spec.endpoint.to_string();
    // A connection of its own each time: one that is kept shows one server behind the balancer, not the balancer.
    let readyz = Request { fresh: true, ..client.request(&Ask::get("/readyz")) };
    let not_after = match &run.spec.discovery.credential {
        Some(BootstrapCredential::Certificate { certificate, .. }) => {
            Some(Certificate::first(certificate, "discovery.bootstrapCertificate")?.not_after())
        }
        Some(BootstrapCredential::Token(_)) | None => None,
    };
    let mut good = 0;
    run.until(&format!("{endpoint} to serve this cluster"), backoff::SHARED, async |run| {
        loop {
            match sight(&run.host.http(&readyz).await) {
                Sight::Ready => good += 1,
                Sight::NotYet(seen) => {
                    good = 0;
                    return Ok(Look::NotYet(seen));
                }
                Sight::Foreign(seen) => {
                    good = 0;
                    return Ok(Look::NotYet(Failure::ForeignCa.seen(format!(
                        "{endpoint} is served by another cluster: {seen}; does the name or the balancer point at the right machines?"
                    ))));
                }
                Sight::Unauthorised => {
                    good = 0;
                    return refused(not_after, run.host.wall(), &endpoint).map(Look::NotYet);
                }
            }
            if good >= GOOD_IN_A_ROW {
                return Ok(Look::Yes(()));
            }
        }
    })
    .await?;
    run.until("the right to join, init's last gift", backoff::SHARED, async |run| {
        Ok(match client.ask(run.host, &object::may_bootstrap()).await {
            Ok(review) if object::allowed(&review) => Look::Yes(()),
            Ok(_) => Look::NotYet(Failure::InitUnfinished.seen("kubeadm init has not yet allowed bootstrappers to ask for certificates")),
            Err(trouble) => Look::NotYet(trouble.seen()),
        })
    })
    .await?;
    have_the_name(run, &client).await
}

/// Waits until no other machine is a Ready Node of this machine's name: kubeadm refuses to join beside one, but only when
/// it has written its files, and time and again. The Node of an earlier life is not Ready any more and is taken over.
async fn have_the_name<H: Host>(run: &mut Run<'_, H>, client: &Client) -> Result<(), Fault> {
    let (name, since) = (run.identity.name.clone(), run.host.now());
    let path = object::node(&name);
    run.until(&format!("the name {name}"), backoff::SHARED, async |run| {
        let node = match client.ask(run.host, &Ask::get(path.clone())).await {
            Ok(node) => node,
            Err(trouble) if trouble.status() == Some(404) => return Ok(Look::Yes(())),
            Err(trouble) => return Ok(Look::NotYet(trouble.seen())),
        };
        let mine = &run.facts.machine_id;
        let other = match object::machine_id(&node) {
            Some(id) if id != mine && object::condition(&node, "Ready") == Some(true) => id,
            _ => return Ok(Look::Yes(())),
        };
        let seen = format!("Node {name} is Ready with machine-id {other}, this machine's is {mine}");
        if run.host.now().since(since) < OUTLIVED {
            return Ok(Look::NotYet(Failure::NameTaken.seen(seen)));
        }
        Err(Fault::new(
            Failure::NameTaken,
            format!("another machine is Node {name}, and at work"),
            format!("Node {name}"),
            format!(
                "give this machine another hostname (or nodeRegistration.name) and start it again; if the other one is gone for good, \
                 `kubectl delete node {name}` instead"
            ),
        )
        .because(seen))
    })
    .await
}
