use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use kubeboot::failure::Failure;
use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Command, Host, Output, Stream};

const LONG: Duration = Duration::from_secs(60);

async fn run(script: &str, limit: Duration) -> (Output, Vec<(Stream, String)>) {
    let host = LocalHost::in_surroundings("/".into(), Surroundings::default());
    let mut lines = Vec::new();
    let output = host.run(&Command::new("sh", ["-c", script], limit), &mut |stream, line| lines.push((stream, line.to_owned()))).await;
    (output.unwrap(), lines)
}

#[tokio::test]
async fn output_comes_by_line_from_both_streams() {
    let (output, lines) = run("echo one; echo two >&2; printf three", LONG).await;
    assert!(output.ok());
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("one\nthree", "two\n"));
    let of = |stream| lines.iter().filter(|(s, _)| *s == stream).map(|(_, l)| l.as_str()).collect::<Vec<_>>();
    assert_eq!((of(Stream::Out), of(Stream::Err)), (vec!["one", "three"], vec!["two"]));
}

#[tokio::test]
async fn the_exit_status_is_told_and_a_signal_is_none() {
    assert_eq!(run("exit 7", LONG).await.0.status, Some(7));
    let (output, _) = run("kill -KILL $$", LONG).await;
    assert_eq!((output.status, output.timed_out, output.ok()), (None, false, false));
}

#[tokio::test]
async fn the_environment_is_three_variables_and_stdin_is_empty() {
    let host = LocalHost::in_surroundings("/".into(), Surroundings::default());
    let output = host.run(&Command::new("env", [], LONG), &mut |_, _| {}).await.unwrap();
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["HOME=/root", "LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
    assert_eq!(run("cat", LONG).await.0.stdout, "");
}

#[tokio::test]
async fn long_lines_are_cut_and_the_end_of_long_output_is_kept() {
    let (output, lines) = run("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end", LONG).await;
    assert_eq!(lines.iter().map(|(_, l)| l.len()).collect::<Vec<_>>(), [8192, 3]);
    assert_eq!(output.stdout.len(), 64 * 1024);
    assert!(output.stdout.ends_with("x\nend\n"));
}

#[tokio::test]
async fn bytes_that_are_no_text_do_not_matter() {
    let (_, lines) = run("printf 'a\\377b\\r\\n'", LONG).await;
    assert_eq!(lines, [(Stream::Out, "a\u{fffd}b".to_owned())]);
}

#[tokio::test]
async fn the_limit_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    let started = Instant::now();
    let (output, _) = run(&format!("sleep 100 & echo $! >{}; wait", mark.display()), Duration::from_millis(300)).await;
    assert_eq!((output.status, output.timed_out), (None, true));
    assert!(started.elapsed() < Duration::from_secs(4), "TERM was enough, no KILL had to be waited for");
    assert!(ended(&mark).await, "the grandchild is still running");
}

#[tokio::test]
async fn a_child_that_ignores_term_is_killed() {
    let (output, _) = run("trap '' TERM; while :; do sleep 0.1; done", Duration::from_millis(100)).await;
    assert_eq!((output.status, output.timed_out), (None, true));
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_hang_the_run() {
    let started = Instant::now();
    let (output, lines) = run("setsid sleep 100 & echo $!", LONG).await;
    assert!(output.ok() && started.elapsed() < Duration::from_secs(10));
    // It left the group by setsid: ours to clean up.
    let pid = lines.first().unwrap().1.parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn dropping_the_run_ends_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    let host = LocalHost::in_surroundings("/".into(), Surroundings::default());
    let command = Command::new("sh", ["-c", &format!("sleep 100 & echo $! >{}; echo up; wait", mark.display())], LONG);
    let (up, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut line = |_: Stream, _: &str| up.send(()).unwrap();
    tokio::select! {
        _ = host.run(&command, &mut line) => panic!("it ended by itself"),
        _ = seen.recv() => {}
    }
    assert!(ended(&mark).await, "the grandchild is still running");
}

/// Runs `script`, drops the run once it has said something, and settles; how long that took.
async fn dropped_and_settled(script: &str) -> Duration {
    let host = LocalHost::in_surroundings("/".into(), Surroundings::default());
    let command = Command::new("sh", ["-c", script], LONG);
    let (up, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let mut line = |_: Stream, _: &str| up.send(()).unwrap();
    tokio::select! {
        _ = host.run(&command, &mut line) => panic!("it ended by itself"),
        _ = seen.recv() => {}
    }
    let started = Instant::now();
    host.settle().await;
    started.elapsed()
}

#[tokio::test]
async fn a_dropped_run_is_waited_for_until_it_has_ended_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("tidied");
    let script = format!("trap 'sleep 0.5; echo >{}; exit' TERM; echo up; while :; do sleep 0.1; done", mark.display());
    let took = dropped_and_settled(&script).await;
    assert!(mark.exists(), "it had no time to tidy up");
    assert!(took < Duration::from_secs(4), "its end was not noticed: {took:?}");
}

#[tokio::test]
async fn a_dropped_run_that_ignores_term_is_killed_before_all_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    let script = format!("trap '' TERM; echo $$ >{}; echo up; while :; do sleep 0.1; done", mark.display());
    let took = dropped_and_settled(&script).await;
    assert!(took >= Duration::from_secs(4), "it was killed without grace: {took:?}");
    let pid = std::fs::read_to_string(&mark).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "it still runs, or was not reaped");
}

#[tokio::test]
async fn nothing_dropped_is_settled_at_once() {
    let host = LocalHost::in_surroundings("/".into(), Surroundings::default());
    let started = Instant::now();
    host.run(&Command::new("true", [], LONG), &mut |_, _| {}).await.unwrap();
    host.settle().await;
    assert!(started.elapsed() < Duration::from_secs(4));
}

/// Whether the process whose id `mark` holds ends within five seconds.
async fn ended(mark: &Path) -> bool {
    let pid = std::fs::read_to_string(mark).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        // Gone, or a zombie that this container's init has yet to collect.
        if std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z ")) {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_missing_program_is_named_with_the_places_searched() {
    let (_folder, host) = super::host();
    let fault = host.run(&Command::new("kubeadm", ["version"], LONG), &mut |_, _| {}).await.unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::ProgramMissing, "kubeadm is not installed"));
    assert_eq!(fault.at(), "PATH /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

#[tokio::test]
async fn what_is_no_program_can_not_be_started() {
    let (folder, host) = super::host();
    std::fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
    let program = folder.path().join("usr/bin/kubeadm");
    std::fs::write(&program, [0x7f, b'E', b'L', b'F', 0]).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let fault = host.run(&Command::new("kubeadm", ["version"], LONG), &mut |_, _| {}).await.unwrap_err();
    assert_eq!((fault.failure(), fault.what()), (Failure::ProgramUnusable, "kubeadm can't be started"));
    assert!(fault.why().unwrap().contains("Exec format error"), "{fault}");
}
