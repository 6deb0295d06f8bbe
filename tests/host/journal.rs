use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use kubeboot::failure::Failure;
use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Event, Host, Level};
use kubeboot::message::Message;
use nix::mount::{MsFlags, mount};

/// Set for the process with mounts of its own, to the namespace that it left.
const APART: &str = "KUBEBOOT_TEST_LEFT_MOUNT_NAMESPACE";
const JOURNALD: &str = "/run/systemd/journal/socket";

/// Runs `body` in a process with mounts of its own and an empty /run, because journald's socket has one place on a machine,
/// and checks what that process wrote to standard error. The process is this test again, by its name.
fn apart(test: &str, standard_error: &str, body: impl FnOnce()) {
    let namespace = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    if let Some(left) = std::env::var_os(APART) {
        assert_ne!(namespace, left, "this would hide the machine's own /run");
        mount(None::<&str>, "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        return body();
    }
    assert!(nix::unistd::geteuid().is_root(), "this test needs root (CAP_SYS_ADMIN), for a mount namespace of its own: run it with sudo");
    let mut child = Command::new("unshare");
    child.args(["--mount", "--propagation", "private", "--"]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("journal::{test}"), "--nocapture"]).env(APART, namespace);
    let output = child.output().expect("unshare is not installed: apt-get install util-linux");
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    assert_eq!(err, standard_error, "standard error is the journal too: what is said in both is told twice");
}

/// journald's socket, held by the test.
fn journald() -> UnixDatagram {
    std::fs::create_dir_all(Path::new(JOURNALD).parent().unwrap()).unwrap();
    let socket = UnixDatagram::bind(JOURNALD).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A service's host whose console is a file.
fn service() -> (tempfile::TempDir, LocalHost) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("dev")).unwrap();
    std::fs::write(folder.path().join("dev/console"), "").unwrap();
    let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings { journal: true, ..Surroundings::default() });
    (folder, host)
}

fn console(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("dev/console")).unwrap()
}

/// One entry of the native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>), read as journald reads it; `None` if
/// nothing came. An empty datagram, by which a sender finds out whether anybody listens, is no entry for journald either.
fn entry(socket: &UnixDatagram) -> Option<BTreeMap<String, String>> {
    let mut bytes = vec![0; 1 << 20];
    let mut length = 0;
    while length == 0 {
        length = socket.recv(&mut bytes).ok()?;
    }
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
    let event = Event::new(level, step, message);
    if console { event.on_console() } else { event }
}

