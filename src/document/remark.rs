//! What is right and hardly meant: mint warns of it, and check tells it, in the same words.

use super::size::{self, Counted, Platform};

/// What a person should know, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What is so.
    pub problem: String,
    /// What to do, without a full stop.
    pub advice: String,
}

/// Userdata of this many bytes that some platforms don't take.
#[must_use]
pub fn size(bytes: usize) -> Option<Remark> {
    let over = size::exceeded(bytes);
    if over.is_empty() {
        return None;
    }
    let limit = |platform: &Platform| match platform.limit() {
        (limit, Counted::Raw) => format!("{} ({limit})", platform.name()),
        (limit, Counted::Base64) => format!("{} ({limit} as base64)", platform.name()),
    };
    let list: Vec<String> = over.iter().map(limit).collect();
    Some(Remark {
        problem: format!("{bytes} bytes are more than some platforms take as userdata: {}", list.join(", ")),
        advice: "use ECDSA keys and short comments, keep the bundle elsewhere (pki: {url: …}, or disk), or compress (mint --render \
                 gzip-base64)"
            .to_owned(),
    })
}

/// A number of control planes that is even.
#[must_use]
pub fn control_planes(count: u8) -> Option<Remark> {
    let (less, more) = (count.saturating_sub(1), count.saturating_add(1));
    count.is_multiple_of(2).then(|| Remark {
        problem: format!("{count} control planes bear no more failures than {less}: etcd needs more than half of its members"),
        advice: format!("write {less} or {more}"),
    })
}
