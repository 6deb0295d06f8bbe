//! Clock and container runtime: independent waits that run together.

use std::path::Path;

use crate::act::pki;
use crate::backoff;
use crate::document::spec::ClockPolicy;
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
    let now = run.host.wall();
    let floor = UnixTime(BUILT.parse().unwrap_or_default());
    let born = pki::authority_not_before(&run.spec)?;
    Ok(if now < floor {
        Some(format!("it says {now}, but this program was built at {floor}"))
    } else if now < born {
        Some(format!("it says {now}, but the cluster's CA is valid from {born}"))
    } else if run.spec.clock == ClockPolicy::Synchronised && !run.host.clock_synchronised() {
        Some(format!(
            "the kernel says that it is not synchronised ({now}); is a time service running? (`clock: plausible` in the document does without)"
        ))
    } else {
        None
    })
}

/// The step: both waits in one loop, so that neither delays the other.
///
/// # Errors
/// Transient, when the step's time is over.
pub async fn wait<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let socket = run.spec.registration.cri_socket.trim_start_matches("unix://").to_owned();
    run.until("clock and container runtime", backoff::LOCAL, async |run| {
        let mut missing = Vec::new();
        if let Some(trouble) = clock_trouble(run)? {
            missing.push(format!("the clock: {trouble}"));
        }
        if !run.host.socket_answers(Path::new(&socket)).await {
            missing.push(format!("nothing answers on {socket}; is the container runtime running? (`systemctl status containerd`)"));
        }
        Ok(if missing.is_empty() { Look::Yes(()) } else { Look::NotYet(missing.join("; ")) })
    })
    .await
}
