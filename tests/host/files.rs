use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kubeboot::act::secret::resolve;
use kubeboot::document::spec::SecretSource;
use kubeboot::failure::Failure;
use kubeboot::host::local::{disk_failure, lock};
use kubeboot::host::{Host, Mode, Part};

use super::host;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn what_is_missing_is_no_error() {
    let (_folder, host) = host();
    let path = Path::new("/no/such/thing");
    assert_eq!(host.read(path, 10).await, Ok(None));
    assert_eq!(host.list(path).await, Ok(None));
    assert_eq!(host.is_private(path).await, Ok(None));
    assert_eq!(host.remove(path).await, Ok(false));
    assert_eq!(host.remove_folder(path).await, Ok(false));
}

#[tokio::test]
async fn modes_of_files_and_of_folders_made_on_the_way_are_exact() {
    let (folder, host) = host();
    host.write(Path::new("/a/b/secret"), b"s", Mode::Private).await.unwrap();
    host.write(Path::new("/c/d/open"), b"o", Mode::Public).await.unwrap();
    let at = |path: &str| mode(&folder.path().join(path));
    assert_eq!([at("a"), at("a/b"), at("a/b/secret")], [0o700, 0o700, 0o600]);
    assert_eq!([at("c"), at("c/d"), at("c/d/open")], [0o755, 0o755, 0o644]);
}

#[tokio::test]
async fn a_file_is_private_if_its_mode_gives_group_and_others_nothing() {
    let (folder, host) = host();
    let path = folder.path().join("key");
    std::fs::write(&path, b"k").unwrap();
    symlink("key", folder.path().join("link")).unwrap();
    for (mode, is_private) in
        [(0o600, true), (0o400, true), (0o700, true), (0o640, false), (0o604, false), (0o620, false), (0o602, false), (0o644, false)]
    {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for name in ["/key", "/link"] {
            assert_eq!(host.is_private(Path::new(name)).await, Ok(Some(is_private)), "{name} {mode:o}");
        }
    }
    assert_eq!(host.is_private(Path::new("/key/below")).await.unwrap_err().failure(), Failure::Disk);
}

#[tokio::test]
async fn a_folder_that_is_there_keeps_its_mode() {
    let (folder, host) = host();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    std::fs::set_permissions(folder.path().join("etc"), std::fs::Permissions::from_mode(0o755)).unwrap();
    host.write(Path::new("/etc/x"), b"x", Mode::Private).await.unwrap();
    assert_eq!(mode(&folder.path().join("etc")), 0o755);
}

#[tokio::test]
async fn a_file_is_replaced_as_one_and_nothing_is_left_beside_it() {
    let (folder, host) = host();
    host.write(Path::new("/f"), b"one", Mode::Public).await.unwrap();
    let open = std::fs::File::open(folder.path().join("f")).unwrap();
    host.write(Path::new("/f"), b"two", Mode::Private).await.unwrap();
    // Who has the old file open goes on reading the old file: it was never truncated.
    assert_eq!(std::io::read_to_string(open).unwrap(), "one");
    assert_eq!(host.read(Path::new("/f"), 3).await.unwrap().unwrap(), b"two");
    assert_eq!(mode(&folder.path().join("f")), 0o600);
    assert_eq!(host.list(Path::new("/")).await.unwrap().unwrap(), ["f"]);
}

#[tokio::test]
async fn a_link_is_replaced_not_followed() {
    let (folder, host) = host();
    std::fs::write(folder.path().join("target"), "kept").unwrap();
    symlink("target", folder.path().join("link")).unwrap();
    host.write(Path::new("/link"), b"new", Mode::Private).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("target")).unwrap(), "kept");
}

#[tokio::test]
async fn reading_stops_at_the_limit() {
    let (folder, host) = host();
    std::fs::write(folder.path().join("big"), "12345").unwrap();
    assert_eq!(host.read(Path::new("/big"), 5).await.unwrap().unwrap(), b"12345");
    let fault = host.read(Path::new("/big"), 4).await.unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::FileTooLarge, "the file is larger than 4 bytes"));
}

#[tokio::test]
async fn an_end_of_a_file_is_read_without_the_rest_and_a_missing_one_is_none() {
    let (folder, host) = host();
    std::fs::write(folder.path().join("0.log"), "one\ntwo\n").unwrap();
    let part = async |part, limit| host.read_part(Path::new("/0.log"), part, limit).await.unwrap().unwrap();
    let tail = async |limit| part(Part::Tail, limit).await;
    assert_eq!((tail(5).await, tail(8).await, tail(100).await), (b"\ntwo\n".to_vec(), b"one\ntwo\n".to_vec(), b"one\ntwo\n".to_vec()));
    assert_eq!(tail(0).await, b"");
    let head = async |limit| part(Part::Head, limit).await;
    assert_eq!((head(5).await, head(100).await, head(0).await), (b"one\nt".to_vec(), b"one\ntwo\n".to_vec(), Vec::new()));
    assert_eq!(host.read_part(Path::new("/1.log"), Part::Head, 5).await, Ok(None));
}

