//! Machines that a living cluster refuses: the first control plane is at work, the second machine has its name, and the
//! third comes with another thing wrong in each of its lives.

use std::time::Duration;

use kubeboot::failure::Failure;
use kubeboot::moment::UnixTime;
use kubeboot::pki::authority::Authority;
use kubeboot::pki::client::{BOOTSTRAPPERS, sign};

use super::refusal::{self, End, Refusal};
use super::{Cluster, FIRST_BOOT, SHORT, refused};
use crate::agent;
use crate::altered;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::etcd;
use crate::fleet;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::tree::{Paths, Tree};

/// Indexes of the machines.
const LIVING: usize = 0;
const NAMESAKE: usize = 1;
const NEWCOMER: usize = 2;

const JOINER: &str = "control-plane.yaml";

type Arrangement = fn(&Cluster, &Node) -> Outcome<()>;

struct Scenario {
    name: &'static str,
    /// With the machine off and furnished with its right document.
    arrange: Arrangement,
    expected: Refusal<'static>,
}

/// A joiner whose window is past.
pub const EXPIRED: Refusal<'static> = Refusal {
    failure: Failure::CredentialExpired,
    end: End::Halts(65),
    words: &[
        "the cluster refuses the bootstrap certificate of this document, which is expired",
        "HTTP 401; it was valid until",
        "give this document a fresh credential of the same cluster",
    ],
};

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "foreign CA in a joiner's document",
        arrange: |cluster, node| {
            let authority = refused::foreign_authority(cluster)?;
            fleet::seed(node, &altered::with(&cluster.minted.document(JOINER)?, "certificateAuthority", &authority)?)
        },
        expected: Refusal {
            failure: Failure::ForeignCa,
            end: End::Waits,
            words: &["is served by another cluster", "does the name or the balancer point at the right machines?"],
        },
    },
    Scenario { name: "expired bootstrap certificate", arrange: with_expired_certificate, expected: EXPIRED },
    Scenario {
        name: "wrong certificate key at a joiner",
        arrange: |cluster, node| {
            fleet::seed(node, &altered::with(&cluster.minted.document(JOINER)?, "certificateKey", refused::WRONG_KEY)?)
        },
        expected: Refusal {
            failure: Failure::CertificateKeyWrong,
            end: End::Halts(65),
            words: &["the certificate key does not open the bundle", "use the certificate key and the bundle of the same mint"],
        },
    },
    Scenario {
        name: "Secret kubeadm-certs gone, as after two hours",
        arrange: |cluster, _| forget_certificates(cluster),
        expected: Refusal {
            failure: Failure::SecretGone,
            end: End::Halts(69),
            words: &["Secret kubeadm-certs is gone: kubeadm keeps it for two hours only", "kubeadm init phase upload-certs"],
        },
    },
];

const NAME_TAKEN: Refusal<'static> = Refusal {
    failure: Failure::NameTaken,
    end: End::Halts(69),
    words: &[
        "another machine is Node n1, and at work",
        "Node n1 is Ready with machine-id ",
        ", this machine's is ",
        "give this machine another hostname",
    ],
};

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let noise = refusal::noise(cluster, cluster.node(NEWCOMER)?)?;
    let living = cluster.node(LIVING)?;
    living.power_on()?;
    agent::wait_until_retired(living, FIRST_BOOT)?;
    let undisturbed = living_node(cluster)?;
    // It is looked at for a minute and a half before it is refused: meanwhile the other one has its lives.
    let namesake = cluster.node(NAMESAKE)?;
    namesake.put("etc/hostname", b"n1\n", 0o644)?;
    let before = Tree::of(namesake)?;
    namesake.power_on()?;
    lives(cluster, &noise, checks)?;
    NAME_TAKEN.look("two machines with one name", namesake, agent::UNIT, checks);
    checks.that("two machines with one name: both are named by their machine-ids", both_are_named(cluster));
    // The disk of a second machine: the noise is the image's.
    checks.that(
        "two machines with one name: the disk is as before, but for what the ledger names",
        refusal::is_untouched(namesake, &before, &noise),
    );
    let seen = living_node(cluster);
    checks.that(
        "the first one is undisturbed",
        seen.and_then(|seen| expect(seen == undisturbed, || format!("{seen:?}, not {undisturbed:?}"))),
    );
    let members = etcd::members(&cluster.bed, cluster.ready.parts.path("etcdctl")?)?;
    checks.that("etcd has its one member", expect(members == (vec!["n1".to_owned()], vec![]), || format!("{members:?}")));
    Ok(())
}

