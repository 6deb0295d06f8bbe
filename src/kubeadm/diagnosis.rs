//! A failed kubeadm by its right name, with the deepest cause that can be found.
//!
//! Its exit code is 1 whatever happened (kubeadm.md §5.2), so the words decide; and its last line is often not the cause: a
//! preflight tells the causes before it, and who waited in vain for etcd, the API server or the kubelet knows nothing of why
//! they don't come up. Those are heard next: [`Diagnosis::ask`] says whom, [`Diagnosis::hear`] takes what they say.

use super::censor::without_secrets;
use super::symptom::{APISERVER_LOG, BEFORE_ANY_PHASE, ETCD_LOG, KUBEADM, KUBELET_JOURNAL, Symptom, UNKNOWN};
use super::testimony::{Testimony, readable};
use crate::failure::{Failure, Handling};

/// A program that knows why kubeadm waited in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// This machine's etcd member.
    Etcd,
    /// This machine's kube-apiserver.
    ApiServer,
    /// The kubelet.
    Kubelet,
}

impl Program {
    const fn symptoms(self) -> &'static [Symptom] {
        match self {
            Self::Etcd => ETCD_LOG,
            Self::ApiServer => APISERVER_LOG,
            Self::Kubelet => KUBELET_JOURNAL,
        }
    }
}

/// What is known of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Its name.
    pub failure: Failure,
    /// The deepest cause, where it was read if not from kubeadm, and kubeadm's own words; without secrets.
    pub why: String,
    /// What to do.
    pub advice: &'static str,
    /// Who may know more, the deepest first.
    pub ask: &'static [Program],
}

/// By kubeadm's standard error alone.
#[must_use]
pub fn diagnose(stderr: &str) -> Diagnosis {
    let words = words(stderr);
    let symptom = find(&words).unwrap_or(if words.contains("error:") && !words.contains("error execution phase") {
        &BEFORE_ANY_PHASE
    } else {
        &UNKNOWN
    });
    Diagnosis { failure: symptom.failure, why: without_secrets(&words), advice: symptom.advice, ask: symptom.ask }
}

fn fits(symptom: &Symptom, text: &str) -> bool {
    symptom.said.iter().all(|said| text.contains(said))
}

/// The first row that fits. The causes of a preflight are looked at one by one, and the first that nothing but a person mends
/// counts: what passes with time may stand beside it.
fn find(words: &str) -> Option<&'static Symptom> {
    let of = |text: &str| KUBEADM.iter().find(|symptom| fits(symptom, text));
    if !words.contains("[ERROR ") {
        return of(words);
    }
    let causes = || words.lines().filter_map(of);
    causes().find(|symptom| matches!(symptom.failure.handling(), Handling::Halts(_))).or_else(|| causes().next())
}

/// What kubeadm said: the causes that a preflight lists before its last line, else everything from `error:` on, which may be
/// many lines; neither its hints nor what it asks for in general. A kubeadm that was killed has neither: then the last lines.
fn words(stderr: &str) -> String {
    if let Some((_, causes)) = stderr.split_once("Some fatal errors occurred:") {
        // 1.34 ends the list without a newline.
        return lines(causes.split("[preflight] If you know").next().unwrap_or_default()).join("\n");
    }
    let all = lines(stderr);
    let first = all.iter().position(|line| line.starts_with("error:")).unwrap_or(all.len().saturating_sub(5));
    let is_hint = |line: &&str| ["To see the stack trace", "Please ensure that:", "* "].iter().any(|start| line.starts_with(start));
    all.into_iter().skip(first).filter(|line| !is_hint(line)).collect::<Vec<_>>().join("\n")
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

impl Diagnosis {
    /// With what others said: the first of [`Diagnosis::ask`] who names a cause is the deepest.
    #[must_use]
    pub fn hear(self, heard: &[Testimony]) -> Self {
        let cause = self.ask.iter().find_map(|program| {
            let testimony = heard.iter().find(|testimony| testimony.program == *program)?;
            let (symptom, line) = cause(testimony)?;
            // Cut out before it is cut short: half a secret looks like none.
            Some((symptom, format!("{}: {}", testimony.at, readable(&without_secrets(line)))))
        });
        match cause {
            None => self,
            Some((symptom, line)) => {
                Self { failure: symptom.failure, why: format!("{line}\n{}", self.why), advice: symptom.advice, ask: &[] }
            }
        }
    }
}

/// The newest line of the first row that any line fits.
fn cause(testimony: &Testimony) -> Option<(&'static Symptom, &str)> {
    testimony.program.symptoms().iter().find_map(|symptom| {
        let line = testimony.lines.iter().rev().find(|line| fits(symptom, line))?;
        Some((symptom, line.as_str()))
    })
}
