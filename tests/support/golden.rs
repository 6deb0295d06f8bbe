//! Golden files under tests/golden: compared byte by byte; `UPDATE=1` rewrites them and still fails that run, so that
//! a rewrite is always looked at.

use std::path::Path;

/// Compares with the golden file of this name.
pub fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let kept = std::fs::read_to_string(&path).ok();
    if kept.as_deref() == Some(actual) {
        return;
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        panic!("{} was rewritten: look at the change, then run without UPDATE", path.display());
    }
    let kept = kept.unwrap_or_default();
    let line = kept.lines().zip(actual.lines()).take_while(|(a, b)| a == b).count();
    panic!(
        "{} differs from line {} on\n--- kept\n{}\n--- found\n{}\n(UPDATE=1 rewrites it)",
        path.display(),
        line + 1,
        kept.lines().skip(line).take(5).collect::<Vec<_>>().join("\n"),
        actual.lines().skip(line).take(5).collect::<Vec<_>>().join("\n")
    );
}
