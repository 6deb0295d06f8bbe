//! Logs of the programs that kubeadm starts, as much of them as a diagnosis wants: container logs as the CRI has them
//! (`2026-11-25T23:28:59.877709000Z stderr F text`), and the journal of the kubelet.

use serde_json::Value;

use super::diagnosis::Program;
use crate::moment::UnixTime;

/// Longest line told, characters.
const LONGEST: usize = 500;

/// What one program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testimony {
    /// Who.
    pub program: Program,
    /// Where it stands, for a person.
    pub at: String,
    /// Its lines, the newest last.
    pub lines: Vec<String>,
}

/// Lines of a container's log that were written at `since` or later; the log may begin in the middle of a line.
#[must_use]
pub fn container_lines(log: &str, since: UnixTime) -> Vec<String> {
    log.lines()
        .filter_map(|line| {
            let mut parts = line.splitn(4, ' ');
            let written = written(parts.next()?)?;
            let (_stream, _partial) = (parts.next()?, parts.next()?);
            (written >= since).then(|| parts.next().unwrap_or_default().to_owned())
        })
        .collect()
}

/// When the newest line of a container's log was written.
#[must_use]
pub fn newest(log: &str) -> Option<UnixTime> {
    log.lines().rev().find_map(|line| written(line.split(' ').next()?))
}

/// RFC 3339 with the machine's offset from UTC, as container runtimes write it.
fn written(stamp: &str) -> Option<UnixTime> {
    if stamp.ends_with('Z') {
        return UnixTime::parse(stamp);
    }
    let (local, offset) = stamp.split_at_checked(stamp.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    let sign = if offset.starts_with('-') { 1 } else { -1 };
    Some(UnixTime::parse(&format!("{local}Z"))?.plus(sign * seconds))
}

/// A line for a person: of etcd's JSON the message and the error, of klog's lines what follows the header.
#[must_use]
pub fn readable(line: &str) -> String {
    let json = serde_json::from_str::<Value>(line).ok();
    let word = |key: &str| json.as_ref()?.get(key)?.as_str();
    let text = match (word("msg"), word("error")) {
        (Some(message), Some(error)) => format!("{message}: {error}"),
        (Some(message), None) => message.to_owned(),
        _ if line.starts_with(['E', 'W', 'F', 'I']) => line.split_once("] ").map_or(line, |(_, text)| text).to_owned(),
        _ => line.to_owned(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
