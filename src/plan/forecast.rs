//! What a machine would do, told beforehand: the plan of each course that it may take, and what kubeadm would read there.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::{Course, DoneWhen, Plan, StepId, build, render};
use crate::document::spec::{BootstrapCredential, InitializeNode, NodeSpec, PkiSource};
use crate::facts::Facts;
use crate::fence;
use crate::kubeadm::config::{self, Secrets, Spelt};
use crate::kubeadm::quirk::{Quirk, quirks};
use crate::preflight;

const REDACTED: &str = "[redacted]";

/// What `kubeboot plan` prints; as JSON a stable form: fields are added, never renamed. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    api_version: &'static str,
    kind: &'static str,
    cluster: String,
    role: &'static str,
    kubernetes_version: String,
    /// The name of the node, or in words where it will come from.
    node: String,
    /// The same of its address.
    address: String,
    /// Whether this machine is the one that may start the cluster; left out where the machine is not known well enough, or has
    /// to claim the right first.
    #[serde(skip_serializing_if = "Option::is_none")]
    may_initialise: Option<bool>,
    /// Why a machine with these facts can't be this node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    courses: Vec<Way>,
}

/// One course.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Way {
    course: Course,
    steps: Vec<Told>,
    /// What this release of kubeadm does otherwise than others.
    quirks: Vec<Quirk>,
    /// The documents that kubeadm reads.
    kubeadm: Vec<Value>,
    #[serde(skip)]
    plan: Plan,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    id: StepId,
    why: String,
    done_when: DoneWhen,
    deadline_seconds: u64,
}

impl Way {
    fn new(spec: &NodeSpec, course: Course, kubeadm: Vec<Value>) -> Self {
        let plan = build(spec, course);
        let told = |step: &super::Step| Told {
            id: step.id,
            why: step.why.clone(),
            done_when: step.done_when,
            deadline_seconds: step.deadline.as_secs(),
        };
        Self { course, steps: plan.steps.iter().map(told).collect(), quirks: quirks(spec, course).collect(), kubeadm, plan }
    }
}

/// Whether the document gives this machine the right to start the cluster, as far as that is known beforehand.
fn may_initialise(spec: &NodeSpec, facts: Option<&Facts>) -> Option<bool> {
    let Some(initialize) = &spec.initialize else { return Some(false) };
    match (&initialize.node, &initialize.claim, facts) {
        (None, None, _) => Some(true),
        // Instance ids are the datasource's to tell.
        (None, Some(_), _) | (Some(_), _, None) | (Some(InitializeNode::InstanceId(_)), ..) => None,
        (Some(node), _, Some(facts)) => Some(fence::names(node, facts, None)),
    }
}

/// What a machine with this document, and with these facts if they are known, would do.
#[must_use]
pub fn forecast(spec: &NodeSpec, facts: Option<&Facts>) -> Forecast {
    let name = spec.registration.name.as_ref().map_or_else(|| "<the hostname>".to_owned(), ToString::to_string);
    let address =
        if spec.registration.address_from.is_empty() { "<the address on the default route>" } else { "<the address in addressFrom>" };
    let unknown = Spelt { name, address: address.to_owned() };
    let (identity, problems) = match facts.map(|facts| preflight::identity(spec, facts)) {
        None => (unknown, Vec::new()),
        Some(Ok(identity)) => (Spelt::from(&identity), Vec::new()),
        Some(Err(problems)) => (unknown, problems),
    };
    let may_initialise = may_initialise(spec, facts);
    let mut courses = Vec::new();
    if may_initialise != Some(false) {
        let secrets = Secrets {
            certificate_key: matches!(spec.pki, Some(PkiSource::Secret { .. })).then_some(REDACTED),
            bootstrap_token: matches!(spec.discovery.credential, Some(BootstrapCredential::Token(_))).then(|| (REDACTED, config::A_WINDOW)),
        };
        courses.push(Way::new(spec, Course::Initialise, config::init(spec, &identity, secrets)));
    }
    courses.push(Way::new(spec, Course::Join, config::join(spec, &identity)));
    Forecast {
        api_version: "kubeboot/v1alpha1",
        kind: "Plan",
        cluster: spec.cluster.clone(),
        role: spec.role.name(),
        kubernetes_version: spec.kubernetes_version.to_string(),
        node: identity.name,
        address: identity.address,
        may_initialise,
        problems,
        courses,
    }
}

impl Forecast {
    /// For a person.
    #[must_use]
    pub fn text(&self, spec: &NodeSpec) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            let _ = writeln!(text, "With these facts it waits before the first step: {problem}");
        }
        if spec.initialize.as_ref().is_some_and(|initialize| initialize.node.is_some()) {
            let _ = match self.may_initialise {
                Some(true) => writeln!(text, "initialize.node names this machine: it may start the cluster.\n"),
                Some(false) => writeln!(text, "initialize.node names another machine: this one waits for it, and joins.\n"),
                None => Ok(()),
            };
        }
        for way in &self.courses {
            let (verb, when) = match (way.course, self.courses.len()) {
                (Course::Initialise, _) => ("init", format!("If nobody serves {} yet:\n\n", spec.endpoint)),
                (Course::Join, 1) => ("join", String::new()),
                (Course::Join, _) => ("join", "\nIf the cluster is alive already:\n\n".to_owned()),
            };
            let _ = write!(text, "{when}{}", render(&way.plan));
            if !way.quirks.is_empty() {
                let _ = writeln!(text, "\nOf kubeadm {}, and what is done about it:", self.kubernetes_version);
            }
            for quirk in &way.quirks {
                let _ = writeln!(text, "  {}:\n     {};\n     {}", quirk.id, quirk.kubeadm, quirk.kubeboot);
            }
            let _ = write!(text, "\nkubeadm {verb} reads:\n{}", config::render(&way.kubeadm));
        }
        text
    }

    /// For tools.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
