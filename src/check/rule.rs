//! What `check` knows: one closed table of rules, their names and how much they matter.

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A machine would refuse the document, or the cluster would not work.
    Error,
    /// It works, but hardly as intended, or not for long.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// In one lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! rules {
    ($($(#[$meaning:meta])* $rule:ident = $name:literal, $severity:ident;)*) => {
        /// One rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[$meaning])* $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// Its name, stable for tools.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

rules! {
    /// What every machine, or mint, refuses.
    Document = "document", Error;
    /// What is around the document can't be taken off, or holds none.
    Wrapping = "wrapping", Error;
    /// A field that kubeadm's strict decoding refuses.
    KubeadmField = "kubeadm-field", Error;
    /// A feature gate that this version of kubeadm does not have.
    FeatureGate = "feature-gate", Error;
    /// `kubeadm config validate` refuses what would be rendered.
    KubeadmValidate = "kubeadm-validate", Error;
    /// No kubeadm of the document's minor is on PATH.
    KubeadmAbsent = "kubeadm-absent", Note;
    /// The kubeadm on PATH does not run.
    KubeadmSilent = "kubeadm-silent", Warning;
    /// The endpoint is an address.
    EndpointAddress = "endpoint-address", Warning;
    /// A certificate is past its end.
    Expired = "expired", Error;
    /// A certificate or the window ends within an hour.
    ExpiresSoon = "expires-soon", Warning;
    /// A certificate is not valid yet.
    NotYetValid = "not-yet-valid", Warning;
    /// The window of `initialize` is past: the machine starts no cluster, but still joins one.
    WindowPast = "window-past", Warning;
    /// The bundle is not opened by the key beside it.
    BundleKey = "bundle-key", Error;
    /// The bundle's CA is not the one of discovery.
    BundleCa = "bundle-ca", Error;
    /// What is in the bundle is torn or does not belong together.
    BundleContents = "bundle-contents", Error;
    /// The file of the bundle is not the one that the document's sha256 means.
    BundlePin = "bundle-pin", Error;
    /// An address of a machine lies in the pod or service network.
    NodeInNetwork = "node-in-network", Error;
    /// Addresses of machines may lie in the pod or service network.
    NetworkOverlap = "network-overlap", Warning;
    /// The CNI's manifest that is at hand is none, or one that a machine refuses.
    CniManifest = "cni-manifest", Error;
    /// The CNI gives pods addresses out of another network than the pod subnet.
    CniNetwork = "cni-network", Warning;
    /// The CNI's manifest is not at hand, and as it is shipped it has another network.
    CniUnseen = "cni-unseen", Note;
    /// More than a platform takes as userdata.
    Size = "size", Warning;
    /// An even number of control planes bears no more failures than one less.
    EvenControlPlanes = "even-control-planes", Warning;
    /// Two documents of a folder may each start a cluster.
    TwoInitialisers = "two-initialisers", Error;
    /// Documents of a folder are of different clusters.
    ClusterDiffers = "cluster-differs", Error;
    /// Documents of a folder name different endpoints.
    EndpointDiffers = "endpoint-differs", Error;
    /// Documents of a folder are for different versions.
    VersionDiffers = "version-differs", Warning;
    /// Credentials and windows of a folder do not end together.
    WindowDiffers = "window-differs", Warning;
    /// What is named, or lies in a folder under a document's name, can't be read.
    Unreadable = "unreadable", Error;
    /// A folder that is named has no document in it.
    EmptyFolder = "empty-folder", Error;
    /// A file of a folder that is no document.
    Skipped = "skipped", Note;
}
