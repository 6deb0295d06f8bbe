//! Plain scalars against what Kubernetes' own reader makes of them: `scalars.tsv` was written by sigs.k8s.io/yaml.

use kubeboot::document::read_node;
use serde_json::Value;

use super::{document, folder};

/// What we make of a plain scalar in a kubeadm document; `None` if it is refused as ambiguous.
fn ours(scalar: &str) -> Option<Value> {
    let mut text = std::fs::read_to_string(folder("accept").join("control-plane-references.yaml")).unwrap();
    text.push_str(&format!("---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nlist:\n- {scalar}\n"));
    match read_node(&document("scalar", text.as_bytes())) {
        Ok(spec) => Some(spec.overrides.kubelet.unwrap()["list"][0].clone()),
        Err(violations) => {
            let [violation] = violations.list() else { panic!("{violations}") };
            assert_eq!(violation.path, "KubeletConfiguration.list[0]");
            assert!(violation.problem.starts_with("YAML readers take this value for a"), "{violations}");
            None
        }
    }
}

#[test]
fn what_is_accepted_is_what_kubernetes_reads() {
    let table = std::fs::read_to_string(folder("scalars.tsv")).unwrap();
    let mut accepted = Vec::new();
    let mut refused = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with("# ")) {
        let (scalar, theirs) = line.split_once('\t').unwrap();
        match ours(scalar) {
            Some(value) => {
                assert_eq!(Some(value), serde_json::from_str(theirs).ok(), "{scalar}");
                accepted.push(scalar);
            }
            None => refused.push(scalar),
        }
    }
    for scalar in
        ["true", "false", "null", "~", "0", "-1", "18446744073709551615", "1.5", "0.1", "2026-11-24", "1:30", "v1.37.2", "nan", "0o8"]
    {
        assert!(accepted.contains(&scalar), "{scalar} was refused");
    }
    for scalar in ["yes", "off", "y", "True", "0644", "0o17", "0x1F", "1_000", "1.10", "1.0", "1e3", ".inf", "+1", "08", "-0"] {
        assert!(refused.contains(&scalar), "{scalar} was accepted");
    }
}

#[test]
fn quoted_scalars_are_text_whatever_they_look_like() {
    for scalar in ["yes", "0644", "null", "1.10", ""] {
        assert_eq!(ours(&format!("\"{scalar}\"")), Some(Value::String(scalar.to_owned())));
        assert_eq!(ours(&format!("'{scalar}'")), Some(Value::String(scalar.to_owned())));
    }
}
