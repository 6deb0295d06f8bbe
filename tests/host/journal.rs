use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;

use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Event, Host, Level};

/// A service's host whose journald is this socket and whose console is a file.
fn service() -> (tempfile::TempDir, UnixDatagram, LocalHost) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("run/systemd/journal")).unwrap();
    std::fs::create_dir(folder.path().join("dev")).unwrap();
    std::fs::write(folder.path().join("dev/console"), "").unwrap();
    let socket = UnixDatagram::bind(folder.path().join("run/systemd/journal/socket")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings { journal: true, ..Surroundings::default() });
    (folder, socket, host)
}

/// One entry of the native protocol, read as journald reads it; `None` if nothing came.
fn entry(socket: &UnixDatagram) -> Option<BTreeMap<String, String>> {
    let mut bytes = vec![0; 1 << 20];
    let length = socket.recv(&mut bytes).ok()?;
    let mut rest = &bytes[..length];
    let mut fields = BTreeMap::new();
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        rest = &rest[end + 1..];
        let (name, value) = if let Some((name, value)) = head.split_once('=') {
            (name.to_owned(), value.to_owned())
        } else {
            let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
            let value = String::from_utf8(rest[8..8 + length].to_vec()).unwrap();
            assert_eq!(rest[8 + length], b'\n');
            rest = &rest[8 + length + 1..];
            (head, value)
        };
        assert!(fields.insert(name, value).is_none(), "a field twice");
    }
    assert!(rest.is_empty());
    Some(fields)
}

fn event<'a>(level: Level, step: &'a str, message: &'a str, console: bool) -> Event<'a> {
    Event { level, step, message, console }
}

#[test]
fn an_event_is_one_entry_with_its_fields() {
    let (_folder, socket, host) = service();
    host.tell(&event(Level::Info, "kubeadm-init", "done", false));
    let fields = entry(&socket).unwrap();
    let wanted = [("MESSAGE", "done"), ("PRIORITY", "6"), ("STEP", "kubeadm-init"), ("SYSLOG_IDENTIFIER", "kubeboot")];
    assert_eq!(fields, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(entry(&socket), None);
}

#[test]
fn priorities_are_syslogs() {
    let (_folder, socket, host) = service();
    let seen = [Level::Debug, Level::Info, Level::Warning, Level::Error].map(|level| {
        host.tell(&event(level, "", "x", false));
        let fields = entry(&socket).unwrap();
        assert!(!fields.contains_key("STEP"));
        fields["PRIORITY"].clone()
    });
    assert_eq!(seen, ["7", "6", "4", "3"]);
}

#[test]
fn several_lines_stay_one_message_and_make_no_field() {
    let (_folder, socket, host) = service();
    host.tell(&event(Level::Error, "s", "first\nPRIORITY=0\nlast", false));
    let fields = entry(&socket).unwrap();
    assert_eq!((fields["MESSAGE"].as_str(), fields["PRIORITY"].as_str()), ("first\nPRIORITY=0\nlast", "3"));
}

#[test]
fn the_console_gets_one_line_and_no_control_characters() {
    let (folder, socket, host) = service();
    host.tell(&event(Level::Info, "gate", "quiet", false));
    host.tell(&event(Level::Info, "gate", "ready\u{1b}[31m\nreally", true));
    assert_eq!(std::fs::read_to_string(folder.path().join("dev/console")).unwrap(), "kubeboot: gate: ready [31m really\n");
    assert!(entry(&socket).is_some() && entry(&socket).is_some() && entry(&socket).is_none());
}

#[test]
fn outside_a_service_neither_journal_nor_console_is_written() {
    let (folder, socket, _) = service();
    let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings::default());
    host.tell(&event(Level::Info, "gate", "for standard error", true));
    assert_eq!(entry(&socket), None);
    assert_eq!(std::fs::read_to_string(folder.path().join("dev/console")).unwrap(), "");
}

#[test]
fn a_missing_console_is_not_made() {
    let (folder, _socket, host) = service();
    std::fs::remove_file(folder.path().join("dev/console")).unwrap();
    host.tell(&event(Level::Info, "gate", "x", true));
    assert!(!folder.path().join("dev/console").exists());
}
