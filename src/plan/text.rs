//! A plan as a person reads it.

use std::fmt::Write;

use super::{Course, DoneWhen, Plan};

impl DoneWhen {
    /// The condition in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Observed => "it is seen to be so",
            Self::SharedPkiOnDisk => "all eight files are there, pair up and belong to the document's CA",
            Self::ClusterStarted => "this Node is labelled and the bootstrap RBAC and add-ons exist",
            Self::CniPresent => "every object of the manifest is in the cluster",
            Self::Joined => "kubelet.conf reads a Node of this name and machine-id",
            Self::Retired => "the marker is there and no secret is left",
        }
    }
}

/// The steps, numbered, with what each waits for.
#[must_use]
pub fn render(plan: &Plan) -> String {
    let course = match plan.course {
        Course::Initialise => "starts the cluster (`kubeadm init`)",
        Course::Join => "joins the cluster (`kubeadm join`)",
    };
    let mut text = format!("This machine {course}:\n");
    for (index, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "{:>3}. {:<18} {}", index + 1, step.id.name(), step.why);
        let _ = writeln!(text, "     {:<18} done when {}; at most {} min", "", step.done_when.words(), step.deadline.as_secs() / 60);
    }
    text
}
