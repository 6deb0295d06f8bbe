use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use kubeboot::host::Host;
use kubeboot::host::local::{LocalHost, Surroundings, terminated};
use nix::sys::signal::{Signal, raise};

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn readiness_is_notified_once() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let surroundings = Surroundings { notify_socket: Some("/notify".into()), ..Surroundings::default() };
    let host = LocalHost::in_surroundings(folder.path().to_owned(), surroundings);
    host.status("waiting\nfor DNS");
    host.status("done");
    assert_eq!((heard(&socket), heard(&socket)), ("STATUS=waiting for DNS\nREADY=1".to_owned(), "STATUS=done".to_owned()));
}

#[test]
fn an_abstract_notify_socket_is_heard_too() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("kubeboot-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let surroundings = Surroundings { notify_socket: Some(format!("@{name}").into()), ..Surroundings::default() };
    LocalHost::in_surroundings("/".into(), surroundings).status("x");
    assert_eq!(heard(&socket), "STATUS=x\nREADY=1");
}

#[test]
fn credentials_are_plain_names_below_their_folder() {
    let surroundings = Surroundings { credentials: Some("/run/credentials/kubeboot.service".into()), ..Surroundings::default() };
    let host = LocalHost::in_surroundings("/".into(), surroundings);
    assert_eq!(host.credential_path("key").as_deref(), Some(Path::new("/run/credentials/kubeboot.service/key")));
    for name in ["", ".", "..", ".hidden", "a/b", "/etc/shadow", "../key"] {
        assert_eq!(host.credential_path(name), None, "{name}");
    }
    assert_eq!(LocalHost::in_surroundings("/".into(), Surroundings::default()).credential_path("key"), None);
}

#[tokio::test]
async fn a_unix_socket_answers_as_long_as_somebody_listens() {
    let (folder, host) = super::host();
    let path = Path::new("/s");
    assert!(!host.socket_answers(path).await);
    let listener = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
    assert!(host.socket_answers(path).await);
    drop(listener);
    assert!(!host.socket_answers(path).await);
}

/// $JOURNAL_STREAM counts only if it names our own standard error: a child of a service may have it redirected.
/// The test runs itself as such a child.
#[test]
fn the_journal_is_used_only_where_standard_error_is_it() {
    use std::os::unix::fs::MetadataExt;
    const CHILD: &str = "KUBEBOOT_TEST_SHOW_SURROUNDINGS";
    if std::env::var_os(CHILD).is_some() {
        writeln!(std::io::stdout(), "{:?}", Surroundings::of_process()).unwrap();
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let of = file.as_file().metadata().unwrap();
    let streams = [Some(format!("{}:{}", of.dev(), of.ino())), Some(format!("{}:{}", of.dev(), of.ino() + 1)), Some(String::new()), None];
    let seen = streams.map(|stream| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "systemd::the_journal_is_used_only_where_standard_error_is_it", "--nocapture"]);
        child.env(CHILD, "1").env_remove("JOURNAL_STREAM").env("NOTIFY_SOCKET", "/run/n").env("CREDENTIALS_DIRECTORY", "/run/c");
        child.envs(stream.map(|stream| ("JOURNAL_STREAM", stream))).stderr(file.reopen().unwrap());
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(output.contains("notify_socket: Some(\"/run/n\"), credentials: Some(\"/run/c\")"), "{output}");
        output.contains("journal: true")
    });
    assert_eq!(seen, [true, false, false, false]);
}

/// The handlers stay for the rest of this process, which is why no other test here may depend on a signal's default.
#[tokio::test]
async fn a_termination_is_seen_by_its_name() {
    for (signal, name) in [(Signal::SIGTERM, "SIGTERM"), (Signal::SIGINT, "SIGINT")] {
        let mut ended = Box::pin(terminated());
        tokio::select! {
            biased;
            seen = &mut ended => panic!("{seen:?} before any signal"),
            () = tokio::task::yield_now() => raise(signal).unwrap(),
        }
        assert_eq!(ended.await, Ok(name));
    }
}
