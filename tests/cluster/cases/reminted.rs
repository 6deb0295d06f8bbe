//! A worker that comes when the window is past: its document is refused, one that was minted again is not, and the cluster
//! notices nothing but a new Node.

use std::collections::BTreeMap;

use super::{Cluster, FIRST_BOOT, SHORT, accepted, crowd, ha};
use crate::agent;
use crate::checks::{Checks, expect};
use crate::fleet;
use crate::outcome::Outcome;

const LIVING: usize = 0;
const LATE: usize = 1;
const WORKER: &str = "worker-general.yaml";

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let (living, late) = (cluster.node(LIVING)?, cluster.node(LATE)?);
    living.power_on()?;
    agent::wait_until_retired(living, FIRST_BOOT)?;

    // The shortest window is ten minutes: its end is signed here, not waited for.
    fleet::seed(late, &crowd::expired(cluster, &cluster.minted.document(WORKER)?)?)?;
    late.power_on()?;
    crowd::EXPIRED.look("the window is past", late, agent::UNIT, checks);
    late.power_cut()?;

    let keys = |folder: &std::path::Path| {
        ["ca.crt", "ca.key", "etcd/ca.key", "front-proxy-ca.key", "sa.key"].map(|name| std::fs::read(folder.join("pki").join(name)).ok())
    };
    let (before, kept) = (settings(cluster)?, keys(&cluster.minted.folder));
    let again = fleet::mint_from(cluster.bed.folder.join("again"), cluster.choice, "--from", &cluster.minted.folder)?;
    let same = kept.iter().all(Option::is_some) && keys(&cluster.minted.folder) == kept && keys(&again.folder) == kept;
    checks.that("minted again: the keys are the first mint's, which are as they were", expect(same, String::new));
    fleet::seed(late, &again.document(WORKER)?)?;
    late.power_on()?;
    checks.that("minted again: the worker joins", agent::wait_until_retired(late, FIRST_BOOT));
    checks.that("minted again: status.json tells of success", agent::status_tells_success(late, "worker"));
    checks.that("both nodes are Ready, by the first admin.conf", cluster.all_ready());
    ha::shape(cluster, checks)?;
    let after = settings(cluster)?;
    let changed: Vec<_> = after.iter().filter(|(name, version)| before.get(*name) != Some(version)).collect();
    let gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    checks.that(
        "no Secret, ConfigMap, role or binding of the cluster is another than before",
        expect(changed.is_empty() && gone.is_empty() && before.len() > 50, || format!("{changed:?}, gone {gone:?}, of {}", before.len())),
    );
    accepted::by_kubeadm(cluster, living, checks)?;
    let certificates = "Secret kube-system/kubeadm-certs";
    let uploaded = settings(cluster)?;
    checks.that("the search for changes finds the upload", expect(uploaded.get(certificates) != after.get(certificates), String::new));
    Ok(())
}

/// What the cluster is told to be: every such object, with the version that changes whenever it does.
fn settings(cluster: &Cluster) -> Outcome<BTreeMap<String, String>> {
    let kinds = "secrets,configmaps,roles,rolebindings,clusterroles,clusterrolebindings,daemonsets,deployments";
    let columns = "-o=jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid} {.metadata.generation} {.data}\
                   {.rules}{.subjects}{.roleRef}{\"\\n\"}{end}";
    let said = cluster.kubectl()?.must(&["get", kinds, "-A", columns], SHORT)?;
    Ok(said
        .lines()
        .filter_map(|line| line.splitn(3, ' ').collect::<Vec<_>>().try_into().ok())
        .map(|[kind, name, rest]: [&str; 3]| (format!("{kind} {name}"), rest.to_owned()))
        .collect())
}
