//! What is asked of a kubeadm on PATH, and that its answers are told: with stand-ins that answer as a test needs it. The
//! real ones are asked in `real_kubeadm`.

use std::fmt::Write;
use std::path::Path;

use super::binary::{Folder, breaking, cluster, minted, owned, said_in, said_with};

/// A kubeadm of this version on PATH that keeps every configuration it is shown, and refuses those that hold a word.
fn stand_in(folder: &Folder, version: &str, refused: &str) -> String {
    let asked = folder.at("asked");
    let mut script = format!("#!/bin/sh\n[ \"$1\" = version ] && echo {version} && exit 0\n");
    writeln!(script, "[ \"$1 $2 $3\" = 'config validate --config' ] || exit 9\ncat \"$4\" >> {asked}\necho '# end' >> {asked}").unwrap();
    writeln!(script, "if grep -q '{refused}' \"$4\"; then echo 'error: strict decoding error: unknown field \"maxPodz\"' >&2; exit 1; fi")
        .unwrap();
    folder.program("bin/kubeadm", &script);
    folder.at("bin")
}

fn asked(folder: &Folder) -> String {
    std::fs::read_to_string(folder.at("asked")).unwrap_or_default()
}

#[test]
fn a_kubeadm_on_path_is_asked_about_each_machine_and_its_refusals_are_told() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    for (refused, expected) in [
        ("InitConfiguration", &["control-plane-init.yaml"][..]),
        ("ClusterConfiguration", &["control-plane-init.yaml"]),
        ("JoinConfiguration", &["control-plane-init.yaml", "control-plane.yaml", "worker.yaml"]),
        ("controlPlane\"", &["control-plane-init.yaml", "control-plane.yaml"]),
    ] {
        let path = stand_in(&folder, "v1.37.9", refused);
        let (code, out, _) = said_with(&path, &["--json", &documents], b"");
        assert_eq!((code, breaking(&out, "kubeadm-validate")), (65, owned(expected)), "{refused}: {out}");
        assert!(out.contains("kubeadm v1.37.9 refuses") && out.contains("unknown field `maxPodz`"), "{out}");
    }
    let path = stand_in(&folder, "v1.37.9", "no such word");
    let (code, out, _) = said_with(&path, &["--json", &documents], b"");
    assert_eq!(code, 0, "{out}");
    assert!(!out.contains("\"kubeadm-"), "{out}");
}

#[test]
fn what_is_the_same_for_many_machines_is_asked_once_and_holds_no_secret() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", "credential: bootstrapToken\n"));
    let worker = std::fs::read(Path::new(&documents).join("worker.yaml")).unwrap();
    folder.write("documents/worker-2.yaml", &worker);
    let path = stand_in(&folder, "v1.37.2", "JoinConfiguration");
    let (_, out, _) = said_with(&path, &["--json", &documents], b"");
    assert_eq!(breaking(&out, "kubeadm-validate").len(), 4, "{out}");
    let asked = asked(&folder);
    // The initialiser's two, of which a further control plane's is one, and a worker's.
    assert_eq!(asked.matches("# end").count(), 3, "{asked}");
    let text = String::from_utf8(worker).unwrap();
    let token = text.lines().find_map(|line| line.trim().strip_prefix("bootstrapToken: ")).unwrap().trim_matches('"');
    assert_eq!(token.len(), 23);
    assert!(asked.contains("000000.0000000000000000") && !asked.contains(token), "{asked}");
}

#[test]
fn a_kubeadm_of_another_minor_is_not_asked() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    let path = stand_in(&folder, "v1.36.3", "apiVersion");
    let (code, out, _) = said_with(&path, &["--json", &documents], b"");
    assert_eq!((code, asked(&folder).as_str()), (0, ""), "{out}");
    assert_eq!(breaking(&out, "kubeadm-absent"), ["kubeadm"], "once for all three: {out}");
    assert!(out.contains("this kubeadm is v1.36.3, and was not asked about documents for v1.37.2"), "{out}");
}

#[test]
fn path_is_the_person_s_and_no_folder_of_it_is_relative() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    let path = stand_in(&folder, "v1.37.2", "JoinConfiguration");
    // A file that is no program, and a folder that is none.
    folder.write("earlier/kubeadm", b"");
    let both = format!("{}:/nonexistent:{path}", folder.at("earlier"));
    let (code, out, _) = said_with(both, &["--json", &documents], b"");
    assert_eq!((code, breaking(&out, "kubeadm-validate").len()), (65, 3), "{out}");
    let relative = seen_from_here(&path);
    for path in ["", ".", relative.as_str()] {
        let (code, out, _) = said_with(path, &["--json", &documents], b"");
        assert_eq!((code, breaking(&out, "kubeadm-absent").len()), (0, 1), "{path}: {out}");
    }
}