fn lives(cluster: &Cluster, noise: &Paths, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(NEWCOMER)?;
    for scenario in &SCENARIOS {
        cluster.re_image(NEWCOMER)?;
        (scenario.arrange)(cluster, node)?;
        let before = Tree::of(node)?;
        node.power_on()?;
        scenario.expected.look(scenario.name, node, agent::UNIT, checks);
        checks.that(
            &format!("{}: the disk is as before, but for what the ledger names", scenario.name),
            refusal::is_untouched(node, &before, noise),
        );
        checks.that(&format!("{}: a planted file is found", scenario.name), refusal::a_file_is_found(node, &before, noise));
        node.power_cut()?;
    }
    Ok(())
}

/// What the cluster says of n1: who it is, since when, and how it is.
fn living_node(cluster: &Cluster) -> Outcome<[String; 4]> {
    let node = cluster.kubectl()?.json(&["get", "node", "n1"])?;
    let ready = node["status"]["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let ready = ready.map(|condition| condition["status"].to_string()).unwrap_or_default();
    let (metadata, info) = (&node["metadata"], &node["status"]["nodeInfo"]);
    Ok([metadata["uid"].to_string(), info["machineID"].to_string(), info["bootID"].to_string(), ready])
}

fn both_are_named(cluster: &Cluster) -> Outcome<String> {
    let status = agent::status(cluster.node(NAMESAKE)?)?;
    let why = status["fault"]["why"].as_str().unwrap_or_default();
    for index in [LIVING, NAMESAKE] {
        let id = cluster.node(index)?.read("etc/machine-id")?;
        expect(why.contains(id.trim()), || format!("no {} in: {why}", id.trim()))?;
    }
    Ok(String::new())
}

/// The right name and group, signed by the right CA, and over.
fn with_expired_certificate(cluster: &Cluster, node: &Node) -> Outcome<()> {
    fleet::seed(node, &expired(cluster, &cluster.minted.document(JOINER)?)?)
}

/// A document as it is when its window is past.
pub fn expired(cluster: &Cluster, document: &[u8]) -> Outcome<Vec<u8>> {
    let read = |name: &str| cluster.node(LIVING)?.read(&format!("etc/kubernetes/pki/{name}"));
    let authority = Authority::from_pem(&read("ca.crt")?, &read("ca.key")?, "ca").whilst("the cluster's CA")?;
    let born = authority.certificate().not_before();
    let signed = sign(&authority, "system:bootstrap:kubeboot", &[BOOTSTRAPPERS], born, UnixTime(born.0 + 1)).whilst("signing")?;
    altered::with(&altered::with(document, "certificate", &signed.certificate_pem)?, "key", signed.key_pem.expose())
}

/// kubeadm's Secret is owned by a token that expires after two hours: without the owner it is collected.
fn forget_certificates(cluster: &Cluster) -> Outcome<()> {
    let kubectl = cluster.kubectl()?;
    let certificates = ["-n", "kube-system", "get", "secret", "kubeadm-certs"];
    let secret = kubectl.json(&certificates)?;
    let owner = secret["metadata"]["ownerReferences"][0]["name"].as_str().whilst("Secret kubeadm-certs has no owner")?;
    kubectl.must(&["-n", "kube-system", "delete", "secret", owner], SHORT)?;
    wait_for("Secret kubeadm-certs to be collected", FIRST_BOOT, Duration::from_millis(200), || {
        let looked = kubectl.run(&certificates, SHORT)?;
        if looked.stderr.contains("NotFound") { Ok(()) } else { Err(format!("{}{}", looked.stdout, looked.stderr)) }
    })
}
