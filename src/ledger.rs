//! What was begun and what was done: one JSON object a line, synced before and after every effect (design §5).
//!
//! The world is the truth, the ledger the history. A torn last line is what a power cut leaves; it reads as nothing.

use serde::{Deserialize, Serialize};

use crate::plan::{Course, StepId};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Wall-clock time, RFC 3339.
    pub at: String,
    /// machine-id of the machine that wrote it.
    pub machine: String,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// A run began, for this cluster (SHA-256 of its CA certificate's DER, hex), role and node name.
    Started {
        /// Cluster identity.
        cluster: String,
        /// Role word.
        role: String,
        /// Node name.
        node: String,
    },
    /// The fence chose.
    Course {
        /// What it chose.
        course: Course,
    },
    /// A step's effect is about to happen.
    Begun {
        /// Which.
        step: StepId,
    },
    /// The effect of a step was observed.
    Done {
        /// Which.
        step: StepId,
    },
    /// The step failed for good.
    Failed {
        /// Which.
        step: StepId,
        /// The fault in one line.
        fault: String,
    },
}

/// What the ledger proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Identity that kubeadm was begun with, until then of the last run: cluster, role, node.
    pub identity: Option<(String, String, String)>,
    /// machine-ids that wrote lines.
    pub machines: Vec<String>,
    /// Steps whose effect was begun.
    pub begun: Vec<StepId>,
    /// Steps whose effect was observed.
    pub done: Vec<StepId>,
}

impl Progress {
    /// Whether the step's effect was ever begun.
    #[must_use]
    pub fn has_begun(&self, step: StepId) -> bool {
        self.begun.contains(&step)
    }

    /// Whether kubeadm was ever begun, and with it this machine bound to a cluster, role and name.
    #[must_use]
    pub fn kubeadm_has_begun(&self) -> bool {
        self.has_begun(StepId::KubeadmInit) || self.has_begun(StepId::KubeadmJoin)
    }

    /// Takes a record in.
    pub fn take(&mut self, record: Record) {
        if !self.machines.contains(&record.machine) {
            self.machines.push(record.machine);
        }
        match record.entry {
            Entry::Started { cluster, role, node } => {
                let started = (cluster, role, node);
                if self.kubeadm_has_begun() {
                    self.identity.get_or_insert(started);
                } else {
                    self.identity = Some(started);
                }
            }
            Entry::Begun { step } => {
                if !self.begun.contains(&step) {
                    self.begun.push(step);
                }
            }
            Entry::Done { step } => {
                if !self.done.contains(&step) {
                    self.done.push(step);
                }
            }
            // History, for people: what follows from it is asked of the world.
            Entry::Course { .. } | Entry::Failed { .. } => {}
        }
    }
}

/// Folds the ledger's bytes.
///
/// # Errors
/// The number (from 1) of a line that is no record and isn't the last: not a torn write but damage.
pub fn fold(bytes: &[u8]) -> Result<Progress, usize> {
    let mut progress = Progress::default();
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => progress.take(record),
            Err(_) if index + 1 == lines.len() => {}
            Err(_) => return Err(index + 1),
        }
    }
    Ok(progress)
}

/// The ledger without a torn last line, to be written in its place before anything is appended: a record glued to
/// the rest of another would read as damage ever after. A whole record that only lost its newline is kept.
/// `None` if nothing is torn.
#[must_use]
pub fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let (kept, last) = bytes.split_at_checked(whole)?;
    if last.is_empty() {
        return None;
    }
    let mut mended = kept.to_vec();
    if serde_json::from_slice::<Record>(last).is_ok() {
        mended.extend_from_slice(last);
        mended.push(b'\n');
    }
    Some(mended)
}

/// A record as the ledger's next line.
#[must_use]
pub fn line(record: &Record) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
