//! Claims the right to start the cluster, once the fence has nothing else against it.

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

/// What is known of the claim.
#[derive(Debug, Default)]
pub struct Known(Option<(Instant, May)>);

impl Known {
    /// Whether this machine may start the cluster by its claim; asks the store, if the last answer is old.
    ///
    /// # Errors
    /// The store can't be used for this.
    pub async fn may<H: Host>(&mut self, run: &Run<'_, H>, claim: &Claim) -> Result<May, Fault> {
        let now = run.host.now();
        if let Some((at, may)) = &self.0
            && now.since(*at) < AGAIN
        {
            return Ok(may.clone());
        }
        let may = ask(run, claim).await?;
        self.0 = Some((run.host.now(), may.clone()));
        Ok(may)
    }

    /// Whether the claim is known to be won.
    #[must_use]
    pub fn won(&self) -> bool {
        matches!(&self.0, Some((_, May::Yes)))
    }
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

/// A claim counts only where a second create is refused, so that a store which ignores the condition is found out. Whoever
/// died between the two finds the object, and itself in it.
async fn ask<H: Host>(run: &Run<'_, H>, claim: &Claim) -> Result<May, Fault> {
    let us = Winner {
        cluster: super::pki::cluster_identity(&run.spec)?,
        node: run.identity.name.clone(),
        machine: run.facts.machine_id.clone(),
    };
    let body = Secret::new(serde_json::to_vec(&us).unwrap_or_default());
    for first in [true, false] {
        match claim::created(&claim.put, &exchange(run, &claim.put, Some(&body)).await)? {
            Created::NotNow(seen) => return Ok(May::ClaimStoreDown(seen.line)),
            Created::Exists => break,
            Created::New if first => {}
            Created::New => return Err(claim::ignores_the_condition(&claim.put)),
        }
    }
    Ok(match claim::whose(&claim.get, &us, &exchange(run, &claim.get, None).await)? {
        Whose::Ours => May::Yes,
        Whose::Theirs(line) => May::ClaimLost(line),
        Whose::NotNow(seen) => May::ClaimStoreDown(seen.line),
    })
}
