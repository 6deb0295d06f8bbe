//! The configuration that kubeboot writes is read by the kubeadms of other minors too: what a machine of this version
//! wrote is caught, given their version, and put before each of them on a fresh machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use kubeboot::failure::Failure;
use serde_json::{Value, json};

use super::refusal::{End, Refusal};
use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::altered;
use crate::checks::Checks;
use crate::command::wait_for;
use crate::fleet;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::parts::{self, KUBERNETES};
use crate::rootfs::copy_program;

const FOLDER: &str = agent::KUBEADM;
const INIT: &str = "init.json";
const JOIN: &str = "join.json";
const DISCOVERY: &str = "discovery.conf";

const STEP: Duration = Duration::from_secs(120);

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let init = caught(cluster.node(0)?, INIT)?;
    let join = caught(cluster.node(1)?, JOIN)?;
    let discovery = caught(cluster.node(1)?, DISCOVERY)?;
    for node in &cluster.bed.nodes {
        node.power_cut()?;
    }
    let fresh = cluster.ready.machine(3, &cluster.bed.folder)?;
    fresh.power_on()?;
    wait_for("containerd", STEP, Duration::from_millis(100), || fresh.must(&["ctr", "version"], SHORT).map(drop))?;
    fresh.must(&["mkdir", "-p", &format!("/{FOLDER}")], SHORT)?;
    for (version, program) in parts::other_kubeadms()? {
        let kubeadm = format!("usr/local/bin/kubeadm-{version}");
        copy_program(&program, &fresh.root().join(&kubeadm))?;
        let kubeadm = format!("/{kubeadm}");
        let paths = [INIT, JOIN, DISCOVERY].map(|name| format!("/{FOLDER}/{name}"));
        let texts = [of_version(&init, version)?, of_version(&join, version)?, discovery.clone()];
        for (path, text) in paths.iter().zip(&texts) {
            write(&fresh, path, text)?;
        }
        let [init, join, _] = &paths;
        for (what, arguments) in [
            ("config validate of init", vec!["config", "validate", "--config", init]),
            ("config validate of join", vec!["config", "validate", "--config", join]),
            ("init --dry-run", vec!["init", "--dry-run", "--config", init]),
        ] {
            let mut line = vec![kubeadm.as_str()];
            line.extend(arguments);
            checks.that(&format!("kubeadm {version}: {what}"), fresh.must(&line, STEP).map(|_| String::new()));
        }
        // Unknown fields must be refused, or the passes above say nothing.
        let wrong = texts[0].replacen("\"certificatesDir\"", "\"certificatesFolder\"", 1).replacen("\"networking\"", "\"networks\"", 1);
        write(&fresh, init, &wrong)?;
        let refused = fresh.exec(&[&kubeadm, "config", "validate", "--config", init], STEP)?;
        let seen = if refused.ok() { Err("a wrong field is accepted".to_owned()) } else { Ok(String::new()) };
        checks.that(&format!("kubeadm {version}: a wrong field is refused"), seen);
    }
    for (version, program) in parts::other_kubeadms()? {
        kubelet_of_another_minor(cluster, version, &program, checks)?;
    }
    Ok(())
}

/// A machine whose kubeadm and document are of a minor of which its kubelet is not.
fn kubelet_of_another_minor(cluster: &Cluster, version: &str, program: &Path, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(0)?;
    cluster.re_image(0)?;
    fleet::seed(node, &altered::with(&cluster.minted.document(fleet::document_of(0, 2))?, "kubernetesVersion", version)?)?;
    copy_program(program, &node.path("usr/bin/kubeadm"))?;
    node.power_on()?;
    let name = format!("kubelet {KUBERNETES} beside kubeadm {version}");
    let told = format!("kubelet is {KUBERNETES}, the document wants {version}: use an image of that minor");
    let words = ["this machine can't become a node: 1 thing to mend", &told];
    Refusal { failure: Failure::MachineUnfit, end: End::Halts(69), words: &words }.look(&name, node, agent::UNIT, checks);
    node.power_cut()
}

/// A file of kubeboot's, read while it is there.
fn caught(node: &Node, name: &str) -> Outcome<String> {
    agent::wait_for(node, &format!("{name} on {}", node.name), FIRST_BOOT, Duration::from_millis(5), || {
        let path = node.volatile(FOLDER)?.join(name);
        fs::read_to_string(&path).whilst(path.display())
    })
}

/// Written through the machine's own view: /run is its tmpfs.
fn write(node: &Node, path: &str, text: &str) -> Outcome<()> {
    let outside = node.volatile(path.trim_start_matches('/'))?;
    fs::write(&outside, text).whilst(outside.display())
}

/// The same configuration for another version, on a machine whose kubelet is of this one.
fn of_version(text: &str, version: &str) -> Outcome<String> {
    let mut documents = Vec::new();
    for document in text.split("\n---\n") {
        let mut document: Value = serde_json::from_str(document.trim().trim_start_matches("---")).whilst("kubeboot's JSON")?;
        match document["kind"].as_str() {
            Some("ClusterConfiguration") => document["kubernetesVersion"] = json!(version),
            Some("InitConfiguration" | "JoinConfiguration") => {
                document["nodeRegistration"]["ignorePreflightErrors"] = json!(["all"]);
            }
            _ => {}
        }
        documents.push(document.to_string());
    }
    Ok(documents.join("\n---\n") + "\n")
}