/// The folder, seen from where tests run.
fn seen_from_here(path: &str) -> String {
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "../").collect::<String>();
    let relative = format!("{up}{}", path.trim_start_matches('/'));
    assert!(Path::new(&relative).join("kubeadm").is_file(), "{relative}");
    relative
}

#[test]
fn a_kubeadm_that_does_not_run_is_told_and_ends_nothing() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    for (script, why) in [
        ("\u{7f}ELF", "can't be started"),
        ("#!/bin/sh\nexit 1\n", "`kubeadm version` fails"),
        ("#!/bin/sh\necho hello\n", "it does not say its version"),
        ("#!/bin/sh\n[ \"$1\" = version ] && echo v1.37.2 && exit 0\nkill -9 $$\n", "it was ended by a signal"),
    ] {
        folder.program("bin/kubeadm", script);
        let (code, out, err) = said_with(folder.at("bin"), &["--json", &documents], b"");
        assert_eq!((code, err.as_str(), breaking(&out, "kubeadm-silent").len()), (0, "", 1), "{why}: {out}");
        assert!(out.contains(why), "{why}: {out}");
    }
}

#[test]
fn a_cluster_file_s_kubeadm_documents_are_judged_as_its_machines_would_give_them() {
    let folder = Folder::new();
    let kubelet = "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 90\n";
    let join = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\npatches: {directory: /etc/patches}\n";
    for (settings, refused, document) in [
        (kubelet.to_owned(), "maxPods", Some("control-plane-init.yaml")),
        (join.to_owned(), "/etc/patches", Some("control-plane-init.yaml")),
        ("workers: {gpu: {labels: {example.com/gpu: a100}}}\n".to_owned(), "gpu=a100", Some("worker-gpu.yaml")),
        // Keys of this kind are not made for a question: they would take seconds.
        (format!("encryptionAlgorithm: RSA-4096\n{kubelet}"), "RSA-4096", Some("control-plane-init.yaml")),
        (
            format!("initialize: {{claim: {{put: \"https://a.example.com\", get: \"https://a.example.com\"}}}}\n{kubelet}"),
            "maxPods",
            Some("control-plane.yaml"),
        ),
        (format!("pki: {{url: \"https://a.example.com/bundle.json\"}}\n{kubelet}{join}"), "no such word", None),
    ] {
        let path = stand_in(&folder, "v1.37.2", refused);
        let file = folder.write("cluster.yaml", cluster("v1.37.2", &settings).as_bytes());
        let (code, out, _) = said_with(&path, &["--json", file.to_str().unwrap()], b"");
        let (expected, files) = if document.is_some() { (65, owned(&["cluster.yaml"])) } else { (0, Vec::new()) };
        assert_eq!((code, breaking(&out, "kubeadm-validate")), (expected, files), "{settings}: {out}");
        assert!(document.is_none_or(|name| out.contains(&format!("by a machine with {name}: "))), "{out}");
    }
    // A cluster file that is wrong makes no machines; one for another version has its minor's kubeadm.
    let wrong = folder.write("cluster.yaml", cluster("v1.37.2", "clok: x\n").as_bytes());
    std::fs::remove_file(folder.at("asked")).unwrap();
    let path = stand_in(&folder, "v1.37.2", "apiVersion");
    let (code, out, _) = said_with(&path, &["--json", wrong.to_str().unwrap()], b"");
    assert_eq!((code, breaking(&out, "kubeadm-validate").len()), (65, 0), "{out}");
    let other = folder.write("cluster.yaml", cluster("v1.36.3", kubelet).as_bytes());
    let (code, out, _) = said_with(&path, &["--json", other.to_str().unwrap()], b"");
    assert_eq!((code, breaking(&out, "kubeadm-absent").len(), asked(&folder).as_str()), (0, 1, ""), "{out}");
}

#[test]
fn a_folder_for_temporary_files_that_can_t_be_written_is_told_and_in_another_nothing_is_left() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    let path = stand_in(&folder, "v1.37.2", "no such word");
    let environment = [("PATH", path.as_ref()), ("TMPDIR", "/nonexistent".as_ref())];
    let (code, out, _) = said_in(&environment, &["--json", &documents], b"");
    assert_eq!((code, breaking(&out, "kubeadm-silent").len()), (0, 1), "{out}");
    assert!(out.contains("TMPDIR has to be a folder that can be written (/nonexistent): "), "{out}");
    let temporary = folder.at("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let environment = [("PATH", path.as_ref()), ("TMPDIR", temporary.as_ref())];
    assert_eq!(said_in(&environment, &[&documents], b"").0, 0);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}
