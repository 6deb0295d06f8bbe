//! What who reads a machine's document can do with it, in plain words: said by mint of what it makes, by check of any.

/// Where a document has the shared PKI from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It has none: a worker's.
    Nowhere,
    /// Secret kubeadm-certs.
    Secret,
    /// Itself: it holds the bundle.
    Document,
    /// A URL.
    Url,
    /// The operator's hands.
    Disk,
}

/// What a document holds that is worth something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where the shared PKI comes from.
    pub source: Source,
    /// Whether the certificate key itself is in it.
    pub has_key: bool,
    /// What its bootstrap credential is good for, if one is in it: [`until`], [`WITH_TOKEN`].
    pub joins: Option<String>,
}

impl Held {
    /// Whether it is worth anything at all, alone or together with something else.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        !matches!(self, Self { source: Source::Nowhere | Source::Disk, joins: None, .. })
    }
}

/// What a bootstrap token is good for.
pub const WITH_TOKEN: &str = "can add a node as long as its bootstrap token lives";

/// What a bootstrap certificate that ends then is good for.
#[must_use]
pub fn until(end: impl std::fmt::Display) -> String {
    format!("can add a node until {end}")
}

/// One sentence without its full stop.
#[must_use]
pub fn power(held: &Held) -> String {
    let joins = held.joins.as_deref();
    let joins_if = |before: &str| joins.map_or_else(String::new, |joins| format!("{before}{joins}"));
    let alone = |else_nothing: &str| {
        joins.map_or_else(|| else_nothing.to_owned(), |joins| format!("who reads it and reaches the API server {joins}"))
    };
    let secret = "as long as Secret kubeadm-certs is there (two hours from init)";
    match (held.source, held.has_key) {
        (Source::Nowhere, _) => alone("who reads it gains nothing: its credential comes another way"),
        (Source::Disk, _) => format!(
            "{}: it holds no key of the cluster's; who reads /etc/kubernetes/pki of its machine owns the cluster",
            alone("who reads it gains nothing")
        ),
        (Source::Url, true) => format!(
            "who reads it and gets the bundle from its URL owns the cluster, at any time: it holds the key that opens the CA keys there{}",
            joins_if("; even without them ")
        ),
        (Source::Url, false) => format!(
            "who reads it, gets the bundle from its URL and has the certificate key owns the cluster, at any time{}",
            joins_if("; even without them ")
        ),
        (Source::Secret, true) => {
            format!("who reads it and reaches the API server owns the cluster, {secret}{}", joins_if("; without that Secret it "))
        }
        (Source::Secret, false) => match joins {
            Some(_) => format!("{}; with the certificate key too it owns the cluster, {secret}", alone("")),
            None => format!("who reads it gains nothing; who has its credential and the certificate key too owns the cluster, {secret}"),
        },
        (Source::Document, true) => {
            "who reads it owns the cluster, at any time: it holds the CA keys and the key that opens them".to_owned()
        }
        (Source::Document, false) => format!(
            "who reads it and has the certificate key owns the cluster, at any time: it holds the CA keys, sealed{}",
            joins_if(", and without it ")
        ),
    }
}
