//! etcd's data on the disk of the machine that starts the cluster.

use std::path::Path;
use std::time::Duration;

use super::turn;
use crate::backoff;
use crate::cluster::wal;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, Level, Part};
use crate::paths;
use crate::run::{Look, Run};

const CONNECT: Duration = Duration::from_secs(1);
/// How long nobody has to listen: a container that the kubelet was starting when the manifest went has come and gone.
const STEADY: Duration = Duration::from_secs(3);
/// As much of the log is read, bytes: what it is made with takes some two hundred, of 64 MB that etcd preallocates.
const HEAD: usize = 16 << 10;

async fn is_stillborn<H: Host>(run: &Run<'_, H>) -> Result<bool, Fault> {
    let folder = Path::new(paths::ETCD_LOG);
    let names = run.host.list(folder).await?.unwrap_or_default();
    let logs: Vec<&String> = names.iter().filter(|name| name.ends_with(".wal")).collect();
    let [log] = logs.as_slice() else { return Ok(false) };
    Ok(run.host.read_part(&folder.join(log), Part::Head, HEAD).await?.is_some_and(|bytes| wal::is_stillborn(&bytes)))
}

/// Takes away what an etcd left that was ended while it made its log, for it would wait for a leader for ever, and kubeadm
/// for it. The log is looked at again when no etcd runs that might just be writing to it; kubeadm writes the manifest anew.
///
/// # Errors
/// The disk's; transient, if etcd doesn't end.
pub async fn clear_stillborn<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    if !is_stillborn(run).await? {
        return Ok(());
    }
    run.tell(Level::Warning, "etcd was ended before it wrote anything, and would not start any more: it is made anew");
    run.host.remove(Path::new(paths::ETCD_MANIFEST)).await?;
    // etcd listens for its peers before it makes its log, and until it ends.
    let own = turn::peer_address(run);
    let mut silent_since = None;
    run.until("etcd to end", backoff::LOCAL, async |run| {
        if run.host.connects(own, CONNECT).await.is_ok() {
            silent_since = None;
            return Ok(Look::NotYet(Failure::MemberNotVoting.seen(format!("it listens on {own}"))));
        }
        let now = run.host.now();
        let since = *silent_since.get_or_insert(now);
        Ok(if now.since(since) >= STEADY {
            Look::Yes(())
        } else {
            Look::NotYet(Failure::MemberNotVoting.seen(format!("nobody listens on {own}; making sure")))
        })
    })
    .await?;
    if is_stillborn(run).await? {
        run.host.remove_folder(Path::new(paths::ETCD_MEMBER)).await?;
    }
    Ok(())
}
