//! What kubeboot left on a machine, seen from outside of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command;
use crate::node::Node;
use crate::outcome::{Outcome, While};

const UNIT: &str = "kubeboot.service";
const SHORT: Duration = Duration::from_secs(20);

/// How often systemd is asked, which costs a process in the machine, while something else is waited for.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Waits until the unit has ended; an end in failure is told at once.
pub fn wait_until_retired(node: &Node, deadline: Duration) -> Outcome<String> {
    let mut failed = None;
    command::wait_for(&format!("{UNIT} on {} inactive and disabled", node.name), deadline, Duration::from_millis(100), || {
        let state = node.exec(&["systemctl", "is-active", UNIT], SHORT)?.stdout;
        let enabled = node.exec(&["systemctl", "is-enabled", UNIT], SHORT)?.stdout;
        match (state.trim(), enabled.trim()) {
            ("inactive", "disabled") => Ok(()),
            ("failed", _) => {
                failed = Some(format!("{UNIT} on {} failed", node.name));
                Ok(())
            }
            (state, enabled) => Err(format!("{state}, {enabled}")),
        }
    })?;
    failed.map_or_else(|| Ok("inactive and disabled".to_owned()), Err)
}

/// Asked of systemd, for a machine on which it failed will not become Ready.
pub fn has_failed(node: &Node) -> bool {
    let state = node.exec(&["systemctl", "is-failed", UNIT], SHORT);
    state.is_ok_and(|ended| ended.stdout.trim() == "failed")
}

/// As [`command::wait_for`], for what only comes as long as the unit has not failed.
pub fn wait_for<T>(node: &Node, what: &str, deadline: Duration, pause: Duration, mut ask: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let mut looked = Instant::now();
    let answer = command::wait_for(what, deadline, pause, || match ask() {
        Ok(answer) => Ok(Some(answer)),
        Err(why) if looked.elapsed() < BETWEEN_LOOKS => Err(why),
        Err(why) => {
            looked = Instant::now();
            if has_failed(node) { Ok(None) } else { Err(why) }
        }
    })?;
    answer.whilst(format_args!("{what}: {UNIT} on {} failed", node.name))
}

/// The marker is named by the machine-id.
pub fn marker(node: &Node) -> Outcome<String> {
    let id = node.read("etc/machine-id")?;
    let marker = node.root().join("var/lib/kubeboot/done").join(id.trim());
    if marker.exists() { Ok(String::new()) } else { Err(format!("{} is not there", marker.display())) }
}

/// `status.json`, which lies on the machine's tmpfs.
pub fn status(node: &Node) -> Outcome<Value> {
    let text = node.must(&["cat", "/run/kubeboot/status.json"], SHORT)?;
    serde_json::from_str(&text).whilst(format_args!("{}: status.json", node.name))
}

/// That it tells of success, and who this is.
pub fn status_tells_success(node: &Node, role: &str) -> Outcome<String> {
    let status = status(node)?;
    for (field, wanted) in [
        ("outcome", Value::from("done")),
        ("exitCode", Value::from(0)),
        ("role", Value::from(role)),
        ("node", Value::from(node.name.as_str())),
        ("address", Value::from(node.plug.address.as_str())),
    ] {
        if status[field] != wanted {
            return Err(format!("{field} is {}, not {wanted}", status[field]));
        }
    }
    let steps = status["steps"].as_array().map_or(0, Vec::len);
    let open = status["steps"].as_array().into_iter().flatten().filter(|step| !finished(step));
    let open: Vec<&str> = open.filter_map(|step| step["id"].as_str()).collect();
    if steps == 0 || !open.is_empty() {
        return Err(format!("{steps} steps, not done: {open:?}"));
    }
    Ok(format!("{steps} steps done"))
}

fn finished(step: &Value) -> bool {
    matches!(step["outcome"].as_str(), Some("done" | "found-done"))
}

/// The step's seconds and when it began, where this machine had it.
pub fn step(status: &Value, id: &str) -> Option<(String, f64)> {
    let step = status["steps"].as_array()?.iter().find(|step| step["id"] == id)?;
    Some((step["startedAt"].as_str()?.to_owned(), step["seconds"].as_f64()?))
}

/// After a reboot: nothing of kubeboot's ran in this boot.
pub fn did_nothing_this_boot(node: &Node) -> Outcome<String> {
    let lines = node.must(&["journalctl", "--boot", "--unit", UNIT, "--output=cat", "--no-pager"], SHORT)?;
    let started = node.must(&["systemctl", "show", "--value", "--property=ExecMainStartTimestampMonotonic", UNIT], SHORT)?;
    let boots = node.must(&["journalctl", "--list-boots", "--no-pager"], SHORT)?.lines().count();
    if boots < 2 {
        return Err(format!("the journal knows {boots} boots, so it can't tell"));
    }
    if started.trim() != "0" || lines.lines().any(|line| !line.starts_with("-- ")) {
        return Err(format!("it was started at {} µs:\n{lines}", started.trim()));
    }
    Ok("kubeboot was not started".to_owned())
}

/// The last of what it said.
pub fn tail(node: &Node, lines: usize) -> String {
    let folder = node.root().join("var/log/journal");
    let arguments = [
        "--directory".to_owned(),
        folder.to_string_lossy().into_owned(),
        "--unit".to_owned(),
        UNIT.to_owned(),
        format!("--lines={lines}"),
        "--no-pager".to_owned(),
        "--output=short-precise".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command::run(&mut command::program("journalctl", &arguments), SHORT) {
        Ok(ended) => ended.stdout + &ended.stderr,
        Err(error) => error,
    }
}
