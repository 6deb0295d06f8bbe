//! The endpoint in all its states, while the machines that need it are on: who may not be sure that nobody serves starts no
//! cluster, everybody says what is seen, and goes on as soon as it is mended.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::balancer::Face;
use crate::checks::{Checks, expect};
use crate::command::wait_for;
use crate::fleet::{DOCUMENT, document_of};
use crate::node::Node;
use crate::outcome::{Outcome, While};

/// How long each state lasts after both machines have told of it: longer than it takes the fence to be sure of nobody.
const STATE: Duration = Duration::from_secs(4);

/// When the balancer comes, after power-on.
const LATE: Duration = Duration::from_secs(120);

/// From a balancer that listens to a joiner that has seen it serve: a pause of 1.2 s at most, three looks, one question more.
const NOTICED: f64 = 2.0;

/// For this long the endpoint has to be unclear before the document of the hairpin lets its machine go on.
const PROCEED_AFTER: Duration = Duration::from_secs(10);

/// Begun or done, of the ledger's records: what nobody may have who is not sure.
const INIT: &str = "begun kubeadm-init";
const JOIN: &str = "begun kubeadm-join";

/// A state of the endpoint in which nothing may begin.
struct State {
    face: Face,
    /// What the machine that may initialise says, and its name for it.
    initialiser: (&'static str, &'static str),
    /// The same of a machine that joins.
    joiner: (&'static str, &'static str),
}

/// In the order in which they come. The words are the beginnings: what the libraries of TLS and DNS add is their own.
const UNSURE: [State; 5] = [
    State {
        face: Face::Nameless,
        initialiser: (
            "the endpoint is unclear, so this machine must not start a cluster: the name does not resolve: api.bed.test: ",
            "endpoint-unclear",
        ),
        joiner: ("the name does not resolve: api.bed.test:6443: ", "name-unresolved"),
    },
    State {
        face: Face::Unreachable,
        initialiser: (
            "the endpoint is unclear, so this machine must not start a cluster: connecting timed out: 10.77.0.10:6443 ",
            "endpoint-unclear",
        ),
        joiner: ("connecting timed out: 10.77.0.10:6443 ", "connect-timeout"),
    },
    State {
        face: Face::Mute,
        initialiser: (
            "the endpoint is unclear, so this machine must not start a cluster: no answer: api.bed.test:6443 at 10.77.0.10: ",
            "endpoint-unclear",
        ),
        joiner: ("no answer: api.bed.test:6443: ", "no-answer"),
    },
    State {
        face: Face::PlainHttp,
        initialiser: (
            "the endpoint is unclear, so this machine must not start a cluster: answers, but not in TLS: api.bed.test:6443 at 10.77.0.10: ",
            "endpoint-unclear",
        ),
        joiner: ("answers, but not in TLS: api.bed.test:6443: ", "not-tls"),
    },
    State {
        face: Face::Foreign,
        initialiser: ("another cluster's CA answers: api.bed.test:6443 at 10.77.0.10: ", "foreign-ca"),
        joiner: ("api.bed.test:6443 is served by another cluster: api.bed.test:6443: ", "foreign-ca"),
    },
];

/// All states one after the other, and the balancer at last two minutes after power-on.
pub fn walks(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let (first, second, balancer) = (cluster.node(0)?, cluster.node(1)?, &cluster.bed.balancer);
    let mut power_on = None;
    for state in &UNSURE {
        balancer.show(state.face)?;
        if power_on.is_none() {
            cluster.switch_on()?;
            power_on = Some(Instant::now());
        }
        checks.that(&format!("{:?}: the initialiser waits and says so", state.face), waits(first, state.initialiser));
        checks.that(&format!("{:?}: the joiner waits and says so", state.face), waits(second, state.joiner));
        sleep(STATE);
        checks.that(&format!("{:?}: nobody has begun", state.face), nobody_has_begun(cluster));
    }
    balancer.show(Face::Closing)?;
    let begun = wait_for("init", SHORT, Duration::from_millis(20), || recorded(first, INIT));
    checks.that("Closing: the initialiser is sure that nobody serves, and begins", begun);
    checks.that(
        "Closing: the joiner waits and says so",
        waits(second, ("connection closed at once: api.bed.test:6443: ", "connection-closed")),
    );
    balancer.show(Face::Off)?;
    checks.that("Off: the joiner waits and says so", waits(second, ("connection refused: api.bed.test:6443: ", "connection-refused")));
    let power_on = power_on.whilst("the machines were never on")?;
    sleep(LATE.saturating_sub(power_on.elapsed()));
    checks.that("nothing listens for two minutes: the cluster is started all the same", recorded(first, "done kubeadm-init"));
    checks.that("nothing listens for two minutes: the joiner has not begun", not_recorded(second, JOIN));
    let shown = now()?;
    balancer.show(Face::Serving)?;
    if !checks.that("the balancer is there: all nodes are Ready", cluster.all_ready()) {
        return Ok(());
    }
    checks.that("the joiner saw it at once", noticed(second, shown));
    both_are_done(cluster, checks);
    Ok(())
}

