use std::path::Path;

use kubeboot::facts::Facts;
use kubeboot::host::Host;

use super::host;

/// A machine made of these files.
async fn facts(files: &[(&str, &str)]) -> Facts {
    let (folder, host) = host();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    host.facts().await.unwrap()
}

#[tokio::test]
async fn a_machine_is_read_from_its_files() {
    let facts = facts(&[
        ("proc/sys/kernel/hostname", "cp-1\n"),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("sys/devices/system/cpu/online", "0-2,7\n"),
        ("proc/meminfo", "MemTotal:        2048000 kB\nMemFree: 1 kB\n"),
        ("proc/swaps", "Filename\t\t\t\tType\t\tSize\n/dev/sda2                               partition\t1\t0\t-2\n/a\\040b file 1 0 -3\n"),
        ("proc/cmdline", "root=/dev/vda1 ro\n"),
        ("sys/class/dmi/id/product_uuid", "4C4C4544-0000-1111-2222-333344445555\n"),
        ("sys/class/dmi/id/product_serial", "ABC123\n"),
        ("sys/class/net/lo/address", "00:00:00:00:00:00\n"),
        ("sys/class/net/eth0/address", "52:54:00:AB:cd:01\n"),
        ("sys/class/net/bonding_masters", "\n"),
    ])
    .await;
    assert_eq!(facts.hostname, "cp-1");
    assert_eq!(facts.machine_id, "0123456789abcdef0123456789abcdef");
    assert_eq!((facts.processors, facts.memory), (4, 2_048_000 * 1024));
    assert_eq!(facts.swaps, ["/dev/sda2", "/a b"]);
    assert_eq!(facts.command_line, "root=/dev/vda1 ro");
    assert_eq!(facts.system_uuid.as_deref(), Some("4c4c4544-0000-1111-2222-333344445555"));
    assert_eq!(facts.serial.as_deref(), Some("ABC123"));
    assert_eq!(facts.hardware_addresses, ["52:54:00:ab:cd:01"]);
    assert_eq!(facts.default_interface, None);
}

#[tokio::test]
async fn an_image_without_identity_has_none() {
    let facts = facts(&[("etc/machine-id", "uninitialized\n")]).await;
    assert_eq!(facts.machine_id, "");
    assert_eq!((facts.system_uuid, facts.serial), (None, None));
}

#[tokio::test]
async fn the_lowest_metric_of_the_default_routes_wins_and_ipv4_comes_first() {
    let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
    let four = format!(
        "{header}eth1\t00000000\t0100000A\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
         eth2\t00000000\t0100000A\t0203\t0\t0\t1\t00000000\t0\t0\t0\n\
         eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
         eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    );
    let zero = "00000000000000000000000000000000";
    let six = format!(
        "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n\
         {zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth6\n"
    );
    let both = facts(&[("proc/net/route", &four), ("proc/net/ipv6_route", &six)]).await;
    assert_eq!(both.default_interface.as_deref(), Some("eth0"));
    let only_six = facts(&[("proc/net/route", header), ("proc/net/ipv6_route", &six)]).await;
    assert_eq!(only_six.default_interface.as_deref(), Some("eth6"));
}

async fn volatile(mountinfo: &str) -> Vec<String> {
    facts(&[("proc/self/mountinfo", mountinfo)]).await.volatile
}

#[tokio::test]
async fn state_on_a_disk_is_not_volatile() {
    assert_eq!(volatile("20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n21 20 0:5 / /run rw - tmpfs tmpfs rw\n").await, [""; 0]);
}

#[tokio::test]
async fn a_root_in_memory_makes_all_state_volatile_but_what_has_a_disk_of_its_own() {
    let mounts =
        "20 1 0:1 / / rw - tmpfs none rw\n30 20 8:1 / /var/lib rw - xfs /dev/sda1 rw\n31 30 0:9 / /var/lib/etcd rw - ramfs none rw\n";
    assert_eq!(volatile(mounts).await, ["/etc/kubernetes", "/var/lib/etcd"]);
}

#[tokio::test]
async fn an_overlay_is_as_lasting_as_its_upper_folder() {
    let live =
        "20 1 0:30 / / rw - overlay live rw,lowerdir=/ro,upperdir=/run/up\\040per,workdir=/run/w\n21 20 0:5 / /run rw - tmpfs tmpfs rw\n";
    assert_eq!(volatile(live).await.len(), 4);
    let disk = "20 1 0:30 / / rw - overlay o rw,lowerdir=/ro,upperdir=/data/up,workdir=/data/w\n21 20 8:2 / /data rw - ext4 /dev/sda2 rw\n";
    assert_eq!(volatile(disk).await, [""; 0]);
    // Its upper folder lies on itself, as far as anybody can see: an initramfs hid it.
    assert_eq!(volatile("20 1 0:30 / / rw - overlay o rw,lowerdir=/ro,upperdir=/hidden/up,workdir=/w\n").await, [""; 0]);
}

#[tokio::test]
async fn a_state_folder_that_is_a_link_is_followed() {
    let (folder, host) = host();
    let at = |path: &str| folder.path().join(path);
    for path in ["proc/self", "var/lib", "data/etcd"] {
        std::fs::create_dir_all(at(path)).unwrap();
    }
    std::os::unix::fs::symlink("../../data/etcd", at("var/lib/etcd")).unwrap();
    std::fs::write(at("proc/self/mountinfo"), "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n21 20 0:5 / /data rw - tmpfs tmpfs rw\n").unwrap();
    assert_eq!(host.facts().await.unwrap().volatile, ["/var/lib/etcd"]);
}

/// This machine: what can be said of any.
#[tokio::test]
async fn addresses_of_this_machine_are_neither_loopback_nor_link_local() {
    let host = kubeboot::host::local::LocalHost::in_surroundings("/".into(), kubeboot::host::local::Surroundings::default());
    let facts = host.facts().await.unwrap();
    assert!(!facts.hostname.is_empty() && facts.memory > 0 && facts.processors > 0);
    for one in &facts.addresses {
        assert!(!one.address.is_loopback() && Path::new("/sys/class/net").join(&one.interface).exists(), "{one:?}");
        assert!(one.prefix > 0, "{one:?}");
    }
}
