//! The binary: which stream says what, with which exit code.

use super::binary::{Folder, said};

const GOOD: &str = "accept/worker-token.yaml";
const WRONG: &str = "reject/everything-at-once.yaml";

#[test]
fn a_good_document_is_0() {
    let folder = Folder::new();
    let path = folder.write("node.yaml", &super::fixture(GOOD));
    let (code, out, err) = said(&[path.to_str().unwrap()], b"");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("1 file: 0 errors, 0 warnings\n"), "{out}");
    assert!(!out.contains('\u{1b}'), "no terminal, no colour: {out}");
}

#[test]
fn warnings_are_0() {
    let text = String::from_utf8(super::fixture(GOOD)).unwrap().replace("api.prod.example.com:6443", "192.0.2.10:6443");
    let (code, out, _) = said(&["-"], text.as_bytes());
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("warning[endpoint-address]") && out.contains("1 warning\n"), "{out}");
}

#[test]
fn errors_are_65_and_go_to_standard_output() {
    let (code, out, err) = said(&["-"], &super::fixture(WRONG));
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    assert!(out.contains(" --> <stdin>:5:20 (kubernetesVersion)\n"), "{out}");
}

#[test]
fn tools_get_json_with_the_same_exit_codes() {
    for (fixture, expected) in [(GOOD, 0), (WRONG, 65)] {
        let (code, out, err) = said(&["--json", "-"], &super::fixture(fixture));
        assert_eq!((code, err.as_str()), (expected, ""), "{out}");
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["errors"].as_u64().unwrap() > 0, expected == 65);
        assert_eq!(value["files"][0]["file"], "<stdin>");
    }
}

#[test]
fn a_wrong_command_line_is_2() {
    for arguments in [&[][..], &["--yaml", "x"], &["--json"]] {
        let (code, out, err) = said(arguments, b"");
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains("Usage: kubeboot"), "{err}");
    }
    let (code, out, err) = said(&["-", "-"], &super::fixture(GOOD));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("kubeboot: standard input is named twice, and can be read once\n"), "{err}");
}

#[test]
fn a_folder_is_read_two_folders_deep_without_its_keys() {
    let folder = Folder::new();
    folder.write("worker.yaml", &super::fixture(GOOD));
    folder.write("deployment.yaml", b"apiVersion: apps/v1\nkind: Deployment\n");
    folder.write("cloud-config.yaml", b"#cloud-config\npackages: [kubeboot]\n");
    folder.write("bundle.json", b"{}");
    folder.write("admin.conf", b"apiVersion: v1\nkind: Config\n");
    folder.write("pki/wrong.yaml", &super::fixture(WRONG));
    folder.write("a/b/c/wrong.yaml", &super::fixture(WRONG));
    let (code, out, _) = said(&[folder.path().to_str().unwrap()], b"");
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("note[skipped]") && out.contains("deployment.yaml"), "{out}");
    assert_eq!(out.matches("note[skipped]").count(), 2, "{out}");
    assert!(!out.contains("bundle.json") && !out.contains("admin.conf") && !out.contains("wrong.yaml"), "{out}");
    // What is broken was meant all the same.
    folder.write("a/torn.yaml", b"apiVersion: kubeboot/v1alpha1\nkind: Node\ncluster: {\n");
    folder.write("a/b/wrong.yaml", &super::fixture(WRONG));
    let (code, out, _) = said(&[folder.path().to_str().unwrap()], b"");
    assert_eq!(code, 65, "{out}");
    assert!(out.contains("a/b/wrong.yaml:5:20") && out.contains("a/torn.yaml:"), "{out}");
}
