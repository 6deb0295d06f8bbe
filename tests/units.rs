//! The units, judged by systemd itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::Command;

/// What `systemd-analyze verify` says about a unit's text, with the agent of this build in the place of the installed one.
fn verify(name: &str, text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text.replace("/usr/bin/kubeboot", env!("CARGO_BIN_EXE_kubeboot"))).unwrap();
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&file)
        .output()
        .expect("systemd-analyze is not installed: apt-get install systemd");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name)).unwrap()
}

#[test]
fn systemd_finds_nothing_to_say_about_the_service() {
    assert_eq!(verify("kubeboot.service", &unit("kubeboot.service")), (true, String::new()));
}

#[test]
fn systemd_would_find_a_mistake_in_the_service() {
    let spoiled = unit("kubeboot.service").replace("KillMode=mixed", "KillMode=mixed\nKillMod=mixed");
    let (_, said) = verify("kubeboot.service", &spoiled);
    assert!(said.contains("KillMod"), "{said}");
}

/// Design §8: the unit holds nothing up, follows no stage that follows it, and starts again only when that can help.
#[test]
fn the_service_keeps_the_promises_of_its_comments() {
    let text = unit("kubeboot.service");
    let values = |key: &str| -> Vec<&str> {
        text.lines().filter_map(|line| line.split_once('=')).filter(|(k, _)| *k == key).flat_map(|(_, v)| v.split_whitespace()).collect()
    };
    assert_eq!(values("Type"), ["exec"]);
    assert!(!values("After").iter().any(|unit| ["cloud-final.service", "multi-user.target", "network-online.target"].contains(unit)));
    assert_eq!(values("Before"), [""; 0]);
    assert_eq!((values("Restart"), values("RestartForceExitStatus")), (vec!["on-abnormal"], vec!["75"]));
    assert_eq!(values("RequiresMountsFor"), ["/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/kubeboot"]);
    assert_eq!(values("ConditionPathExists"), ["!/var/lib/kubeboot/done/%m"]);
}

#[test]
fn systemd_finds_nothing_to_say_about_the_unit_of_clones() {
    assert_eq!(verify("kubeboot-cloned.service", &unit("kubeboot-cloned.service")), (true, String::new()));
}

/// It runs where kubeboot.service would run as well, and only beside another machine's marker; once.
#[test]
fn the_unit_of_clones_is_for_clones_alone() {
    let text = unit("kubeboot-cloned.service");
    let conditions: Vec<&str> = text.lines().filter(|line| line.starts_with("Condition")).collect();
    assert_eq!(conditions, ["ConditionDirectoryNotEmpty=/var/lib/kubeboot/done", "ConditionPathExists=!/var/lib/kubeboot/done/%m"]);
    assert!(!text.lines().any(|line| line.starts_with("Restart")), "only a person can help");
    let start = |text: &str| text.lines().find(|line| line.starts_with("ExecStart=")).map(str::to_owned);
    assert_eq!(start(&text), start(&unit("kubeboot.service")));
}

#[test]
fn every_directive_has_a_comment_of_its_own_or_its_neighbour() {
    for name in ["kubeboot.service", "kubeboot-cloned.service"] {
        let text = unit(name);
        let mut commented = false;
        for line in text.lines() {
            match line {
                "" => commented = false,
                line if line.starts_with('[') => commented = false,
                line if line.starts_with('#') => commented = true,
                line => assert!(commented, "{name}: no comment above {line}"),
            }
        }
    }
}
