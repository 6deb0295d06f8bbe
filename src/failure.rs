//! Every way to fail, by name: a closed table. The name is stable (journal, `status.json`, README), and what kubeboot does
//! about it follows from it, so that the same trouble never ends in two ways.
//!
//! A [`crate::fault::Fault`] tells one with its place, cause and advice; a wait tells one for as long as it lasts.

use crate::fault::Class;

/// What kubeboot does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Looks again until the step's time is over; then exit code 75, and the unit begins anew.
    Waits,
    /// Does it again, after a pause, until the step's time is over; then exit code 75, and the unit begins anew.
    Retries,
    /// Ends at once, with the class's exit code: only a person or another document can help.
    Halts(Class),
}

impl Handling {
    /// The word of the README's table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Retries => "retries",
            Self::Halts(_) => "halts",
        }
    }
}

/// One row: stable name, handling, meaning.
type Row = (&'static str, Handling, &'static str);

macro_rules! table {
    ($($variant:ident: $name:literal, $handling:expr, $meaning:literal;)*) => {
        /// A way to fail. The meaning of each is its documentation and its row in the README.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Failure {
            $(#[doc = $meaning] $variant,)*
        }

        impl Failure {
            /// All of them, in the order of the README's table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => ($name, $handling, $meaning),)*
                }
            }
        }
    };
}

use Class::{Broken, Bug, Input, Usage};
use Handling::{Halts, Retries, Waits};

