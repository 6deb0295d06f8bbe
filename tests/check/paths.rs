//! Paths that are no files, files that can't be read, names that play with terminals: each is told, and the others judged.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::binary::{Folder, breaking, cluster, minted, owned, said};
use super::fixture;

const GOOD: &str = "accept/worker-token.yaml";
const WRONG: &str = "reject/everything-at-once.yaml";
const MEBIBYTE: usize = 1 << 20;

/// Everything that is no file that can be read, under names of documents, with the words for each.
fn odd(folder: &Folder) -> Vec<(&'static str, &'static str)> {
    std::fs::create_dir_all(folder.at("odd")).unwrap();
    symlink("/nonexistent", folder.at("odd/dangling.yaml")).unwrap();
    symlink("loop.yaml", folder.at("odd/loop.yaml")).unwrap();
    symlink("/dev/zero", folder.at("odd/device.json")).unwrap();
    // A file by its mode that nobody can read from its beginning, root neither.
    symlink("/proc/self/mem", folder.at("odd/memory.yml")).unwrap();
    nix::unistd::mkfifo(Path::new(&folder.at("odd/pipe.yaml")), nix::sys::stat::Mode::S_IRUSR).unwrap();
    // The name stays when the listener goes.
    drop(UnixListener::bind(folder.at("odd/socket.yaml")).unwrap());
    vec![
        ("dangling.yaml", "this link points to nothing"),
        ("device.json", "this is a device, not a file"),
        ("loop.yaml", "this can't be looked at: "),
        ("memory.yml", "can't read the file: "),
        ("pipe.yaml", "this is a pipe, not a file"),
        ("socket.yaml", "this is a socket, not a file"),
    ]
}

#[test]
fn what_can_t_be_read_is_told_and_the_others_are_judged() {
    let folder = Folder::new();
    let mut odd = odd(&folder);
    odd.push(("large.yaml", "the file is larger than 1048576 bytes"));
    folder.write("odd/large.yaml", &vec![b'#'; MEBIBYTE + 1]);
    odd.push(("absent.yaml", "there is no such file"));
    let wrong = folder.write("wrong.yaml", &fixture(WRONG));
    let mut named: Vec<String> = odd.iter().map(|(name, _)| folder.at(&format!("odd/{name}"))).collect();
    named.push(wrong.to_str().unwrap().to_owned());
    let mut arguments: Vec<&str> = named.iter().map(String::as_str).collect();
    let (code, out, err) = said(&arguments, b"");
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    for (name, words) in &odd {
        assert!(out.contains(&format!("error[unreadable]: {words}")) && out.contains(&format!("/odd/{name}\n")), "{name}: {out}");
    }
    assert!(out.contains("wrong.yaml:5:20 (kubernetesVersion)"), "{out}");
    assert!(out.contains(&format!("\n{} files: ", odd.len() + 1)), "{out}");
    arguments.insert(0, "--json");
    let (code, out, err) = said(&arguments, b"");
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    let names: Vec<&str> = odd.iter().map(|(name, _)| *name).collect();
    assert_eq!(breaking(&out, "unreadable"), owned(&names), "{out}");
    assert!(!breaking(&out, "document").is_empty(), "{out}");
}

#[test]
fn in_a_folder_too() {
    let folder = Folder::new();
    let odd = odd(&folder);
    folder.write("odd/wrong.yaml", &fixture(WRONG));
    // Larger than any document: another program's.
    folder.write("odd/manifest.yaml", &vec![b'#'; MEBIBYTE + 1]);
    let (code, out, err) = said(&["--json", &folder.at("odd")], b"");
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    let names: Vec<&str> = odd.iter().map(|(name, _)| *name).collect();
    assert_eq!(breaking(&out, "unreadable"), owned(&names), "{out}");
    assert_eq!(breaking(&out, "skipped"), ["manifest.yaml"], "{out}");
    assert!(!breaking(&out, "document").is_empty(), "{out}");
}

#[test]
fn what_mint_puts_beside_documents_may_be_odd_too() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", "pki: {url: \"https://a.example.com/bundle.json\"}\n"));
    let (code, out, _) = said(&["--json", &documents], b"");
    assert_eq!(code, 0, "{out}");
    // The first one is looked at as a file of the folder too, and as each document's CNI.
    for name in ["flannel.yaml", "bundle.json", "certificate-key"] {
        let path = Path::new(&documents).join(name);
        let _absent = std::fs::remove_file(&path);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    }
    let (code, out, _) = said(&["--json", &documents], b"");
    assert_eq!((code, breaking(&out, "unreadable")), (65, owned(&["flannel.yaml", "bundle.json", "certificate-key"])), "{out}");
}

