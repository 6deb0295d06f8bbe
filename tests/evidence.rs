//! kubeadm init fails in virtual time, and the fault tells the cause in the words of the program that has it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
mod documents;
#[allow(dead_code, reason = "no other machine is in these tests")]
#[path = "run/initialiser.rs"]
mod initialiser;
#[allow(dead_code, reason = "no power is cut in these tests")]
#[path = "run/kubeadm.rs"]
mod kubeadm;
#[allow(dead_code, reason = "not every test listens to all that is told")]
#[path = "support/sim.rs"]
mod sim;
#[allow(dead_code, reason = "its world is the other test's")]
#[path = "run/worker.rs"]
mod worker;

use initialiser::{Failing, Initialiser, boot, machine};
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::Unanswered;
use sim::Sim;

const ETCD: &str = "/var/log/pods/kube-system_etcd-cp-1_706975a0c905a55b8f736f8a75c6452f/etcd";
const ETCD_BEFORE: &str = "/var/log/pods/kube-system_etcd-cp-1_1c0ffee0c905a55b8f736f8a75c6452f/etcd";
const API: &str = "/var/log/pods/kube-system_kube-apiserver-cp-1_8f3ed9505a55b8f736f8a75c6452f706/kube-apiserver";

fn fixture(path: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The lines of a captured container log, without the time of the capture.
fn lines(path: &str) -> Vec<String> {
    fixture(path).lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned()).collect()
}

/// A first control plane whose kubeadm 1.37 waits in vain for its API server.
fn failing(logs: Vec<(String, Vec<String>)>, journal: &str) -> Sim<Initialiser> {
    let sim = machine(vec![(0.0, Err(Unanswered::Refused("10.0.0.9:6443".to_owned())))]);
    let stderr = fixture("kubeadm/v1.37.2/init-api-dead-kubelet-alive.stderr.txt");
    *sim.world.failing.borrow_mut() = Some(Failing { stderr, logs, journal: journal.to_owned() });
    sim
}

fn fault(sim: &Sim<Initialiser>) -> Fault {
    boot(sim).expect("the machine died").expect_err("it ended well")
}

/// The newest log is in the newest pod's folder, and 10 comes after 9.
#[test]
fn etcds_own_words_are_the_cause() {
    let wiped = || lines("etcd/v3.7.0/log/wiped-voter.log");
    let sim = failing(
        vec![
            (format!("{ETCD}/9.log"), lines("etcd/v3.7.0/log/no-space.log")),
            (format!("{ETCD}/10.log"), wiped()),
            (format!("{ETCD}/11.log"), vec![r#"{"level":"info","msg":"Running: "}"#.to_owned()]),
            (format!("{API}/3.log"), lines("kube-apiserver/v1.37.2/etcd-refused.log")),
        ],
        "",
    );
    sim.put(&format!("{ETCD_BEFORE}/0.log"), &fixture("etcd/v3.7.0/log/port-in-use.log"));
    let fault = fault(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::EtcdMemberMismatch, 69));
    let why = fault.why().unwrap();
    let expected = format!(
        "etcd's log in {ETCD}: panic: tocommit(30) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?\n\
         error: error execution phase wait-control-plane: cannot obtain client without bootstrap: could not bootstrap the admin user in \
         file admin.conf: unable to create ClusterRoleBinding: context deadline exceeded"
    );
    assert_eq!(why, expected);
}

#[test]
fn a_kubelet_that_never_ran_is_found_behind_an_api_server_that_never_came() {
    let fault = fault(&failing(Vec::new(), &fixture("kubelet/v1.37.2/swap.journal.txt")));
    assert_eq!(fault.failure(), Failure::MachineUnfit);
    let why = fault.why().unwrap();
    assert!(
        why.starts_with(
            "the kubelet's journal (`journalctl --unit=kubelet.service --boot --lines=300 --output=cat --no-pager`): \"command failed\" \
             err=\"failed to run Kubelet: running with swap on is not supported"
        ),
        "{why}"
    );
}

/// What an earlier attempt left says nothing about this one.
#[test]
fn a_log_of_before_is_no_cause() {
    let sim = failing(Vec::new(), "");
    sim.put(&format!("{ETCD}/0.log"), &fixture("etcd/v3.7.0/log/wiped-voter.log"));
    let fault = fault(&sim);
    assert_eq!((fault.failure(), fault.class().exit_code()), (Failure::ApiserverUnhealthy, 75));
    assert!(fault.why().unwrap().starts_with("error: error execution phase wait-control-plane: "), "{fault}");
}

#[test]
fn a_token_in_a_log_is_cut_out() {
    let planted = r#"{"level":"fatal","msg":"discovery failed","error":"abcdef.0123456789abcdef is no URL"}"#.to_owned();
    let sim = failing(vec![(format!("{ETCD}/0.log"), vec![planted])], "");
    let fault = fault(&sim);
    assert_eq!(fault.failure(), Failure::EtcdUnhealthy);
    assert!(fault.why().unwrap().contains("/etcd: discovery failed: [cut out] is no URL\n"), "{fault}");
    for told in sim.events.borrow().iter() {
        assert!(!told.message.contains("0123456789abcdef is"), "{}", told.message);
    }
    assert!(!sim.file("/run/kubeboot/status.json").unwrap().contains("abcdef.0123456789abcdef"));
}