table! {
    // The command line and the document.
    CommandLine: "command-line", Halts(Usage), "an argument or option is wrong";
    NoDocument: "no-document", Halts(Input), "no datasource, or not the one that was named, has a document";
    DocumentAmbiguous: "document-ambiguous", Halts(Input), "two documents are there, in one place or in two";
    DocumentSource: "document-source", Halts(Input), "where the document should be is told wrongly: kernel command line, URL, what lies there";
    DocumentWrapping: "document-wrapping", Halts(Input), "what is wrapped around the document (gzip, base64, MIME, #cloud-config) is broken or holds none";
    DocumentUnfetchable: "document-unfetchable", Waits, "the document's server doesn't give it yet";
    DocumentInvalid: "document-invalid", Halts(Input), "the document is wrong; every line that is, at once";
    DocumentDiffers: "document-differs", Halts(Input), "the document is for another cluster, role or node than was begun on this disk";
    PinMismatch: "pin-mismatch", Halts(Input), "what a URL serves is not what its sha256 pins";
    SecretReference: "secret-reference", Halts(Input), "a secret is not where the document says, or is none";
    FetchFailed: "fetch-failed", Retries, "something pinned that the document refers to can't be fetched this time";
    FetchRefused: "fetch-refused", Halts(Input), "something pinned that the document refers to is not served at its URL";
    CniManifest: "cni-manifest", Halts(Input), "the CNI's manifest is missing, unreadable, or does not fit the document";
    ClusterFile: "cluster-file", Halts(Input), "mint's input can't be read";
    OutputFolder: "output-folder", Halts(Input), "mint's output can't go there";
    FileTooLarge: "file-too-large", Halts(Input), "a file is larger than anything that belongs there";
    // Keys and certificates.
    CertificateKeyWrong: "certificate-key-wrong", Halts(Input), "the certificate key does not open the bundle";
    PkiUnusable: "pki-unusable", Halts(Input), "a certificate or key is malformed, no pair, or no CA";
    CaMismatch: "ca-mismatch", Halts(Input), "the bundle is of another cluster than the document";
    PkiAwaited: "pki-awaited", Handling::Waits, "`pki: disk`, and the files of the shared PKI are not, or not yet whole, in /etc/kubernetes/pki";
    PkiForeign: "pki-foreign", Halts(Broken), "files of another PKI lie in /etc/kubernetes/pki";
    SecretGone: "secret-gone", Halts(Broken), "Secret kubeadm-certs is gone after its two hours, or unusable";
    CredentialExpired: "credential-expired", Halts(Input), "the bootstrap certificate of the document is past";
    CredentialRefused: "credential-refused", Waits, "the cluster answers 401: init isn't that far, or the credential is another's";
    KubeconfigUnreadable: "kubeconfig-unreadable", Halts(Broken), "kubelet.conf can't be read";
    // The machine.
    CloneOfAnother: "clone-of-another", Halts(Broken), "this disk was the first boot of another machine";
    LedgerDamaged: "ledger-damaged", Halts(Broken), "the ledger has a line that is no record";
    NoNameOrAddress: "no-name-or-address", Waits, "the machine has no hostname or no fitting address yet";
    MachineUnfit: "machine-unfit", Halts(Broken), "the machine can't become this node; everything that is missing, at once";
    ProgramMissing: "program-missing", Halts(Broken), "a program is not in the image";
    ProgramUnusable: "program-unusable", Halts(Broken), "a program can't be started";
    ClockUntrusted: "clock-untrusted", Waits, "the clock is not synchronised, or not plausible";
    RuntimeDown: "runtime-down", Waits, "the container runtime does not answer";
    DiskFull: "disk-full", Halts(Broken), "a file system is full";
    DiskReadOnly: "disk-read-only", Halts(Broken), "a file system is mounted read-only";
    Disk: "disk", Halts(Broken), "a file or folder can't be read or written";
    DriveUnreadable: "drive-unreadable", Halts(Broken), "the document's drive can't be mounted or unmounted";
    NoRandomness: "no-randomness", Halts(Broken), "the kernel gives no randomness";
    AlreadyRunning: "already-running", Retries, "another kubeboot is at work on this machine";
    Stopped: "stopped", Retries, "kubeboot was asked to stop";
    NeverRan: "never-ran", Halts(Broken), "there is no report of this boot, or none that can be read";
    // The endpoint: names, routes, the balancer.
    NameUnresolved: "name-unresolved", Waits, "the endpoint's name has no address";
    NoRoute: "no-route", Waits, "there is no route to the endpoint";
    ConnectTimeout: "connect-timeout", Waits, "connecting to the endpoint times out";
    ConnectionRefused: "connection-refused", Waits, "the endpoint refuses connections: nothing is behind it yet";
    ConnectionClosed: "connection-closed", Waits, "the endpoint closes connections at once: nothing is behind the balancer yet";
    NotTls: "not-tls", Waits, "the endpoint answers, but not in TLS: a proxy, plain HTTP";
    ForeignCa: "foreign-ca", Waits, "the endpoint shows a certificate of another CA";
    CertificateInvalid: "certificate-invalid", Waits, "a certificate of the cluster's is not valid now or not for this name";
    TlsFailed: "tls-failed", Waits, "the TLS handshake fails";
    NoAnswer: "no-answer", Waits, "connected, but no whole answer comes";
    // The fence.
    EndpointUnclear: "endpoint-unclear", Waits, "nobody can say whether the cluster lives, so none is started";
    NobodyYet: "nobody-yet", Waits, "nobody serves; being made sure of for three seconds";
    WindowPast: "window-past", Waits, "initialize.before is past and nobody serves";
    ClaimStoreDown: "claim-store-down", Waits, "the store of initialize.claim does not answer as it should, this time";
    ClaimRefused: "claim-refused", Halts(Input), "the store of initialize.claim refuses the request";
    ClaimStoreUnfit: "claim-store-unfit", Halts(Broken), "the store of initialize.claim ignores the condition, or holds something else";
    MachineIdShared: "machine-id-shared", Halts(Broken), "another machine with this machine's machine-id holds the claim";
    AwaitsInitialiser: "awaits-initialiser", Waits, "nobody serves, and another machine has the right to start the cluster";
    EarlierLife: "earlier-life", Halts(Broken), "etcd data of an earlier life is on this disk";
    EtcdLost: "etcd-lost", Halts(Broken), "this machine started the cluster, its etcd data is gone and nobody else serves";
    MemberRemoved: "member-removed", Halts(Broken), "this machine's etcd data is of a member that the cluster doesn't have (any more)";
    StaleVoter: "stale-voter", Halts(Broken), "an earlier life of this machine is still an etcd member, and its data is gone";
    // The cluster.
    ApiNotReady: "api-not-ready", Waits, "the cluster's API answers, but is not ready";
    ApiUnavailable: "api-unavailable", Retries, "the API server does not do what was asked, this time";
    ApiRefuses: "api-refuses", Halts(Broken), "the API server refuses an object for good";
    InitUnfinished: "init-unfinished", Waits, "kubeadm init has not yet given bootstrappers their rights";
    TurnTaken: "turn-taken", Waits, "another control plane is joining";
    EtcdUnfit: "etcd-unfit", Waits, "etcd is not fit for another member: a learner, an unhealthy member";
    NodeUnregistered: "node-unregistered", Waits, "the kubelet has not registered its Node yet";
    NodeNotReady: "node-not-ready", Waits, "the Node is not Ready, or its CNI pod is not";
    MemberNotVoting: "member-not-voting", Waits, "this machine's etcd member does not vote yet";
    NameTaken: "name-taken", Halts(Broken), "another machine is the Node of this name";
    // kubeadm.
    ConfigRefused: "config-refused", Halts(Input), "kubeadm, or a program that it starts, refuses the configuration";
    KubeadmRefuses: "kubeadm-refuses", Halts(Broken), "kubeadm's own preflight finds the machine unfit";
    ImagePull: "image-pull", Retries, "an image can't be pulled";
    PortTaken: "port-taken", Halts(Broken), "another program listens at a port of Kubernetes";
    PkiTorn: "pki-torn", Halts(Broken), "a certificate, key or kubeconfig is empty, cut off, or without its pair";
    KubeletUnhealthy: "kubelet-unhealthy", Retries, "the kubelet does not run";
    EtcdUnhealthy: "etcd-unhealthy", Retries, "this machine's etcd does not serve";
    EtcdMemberMismatch: "etcd-member-mismatch", Halts(Broken), "this machine's etcd data and its cluster's list of members don't fit";
    ApiserverUnhealthy: "apiserver-unhealthy", Retries, "this machine's API server does not serve";
    ControlPlaneUnhealthy: "control-plane-unhealthy", Retries, "this machine's scheduler or controller manager does not get healthy";
    TlsBootstrap: "tls-bootstrap", Retries, "the kubelet gets no client certificate";
    ClusterInfoUnsigned: "cluster-info-unsigned", Waits, "ConfigMap cluster-info is not signed with the bootstrap token";
    NodeStands: "node-stands", Retries, "a Ready Node of this name is in the cluster: another machine's, or this one's of before";
    KubeadmFailed: "kubeadm-failed", Retries, "kubeadm failed in a way that has no name here";
    EffectMissing: "effect-missing", Halts(Broken), "a step ran without an error, but its effect is not there";
    // kubeboot.
    Bug: "bug", Halts(Bug), "kubeboot contradicts itself";
}

impl Failure {
    /// Stable, kebab-case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What kubeboot does about it.
    #[must_use]
    pub const fn handling(self) -> Handling {
        self.row().1
    }

    /// What it means, for a person.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    /// The class, and with it the exit code, of a run that it ends.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.handling() {
            Waits | Retries => Class::Transient,
            Halts(class) => class,
        }
    }

    /// The failure as a look sees it.
    #[must_use]
    pub fn seen(self, line: impl Into<String>) -> Seen {
        Seen { failure: self, line: line.into() }
    }
}

/// What a look saw instead of what it looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub failure: Failure,
    /// In words, without secrets.
    pub line: String,
}
