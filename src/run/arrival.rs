//! The machine arrives on its network: a name and an address, whenever they come.

use std::time::Duration;

use super::waiting::FIRST_WORD;
use crate::backoff;
use crate::document::spec::NodeSpec;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Event, Host, Level};
use crate::kubeadm::config::Identity;
use crate::message::Message;
use crate::preflight;

/// How long a machine may be without a name or an address.
const NETWORK: Duration = Duration::from_secs(300);

fn waiting(message: &str) -> Event<'_> {
    Event::new(Level::Info, "", message).of(Message::Waiting).telling(Failure::NoNameOrAddress)
}

/// Waits for name and address: DHCP may bring either long after the agent has started, so facts are read again until they do.
pub(super) async fn settle<H: Host>(host: &H, spec: &NodeSpec, mut facts: Facts) -> Result<(Facts, Identity), Fault> {
    let since = host.now();
    let (mut tries, mut told, mut next_word) = (0, String::new(), FIRST_WORD);
    loop {
        let problems = match preflight::identity(spec, &facts) {
            Ok(identity) => return Ok((facts, identity)),
            Err(problems) => problems,
        };
        let (elapsed, seen) = (host.now().since(since), problems.join("; "));
        if elapsed >= NETWORK {
            return Err(Fault::new(
                Failure::NoNameOrAddress,
                format!("this machine has no name or address after {} s", NETWORK.as_secs()),
                "the network, before the first step",
                "look at the machine's network (DHCP) and hostname; kubeboot tries again by itself",
            )
            .because(seen));
        }
        if seen != told {
            let message = format!("waiting for name and address: {seen}");
            host.tell(&waiting(&message));
            host.status(&message);
            told.clone_from(&seen);
        }
        if elapsed >= next_word {
            next_word = elapsed * 2;
            let message = format!("waiting for name and address since {} s: {seen}", elapsed.as_secs());
            host.tell(&waiting(&message).on_console());
        }
        tries += 1;
        host.sleep(backoff::LOCAL.pause(tries, 0)).await;
        facts = host.facts().await?;
    }
}
