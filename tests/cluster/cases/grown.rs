//! A cluster that a person made with plain kubeadm, and that has never seen kubeboot, grows by it.

use std::fs;
use std::time::Duration;

use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::by_hand;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::etcd;
use crate::fleet;
use crate::kubectl::Kubectl;
use crate::outcome::{Outcome, While};

const FIRST: usize = 0;
/// The machines that come by kubeboot: index, document, role.
const NEW: [(usize, &str, &str); 2] = [(1, "control-plane.yaml", "control-plane"), (2, "worker-general.yaml", "worker")];

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let first = cluster.node(FIRST)?;
    // Without kubeboot and its document.
    cluster.ready.re_image(first)?;
    first.power_on()?;
    by_hand::login(first)?;
    by_hand::init(first)?;
    by_hand::apply_cni(first)?;

    let pki = first.root().join("etc/kubernetes/pki");
    let key = fs::read_to_string(pki.join("ca.key")).whilst("ca.key")?;
    checks.that("kubeadm's own keys are RSA in PKCS#1", expect(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"), String::new));
    let grown = fleet::mint_from(cluster.bed.folder.join("grown"), cluster.choice, "--pki", &pki)?;
    checks.that(
        "no document can start another cluster",
        expect(grown.document("control-plane-init.yaml").is_err() && !grown.folder.join("pki").exists(), String::new),
    );
    for (index, document, _) in NEW {
        let node = cluster.node(index)?;
        fleet::seed(node, &grown.document(document)?)?;
        node.power_on()?;
    }
    for (index, _, role) in NEW {
        let node = cluster.node(index)?;
        let name = &node.name;
        checks.that(&format!("{name}: joins the cluster that was made by hand"), agent::wait_until_retired(node, FIRST_BOOT));
        checks.that(&format!("{name}: status.json tells of success"), agent::status_tells_success(node, role));
    }
    let kubectl = Kubectl::new(&cluster.bed.balancer, cluster.ready.parts.path("kubectl")?, &grown.admin());
    let listed = kubectl.must(&["get", "nodes", "-o", "name"], SHORT);
    checks.that("the minted admin.conf lists three nodes", listed.and_then(|names| expect(names.lines().count() == 3, || names.clone())));
    let watch = kubectl.watch_ready()?;
    let ready = wait_for("all nodes Ready", FIRST_BOOT, Duration::from_millis(100), || watch.all_ready(3));
    checks.that("all three are Ready", ready.map(|_| String::new()));
    let members = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    let two = ["n1", "n2"].map(str::to_owned).to_vec();
    checks.that("etcd has two voters and no learner", expect(members == (two, vec![]), || format!("{members:?}")));
    let (old, new) = (first.read("etc/kubernetes/pki/ca.crt")?, cluster.node(1)?.read("etc/kubernetes/pki/ca.crt")?);
    checks.that("the new control plane has the cluster's own CA", expect(old == new, String::new));
    Ok(())
}