#[tokio::test]
async fn appending_makes_a_private_file_and_adds_to_it() {
    let (folder, host) = host();
    host.append(Path::new("/var/lib/ledger"), b"a\n").await.unwrap();
    host.append(Path::new("/var/lib/ledger"), b"b\n").await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("var/lib/ledger")).unwrap(), "a\nb\n");
    assert_eq!(mode(&folder.path().join("var/lib/ledger")), 0o600);
}

#[tokio::test]
async fn removing_says_whether_there_was_something() {
    let (_folder, host) = host();
    host.write(Path::new("/d/f"), b"", Mode::Public).await.unwrap();
    assert_eq!(host.remove(Path::new("/d/f")).await, Ok(true));
    assert_eq!(host.remove_folder(Path::new("/d")).await, Ok(true));
    assert_eq!(host.list(Path::new("/")).await.unwrap().unwrap(), [""; 0]);
}

#[tokio::test]
async fn no_path_leads_out_of_the_root() {
    let (folder, host) = host();
    host.write(Path::new("/../../x"), b"", Mode::Public).await.unwrap();
    assert!(folder.path().join("x").exists());
}

#[tokio::test]
async fn a_fault_names_the_path_and_knows_what_to_do() {
    let (folder, host) = host();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let fault = host.write(Path::new("/file/below"), b"", Mode::Public).await.unwrap_err();
    assert_eq!(fault.failure(), Failure::Disk);
    assert!(fault.at().ends_with("/file"), "{fault}");
    assert_eq!(fault.advice(), "a file lies where a folder is expected: move it away");
}

/// /dev/full answers every write with ENOSPC, as a full disk does.
#[tokio::test]
async fn a_full_disk_is_called_that() {
    let (folder, host) = host();
    symlink("/dev/full", folder.path().join("ledger")).unwrap();
    let fault = host.append(Path::new("/ledger"), b"x").await.unwrap_err();
    assert_eq!(fault.failure(), Failure::DiskFull);
    assert!(fault.advice().starts_with("the disk is full"), "{fault}");
    let named = |error: nix::errno::Errno| disk_failure(&error.into());
    assert_eq!(named(nix::errno::Errno::EDQUOT), Failure::DiskFull);
    assert_eq!(named(nix::errno::Errno::EROFS), Failure::DiskReadOnly);
    assert_eq!(named(nix::errno::Errno::EIO), Failure::Disk);
}

#[test]
fn one_agent_at_a_time_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/lock");
    let held = lock(&path).unwrap();
    let fault = lock(&path).unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::AlreadyRunning, path.to_str().unwrap()));
    drop(held);
    lock(&path).unwrap();
}

#[tokio::test]
async fn a_secret_that_is_not_where_the_document_says_is_told_by_its_field() {
    let (folder, host) = host();
    let source = SecretSource::File("/etc/kubeboot/key".into());
    let fault = resolve(&host, &source, "certificateKey").await.unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::SecretReference, "/etc/kubeboot/key"));
    assert!(fault.what().starts_with("certificateKey refers to a file"), "{fault}");
    host.write(Path::new("/etc/kubeboot/key"), b"\xff\xfe", Mode::Private).await.unwrap();
    let fault = resolve(&host, &source, "certificateKey").await.unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::SecretReference, "certificateKey is not text"));
    host.write(Path::new("/etc/kubeboot/key"), b"a key\n", Mode::Private).await.unwrap();
    assert_eq!(resolve(&host, &source, "certificateKey").await.unwrap().expose(), "a key");
    let fault = resolve(&host, &SecretSource::Credential("key".to_owned()), "certificateKey").await.unwrap_err();
    assert_eq!((fault.failure(), fault.at()), (Failure::SecretReference, "credential key"));
    drop(folder);
}

/// What is no drive is refused with the kernel's reason for each file system, and no mount point is left behind.
#[tokio::test]
async fn what_can_not_be_mounted_says_so_and_leaves_nothing() {
    let (folder, host) = host();
    std::fs::write(folder.path().join("device"), "no file system").unwrap();
    let fault = host.mount_read_only(Path::new("/device"), Path::new("/run/at")).await.unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::DriveUnreadable, "can't mount the drive"));
    assert!(["as iso9660: ", "as vfat: "].iter().all(|reason| fault.why().unwrap().contains(reason)), "{fault}");
    assert!(!folder.path().join("run/at").exists());
}
