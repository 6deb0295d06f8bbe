//! The minted PKI before the real kubeadm: it takes the eight files as its own, makes every leaf from them, knows when they
//! end, and seals and uploads them.

use std::fs;
use std::path::Path;

use super::{Cluster, FIRST_BOOT, SHORT, ha};
use crate::checks::{Checks, expect};
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::parts::KUBERNETES;

/// Where the minted files lie on the machine, beside the cluster's own.
const APART: &str = "root/pki";
const SHARED: [&str; 8] =
    ["ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key", "sa.key", "sa.pub"];

/// A cluster of keys of another algorithm than mint's own: the same must hold as of any other.
pub fn another_algorithm(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    ha::look(cluster, checks)?;
    let node = cluster.node(0)?;
    let algorithm = cluster.choice.encryption;
    let words = match algorithm {
        "RSA-2048" => ["rsaEncryption", "Public-Key: (2048 bit)"],
        "ECDSA-P384" => ["id-ecPublicKey", "Public-Key: (384 bit)"],
        other => return Err(format!("nobody has said how openssl calls {other}")),
    };
    for leaf in ["apiserver", "etcd/server", "front-proxy-client"] {
        let text = node.must(&["openssl", "x509", "-noout", "-text", "-in", &format!("/etc/kubernetes/pki/{leaf}.crt")], SHORT);
        let kind = text.and_then(|text| expect(words.iter().all(|word| text.contains(word)), || text.clone()));
        checks.that(&format!("{leaf}.crt that kubeadm made is {algorithm}"), kind.map(|_| String::new()));
    }
    by_kubeadm(cluster, node, checks)
}

/// What kubeadm itself says, on a control plane that is at work.
pub fn by_kubeadm(cluster: &Cluster, node: &Node, checks: &mut Checks) -> Outcome<()> {
    let minted = cluster.minted.folder.join("pki");
    for name in SHARED {
        let bytes = fs::read(minted.join(name)).whilst(name)?;
        node.put(&format!("{APART}/{name}"), &bytes, 0o600)?;
    }
    let config = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: {KUBERNETES}\ncertificatesDir: /{APART}\n\
         encryptionAlgorithm: {}\n",
        cluster.choice.encryption
    );
    node.put("root/accept.yaml", config.as_bytes(), 0o600)?;
    let made = node.must(&["kubeadm", "init", "phase", "certs", "all", "--config=/root/accept.yaml"], FIRST_BOOT);
    let all_made = made.and_then(|said| {
        let wanted = [
            "Using existing ca certificate authority",
            "Using existing front-proxy-ca",
            "Using existing etcd/ca",
            "Using the existing \"sa\" key",
        ];
        let missing: Vec<&str> = wanted.into_iter().filter(|words| !said.contains(words)).collect();
        expect(missing.is_empty(), || format!("not said: {missing:?}, but\n{said}"))
    });
    checks.that("kubeadm init phase certs all: takes the minted PKI, and makes every leaf", all_made.map(|_| String::new()));
    checks.that("kubeadm init phase certs all: the minted files are as they were", untouched(node, &minted));
    let looked = node.must(&["kubeadm", "certs", "check-expiration", "--config=/root/accept.yaml"], FIRST_BOOT);
    let known = looked.and_then(|said| {
        let authorities = ["ca ", "etcd-ca ", "front-proxy-ca "];
        let nine_years = |name: &str| said.lines().any(|line| line.starts_with(name) && line.contains("9y"));
        // kubeboot takes super-admin.conf away.
        let missing = said.lines().any(|line| line.starts_with("!MISSING!") && !line.contains("super-admin.conf"));
        expect(authorities.into_iter().all(nine_years) && !missing, || said.clone())
    });
    checks.that("kubeadm certs check-expiration: knows their ends, nine years hence", known.map(|_| String::new()));
    let own = config.replace(&format!("/{APART}"), "/etc/kubernetes/pki");
    node.put("root/upload.yaml", own.as_bytes(), 0o600)?;
    let upload =
        ["kubeadm", "init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print", "--config=/root/upload.yaml"];
    let uploaded = node.must(&upload, FIRST_BOOT).and_then(|_| {
        let secret = cluster.kubectl()?.json(&["-n", "kube-system", "get", "secret", "kubeadm-certs"])?;
        let count = secret["data"].as_object().map_or(0, serde_json::Map::len);
        expect(count == SHARED.len(), || format!("{count} values"))
    });
    checks.that("kubeadm init phase upload-certs: seals and uploads them", uploaded);
    let nodes = cluster.kubectl()?.must(&["get", "nodes", "-o", "name"], SHORT);
    let count = cluster.bed.nodes.len();
    checks.that("the minted admin.conf lists the nodes", nodes.and_then(|names| expect(names.lines().count() == count, || names.clone())));
    Ok(())
}

fn untouched(node: &Node, minted: &Path) -> Outcome<String> {
    for name in SHARED {
        let (now, made) = (node.read(&format!("{APART}/{name}"))?, fs::read_to_string(minted.join(name)).whilst(name)?);
        expect(now == made, || format!("{name} is another"))?;
    }
    Ok(String::new())
}
