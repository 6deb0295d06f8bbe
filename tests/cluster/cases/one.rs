//! One machine becomes a control plane.

use super::{Cluster, FIRST_BOOT, ha, secrets};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::outcome::Outcome;

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let kubectl = cluster.kubectl()?;
    let node = cluster.node(0)?;
    secrets::sampler_is_shown_to_find(cluster, checks);
    if !checks.that("the node is Ready, by the minted admin.conf through the balancer", cluster.all_ready()) {
        return Ok(());
    }
    checks.that("the API answers /readyz", kubectl.must(&["get", "--raw", "/readyz"], super::SHORT).map(|said| said.trim().to_owned()));
    let version = kubectl.json(&["version"]);
    checks.that(
        "it is the version of the document",
        version.and_then(|version| {
            let server = &version["serverVersion"]["gitVersion"];
            expect(*server == crate::parts::KUBERNETES, || server.to_string())
        }),
    );
    ha::shape(cluster, checks)?;
    let voters = crate::etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    checks.that("etcd has one voting member", expect(voters == (vec!["n1".to_owned()], vec![]), || format!("{voters:?}")));
    checks.that("the unit has ended", agent::wait_until_retired(node, FIRST_BOOT));
    checks.that("the marker is there", agent::marker(node));
    checks.that("status.json tells of success", agent::status_tells_success(node, "control-plane"));
    secrets::look(cluster, checks);
    Ok(())
}
