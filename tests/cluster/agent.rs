//! What kubeboot left on a machine, seen from outside of it.

use std::time::{Duration, Instant};

use kubeboot::message::Message;
use serde_json::Value;

use crate::command;
use crate::node::Node;
use crate::outcome::{Outcome, While};

pub const UNIT: &str = "kubeboot.service";
/// The unit that speaks up on a copied disk.
pub const UNIT_OF_CLONES: &str = "kubeboot-cloned.service";
/// kubeboot's own folder on tmpfs: there for as long as kubeadm runs.
pub const KUBEADM: &str = "run/kubeboot/kubeadm";
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

/// What systemd knows of a unit.
pub fn property(node: &Node, unit: &str, name: &str) -> Outcome<String> {
    Ok(node.must(&["systemctl", "show", "--value", &format!("--property={name}"), unit], SHORT)?.trim().to_owned())
}

/// Waits until the unit has failed; with which exit code.
pub fn wait_until_halted(node: &Node, unit: &str, deadline: Duration) -> Outcome<String> {
    command::wait_for(&format!("{unit} on {} failed", node.name), deadline, Duration::from_millis(100), || {
        match property(node, unit, "ActiveState")?.as_str() {
            "failed" => property(node, unit, "ExecMainStatus"),
            state => Err(format!("it is {state}")),
        }
    })
}

/// Waits until it waits for something and names the failure that keeps it; what it says of that.
pub fn wait_until_it_waits(node: &Node, failure: &str, deadline: Duration) -> Outcome<String> {
    wait_for(node, &format!("a wait named {failure} on {}", node.name), deadline, Duration::from_millis(100), || {
        let status = status(node)?;
        let waits = status["steps"].as_array().into_iter().flatten().filter_map(|step| step["waits"].as_array()).flatten();
        let open: Vec<&Value> = waits.filter(|wait| wait["over"] == false).collect();
        let named = open.iter().find(|wait| wait["failure"] == failure);
        named.and_then(|wait| wait["lastSeen"].as_str()).map(str::to_owned).whilst(format_args!("it waits for {open:?}"))
    })
}

/// What systemd, not kubeboot, makes of the kernel's word.
pub fn clock_is_synchronised(node: &Node) -> Outcome<bool> {
    command::wait_for(&format!("timedatectl on {}", node.name), SHORT, Duration::from_millis(200), || {
        Ok(node.must(&["timedatectl", "show", "--value", "--property=NTPSynchronized"], SHORT)?.trim() == "yes")
    })
}

