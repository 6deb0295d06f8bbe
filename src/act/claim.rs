//! Claims the right to start the cluster, once the fence has nothing else against it, and reads the claim again before init.

use std::time::Duration;

use crate::claim::{self, Created, LIMIT, Whose, Winner};
use crate::document::spec::Claim;
use crate::fault::Fault;
use crate::fence::May;
use crate::host::{Host, Method, Request, Response, Unanswered};
use crate::moment::Instant;
use crate::run::Run;
use crate::secret::Secret;

/// How long an answer counts that is not "won": a store is asked by every machine that waits.
const AGAIN: Duration = Duration::from_secs(5);
/// How long 409 may be the answer to a create of what is not there: longer than any other machine's create lasts.
const CONFLICT: Duration = Duration::from_secs(15);

/// What is known of the claim.
#[derive(Debug, Default)]
pub struct Known {
    last: Option<(Instant, May)>,
    /// Since when the store answers 409, and shows nothing.
    conflict: Option<Instant>,
}

impl Known {
    /// Whether this machine may start the cluster by its claim, and when the store said so; asks the store, if the last answer
    /// is old. What is won is not asked for again here: [`confirm`] does, before init.
    ///
    /// # Errors
    /// The store can't be used for this.
    pub async fn may<H: Host>(&mut self, run: &Run<'_, H>, claim: &Claim) -> Result<(Instant, May), Fault> {
        let now = run.host.now();
        if let Some((at, may)) = &self.last
            && (*may == May::Yes || now.since(*at) < AGAIN)
        {
            return Ok((*at, may.clone()));
        }
        let may = self.ask(run, claim).await?;
        Ok(self.last.insert((run.host.now(), may)).clone())
    }

    /// A claim counts only where a second create is refused, so that a store which ignores the condition is found out. Whoever
    /// died between the two finds the object, and itself in it.
    async fn ask<H: Host>(&mut self, run: &Run<'_, H>, claim: &Claim) -> Result<May, Fault> {
        let us = winner(run)?;
        let body = Secret::new(serde_json::to_vec(&us).unwrap_or_default());
        let conflict = self.conflict.take();
        let mut is_conflict = false;
        for first in [true, false] {
            match claim::created(&claim.put, &exchange(run, &claim.put, Some(&body)).await)? {
                Created::NotNow(seen) => return Ok(May::ClaimStoreDown(seen.line)),
                Created::Exists => break,
                Created::Conflict => {
                    is_conflict = first;
                    break;
                }
                Created::New if first => {}
                Created::New => return Err(claim::ignores_the_condition(&claim.put)),
            }
        }
        let whose = claim::whose(&claim.get, &us, &exchange(run, &claim.get, None).await)?;
        if is_conflict && matches!(whose, Whose::Absent | Whose::Hidden) {
            let is_hidden = whose == Whose::Hidden;
            let now = run.host.now();
            let since = *self.conflict.insert(conflict.unwrap_or(now));
            let lasts = now.since(since);
            return if lasts < CONFLICT {
                Ok(May::ClaimStoreDown(claim::in_conflict(is_hidden).line))
            } else {
                Err(claim::stays_in_conflict(&claim.put, is_hidden, lasts.as_secs()))
            };
        }
        Ok(match whose {
            Whose::Ours => May::Yes,
            Whose::Theirs(line) => May::ClaimLost(line),
            Whose::Absent => May::ClaimStoreDown(claim::not_shown_yet().line),
            Whose::Hidden => return Err(claim::may_not_be_read(&claim.get)),
            Whose::NotNow(seen) => May::ClaimStoreDown(seen.line),
        })
    }
}

/// Makes sure, right before init, that the claim is still this machine's: it may have been deleted since, and claimed anew.
///
/// # Errors
/// It is not, or the store doesn't say. Or the store can't be used for this.
pub async fn confirm<H: Host>(run: &Run<'_, H>) -> Result<(), Fault> {
    let Some(claim) = run.spec.initialize.as_ref().and_then(|initialize| initialize.claim.as_ref()) else { return Ok(()) };
    let whose = claim::whose(&claim.get, &winner(run)?, &exchange(run, &claim.get, None).await)?;
    claim::not_held(&claim.get, whose).map_or(Ok(()), Err)
}

fn winner<H: Host>(run: &Run<'_, H>) -> Result<Winner, Fault> {
    Ok(Winner {
        cluster: super::pki::cluster_identity(&run.spec)?,
        node: run.identity.name.clone(),
        machine: run.facts.machine_id.clone(),
        uuid: run.facts.system_uuid.clone(),
    })
}

async fn exchange<H: Host>(run: &Run<'_, H>, url: &str, body: Option<&Secret<Vec<u8>>>) -> Result<Response, Unanswered> {
    let get = Request::get(url.to_owned(), Duration::from_secs(5), Duration::from_secs(10), LIMIT);
    let request = match body {
        None => get,
        Some(body) => {
            Request { method: Method::Put, content_type: Some("application/json"), body: Some(body.clone()), only_if_absent: true, ..get }
        }
    };
    run.host.http(&request).await
}
