//! The Lease that orders control-plane joins: kube-system/kubeboot-control-plane-join (design §5).
//!
//! The first taker creates it (409: lost); it is renewed while kubeadm runs, may be taken over once it has expired,
//! and is released as soon as the holder's etcd member votes. The clock that counts is the API's own: expiry is judged by
//! how long *we* have seen the same resourceVersion, never by comparing two machines' clocks.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::Ask;
use crate::host::Method;
use crate::moment::{Instant, UnixTime};

const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const NAME: &str = "kubeboot-control-plane-join";
/// How long an unrenewed Lease holds.
pub const TERM: Duration = Duration::from_secs(20);
/// How often the holder renews it.
pub const RENEWAL: Duration = Duration::from_secs(5);

/// What the Lease looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Holder; empty after a release.
    pub holder: String,
    /// For the next write.
    pub version: String,
}

/// Reads a Lease.
#[must_use]
pub fn read(lease: &Value) -> Option<Seen> {
    Some(Seen {
        holder: lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned(),
        version: lease.pointer("/metadata/resourceVersion")?.as_str()?.to_owned(),
    })
}

/// GET.
#[must_use]
pub fn get() -> Ask {
    Ask::get(format!("{COLLECTION}/{NAME}"))
}

fn body(holder: &str, version: Option<&str>, now: UnixTime) -> Value {
    let time = format!("{}.000000Z", now.to_string().trim_end_matches('Z'));
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "kube-system"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": TERM.as_secs(), "acquireTime": time, "renewTime": time},
    });
    if let (Some(version), Some(metadata)) = (version, lease.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("resourceVersion".to_owned(), Value::String(version.to_owned()));
    }
    lease
}

/// Creates it for `holder`: 409 means that somebody else was first.
#[must_use]
pub fn create(holder: &str, now: UnixTime) -> Ask {
    Ask::send(Method::Post, COLLECTION, &body(holder, None, now))
}

/// Takes, renews or (with an empty holder) releases it, if it is still at `version`: 409 means that it isn't.
#[must_use]
pub fn update(holder: &str, version: &str, now: UnixTime) -> Ask {
    Ask::send(Method::Put, format!("{COLLECTION}/{NAME}"), &body(holder, Some(version), now))
}

/// What a taker should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Take it with an update.
    Take,
    /// Somebody holds it.
    Wait,
}

/// Remembers since when the Lease has looked the same.
#[derive(Clone, Debug, Default)]
pub struct Watcher {
    last: Option<(String, Instant)>,
}

impl Watcher {
    /// Judges what is seen now: free, ours from an earlier life of this process, expired, or held.
    pub fn judge(&mut self, seen: &Seen, holder: &str, now: Instant) -> Move {
        if seen.holder.is_empty() || seen.holder == holder {
            return Move::Take;
        }
        match &self.last {
            Some((version, since)) if *version == seen.version => {
                if now.since(*since) > TERM {
                    return Move::Take;
                }
            }
            _ => self.last = Some((seen.version.clone(), now)),
        }
        Move::Wait
    }
}