/// A balancer that never sends a machine's packets back to this machine: the initialiser alone behind it sees them vanish.
pub fn is_blind_to_itself(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let (first, second, balancer) = (cluster.node(0)?, cluster.node(1)?, &cluster.bed.balancer);
    balancer.show(Face::HairpinBlind)?;
    balancer.ignore(&first.plug)?;
    first.power_on()?;
    let words = UNSURE[1].initialiser;
    checks.that("onUnreachable: wait, the default: it waits and says so", waits(first, words));
    sleep(PROCEED_AFTER + STATE);
    checks.that("it still does", waits(first, words));
    checks.that("and has not begun", nobody_has_begun(cluster));
    first.power_cut()?;
    cluster.re_image(0)?;
    first.put(DOCUMENT, &proceeding(&cluster.minted.document(document_of(0, cluster.control_planes))?)?, 0o600)?;
    cluster.switch_on()?;
    if !checks.that(
        "onUnreachable: proceedAfter: it begins",
        agent::wait_for(first, "init", FIRST_BOOT, Duration::from_millis(50), || recorded(first, INIT)),
    ) {
        return Ok(());
    }
    let (_, seconds) = agent::step(&agent::status(first)?, "fence").whilst("n1 had no fence")?;
    let looked = seconds >= PROCEED_AFTER.as_secs_f64();
    checks.that("not before its time", expect(looked, || format!("after {seconds} s")).map(|_| format!("after {seconds:.1} s")));
    let done = agent::wait_for(first, "init", FIRST_BOOT, Duration::from_millis(50), || recorded(first, "done kubeadm-init"));
    checks.that("init needs no answer from the balancer", done);
    let joined = agent::wait_for(second, "n2's join", FIRST_BOOT, Duration::from_millis(50), || recorded(second, "done kubeadm-join"));
    checks.that("another control plane joins", joined);
    // It has somebody else to send them to.
    balancer.show(Face::HairpinBlind)?;
    checks.that("all nodes are Ready", cluster.all_ready());
    both_are_done(cluster, checks);
    Ok(())
}

fn both_are_done(cluster: &Cluster, checks: &mut Checks) {
    for (index, node) in cluster.bed.nodes.iter().enumerate() {
        checks.that(&format!("{}: the unit has ended", node.name), agent::wait_until_retired(node, FIRST_BOOT));
        checks.that(&format!("{}: status.json tells of success", node.name), agent::status_tells_success(node, cluster.role(index)));
    }
}

/// Until it says this, in `status.json` and in `systemctl status`.
fn waits(node: &Node, (words, failure): (&str, &str)) -> Outcome<String> {
    agent::wait_for(node, words, FIRST_BOOT, Duration::from_millis(200), || {
        let waiting = agent::waiting(node)?;
        let holds = waiting.last_seen.starts_with(words) && waiting.failure == failure;
        if holds { Ok(waiting.last_seen) } else { Err(format!("{} ({})", waiting.last_seen, waiting.failure)) }
    })
}

fn recorded(node: &Node, record: &str) -> Outcome<String> {
    let ledger = agent::ledger(node);
    expect(ledger.iter().any(|seen| seen == record), || format!("{}'s ledger has no {record}: {ledger:?}", node.name))
}

fn not_recorded(node: &Node, record: &str) -> Outcome<String> {
    match recorded(node, record) {
        Ok(_) => Err(format!("{}'s ledger has {record}", node.name)),
        Err(_) => Ok(String::new()),
    }
}

/// Neither in the ledger nor on the disk.
fn nobody_has_begun(cluster: &Cluster) -> Outcome<String> {
    for node in &cluster.bed.nodes {
        not_recorded(node, INIT)?;
        not_recorded(node, JOIN)?;
        let manifests = node.path("etc/kubernetes/manifests/kube-apiserver.yaml");
        expect(!manifests.exists(), || format!("{} is there", manifests.display()))?;
    }
    Ok(String::new())
}

fn now() -> Outcome<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).whilst("the clock")?.as_secs_f64())
}

/// From `shown` on the balancer was started; the machines' clock is ours.
fn noticed(joiner: &Node, shown: f64) -> Outcome<String> {
    let seconds = agent::said_at(joiner, "gate done")? - shown;
    if (0.0..=NOTICED).contains(&seconds) { Ok(format!("after {seconds:.2} s")) } else { Err(format!("after {seconds:.2} s")) }
}

/// The document, with leave to go on.
fn proceeding(document: &[u8]) -> Outcome<Vec<u8>> {
    let text = std::str::from_utf8(document).whilst("the document")?;
    let (before, after) = text.split_once("\ninitialize:\n").whilst("the document initialises nothing")?;
    let leave = format!("  onUnreachable: {{proceedAfter: {}s}}", PROCEED_AFTER.as_secs());
    Ok(format!("{before}\ninitialize:\n{leave}\n{after}").into_bytes())
}
