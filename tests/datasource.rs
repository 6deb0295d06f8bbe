//! Datasources over fixture trees (`tests/fixtures/datasource/NAME/CASE/`): `root/` is the machine, `drive/` what its
//! drive holds, `answers` what HTTP answers one after the other, `told` the value of `--datasource`, and `expected` what
//! comes of it. `UPDATE=1` rewrites `expected` and fails that run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "datasource/host.rs"]
mod host;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::Machine;
use kubeboot::datasource::url::Pinned;
use kubeboot::datasource::{self, Datasource, Told, cmdline, nocloud};
use kubeboot::document::{Disposal, Document};
use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::Unanswered;
use kubeboot::report::text;
use kubeboot::waiting::Early;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/datasource")
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn shown(result: &Result<Document, Fault>) -> String {
    match result {
        Ok(document) => {
            let mut text = format!("origin:      {}\ninstance id: {:?}\n", document.origin, document.instance_id);
            match &document.disposal {
                Disposal::Remove(files) => writeln!(text, "remove:      {files:?}"),
                Disposal::Tell(sentence) => writeln!(text, "tell:        {sentence}"),
            }
            .unwrap();
            text + "---\n" + &String::from_utf8_lossy(document.bytes.expose())
        }
        Err(fault) => format!("{} {}\n{fault}\n", fault.failure().name(), fault.class().exit_code()),
    }
}

