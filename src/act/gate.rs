//! The joiner's side of the load balancer gate: good answers in a row, then the right that init gives last.

use crate::backoff;
use crate::cluster::api::Ask;
use crate::cluster::object;
use crate::fault::{Class, Fault};
use crate::gate::{GOOD_IN_A_ROW, Sight, sight};
use crate::host::{Host, Request};
use crate::run::{Look, Run};

/// The step.
///
/// # Errors
/// The credential is refused, or the waiting took too long.
pub async fn pass<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    run.report.course = Some(run.course);
    let client = run.as_bootstrapper().await?;
    let endpoint = run.spec.endpoint.to_string();
    // A connection of its own each time: one that is kept shows one server behind the balancer, not the balancer.
    let readyz = Request { fresh: true, ..client.request(&Ask::get("/readyz")) };
    let (mut good, mut refused) = (0, 0);
    run.until(&format!("{endpoint} to serve this cluster"), backoff::SHARED, async |run| {
        loop {
            let sight = sight(&run.host.http(&readyz).await);
            if sight != Sight::Unauthorised {
                refused = 0;
            }
            match sight {
                Sight::Ready => good += 1,
                Sight::NotYet(seen) => {
                    good = 0;
                    return Ok(Look::NotYet(seen));
                }
                Sight::Foreign(seen) => {
                    good = 0;
                    return Ok(Look::NotYet(format!(
                        "{endpoint} is served by another cluster: {seen}; does the name or the balancer point at the right machines?"
                    )));
                }
                // A token exists only once init has made it, so one refusal says little; steady ones say that it's no good.
                Sight::Unauthorised => {
                    good = 0;
                    refused += 1;
                    if refused > PATIENCE {
                        return Err(Fault::new(
                            Class::Input,
                            "the cluster refuses the bootstrap credential of this document",
                            endpoint.clone(),
                            "it is expired, or of another cluster: re-mint this machine's document",
                        )
                        .because("HTTP 401"));
                    }
                    return Ok(Look::NotYet("the cluster does not know the bootstrap credential (HTTP 401)".to_owned()));
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
            Ok(_) => Look::NotYet("kubeadm init has not yet allowed bootstrappers to ask for certificates".to_owned()),
            Err(trouble) => Look::NotYet(trouble.line()),
        })
    })
    .await
}

/// Refusals in a row before the credential is called bad: at one a second, about five minutes of a slow init.
const PATIENCE: u32 = 300;
