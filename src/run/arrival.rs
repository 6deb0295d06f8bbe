//! The machine arrives on its network: a name and an address, whenever they come.

use std::time::Duration;

use crate::backoff;
use crate::document::spec::NodeSpec;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::kubeadm::config::Identity;
use crate::preflight;
use crate::waiting::{Early, Look};

/// How long a machine may be without a name or an address.
const NETWORK: Duration = Duration::from_secs(300);

/// Waits for name and address: DHCP may bring either long after the agent has started, so facts are read again until they do.
pub(super) async fn settle<H: Host>(early: &mut Early<'_, H>, spec: &NodeSpec, facts: Facts) -> Result<(Facts, Identity), Fault> {
    let mut known = Some(facts);
    let waiting_for = "this machine's name and address (DHCP, hostname)";
    early
        .until(waiting_for, backoff::LOCAL, NETWORK, async |early| {
            let facts = match known.take() {
                Some(facts) => facts,
                None => early.host.facts().await?,
            };
            Ok(match preflight::identity(spec, &facts) {
                Ok(identity) => Look::Yes((facts, identity)),
                Err(problems) => Look::NotYet(Failure::NoNameOrAddress.seen(problems.join("; "))),
            })
        })
        .await
}
