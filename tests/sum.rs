//! `tests/all` ends with the sum, whichever check fails; with a `cargo` of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The last line and success of `tests/all` when cargo fails at `command`.
fn failing_at(command: &str) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let cargo = folder.path().join("cargo");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = {command} ] && exit 101\n[ \"$1\" = test ] && echo 'test result: ok. 3 passed; 0 failed; 1 ignored;'\nexit 0\n"
    );
    std::fs::write(&cargo, script).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all");
    let output = Command::new("bash").arg(all).env("PATH", path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text.lines().last().unwrap_or_default().to_owned(), output.status.success())
}

/// Up to the static binary: behind it stands the cluster tier, which is not begun here.
#[test]
fn the_sum_is_the_last_word_of_every_failure() {
    let nothing = "0 passed, 0 failed, 0 skipped";
    for (command, sum) in [("fmt", nothing), ("clippy", nothing), ("test", nothing), ("static", "3 passed, 0 failed, 1 skipped")] {
        assert_eq!(failing_at(command), (sum.to_owned(), false), "{command}");
    }
}
