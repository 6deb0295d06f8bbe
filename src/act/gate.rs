//! The joiner's side of the load balancer gate: good answers in a row, then the right that init gives last.

use crate::backoff;
use crate::cluster::api::Ask;
use crate::cluster::object;
use crate::document::spec::BootstrapCredential;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::gate::{GOOD_IN_A_ROW, Sight, refused, sight};
use crate::host::{Host, Request};
use crate::pki::certificate::Certificate;
use crate::run::{Look, Run};

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
    .await
}
