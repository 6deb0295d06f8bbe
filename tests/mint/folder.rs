//! The folder: private, whole or not there at all, and never written over anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kubeboot::cli::mint::{MintArgs, run};
use kubeboot::document::read_node;
use kubeboot::failure::Failure;

use super::{CLUSTER, CONTROL_PLANE_INIT, DOCUMENTS, FILES, document};

pub fn arguments(folder: &Path) -> MintArgs {
    fs::write(folder.join("cluster.yaml"), CLUSTER).unwrap();
    let day = Duration::from_secs(86_400);
    MintArgs {
        cluster: folder.join("cluster.yaml"),
        out: folder.join("out"),
        from: None,
        pki: None,
        key_out: None,
        key: None,
        valid_for: day,
        admin_valid_for: None,
        break_glass: false,
        render: Vec::new(),
    }
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All files below a folder with their contents, by name.
pub fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            files.extend(tree(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn the_folder_is_private_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    let told = run(&arguments).unwrap();
    assert_eq!(names(folder.path()), ["cluster.yaml", "out"], "nothing is left beside");
    let mut expected = [&FILES[..], &[".gitignore"]].concat();
    expected.sort_unstable();
    let all = tree(&arguments.out);
    assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected);
    for (name, _) in &all {
        assert_eq!(mode(&arguments.out.join(name)), 0o600, "{name}");
    }
    for folder in ["", "pki", "pki/etcd"] {
        assert_eq!(mode(&arguments.out.join(folder)), 0o700, "{folder}");
    }
    assert_eq!(fs::read_to_string(arguments.out.join(".gitignore")).unwrap().lines().last(), Some("*"));
    for name in DOCUMENTS {
        let bytes = fs::read(arguments.out.join(name)).unwrap();
        read_node(&document(name, &bytes)).unwrap();
        assert!(told.contains(&format!("{name:<24} {:>6}", bytes.len())), "{told}");
    }
    // Told without secrets: no word of a document's secret part.
    let init = fs::read_to_string(arguments.out.join(CONTROL_PLANE_INIT)).unwrap();
    let secret = init.lines().find_map(|line| line.strip_prefix("certificateKey: ")).unwrap().trim_matches('"');
    assert_eq!(secret.len(), 64);
    assert!(!told.contains(secret));
    assert_eq!(fs::read_to_string(arguments.out.join("certificate-key")).unwrap(), format!("{secret}\n"));
    assert!(told.contains("\npki/ "), "{told}");
}

/// A terminal breaks lines wherever it likes; a command is there to be copied.
#[test]
fn what_is_printed_is_no_wider_than_a_hundred_columns() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = MintArgs { valid_for: Duration::from_secs(10 * 86_400), break_glass: true, ..arguments(folder.path()) };
    for (name, more) in [("url", "pki: {url: 'https://files.test/b'}\n"), ("disk", "pki: disk\n"), ("inline", "pki: inline\n")] {
        fs::write(&arguments.cluster, format!("{CLUSTER}{more}")).unwrap();
        let told = run(&MintArgs { out: folder.path().join(name), ..arguments.clone() }).unwrap();
        for line in told.lines().filter(|line| !line.contains("kubectl ")) {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(told.lines().filter(|line| line.starts_with("  ")).count() > 3, "{told}");
        assert!(told.contains(&format!(". kubectl --kubeconfig {} get nodes\n", folder.path().join(name).join("admin.conf").display())));
    }
}

#[test]
fn secrets_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    fs::create_dir(&arguments.out).unwrap();
    run(&arguments).expect("an empty folder is taken");
    assert_eq!(mode(&arguments.out), 0o700);
    let before = fs::read(arguments.out.join(CONTROL_PLANE_INIT)).unwrap();
    let fault = run(&arguments).unwrap_err();
    assert_eq!(fault.failure(), Failure::OutputFolder);
    assert_eq!(fault.what(), "the folder for the documents is not empty");
    assert_eq!(fs::read(arguments.out.join(CONTROL_PLANE_INIT)).unwrap(), before);
    let fault = run(&MintArgs { out: arguments.cluster.clone(), ..arguments.clone() }).unwrap_err();
    assert_eq!(fault.what(), "this can't be the folder for the documents");
    let fault = run(&MintArgs { out: folder.path().join("no/such/parent"), ..arguments.clone() }).unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::OutputFolder, "there is no folder in which this one could be made"));
    assert_eq!(names(folder.path()), ["cluster.yaml", "out"]);
    // A folder that is taken whole has a name, and is no link.
    fs::create_dir(folder.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("empty", folder.path().join("link")).unwrap();
    for place in ["link", "empty/.."] {
        let fault = run(&MintArgs { out: folder.path().join(place), ..arguments.clone() }).unwrap_err();
        let what = "this can't be the folder for the documents, which takes its place whole";
        assert_eq!((fault.failure(), fault.what()), (Failure::OutputFolder, what), "{place}");
    }
    // By another name the key is in the folder all the same.
    let key_out = Some(folder.path().join("link/key"));
    let fault = run(&MintArgs { out: folder.path().join("empty"), key_out, ..arguments }).unwrap_err();
    assert_eq!(fault.what(), "a key in the folder of the documents is not kept apart from them");
    assert_eq!(names(&folder.path().join("empty")), [""; 0]);
}

#[test]
fn bad_cluster_files_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    fs::write(&arguments.cluster, CLUSTER.replace("v1.37.2", "1.37")).unwrap();
    let fault = run(&arguments).unwrap_err();
    assert_eq!(fault.failure(), Failure::DocumentInvalid);
    assert!(fault.why().unwrap().contains("cluster.yaml:4:20: kubernetesVersion:"), "{fault}");
    fs::write(&arguments.cluster, vec![b'#'; (1 << 20) + 1]).unwrap();
    let fault = run(&arguments).unwrap_err();
    assert_eq!((fault.failure(), fault.why()), (Failure::ClusterFile, Some("it has more than 1048576 bytes")));
    fs::remove_file(&arguments.cluster).unwrap();
    assert_eq!(run(&arguments).unwrap_err().what(), "the cluster file can't be read");
    assert_eq!(names(folder.path()), [""; 0]);
}

/// The kernel ends it in the middle of a file, as a power cut would: nothing is where documents are looked for, and the half
/// that there is can be told by its name and read by nobody else.
#[test]
fn an_interrupted_mint_leaves_nothing_that_could_be_taken_for_documents() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    let line = "ulimit -f 2; exec \"$0\" mint cluster.yaml --out out --key-out key";
    let ended = Command::new("sh").args(["-c", line, env!("CARGO_BIN_EXE_kubeboot")]).current_dir(folder.path()).output().unwrap();
    assert_eq!(ended.status.signal(), Some(25), "SIGXFSZ: {}", String::from_utf8_lossy(&ended.stderr));
    let left = names(folder.path());
    assert_eq!((left.len(), left[1].as_str()), (2, "cluster.yaml"), "{left:?}");
    assert!(left[0].starts_with(".kubeboot-mint-"), "{left:?}");
    assert_eq!(mode(&folder.path().join(&left[0])), 0o700);
    run(&MintArgs { key_out: Some(folder.path().join("key")), ..arguments }).expect("nothing is in the way of the next one");
}
