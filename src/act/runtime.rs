//! Clock and container runtime: independent waits that run together.

use std::path::Path;

use crate::act::pki;
use crate::backoff;
use crate::document::spec::ClockPolicy;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::Host;
use crate::moment::UnixTime;
use crate::run::{Look, Run};

/// When this binary was built, seconds since 1970: no honest clock is before it. Set by the build script from the
/// last commit's or SOURCE_DATE_EPOCH's time.
const BUILT: &str = env!("KUBEBOOT_BUILT");

/// Why the clock can't be trusted for certificates, or `None`.
///
/// # Errors
/// The document's CA can't be read.
pub fn clock_trouble<H: Host>(run: &Run<'_, H>) -> Result<Option<String>, Fault> {
    let unsynchronised = run.spec.clock == ClockPolicy::Synchronised && !run.host.clock_synchronised();
    let floor = UnixTime(BUILT.parse().unwrap_or_default());
    Ok(distrust(run.host.wall(), floor, pki::authority_not_before(&run.spec)?, unsynchronised))
}

/// The same from what is known: the time, when this program was built, from when on the CA is valid, and whether a
/// synchronised clock is wanted that there isn't. The text holds no running time: it is told anew whenever it changes.
#[must_use]
pub fn distrust(now: UnixTime, built: UnixTime, born: UnixTime, unsynchronised: bool) -> Option<String> {
    if now < built {
        Some(format!("it says that it is before {built}, when this program was built"))
    } else if now < born {
        Some(format!("it says that it is before {born}, from when on the cluster's CA is valid"))
    } else if unsynchronised {
        Some(
            "the kernel says that it is not synchronised; is a time service running? (`clock: plausible` in the document does without)"
                .to_owned(),
        )
    } else {
        None
    }
}

/// The step: both waits in one loop, so that neither delays the other.
///
/// # Errors
/// Transient, when the step's time is over.
pub async fn wait<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let socket = run.spec.registration.cri_socket.trim_start_matches("unix://").to_owned();
    run.until("clock and container runtime", backoff::LOCAL, async |run| {
        let (mut missing, mut named) = (Vec::new(), Failure::RuntimeDown);
        if let Some(trouble) = clock_trouble(run)? {
            named = Failure::ClockUntrusted;
            missing.push(format!("the clock: {trouble}"));
        }
        if !run.host.socket_answers(Path::new(&socket)).await {
            missing.push(format!("nothing answers on {socket}; is the container runtime running? (`systemctl status containerd`)"));
        }
        Ok(if missing.is_empty() { Look::Yes(()) } else { Look::NotYet(named.seen(missing.join("; "))) })
    })
    .await
}
