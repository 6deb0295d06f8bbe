//! The pace of looks at what others share, kept across restarts of the agent: a machine whose agent is killed and started
//! again a thousand times costs the balancer no more than one that waits in peace.
//!
//! The time of the first and of the last look lie on tmpfs; [`crate::moment::Instant`] counts from the boot, as tmpfs does.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::host::{Host, Mode};
use crate::moment::Instant;
use crate::paths;

/// What an agent knows of the looks of this boot, milliseconds since the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Looks {
    first: u64,
    last: u64,
}

/// How long looks come often; see [`backoff::SHARED`].
const OFTEN: Duration = Duration::from_secs(6);

/// The looks of this machine at the endpoint; by default of a boot in which there was none.
#[derive(Debug, Default)]
pub struct Pace {
    earlier: Option<Looks>,
    latest: Cell<Option<Looks>>,
}

fn at(milliseconds: u64) -> Instant {
    Instant(Duration::from_millis(milliseconds))
}

impl Pace {
    /// As an earlier agent of this boot left it. A file that can't be read says that there was none: the pace of one start
    /// is no reason to fail.
    pub async fn recall<H: Host>(host: &H) -> Self {
        let bytes = host.read(Path::new(paths::PACE), 1024).await.ok().flatten();
        let looks: Option<Looks> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        // From the future it is of another boot.
        let earlier = looks.filter(|looks| at(looks.first) <= at(looks.last) && at(looks.last) <= host.now());
        Self { earlier, latest: Cell::new(earlier) }
    }

    /// How many tries, in [`backoff::SHARED`]'s sense, went before the first one of this agent.
    #[must_use]
    pub fn tries(&self, now: Instant) -> u32 {
        match self.earlier {
            Some(looks) if now.since(at(looks.first)) >= OFTEN => backoff::SHARED.tries_to_cap(),
            _ => 0,
        }
    }

    /// Keeps the pause that an earlier agent's last look asks for.
    pub async fn hold<H: Host>(&self, host: &H, noise: u32) {
        let Some(looks) = self.earlier else { return };
        let pause = backoff::SHARED.pause(self.tries(host.now()), noise);
        let since = host.now().since(at(looks.last));
        if since < pause {
            host.sleep(pause - since).await;
        }
    }

    /// Takes a look, and remembers when it began, for its agent may be killed in the middle of it, and when it was over, for
    /// a look at a server that hangs lasts, and ends with a connection more that finds out what it was that hung.
    pub async fn look<H: Host, T>(&self, host: &H, look: impl Future<Output = T>) -> T {
        self.remember(host).await;
        let seen = look.await;
        self.remember(host).await;
        seen
    }

    /// Best effort: what keeps tmpfs from being written is told by the report's next write.
    async fn remember<H: Host>(&self, host: &H) {
        let now = u64::try_from(host.now().0.as_millis()).unwrap_or(u64::MAX);
        let looks = Looks { first: self.latest.get().map_or(now, |looks| looks.first), last: now };
        self.latest.set(Some(looks));
        let _ = host.write(Path::new(paths::PACE), &serde_json::to_vec(&looks).unwrap_or_default(), Mode::Private).await;
    }
}
