//! What this machine is: only what can't change during a run. Whatever the run changes is a step's check instead.

use std::net::IpAddr;

use serde::Deserialize;

/// One address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InterfaceAddress {
    /// Interface name, `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Prefix length, bits.
    pub prefix: u8,
}

/// Facts about the machine, read once at the start; `kubeboot plan --facts` reads them from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Facts {
    /// Kernel hostname, uname(2).
    pub hostname: String,
    /// /etc/machine-id: 32 lower-case hex digits; empty if missing or uninitialised.
    pub machine_id: String,
    /// Effective user id.
    pub uid: u32,
    /// Addresses of interfaces that are up, loopback and link-local ones left out.
    pub addresses: Vec<InterfaceAddress>,
    /// Interface of the default route with the lowest metric (IPv4 first), if there is one.
    pub default_interface: Option<String>,
    /// Processors online.
    pub processors: usize,
    /// MemTotal, bytes.
    pub memory: u64,
    /// Names of the active swap areas (/proc/swaps).
    pub swaps: Vec<String>,
    /// Those of kubeboot's state folders (`/etc/kubernetes`, `/var/lib/kubelet`, `/var/lib/etcd`, `/var/lib/kubeboot`)
    /// that lie on a file system that does not outlive a power cycle (tmpfs, ramfs, overlay with a tmpfs upper folder).
    pub volatile: Vec<String>,
    /// Kernel command line, /proc/cmdline.
    pub command_line: String,
    /// SMBIOS product UUID, lower case, if the platform has one (/sys/class/dmi/id/product_uuid).
    pub system_uuid: Option<String>,
    /// SMBIOS product serial, if the platform has one.
    pub serial: Option<String>,
    /// Hardware addresses of the interfaces, lower case with colons.
    pub hardware_addresses: Vec<String>,
}
