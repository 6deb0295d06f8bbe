//! Every rejected document against its golden text: all violations, with place and advice, and no secret in any.

use std::fs;

use kubeboot::document::{read_cluster, read_node};
use kubeboot::failure::Failure;

use super::{document, fixtures, folder, read};

#[test]
fn every_rejected_document_says_exactly_what_is_wrong() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let all = fixtures("reject");
    assert!(all.len() >= 60, "only {} fixtures were found", all.len());
    for (name, bytes) in all {
        let said = match read(&name, &bytes) {
            Ok(()) => {
                wrong.push(format!("{name}: was accepted"));
                continue;
            }
            Err(violations) => violations.to_string(),
        };
        let golden = folder("reject").join(&name).with_extension("txt");
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{name}: expected\n{expected}said\n{said}"));
            if update {
                fs::write(&golden, &said).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} golden files differ; UPDATE=1 rewrites them", wrong.join("\n"), wrong.len());
}

#[test]
fn every_golden_file_has_its_document() {
    let documents: Vec<_> = fixtures("reject").into_iter().map(|(name, _)| folder("reject").join(name).with_extension("txt")).collect();
    for entry in fs::read_dir(folder("reject")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            assert!(documents.contains(&path), "{} is left over", path.display());
        }
    }
}

/// What the fixtures hold of secrets, by the bytes that would show them.
const PLANTED: [&str; 7] =
    ["1234567890123456", "hunter2", "HUNTER2", "0123456789abcdef", "9f86d081884c7d65", "MIGHAgEAMBMGByqGSM49", "lAWndHWI2c9vbs1z"];

fn shows_a_secret(text: &str) -> Option<&'static str> {
    PLANTED.into_iter().find(|secret| text.contains(secret))
}

#[test]
fn no_violation_shows_a_secret() {
    assert_eq!(shows_a_secret("bootstrapToken: abcdef.0123456789abcdef is wrong"), Some("0123456789abcdef"));
    let mut holding = 0;
    let mut unseen: Vec<&str> = PLANTED.to_vec();
    for (name, bytes) in fixtures("reject") {
        let text = String::from_utf8_lossy(&bytes);
        unseen.retain(|secret| !text.contains(secret));
        holding += usize::from(shows_a_secret(&text).is_some());
        if let Err(violations) = read(&name, &bytes) {
            let said = format!("{violations}\n{violations:?}\n{}", violations.clone().into_fault());
            assert_eq!(shows_a_secret(&said), None, "{name}: {said}");
        }
    }
    assert!(unseen.is_empty(), "no fixture holds {unseen:?}");
    assert!(holding > 40, "the fixtures hold hardly any secret: {holding}");
}

#[test]
fn violations_become_one_fault_of_class_input() {
    let fault = read_node(&document("/etc/kubeboot/node.yaml", b"kind: Node\nfoo: bar\n")).unwrap_err().into_fault();
    assert_eq!(fault.failure(), Failure::DocumentInvalid);
    assert_eq!(fault.class().exit_code(), 65);
    assert_eq!(fault.at(), "/etc/kubeboot/node.yaml:1:1");
    assert!(fault.why().unwrap().contains("/etc/kubeboot/node.yaml:1:1: apiVersion: this field is required"), "{fault}");
}

#[test]
fn input_of_more_than_a_mebibyte_is_refused_unread() {
    let violations = read_node(&document("big", &vec![b'#'; (1 << 20) + 1])).unwrap_err();
    assert_eq!(violations.to_string(), "big:1:1: the input has 1048577 bytes; a document has at most 1048576\n");
}

#[test]
fn too_many_values_are_refused() {
    let text = format!("apiVersion: kubeboot/v1alpha1\npeers: [{}]\n", "a,".repeat(20_001));
    let violations = read_node(&document("many", text.as_bytes())).unwrap_err();
    assert!(violations.to_string().contains("there are more than 20000 values"), "{violations}");
}

/// As many as a count can count.
#[test]
fn addresses_of_control_planes_are_bounded_and_each_is_there_once() {
    let read = |addresses: &[String]| {
        let text = format!(
            "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\ncontrolPlaneEndpoint: a.test:6443\n\
             cni: {{name: none}}\ncontrolPlane: {{addresses: [{}]}}\n",
            addresses.join(", ")
        );
        let spec = read_cluster(&document("cluster.yaml", text.as_bytes()));
        spec.map(|spec| spec.control_plane.addresses.len()).map_err(|violations| violations.list().to_vec())
    };
    let mut addresses: Vec<String> = (0..10_000).map(|n| format!("192.168.{}.{}", n / 256, n % 256)).collect();
    assert_eq!(read(&addresses[..255]).unwrap(), 255);
    for count in [256, 10_000] {
        let [violation] = read(&addresses[..count]).unwrap_err().try_into().unwrap();
        assert_eq!(
            (violation.path.as_str(), violation.problem, violation.advice.as_str()),
            ("controlPlane.addresses", format!("there are {count} addresses of control planes"), "write at most 255, one of each")
        );
    }
    addresses[254] = addresses[0].clone();
    let [violation] = read(&addresses[..255]).unwrap_err().try_into().unwrap();
    assert_eq!((violation.path.as_str(), violation.problem.as_str()), ("controlPlane.addresses[254]", "192.168.0.0 is in the list twice"));
}
