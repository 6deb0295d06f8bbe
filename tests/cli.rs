//! The binary: exit codes and which stream says what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use kubeboot::cli::status::{self, StatusArgs};
use kubeboot::failure::Failure;

fn kubeboot(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubeboot")).args(arguments).stdin(Stdio::null()).env_clear().output().unwrap()
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/document").join(name).to_str().unwrap().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code, standard output, standard error.
fn said(arguments: &[&str]) -> (i32, String, String) {
    let output = kubeboot(arguments);
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_wrong_command_line_is_2() {
    for arguments in
        [&[][..], &["frobnicate"], &["plan"], &["plan", "a", "b"], &["run", "--insecure"], &["mint", "x"], &["status", "--yaml"]]
    {
        let (code, out, err) = said(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains("Usage: kubeboot"), "{arguments:?}: {err}");
    }
}

#[test]
fn help_and_version_are_asked_for_and_so_no_error() {
    let (code, out, err) = said(&["--version"]);
    assert_eq!((code, out, err.as_str()), (0, format!("kubeboot {}\n", env!("CARGO_PKG_VERSION")), ""));
    let (code, out, _) = said(&["--help"]);
    assert_eq!(code, 0);
    for subcommand in ["run", "status", "plan", "check", "mint", "schema", "completions", "man"] {
        assert!(out.lines().any(|line| line.trim_start().starts_with(subcommand)), "{subcommand}: {out}");
    }
}

#[test]
fn a_plan_goes_to_standard_output() {
    let (code, out, err) = said(&["plan", &fixture("accept/worker-token.yaml")]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("This machine joins the cluster (`kubeadm join`):\n  1. preflight "), "{out}");
    assert!(out.contains("\nkubeadm join reads:\n---\n{\n"), "{out}");
    let (code, out, _) = said(&["plan", &fixture("accept/control-plane-init.yaml")]);
    assert_eq!(code, 0);
    assert!(out.starts_with("If nobody serves api.prod.example.com:6443 yet:\n\nThis machine starts the cluster"), "{out}");
    assert!(out.contains("\nIf the cluster is alive already:\n\nThis machine joins the cluster"), "{out}");
}

#[test]
fn a_plan_for_tools_with_the_facts_of_a_machine() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
    let facts =
        r#"{"hostname": "w-9", "addresses": [{"interface": "eth0", "address": "10.0.0.9", "prefix": 24}], "defaultInterface": "eth0"}"#;
    std::fs::write(&good, facts).unwrap();
    std::fs::write(&bad, facts.replace("hostname", "hostnam")).unwrap();
    let twice = folder.path().join("twice.json");
    std::fs::write(&twice, facts.replacen('{', "{\"hostname\": \"w-8\", ", 1)).unwrap();
    let document = fixture("accept/worker-token.yaml");
    let (code, out, err) = said(&["plan", &document, "--json", "--facts", good.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["kind"], &told["node"], &told["address"]), (&"Plan".into(), &"w-9".into(), &"10.0.0.9".into()));
    assert_eq!(told["courses"][0]["kubeadm"][0]["nodeRegistration"]["name"], "w-9");
    for (path, why) in [
        (&bad, "unknown field `hostnam`, expected one of `hostname`"),
        (&twice, "duplicate field `hostname`"),
        (&folder.path().join("none.json"), "no such file"),
    ] {
        let (code, out, err) = said(&["plan", &document, "--facts", path.to_str().unwrap()]);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(why) && err.contains(path.to_str().unwrap()), "{err}");
    }
}

#[test]
fn schemas_go_to_standard_output() {
    for (kind, title) in [("node", "kind: Node"), ("cluster", "kind: Cluster")] {
        let (code, out, err) = said(&["schema", kind]);
        assert_eq!((code, err.as_str()), (0, ""));
        let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(schema["title"].as_str().unwrap().contains(title), "{out}");
    }
    let (code, _, err) = said(&["schema", "pod"]);
    assert_eq!(code, 2);
    assert!(err.contains("node, cluster"), "{err}");
}