#[tokio::test]
async fn every_fixture_gives_what_it_expects() {
    let mut wrong = Vec::new();
    for case in folders(&fixtures()).iter().flat_map(|source| folders(source)) {
        let machine = Machine::of(&case);
        let told = std::fs::read_to_string(case.join("told")).ok();
        let facts = Facts { command_line: std::fs::read_to_string(case.join("root/proc/cmdline")).unwrap_or_default(), ..Facts::default() };
        let seen = shown(&find(&machine, told.as_deref().map(str::trim), &facts).await);
        assert_eq!(machine.mounted.get(), 0, "{}: the drive is still mounted", case.display());
        let expected = std::fs::read_to_string(case.join("expected")).unwrap_or_default();
        if seen != expected {
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(case.join("expected"), &seen).unwrap();
            }
            wrong.push(format!("{}\n--- expected\n{expected}--- seen\n{seen}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_datasource_has_fixtures() {
    for source in Datasource::ALL {
        assert!(!folders(&fixtures().join(source.name())).is_empty(), "{}", source.name());
    }
}

/// As the agent begins.
async fn find(machine: &Machine, told: Option<&str>, facts: &Facts) -> Result<Document, Fault> {
    datasource::find(&mut Early::begin(machine, facts).await, told, facts).await
}

fn on_the_command_line(url: &str) -> Facts {
    Facts { command_line: format!("ro kubeboot.url={url} kubeboot.sha256={}", host::DIGEST_OF_OK), ..Facts::default() }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_asked_for_ten_minutes_with_growing_pauses() {
    let machine = Machine::answering(vec![Err(Unanswered::Refused("10.0.0.1:80".to_owned()))]);
    let fault = find(&machine, None, &on_the_command_line("http://10.0.0.1/node?token=TOPSECRET")).await.unwrap_err();
    assert_eq!(fault.failure(), Failure::DocumentUnfetchable);
    assert!(!format!("{fault}{:?}", machine.told.borrow()).contains("TOPSECRET"));
    // What does not change is told once, then on the console at growing intervals.
    let told: Vec<String> = machine.told.borrow().iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    let words = |line: &String| line.rsplit_once(" since ").map(|(_, since)| since.trim_end_matches(" s").parse::<u64>().unwrap());
    assert_eq!(told[0], "waiting for the document at http://10.0.0.1/node");
    let since: Vec<u64> = told[1..].iter().map(|line| words(line).unwrap()).collect();
    assert!(since.len() == 6 && since.windows(2).all(|pair| pair[1] >= 2 * pair[0]), "{told:?}");
    // And all the time in status.json.
    let reports = machine.reports.borrow();
    let wait = &reports.last().unwrap().waits[0];
    assert_eq!((wait.waiting_for.as_str(), wait.failure.as_str()), ("the document at http://10.0.0.1/node", "document-unfetchable"));
    assert!(wait.seconds > 599.0 && wait.next_try_in.is_some_and(|pause| pause >= 2.0), "{wait:?}");
    let text = text(reports.last().unwrap());
    assert!(text.contains("  now waiting for the document at http://10.0.0.1/node: connection refused: 10.0.0.1:80; look at"), "{text}");
    let pauses = machine.pauses.borrow();
    let within = |pause: &Duration, of: u64| (of * 8 / 10..=of * 12 / 10 + 1).contains(&u64::try_from(pause.as_millis()).unwrap());
    for (pause, of) in pauses.iter().zip([250, 375, 562, 843, 1265, 1898, 2000, 2000]) {
        assert!(within(pause, of), "{pause:?} is not about {of} ms");
    }
    let whole: Duration = pauses.iter().sum();
    assert!((600..=603).contains(&whole.as_secs()), "{whole:?}");
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_what_can_not_is_not() {
    for status in [408, 425, 429, 500, 503, 599] {
        let machine = Machine::answering(vec![host::status(status), host::ok()]);
        assert!(find(&machine, None, &on_the_command_line("http://10.0.0.1/n")).await.is_ok(), "{status}");
    }
    for status in [204, 301, 400, 401, 403, 404] {
        let machine = Machine::answering(vec![host::status(status), host::ok()]);
        let fault = find(&machine, None, &on_the_command_line("http://10.0.0.1/n")).await.unwrap_err();
        assert_eq!((fault.failure(), machine.pauses.borrow().len()), (Failure::DocumentSource, 0), "{status}");
    }
}

#[tokio::test]
async fn a_drive_that_shows_up_late_is_found() {
    let case = fixtures().join("drive/lower");
    let machine = Machine::of(&case);
    let link = machine.root.path().join("dev/disk/by-label/cidata");
    std::fs::rename(&link, machine.root.path().join("dev/disk/by-label/other")).unwrap();
    machine.after_pauses.set(3);
    let document = find(&machine, None, &Facts::default()).await.unwrap();
    assert_eq!((document.origin.as_str(), machine.pauses.borrow().len()), ("/dev/disk/by-label/cidata:user-data", 3));
}

#[tokio::test]
async fn a_drive_that_can_not_be_read_is_unmounted_all_the_same() {
    let machine = Machine::of(&fixtures().join("drive/lower"));
    // A folder where the file should be: the read fails while the drive is mounted.
    std::fs::remove_file(machine.drive.join("user-data")).unwrap();
    std::fs::create_dir(machine.drive.join("user-data")).unwrap();
    let fault = find(&machine, None, &Facts::default()).await.unwrap_err();
    assert_eq!((fault.failure(), machine.mounted.get(), machine.mounts.get()), (Failure::Disk, 0, 1));
}

#[test]
fn instance_ids_of_meta_data() {
    let cases = [
        ("instance-id: i-1\nlocal-hostname: x\n", Some("i-1")),
        ("local-hostname: x\ninstance-id: \"i-2\" # ours\n", Some("i-2")),
        ("instance-id: 'i-3'\r\n", Some("i-3")),
        ("instance-id: i-4 # comment\n", Some("i-4")),
        ("{\"instance-id\": \"i-5\"}", Some("i-5")),
        ("instance-id:\n", None),
        ("{\"instance-id\": 5}", None),
        ("other:\n  instance-id: nested\n", None),
        ("", None),
    ];
    for (text, id) in cases {
        assert_eq!(nocloud::instance_id(text.as_bytes()).as_deref(), id, "{text:?}");
    }
    assert_eq!(nocloud::instance_id(b"instance-id: \xff"), None);
}

#[test]
fn command_lines_are_read_as_the_kernel_reads_them() {
    let pin = "A".repeat(64);
    let pinned = |url: &str| Pinned::new(url, Some(&pin)).unwrap();
    let read = |text: &str| cmdline::read(text).map_err(|fault| fault.why().unwrap().to_owned());
    assert_eq!(read("root=/dev/vda1 ro quiet"), Ok(None));
    assert_eq!(read("xkubeboot.url=http://no kubeboot.urls=http://no"), Ok(None));
    assert_eq!(read("ro kubeboot.url=https://boot/n"), Ok(Some(Pinned::new("https://boot/n", None).unwrap())));
    assert_eq!(read(&format!("kubeboot.sha256={pin} kubeboot.url=http://boot/n")), Ok(Some(pinned("http://boot/n"))));
    assert_eq!(read(&format!("kubeboot.url=\"http://boot/a b\" kubeboot.sha256={pin}")), Ok(Some(pinned("http://boot/a b"))));
    assert_eq!(read("kubeboot.url=https://a kubeboot.url=https://a"), Ok(Some(Pinned::new("https://a", None).unwrap())));
    assert_eq!(read("kubeboot.url=https://a kubeboot.url=https://b"), Err("kubeboot.url= is there twice, with different values".into()));
    assert_eq!(read(&format!("kubeboot.sha256={pin}")), Err("kubeboot.sha256= without kubeboot.url=".into()));
    assert_eq!(
        read("kubeboot.url=http://u:p@boot/n?q"),
        Err("http://boot/n is plain http without a SHA-256: anybody on the way could rewrite it".into())
    );
    assert_eq!(read("kubeboot.url=tftp://boot/n"), Err("tftp://boot/n is neither an https:// nor an http:// URL".into()));
    assert_eq!(
        read("kubeboot.url=https://boot/n kubeboot.sha256=abc"),
        Err("the SHA-256 has to be 64 hex digits, this has 3 characters".into())
    );
}

#[test]
fn what_is_told_has_one_of_three_forms() {
    let pin = "0".repeat(64);
    assert_eq!(Told::parse("file:/a"), Ok(Told::File("/a".into())));
    assert_eq!(Told::parse("nocloud:/a"), Ok(Told::NoCloud("/a".into())));
    assert_eq!(Told::parse("url:https://a/b"), Ok(Told::Url(Pinned::new("https://a/b", None).unwrap())));
    assert_eq!(Told::parse(&format!("url:http://a/b#sha256={pin}")), Ok(Told::Url(Pinned::new("http://a/b", Some(&pin)).unwrap())));
    for value in ["", "/a", "file:a", "file:", "nocloud:x", "url:http://a/b", "url:x", "ec2:", "url:https://a#sha256=0"] {
        assert_eq!(Told::parse(value).unwrap_err().failure(), Failure::CommandLine, "{value}");
    }
}
