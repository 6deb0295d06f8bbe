//! The forms of single values: what to write, as an error says it, and the pattern that an editor knows.
//!
//! A pattern takes whatever the reader takes, and a little more: the reader alone knows whether `2026-02-30` is a day.

/// The form of a single value.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// What to write; goes after "write".
    pub example: &'static str,
    /// What it looks like.
    pub look: Look,
}

/// What a single value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Text that this regular expression matches as a whole (ECMA-262, as JSON Schema wants it).
    Text(&'static str),
    /// Any text.
    Anything,
    /// A number from the first to the second.
    Number(u64, u64),
}

const fn text(example: &'static str, pattern: &'static str) -> Form {
    Form { example, look: Look::Text(pattern) }
}

macro_rules! or_reference {
    ($what:literal) => {
        concat!($what, ", or a reference: {file: PATH}, {credential: NAME} or {url: URL, sha256: DIGEST}")
    };
}

const DNS_LABELS: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$";
const LABEL_NAME: &str = "^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$";
const QUALIFIED_NAME: &str = "^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$";
const CIDR: &str = "^\\s*[0-9A-Fa-f:.]+/[0-9]{1,3}\\s*$";
const DIGEST: &str = "^[0-9A-Fa-f]{64}$";
const PEM: &str = "-----BEGIN [A-Z0-9 ]+-----";

pub(super) static API_VERSION: Form = Form { example: "the version of the document", look: Look::Anything };
pub(super) static KIND: Form = Form { example: "the kind of the document", look: Look::Anything };
pub(super) static CLUSTER_NAME: Form = text("lower-case letters, digits, hyphens and dots, for example prod", DNS_LABELS);
pub(super) static VERSION: Form =
    text("a release, for example v1.37.2", "^v1\\.(3[1-9]|[4-9][0-9]|[1-9][0-9]{2,4})\\.(0|[1-9][0-9]{0,4})$");
pub(super) static ENDPOINT: Form =
    text("host:port, for example api.example.com:6443", "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[1-9][0-9]{0,4}$");
pub(super) static SUBNET: Form = text("a network, for example 10.244.0.0/16", CIDR);
pub(super) static NODE_NETWORK: Form = text("a network, for example 10.0.0.0/16", CIDR);
pub(super) static DNS_DOMAIN: Form = text("a DNS name, for example cluster.local", DNS_LABELS);
pub(super) static NODE_NAME: Form = text("lower-case letters, digits, hyphens and dots, for example cp-1", DNS_LABELS);
pub(super) static CRI_SOCKET: Form = text("unix:///run/containerd/containerd.sock", "^unix:///\\S*$");
pub(super) static LABEL_KEY: Form = text("a label key, for example pool", QUALIFIED_NAME);
pub(super) static LABEL_VALUE: Form = text("at most 63 letters, digits, -, _ and ., or \"\"", LABEL_NAME);
pub(super) static TAINT_KEY: Form = text("a key, for example dedicated", QUALIFIED_NAME);
pub(super) static TAINT_VALUE: Form = text("text, for example gpu", LABEL_NAME);
pub(super) static POOL_NAME: Form = text("at most 40 lower-case letters, digits and hyphens", "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$");
pub(super) static CONTROL_PLANES: Form = Form { example: "a number, for example 3", look: Look::Number(1, 255) };
pub(super) static ADDRESS: Form = text("an IP address, for example 10.0.0.11", "^[0-9A-Fa-f:.]+$");

pub(super) static CA: Form = text("the PEM of the cluster's CA certificate", PEM);
pub(super) static CLIENT_CERTIFICATE: Form = text("the PEM of the client certificate", PEM);
pub(super) static CLIENT_KEY: Form = text(or_reference!("the PEM of the key"), PEM);
pub(super) static BOOTSTRAP_TOKEN: Form = text(or_reference!("a bootstrap token"), "^\\s*[a-z0-9]{6}\\.[a-z0-9]{16}\\s*$");
pub(super) static CERTIFICATE_KEY: Form = text(or_reference!("64 hex digits"), "^\\s*[0-9A-Fa-f]{64}\\s*$");
pub(super) static SEALED: Form = text("base64 text", "^[A-Za-z0-9+/=\\s]+$");

pub(super) static PATH: Form = text("an absolute path", "^/[\\s\\S]*[^/]$");
pub(super) static CREDENTIAL: Form = text("the name of a systemd credential", "^[A-Za-z0-9._:@-]{1,255}$");
pub(super) static URL: Form = text("an https:// or http:// URL", "^https?://[!-~]+$");
pub(super) static HTTPS_URL: Form = text("an https:// URL", "^https://[!-~]+$");
pub(super) static SHA256: Form = text("64 hex digits", DIGEST);

pub(super) static INSTANT: Form =
    text("an instant, for example 2026-11-24T10:00:00Z", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$");
pub(super) static DURATION: Form = text("a duration, for example 5m or 1h30m", "^([0-9]*d)?([0-9]*h)?([0-9]*m)?([0-9]*s)?$");
pub(super) static SYSTEM_UUID: Form = text("a UUID", "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$");
pub(super) static INSTANCE_ID: Form = Form { example: "the instance id of the datasource", look: Look::Anything };
pub(super) static SERIAL: Form = Form { example: "the SMBIOS serial", look: Look::Anything };
pub(super) static MAC: Form = text("a hardware address", "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$");