/// The journal's entries of a kind of message, by its id, in this boot.
pub fn entries(node: &Node, message: Message) -> Outcome<Vec<Value>> {
    node.must(&["journalctl", "--sync"], SHORT)?;
    let id = format!("MESSAGE_ID={}", message.id());
    let lines = node.must(&["journalctl", "--boot", "--output=json", "--no-pager", &id], SHORT)?;
    lines.lines().map(|line| serde_json::from_str(line).whilst(line)).collect()
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

/// Behind the marker the unit's condition keeps it from starting, be it disabled yet or not.
pub fn wait_until_held_off(node: &Node, deadline: Duration) -> Outcome<String> {
    let wanted = "ActiveState=inactive\nConditionResult=no\n";
    command::wait_for(&format!("{UNIT} on {} held off by the marker", node.name), deadline, Duration::from_millis(100), || {
        let seen = node.must(&["systemctl", "show", "--property=ActiveState,ConditionResult", UNIT], SHORT)?;
        if seen == wanted { Ok(()) } else { Err(seen) }
    })?;
    Ok(node.exec(&["systemctl", "is-enabled", UNIT], SHORT)?.stdout.trim().to_owned())
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
    tells(&status, &[("outcome", "done"), ("role", role), ("node", &node.name), ("address", &node.plug.address)])?;
    let steps = status["steps"].as_array().map_or(0, Vec::len);
    let open = status["steps"].as_array().into_iter().flatten().filter(|step| !finished(step));
    let open: Vec<&str> = open.filter_map(|step| step["id"].as_str()).collect();
    if steps == 0 || !open.is_empty() {
        return Err(format!("{steps} steps, not done: {open:?}"));
    }
    Ok(format!("{steps} steps done"))
}

/// The same of a run that had no document any more and finished what was left of retiring.
pub fn status_tells_retired(node: &Node, role: &str) -> Outcome<String> {
    tells(&status(node)?, &[("outcome", "done"), ("role", role), ("node", &node.name)])
}

fn tells(status: &Value, fields: &[(&str, &str)]) -> Outcome<String> {
    match fields.iter().find(|(field, wanted)| status[*field] != *wanted) {
        Some((field, wanted)) => Err(format!("{field} is {}, not {wanted}", status[field])),
        None if status["exitCode"] != 0 => Err(format!("exitCode is {}", status["exitCode"])),
        None => Ok(String::new()),
    }
}

fn finished(step: &Value) -> bool {
    matches!(step["outcome"].as_str(), Some("done" | "found-done"))
}

/// The step's seconds and when it began, where this machine had it.
pub fn step(status: &Value, id: &str) -> Option<(String, f64)> {
    let step = status["steps"].as_array()?.iter().find(|step| step["id"] == id)?;
    Some((step["startedAt"].as_str()?.to_owned(), step["seconds"].as_f64()?))
}

/// What it waits for at the moment, by its first wait that is not over.
pub struct Waiting {
    pub last_seen: String,
    /// The name of the failure that this is called.
    pub failure: String,
}

/// Asked of `status.json`; `systemctl status` has to say the same.
pub fn waiting(node: &Node) -> Outcome<Waiting> {
    let status = status(node)?;
    let steps = status["steps"].as_array().into_iter().flatten();
    let mut waits = steps.flat_map(|step| step["waits"].as_array().into_iter().flatten().map(move |wait| (&step["id"], wait)));
    let (step, wait) = waits.find(|(_, wait)| wait["over"] == false).whilst(format_args!("{} waits for nothing", node.name))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let waiting = Waiting { last_seen: text(&wait["lastSeen"]), failure: text(&wait["failure"]) };
    let wanted = format!("{}: waiting for {}: {}", text(step), text(&wait["waitingFor"]), waiting.last_seen);
    let told = node.must(&["systemctl", "show", "--value", "--property=StatusText", UNIT], SHORT)?;
    if told.trim() == wanted { Ok(waiting) } else { Err(format!("status.json says {wanted}\nsystemctl status says {told}")) }
}

/// When it said a line that begins so, for the last time; seconds since 1970.
pub fn said_at(node: &Node, line: &str) -> Outcome<f64> {
    let said = journal(node, &["--output=short-unix"])?;
    let told = said.lines().rev().find_map(|entry| entry.split_once("]: ").filter(|(_, message)| message.starts_with(line)));
    let (head, _) = told.whilst(format_args!("{} never said {line}", node.name))?;
    head.split(' ').next().and_then(|time| time.parse().ok()).whilst(format_args!("no time: {head}"))
}

/// The ledger's records, each what it says and of which step, if of one: `begun kubeadm-init`. Read from the disk, whether
/// the machine is on or off. A line that is being written is no record yet.
pub fn ledger(node: &Node) -> Vec<String> {
    let text = node.read("var/lib/kubeboot/ledger.jsonl").unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.map(|line| ["entry", "step"].map(|field| line[field].as_str().unwrap_or_default()).join(" ").trim_end().to_owned()).collect()
}

/// That the folder is gone in which kubeadm's configuration lay, a secret.
pub fn kubeadm_folder_is_gone(node: &Node) -> Outcome<String> {
    let folder = node.volatile(KUBEADM)?;
    if folder.exists() { Err(format!("{} is still there", folder.display())) } else { Ok(String::new()) }
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

/// What it said, in all boots; `lines`: as in `journalctl --lines`, "all" or the number of the last.
pub fn said(node: &Node, lines: &str) -> Outcome<String> {
    journal(node, &["--output=short-precise", &format!("--lines={lines}")])
}

fn journal(node: &Node, options: &[&str]) -> Outcome<String> {
    let folder = node.root().join("var/log/journal");
    let mut command = command::program("journalctl", &["--directory", &folder.to_string_lossy(), "--unit", UNIT, "--no-pager"]);
    command::must(command.args(options), SHORT)
}