#[test]
fn a_folder_without_documents_is_an_error_and_the_others_are_judged() {
    let folder = Folder::new();
    folder.write("empty/deployment.yaml", b"apiVersion: apps/v1\nkind: Deployment\n");
    folder.write("full/worker.yaml", &fixture(GOOD));
    let (code, out, err) = said(&["--json", &folder.at("empty"), &folder.at("full")], b"");
    assert_eq!((code, err.as_str(), breaking(&out, "empty-folder")), (65, "", owned(&["empty"])), "{out}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["files"].as_array().unwrap().len(), 1, "{out}");
}

#[test]
fn standard_input_has_a_limit() {
    let mut text = fixture(GOOD);
    text.resize(MEBIBYTE, b'\n');
    let (_, out, _) = said(&["--json", "-"], &text);
    assert_eq!(breaking(&out, "unreadable"), owned(&[]), "{out}");
    text.push(b'\n');
    let (code, out, err) = said(&["-"], &text);
    assert_eq!((code, err.as_str()), (65, ""), "{out}");
    assert!(out.starts_with("error[unreadable]: standard input is larger than 1048576 bytes\n --> <stdin>\n"), "{out}");
}

#[test]
fn a_file_that_is_named_twice_is_judged_once() {
    let folder = Folder::new();
    let documents = minted(&folder, &cluster("v1.37.2", ""));
    let file = format!("{documents}/control-plane-init.yaml");
    symlink(&file, folder.at("documents/link.yaml")).unwrap();
    let (code, out, _) = said(&["--json", &file, &documents, &file], b"");
    assert_eq!((code, breaking(&out, "two-initialisers").len()), (0, 0), "{out}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["files"].as_array().unwrap().len(), 3, "{out}");
}

/// Links that lead back would be followed for ever, or as often as there are ways.
#[test]
fn linked_folders_are_read_once() {
    let folder = Folder::new();
    folder.write("d/a.yaml", &fixture(GOOD));
    folder.write("d/z/b.yaml", &fixture(GOOD));
    folder.write("d/other.yaml", b"kind: Deployment\n");
    symlink("/nonexistent", folder.at("d/dangling.yaml")).unwrap();
    for number in 0..300 {
        symlink(".", folder.at(&format!("d/{number}"))).unwrap();
    }
    let (code, out, err) = said(&["--json", &folder.at("d")], b"");
    assert_eq!((code, err.as_str(), breaking(&out, "unreadable")), (65, "", owned(&["dangling.yaml"])), "{out}");
    assert_eq!(breaking(&out, "skipped"), ["other.yaml"], "{out}");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let names: Vec<&str> = value["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(names, [folder.at("d/a.yaml"), folder.at("d/z/b.yaml"), folder.at("d/dangling.yaml")]);
}

/// A name that is no text has an ending all the same.
#[test]
fn a_name_that_is_no_utf_8_is_one_of_the_folder() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    folder.write("d/a.yaml", &fixture(GOOD));
    let name = std::ffi::OsStr::from_bytes(b"wrong\xff.yaml");
    std::fs::write(Path::new(&folder.at("d")).join(name), fixture(WRONG)).unwrap();
    let (code, out, _) = said(&[&folder.at("d")], b"");
    assert!(code == 65 && out.contains("wrong\u{fffd}.yaml:5:20"), "{out}");
}

#[test]
fn names_do_not_reach_a_terminal_as_they_are() {
    const NAMES: [&str; 3] = ["\u{1b}[31mred\nnext.yaml", "a\u{202e}lmay.yaml", "b\u{9b}\u{200b}31m.yaml"];
    let folder = Folder::new();
    let text = String::from_utf8(fixture(GOOD)).unwrap();
    folder.write(NAMES[0], text.as_bytes());
    folder.write(NAMES[1], text.replace("cluster: prod", "cluster: test").as_bytes());
    folder.write(NAMES[2], "apiVersion: kubeboot/v1alpha1\nkind: Node\ncluster: \"a\u{202e}b\"\nrole: x\n".as_bytes());
    symlink("/nonexistent", folder.at("c\u{7}.yaml")).unwrap();
    let (code, out, _) = said(&[folder.path().to_str().unwrap()], b"");
    assert_eq!(code, 65, "{out}");
    let escaped = ["\\u{1b}[31mred\\nnext.yaml", "a\\u{202e}lmay.yaml", "b\\u{9b}\\u{200b}31m.yaml", "c\\u{7}.yaml"];
    for name in escaped {
        assert!(out.contains(name), "{name}: {out}");
    }
    // The name of another file, in a sentence.
    assert!(out.contains(&format!("/{} is of cluster prod", escaped[0])), "{out}");
    let raw: Vec<char> = out.chars().filter(|c| *c != '\n' && (c.is_control() || ('\u{200b}'..='\u{202e}').contains(c))).collect();
    assert!(raw.is_empty(), "{raw:?} {out}");
    let (_, out, _) = said(&["--json", folder.path().to_str().unwrap()], b"");
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(value["files"][0]["file"].as_str().unwrap().ends_with(NAMES[0]), "{out}");
}

#[test]
fn a_thousand_documents_are_enough() {
    let folder = Folder::new();
    for number in 0..1001 {
        folder.write(&format!("d/{number}.yaml"), b"apiVersion: kubeboot/v1alpha1\n");
    }
    let (code, out, err) = said(&[&folder.at("d")], b"");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("kubeboot: there are more than 1000 documents\n"), "{err}");
    std::fs::remove_file(folder.at("d/7.yaml")).unwrap();
    let (code, out, _) = said(&[&folder.at("d")], b"");
    assert!(code == 65 && out.contains("\n1000 files: "), "{code}");
    let more = folder.write("more.yaml", b"apiVersion: kubeboot/v1alpha1\n");
    assert_eq!(said(&[&folder.at("d"), more.to_str().unwrap()], b"").0, 2);
}
