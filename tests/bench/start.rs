//! How long the binary takes to start, to plan a document, and how much memory that needs: `cargo bench --bench start`.
//! Measures the shipped binary (`cargo static` builds it) or the one in KUBEBOOT_BINARY. Prints, judges nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 200;
/// What a pipe holds before its writer has to wait (pipe(7)).
const PIPE: usize = 65_536;

fn binary() -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-musl/release/kubeboot");
    let told = std::env::var_os("KUBEBOOT_BINARY").map(PathBuf::from);
    let path = told.unwrap_or(shipped);
    assert!(path.is_file(), "there is no {}: build it with `cargo static`, or set KUBEBOOT_BINARY", path.display());
    path
}

fn times(binary: &Path, arguments: &[&str]) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let output = Command::new(binary).args(arguments).stdin(Stdio::null()).output().unwrap();
            let took = start.elapsed();
            assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            took
        })
        .collect();
    times.sort();
    times
}

/// Peak resident memory, kB. wait4(2) would count this process too, whose memory the child has until it calls exec; so
/// the child is held at its last write, into a full pipe, and the kernel is asked for its high-water mark (proc(5)).
fn peak(binary: &Path, arguments: &[&str]) -> u64 {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'.'; PIPE]).unwrap();
    let mut child = Command::new(binary).args(arguments).stdin(Stdio::null()).stdout(writer).spawn().unwrap();
    let (mut quiet, mut kilobytes) = (0, 0);
    while quiet < 20 {
        std::thread::sleep(Duration::from_millis(2));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        assert!(!field("State:").starts_with('Z'), "it ended before its last write");
        quiet = if field("State:").starts_with('S') { quiet + 1 } else { 0 };
        kilobytes = field("VmHWM:").trim_end_matches(" kB").parse().unwrap();
    }
    drop(reader);
    child.wait().unwrap();
    kilobytes
}

fn main() {
    let binary = binary();
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/document/accept/control-plane-init.yaml");
    println!("{}: {} bytes", binary.display(), std::fs::metadata(&binary).unwrap().len());
    for (name, arguments) in [("--version", &["--version"][..]), ("plan", &["plan", document])] {
        let times = times(&binary, arguments);
        let (min, median) = (times[0], times[ROUNDS / 2]);
        println!("{name}: min {min:?}, median {median:?} of {ROUNDS}, peak {} kB", peak(&binary, arguments));
    }
}