#[test]
fn an_event_is_one_entry_with_its_fields() {
    apart("an_event_is_one_entry_with_its_fields", "", || {
        let journald = journald();
        let (_folder, host) = service();
        host.tell(&event(Level::Info, "kubeadm-init", "done", false));
        let mut fields = entry(&journald).unwrap();
        assert_eq!(entry(&journald), None);
        // Where in the code: the library's addition, and its affair.
        fields.retain(|name, _| !["TARGET", "CODE_FILE", "CODE_LINE"].contains(&name.as_str()));
        let wanted = [("MESSAGE", "done"), ("PRIORITY", "6"), ("STEP", "kubeadm-init"), ("SYSLOG_IDENTIFIER", "kubeboot")];
        assert_eq!(fields, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        let fault = Event::new(Level::Error, "", "it broke").of(Message::Failed).telling(Failure::DiskFull);
        host.tell(&fault);
        let fields = entry(&journald).unwrap();
        let field = |name: &str| fields.get(name).map(String::as_str);
        assert_eq!(field("MESSAGE_ID"), Some(Message::Failed.id()));
        assert_eq!((field("FAILURE"), field("EXIT_CODE")), (Some("disk-full"), Some("69")));
        host.tell(&Event { id: Some(Message::Waiting), ..fault });
        let fields = entry(&journald).unwrap();
        assert_eq!((fields.get("FAILURE").map(String::as_str), fields.get("EXIT_CODE")), (Some("disk-full"), None));
    });
}

#[test]
fn priorities_are_syslogs() {
    apart("priorities_are_syslogs", "", || {
        let journald = journald();
        let (_folder, host) = service();
        let seen = [Level::Debug, Level::Info, Level::Warning, Level::Error].map(|level| {
            host.tell(&event(level, "", "x", false));
            let fields = entry(&journald).unwrap();
            assert!(!fields.contains_key("STEP"));
            fields["PRIORITY"].clone()
        });
        assert_eq!(seen, ["7", "6", "4", "3"]);
    });
}

#[test]
fn several_lines_stay_one_message_and_make_no_field() {
    apart("several_lines_stay_one_message_and_make_no_field", "", || {
        let journald = journald();
        let (_folder, host) = service();
        host.tell(&event(Level::Error, "s\nPRIORITY=0", "first\nPRIORITY=0\nlast", false));
        let fields = entry(&journald).unwrap();
        let seen = ["MESSAGE", "STEP", "PRIORITY"].map(|name| fields[name].as_str());
        assert_eq!(seen, ["first\nPRIORITY=0\nlast", "s\nPRIORITY=0", "3"]);
    });
}

#[test]
fn the_console_gets_one_line_and_no_control_characters() {
    apart("the_console_gets_one_line_and_no_control_characters", "", || {
        let journald = journald();
        let (folder, host) = service();
        host.tell(&event(Level::Info, "gate", "quiet", false));
        host.tell(&event(Level::Info, "gate", "ready\u{1b}[31m\nreally", true));
        assert_eq!(console(&folder), "kubeboot: gate: ready [31m really\n");
        assert!(entry(&journald).is_some() && entry(&journald).is_some() && entry(&journald).is_none());
    });
}

/// sd-daemon(3): standard error is read by whatever took the journal's place, and `<N>` is the priority.
#[test]
fn a_service_without_journald_tells_standard_error_and_the_console() {
    apart("a_service_without_journald_tells_standard_error_and_the_console", "<4>gate: not yet\n<7>a line\n", || {
        let (folder, host) = service();
        host.tell(&event(Level::Warning, "gate", "not\nyet", true));
        host.tell(&event(Level::Debug, "", "a line", false));
        assert_eq!(console(&folder), "kubeboot: gate: not yet\n");
    });
}

#[test]
fn outside_a_service_neither_journal_nor_console_is_written() {
    apart("outside_a_service_neither_journal_nor_console_is_written", "gate: for standard error\n", || {
        let journald = journald();
        // A service's host beside it in the same process changes nothing.
        let (folder, _service) = service();
        let host = LocalHost::in_surroundings(folder.path().to_owned(), Surroundings::default());
        host.tell(&event(Level::Info, "gate", "for standard error", true));
        assert_eq!(entry(&journald), None);
        assert_eq!(console(&folder), "");
    });
}

#[test]
fn hosts_come_and_go_and_each_keeps_its_journal() {
    apart("hosts_come_and_go_and_each_keeps_its_journal", "", || {
        let journald = journald();
        let ((_one, one), (_two, two)) = (service(), service());
        let told = |host: &LocalHost, message| {
            host.tell(&event(Level::Info, "", message, false));
            [entry(&journald), entry(&journald)].map(|fields| fields.map(|fields| fields["MESSAGE"].clone()))
        };
        assert_eq!(told(&one, "a"), [Some("a".to_owned()), None]);
        assert_eq!(told(&two, "b"), [Some("b".to_owned()), None]);
        drop(one);
        assert_eq!(told(&two, "c"), [Some("c".to_owned()), None]);
    });
}

#[test]
fn a_missing_console_is_not_made() {
    apart("a_missing_console_is_not_made", "<6>gate: x\n", || {
        let (folder, host) = service();
        std::fs::remove_file(folder.path().join("dev/console")).unwrap();
        host.tell(&event(Level::Info, "gate", "x", true));
        assert!(!folder.path().join("dev/console").exists());
    });
}