/// A disk that is full where the output goes; a reader that goes away is nobody's fault.
#[test]
fn output_that_is_not_whole_is_no_success() {
    let to = |file: std::fs::File| {
        let output = Command::new(env!("CARGO_BIN_EXE_kubeboot")).args(["schema", "node"]).stdout(file).output().unwrap();
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let (code, err) = to(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(code, 69);
    assert!(err.starts_with("kubeboot: standard output can't be written, and what is there is not whole: "), "{err}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(to(std::os::fd::OwnedFd::from(writer).into()), (0, String::new()));
}

#[test]
fn completions_and_man_pages_know_every_subcommand() {
    for (shell, mark) in [("bash", "complete -F _kubeboot"), ("zsh", "#compdef kubeboot"), ("fish", "complete -c kubeboot")] {
        let (code, out, err) = said(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains(mark) && out.contains("valid-for") && out.contains("break-glass"), "{shell}: {out}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = said(&["man", folder.path().to_str().unwrap()]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    for page in ["kubeboot.1", "kubeboot-run.1", "kubeboot-status.1", "kubeboot-plan.1", "kubeboot-check.1", "kubeboot-mint.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".TH kubeboot") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let (code, _, err) = said(&["man", "/nonexistent"]);
    assert_eq!(code, 65, "{err}");
    assert!(err.contains("/nonexistent") && err.contains("name a folder that exists"), "{err}");
}

#[test]
fn a_relative_path_is_as_good() {
    let folder = fixture("accept");
    let output = Command::new(env!("CARGO_BIN_EXE_kubeboot")).args(["plan", "worker-token.yaml"]).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_document_is_65_with_all_its_violations() {
    let folder = std::env::temp_dir().join(format!("kubeboot-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("node.yaml");
    std::fs::write(
        &path,
        "apiVersion: kubeboot/v1alpha1\nkind: Node\ncluster: prod\nrole: wroker\nkubernetesVersion: 1.37\nkubernetesVerison: v1\n",
    )
    .unwrap();
    let (code, out, err) = said(&["plan", path.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((code, out.as_str()), (65, ""), "{err}");
    assert!(err.starts_with("kubeboot: "), "{err}");
    for part in ["node.yaml:4:7", "node.yaml:5:20", "node.yaml:6:1", "wroker", "controlPlaneEndpoint", "discovery"] {
        assert!(err.contains(part), "`{part}` is not in\n{err}");
    }
}

#[test]
fn a_document_that_is_not_there_is_65() {
    let (code, out, err) = said(&["plan", "/nonexistent/node.yaml"]);
    assert_eq!((code, out.as_str()), (65, ""), "{err}");
    assert!(err.contains("/nonexistent/node.yaml") && err.contains("do:"), "{err}");
}

#[test]
fn a_machine_where_nothing_ran_has_a_status_for_people_and_none_for_tools() {
    if Path::new("/run/kubeboot").exists() || Path::new("/var/lib/kubeboot").exists() {
        // Only on a machine that kubeboot boots; the cluster tier looks there.
        return;
    }
    let (code, out, err) = said(&["status"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "kubeboot has not run since this machine booted; see `systemctl status kubeboot`\n");
    let mut out = tempfile::tempfile().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fault = runtime.block_on(status::run(&StatusArgs { json: true, watch: false }, &mut out)).unwrap_err();
    assert_eq!(fault.failure(), Failure::NeverRan);
    let (code, out, err) = said(&["status", "--json"]);
    assert_eq!((code, out.as_str()), (69, ""));
    assert!(
        err.starts_with("kubeboot: kubeboot has not run since this machine booted\n  where:  /run/kubeboot/status.json\n  do:     "),
        "{err}"
    );
}

/// A report in a mount namespace with a /run of its own, watched: what was printed, and the exit code. Each report but the
/// first is put there once something of the one before was read.
fn watched(reports: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for (index, report) in reports.iter().enumerate() {
        std::fs::write(folder.path().join(index.to_string()), report).unwrap();
    }
    let put = |index: usize| {
        format!("cp {0}/{index} /run/kubeboot/new && mv /run/kubeboot/new /run/kubeboot/status.json", folder.path().display())
    };
    let then: String = (1..reports.len()).map(|index| format!("read -r line; echo \"$line\"; {}; ", put(index))).collect();
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p /run/kubeboot && {} && {{ {} status --watch && code=0 || code=$?; echo \"code $code\"; }} | {{ {then} cat; }}",
        put(0),
        env!("CARGO_BIN_EXE_kubeboot")
    );
    let output = Command::new("unshare").args(["-rm", "sh", "-ec", &script]).output().unwrap();
    let out = text(&output.stdout);
    let (told, code) = out.trim_end().rsplit_once("code ").unwrap_or_else(|| panic!("{out}{}", text(&output.stderr)));
    (code.parse().unwrap(), told.to_owned())
}

#[test]
fn a_watched_first_boot_is_shown_until_it_has_ended_for_good() {
    let golden = |name: &str| std::fs::read_to_string(format!("{}/tests/golden/report/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // Exit code 75 is not the end: the unit begins anew.
    let (code, told) = watched(&[&golden("running"), &golden("failed"), &golden("done")]);
    assert_eq!(code, 0);
    let heads: Vec<&str> = told.lines().filter(|line| line.starts_with("kubeboot ")).collect();
    assert_eq!(heads.first().map(|line| line.ends_with(": running")), Some(true), "{told}");
    assert_eq!(heads.last().map(|line| line.ends_with(": done")), Some(true), "{told}");
    assert!(!told.contains('\x1b'), "it is no terminal");
    let refused = golden("failed").replace("\"exitCode\": 75", "\"exitCode\": 65");
    let (code, told) = watched(&[&refused]);
    assert_eq!(code, 65);
    assert!(told.contains("failed (exit code 65)"), "{told}");
}
