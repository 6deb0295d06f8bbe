//! From a cluster file to documents on machines, by `kubeboot mint` alone: nothing is written that an operator would not
//! get from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::agent;
use crate::by_hand::{COMPONENTS, ignored_preflight};
use crate::command::{must, program};
use crate::network::ENDPOINT;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::parts::KUBERNETES;
use crate::rootfs::{copy_program, enable};

/// Where the document lies on a machine: in the NoCloud seed.
pub const DOCUMENT: &str = "var/lib/cloud/seed/nocloud/user-data";
const WANTED_BY: &str = "multi-user.target";
const METADATA: &str = "var/lib/cloud/seed/nocloud/meta-data";

/// Where the balancer's machine serves the bundle of a cluster with `pki: url`; plain http, for mint pins it.
pub const BUNDLE_URL: &str = "http://10.77.0.10:8080/bundle.json";

/// What differs between the clusters of the cases.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub pki: &'static str,
    pub credential: &'static str,
    pub encryption: &'static str,
}

/// What `kubeboot mint` made.
pub struct Minted {
    pub folder: PathBuf,
}

impl Minted {
    pub fn admin(&self) -> PathBuf {
        self.folder.join("admin.conf")
    }

    /// One of the documents, by its file's name.
    pub fn document(&self, name: &str) -> Outcome<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).whilst(path.display())
    }

    /// The cluster's CA certificate, as the minted admin.conf has it.
    pub fn authority(&self) -> Outcome<String> {
        let text = fs::read_to_string(self.admin()).whilst("admin.conf")?;
        let (_, encoded) = text.split_once("certificate-authority-data: ").whilst("admin.conf has no CA")?;
        let encoded = encoded.lines().next().unwrap_or_default().trim().trim_matches('"');
        let bytes = BASE64.decode(encoded).whilst("admin.conf's CA")?;
        String::from_utf8(bytes).whilst("admin.conf's CA")
    }

    /// All that is handed out, as text.
    pub fn texts(&self) -> Outcome<Vec<String>> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(&self.folder).whilst(self.folder.display())? {
            let path = entry.whilst(self.folder.display())?.path();
            // What is in the folder below, documents have as well: sealed.
            if path.is_file() {
                texts.push(fs::read_to_string(&path).whilst(path.display())?);
            }
        }
        Ok(texts)
    }
}

/// The binary that is tested.
pub fn binary() -> Outcome<PathBuf> {
    let path = std::env::var_os("KUBEBOOT_BINARY").map(PathBuf::from);
    let path = path.whilst("KUBEBOOT_BINARY is not set; tests/cluster/run builds the binary and sets it")?;
    fs::canonicalize(&path).whilst(path.display())
}

/// Mints a cluster into a folder that does not exist yet.
pub fn mint(folder: PathBuf, choice: Choice) -> Outcome<Minted> {
    mint_with(folder, choice, &[])
}

/// The same from keys that are there: `--from` an earlier mint's folder, or `--pki` of a living cluster.
pub fn mint_from(folder: PathBuf, choice: Choice, option: &str, keys: &Path) -> Outcome<Minted> {
    mint_with(folder, choice, &[option, &keys.to_string_lossy()])
}

fn mint_with(folder: PathBuf, choice: Choice, options: &[&str]) -> Outcome<Minted> {
    let file = folder.with_extension("yaml");
    fs::write(&file, cluster_file(choice)?).whilst(file.display())?;
    let (file, out) = (file.to_string_lossy().into_owned(), folder.to_string_lossy().into_owned());
    let arguments = [&["mint", &file, "--out", &out], options].concat();
    must(&mut program(&binary()?.to_string_lossy(), &arguments), Duration::from_secs(60))?;
    Ok(Minted { folder })
}

/// Which of the minted documents the machine at `index` gets: the first initialises, control planes come before workers.
pub fn document_of(index: usize, control_planes: usize) -> &'static str {
    match index {
        0 => "control-plane-init.yaml",
        _ if index < control_planes => "control-plane.yaml",
        _ => "worker-general.yaml",
    }
}

/// Puts on a machine what a golden image and its userdata would hold: the binary, its units, the document.
pub fn furnish(node: &Node, document: &[u8]) -> Outcome<()> {
    copy_program(&binary()?, &node.root().join("usr/bin/kubeboot"))?;
    for name in [agent::UNIT, agent::UNIT_OF_CLONES] {
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("units").join(name);
        let unit = fs::read(&unit).whilst(unit.display())?;
        node.put(&format!("etc/systemd/system/{name}"), &unit, 0o644)?;
        enable(&node.root(), name, WANTED_BY)?;
    }
    seed(node, document)
}

/// As `systemctl disable` leaves it: on a machine that has done its first boot, or would have.
pub fn disable(node: &Node) -> Outcome<()> {
    let link = node.root().join("etc/systemd/system").join(format!("{WANTED_BY}.wants")).join(agent::UNIT);
    fs::remove_file(&link).whilst(link.display())
}

/// Puts the document where its datasource looks.
pub fn seed(node: &Node, document: &[u8]) -> Outcome<()> {
    node.put(DOCUMENT, document, 0o600)?;
    node.put(METADATA, format!("instance-id: bed-{}\n", node.name).as_bytes(), 0o600)
}

fn cluster_file(choice: Choice) -> Outcome<String> {
    let ignored = ignored_preflight()?;
    let Choice { pki, credential, encryption } = choice;
    let pki = if pki == "url" { format!("{{url: \"{BUNDLE_URL}\"}}") } else { pki.to_owned() };
    Ok(format!(
        "apiVersion: kubeboot/v1alpha1
kind: Cluster
name: bed
kubernetesVersion: {KUBERNETES}
controlPlaneEndpoint: {ENDPOINT}:6443
networking: {{podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}}
cni: {{name: flannel}}
encryptionAlgorithm: {encryption}
pki: {pki}
credential: {credential}
# These machines' clocks are their host's, which adjtimex does not vouch for.
clock: plausible
controlPlane: {{labels: {{bed: cp}}}}
workers: {{general: {{labels: {{bed: worker, pool: general}}, taints: []}}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {{ignorePreflightErrors: {ignored}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
nodeRegistration: {{ignorePreflightErrors: {ignored}}}
---
{COMPONENTS}"
    ))
}
