//! Every path that kubeboot names, in one place. kubeadm's own are fixed by kubeadm's constants.

/// The shared and the node's own certificates.
pub const PKI: &str = "/etc/kubernetes/pki";
/// The kubelet's kubeconfig; its existence says that TLS bootstrap succeeded.
pub const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
/// kubeadm's kubeconfig of the group system:masters, init only.
pub const SUPER_ADMIN_CONF: &str = "/etc/kubernetes/super-admin.conf";
/// kubeadm's kubeconfig for TLS bootstrap, with the bootstrap credential in it; kubeadm removes it once it is done.
pub const BOOTSTRAP_KUBELET_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// All kubeconfigs that kubeadm and the kubelet make.
pub const KUBECONFIGS: [&str; 6] = [
    "/etc/kubernetes/admin.conf",
    SUPER_ADMIN_CONF,
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    KUBELET_CONF,
    BOOTSTRAP_KUBELET_CONF,
];
/// Static pod of the stacked etcd member.
pub const ETCD_MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";
/// etcd's data folder.
pub const ETCD_DATA: &str = "/var/lib/etcd";
/// What etcd keeps there: its being there says that a member lived here.
pub const ETCD_MEMBER: &str = "/var/lib/etcd/member";
/// Folder of its write-ahead log.
pub const ETCD_LOG: &str = "/var/lib/etcd/member/wal";
/// Folders that must outlive a power cycle.
pub const STATE_FOLDERS: [&str; 4] = ["/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/kubeboot"];
/// Where the kubelet has the logs of containers: `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log`.
pub const POD_LOGS: &str = "/var/log/pods";
/// kubeboot's record of what it did, one JSON object a line.
pub const LEDGER: &str = "/var/lib/kubeboot/ledger.jsonl";
/// One empty file per machine-id that finished its first boot here.
pub const DONE: &str = "/var/lib/kubeboot/done";
/// What happens now and what happened, for people and tools.
pub const STATUS: &str = "/run/kubeboot/status.json";
/// kubeadm's configuration and the discovery kubeconfig: on tmpfs, 0600, removed at the end.
pub const KUBEADM: &str = "/run/kubeboot/kubeadm";
/// Configuration given to `kubeadm init`.
pub const INIT_CONFIG: &str = "/run/kubeboot/kubeadm/init.json";
/// Configuration given to `kubeadm join`.
pub const JOIN_CONFIG: &str = "/run/kubeboot/kubeadm/join.json";
/// Kubeconfig named by `discovery.file` of the join configuration.
pub const DISCOVERY: &str = "/run/kubeboot/kubeadm/discovery.conf";
/// Where images keep the manifest of `cni: {name: flannel}`.
pub const FLANNEL_MANIFEST: &str = "/usr/share/kubeboot/cni/flannel.yaml";
/// When this machine first and last looked at the endpoint in this boot.
pub const PACE: &str = "/run/kubeboot/pace.json";
/// Held by the agent at work.
pub const LOCK: &str = "/run/kubeboot/lock";
/// This program's unit.
pub const UNIT: &str = "kubeboot.service";
