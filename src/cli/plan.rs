//! `kubeboot plan DOCUMENT`: what a machine with this document would do.

use std::fmt::Write;
use std::path::PathBuf;

use crate::datasource::{file, unwrap};
use crate::document::read_node;
use crate::document::spec::{BootstrapCredential, NodeSpec, PkiSource};
use crate::fault::Fault;
use crate::host::local::LocalHost;
use crate::kubeadm::config::{self, Secrets, Spelt};
use crate::plan::{self, Course};

/// Arguments of `kubeboot plan`.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanArgs {
    /// The document (kind: Node)
    #[arg(value_name = "DOCUMENT")]
    pub document: PathBuf,
}

const REDACTED: &str = "[redacted]";

/// The text for standard output.
///
/// # Errors
/// The document can't be read, or is wrong: all violations.
pub async fn run(args: &PlanArgs) -> Result<String, Fault> {
    let host = LocalHost::new(PathBuf::from("/"));
    let path = std::path::absolute(&args.document).unwrap_or_else(|_| args.document.clone());
    let document = unwrap::unwrap(file::fetch_told(&host, &path).await?)?;
    let spec = read_node(&document).map_err(crate::document::Violations::into_fault)?;
    Ok(text(&spec))
}

/// The plan of each course the machine may take, and the kubeadm configuration of each, without secrets.
#[must_use]
pub fn text(spec: &NodeSpec) -> String {
    let name = spec.registration.name.as_ref().map_or_else(|| "<the hostname>".to_owned(), ToString::to_string);
    let address =
        if spec.registration.address_from.is_empty() { "<the address on the default route>" } else { "<the address in addressFrom>" };
    let identity = Spelt { name, address: address.to_owned() };
    let mut text = String::new();
    if spec.initialize.is_some() {
        let secrets = Secrets {
            certificate_key: matches!(spec.pki, Some(PkiSource::Secret { .. })).then_some(REDACTED),
            bootstrap_token: matches!(spec.discovery.credential, Some(BootstrapCredential::Token(_))).then(|| (REDACTED, config::A_WINDOW)),
        };
        let _ = write!(text, "If nobody serves {} yet:\n\n", spec.endpoint);
        text.push_str(&plan::render(&plan::build(spec, Course::Initialise)));
        let _ = write!(
            text,
            "\nkubeadm init reads:\n{}\nIf the cluster is alive already:\n\n",
            config::render(&config::init(spec, &identity, secrets))
        );
    }
    text.push_str(&plan::render(&plan::build(spec, Course::Join)));
    let _ = write!(text, "\nkubeadm join reads:\n{}", config::render(&config::join(spec, &identity)));
    text
}
