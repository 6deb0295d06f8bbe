//! Requests and answers of the API server and etcd, on what the real ones say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::time::Duration;

use kubeboot::cluster::api::{API_PATIENCE, Ask, Client, Trouble, read};
use kubeboot::cluster::etcd::{self, Member};
use kubeboot::cluster::lease::{self, Move, RENEWAL, Seen, TERM, Watcher};
use kubeboot::cluster::object::{self, Object};
use kubeboot::failure::Failure;
use kubeboot::host::{Method, Response, Tls, Unanswered};
use kubeboot::moment::{Instant, UnixTime};
use kubeboot::secret::Secret;
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

fn body(ask: &Ask) -> Value {
    serde_json::from_slice(&ask.body.as_ref().unwrap().1).unwrap()
}

mod api {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Response, Unanswered> {
        Ok(Response { status, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read(answer(200, r#"{"kind":"Node"}"#)), Ok(json!({"kind": "Node"})));
        assert_eq!(read(answer(201, "[]")), Ok(json!([])));
        let status = r#"{"kind":"Status","message":"nodes \"w-1\" not found","code":404}"#;
        assert_eq!(read(answer(404, status)), Err(Trouble::Status(404, "nodes \"w-1\" not found".to_owned())));
        assert_eq!(read(answer(503, "no leader")), Err(Trouble::Status(503, "no leader".to_owned())));
        assert_eq!(read(answer(302, "")), Err(Trouble::Status(302, String::new())));
        let Err(Trouble::Status(500, message)) = read(answer(500, &"x".repeat(5000))) else { panic!("no trouble") };
        assert_eq!(message.len(), 200, "a page of HTML is cut");
        let Err(Trouble::Malformed(_)) = read(answer(200, "ok")) else { panic!("no trouble") };
        let refused = Unanswered::Refused("10.0.0.9:6443".to_owned());
        assert_eq!(read(Err(refused.clone())), Err(Trouble::Unanswered(refused)));
    }

    #[test]
    fn troubles_by_their_names() {
        for (trouble, failure) in [
            (Trouble::Status(400, String::new()), Failure::ApiRefuses),
            (Trouble::Status(405, String::new()), Failure::ApiRefuses),
            (Trouble::Status(406, String::new()), Failure::ApiRefuses),
            (Trouble::Status(415, String::new()), Failure::ApiRefuses),
            (Trouble::Status(422, String::new()), Failure::ApiRefuses),
            (Trouble::Status(401, String::new()), Failure::CredentialRefused),
            (Trouble::Status(403, String::new()), Failure::ApiUnavailable),
            (Trouble::Status(404, String::new()), Failure::ApiUnavailable),
            (Trouble::Status(409, String::new()), Failure::ApiUnavailable),
            (Trouble::Status(429, String::new()), Failure::ApiUnavailable),
            (Trouble::Status(500, String::new()), Failure::ApiUnavailable),
            (Trouble::Malformed("eof".to_owned()), Failure::ApiUnavailable),
            (Trouble::Unanswered(Unanswered::NoAnswer(String::new())), Failure::NoAnswer),
            (Trouble::Unanswered(Unanswered::Unusable("PEM".to_owned())), Failure::Bug),
        ] {
            let fault = trouble.fault("applying failed", "DaemonSet kube-flannel/kube-flannel-ds");
            assert_eq!(fault.failure(), failure, "{trouble:?}");
            assert_eq!((fault.what(), fault.at()), ("applying failed", "DaemonSet kube-flannel/kube-flannel-ds"));
            assert_eq!(fault.why(), Some(trouble.line().as_str()));
        }
        assert_eq!(Trouble::Status(403, "forbidden".to_owned()).line(), "HTTP 403: forbidden");
        assert_eq!(Trouble::Malformed("eof".to_owned()).line(), "the answer is no JSON: eof");
        assert_eq!(Trouble::Status(403, String::new()).status(), Some(403));
        assert_eq!(Trouble::Malformed(String::new()).status(), None);
    }

    #[test]
    fn a_client_carries_what_is_asked() {
        let client = Client {
            patience: API_PATIENCE,
            server: "https://api.example.com:6443".to_owned(),
            tls: Tls { roots: "PEM".to_owned(), identity: None },
            bearer: Some(Secret::new("t0k3n".to_owned())),
        };
        let request = client.request(&Ask::apply("/api/v1/namespaces/kube-flannel", &json!({"kind": "Namespace"})));
        assert_eq!(request.method, Method::Patch);
        assert_eq!(request.url, "https://api.example.com:6443/api/v1/namespaces/kube-flannel?fieldManager=kubeboot&force=true");
        assert_eq!(request.content_type, Some("application/apply-patch+yaml"));
        assert_eq!(request.body.unwrap().expose(), br#"{"kind":"Namespace"}"#);
        assert_eq!(request.bearer.unwrap().expose(), "t0k3n");
        assert_eq!(request.tls.unwrap(), client.tls);
        let request = client.request(&Ask::get("/readyz"));
        assert_eq!((request.method, request.content_type, request.body), (Method::Get, None, None));
        assert!(!request.fresh);
        let patch = client.request(&Ask::patch("/api/v1/nodes/w-1", &json!({"metadata": {"labels": {"a": "b"}}})));
        assert_eq!((patch.method, patch.content_type), (Method::Patch, Some("application/strategic-merge-patch+json")));
    }
}

mod objects {
    use super::*;

    fn object(api_version: &str, kind: &str, namespace: Option<&str>) -> Object {
        let mut metadata = json!({"name": "it"});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        Object::read(json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})).unwrap()
    }

    #[test]
    fn paths_by_the_servers_own_lists() {
        for (api_version, kind, namespace, list, path) in [
            ("v1", "Namespace", None, "api__v1", "/api/v1/namespaces/it"),
            ("v1", "ConfigMap", Some("kube-flannel"), "api__v1", "/api/v1/namespaces/kube-flannel/configmaps/it"),
            ("v1", "ServiceAccount", None, "api__v1", "/api/v1/namespaces/default/serviceaccounts/it"),
            ("v1", "Node", None, "api__v1", "/api/v1/nodes/it"),
            // `pods/status` and `pods/proxy` are of that kind or others, and no place for a pod.
            ("v1", "Pod", Some("a"), "api__v1", "/api/v1/namespaces/a/pods/it"),
            ("apps/v1", "DaemonSet", Some("kube-flannel"), "apis__apps__v1", "/apis/apps/v1/namespaces/kube-flannel/daemonsets/it"),
            (
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                None,
                "apis__rbac.authorization.k8s.io__v1",
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/it",
            ),
        ] {
            let object = object(api_version, kind, namespace);
            let list = fixture(&format!("discovery/{list}.json"));
            assert_eq!(list["groupVersion"], api_version);
            assert_eq!(object.path(&list).as_deref(), Some(path));
            assert!(path.starts_with(&object.group_path()));
        }
        assert_eq!(object("apps/v1", "Unheard", None).path(&fixture("discovery/apis__apps__v1.json")), None);
        assert_eq!(object("apps/v1", "DaemonSet", None).path(&json!({"kind": "Status"})), None);
    }

    #[test]
    fn what_every_object_must_say() {
        for (missing, body) in [
            ("apiVersion", json!({"kind": "Pod", "metadata": {"name": "a"}})),
            ("kind", json!({"apiVersion": "v1", "metadata": {"name": "a"}})),
            ("metadata.name", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a"}})),
            ("metadata.name", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 7}})),
            ("apiVersion", json!("a text")),
        ] {
            assert_eq!(Object::read(body), Err(format!("an object has no {missing}")));
        }
        assert_eq!(object("apps/v1", "DaemonSet", Some("kube-flannel")).label(), "DaemonSet kube-flannel/it");
        assert_eq!(object("v1", "Namespace", None).label(), "Namespace it");
    }

    #[test]
    fn what_nodes_say() {
        let node = json!({
            "metadata": {"name": "w-1"},
            "status": {
                "nodeInfo": {"machineID": "abc"},
                "conditions": [
                    {"type": "MemoryPressure", "status": "False", "message": "kubelet has sufficient memory available"},
                    {"type": "Ready", "status": "False", "message": "cni plugin not initialized"},
                    {"type": "Odd", "status": "Unknown"},
                ],
            },
        });
        assert_eq!(object::machine_id(&node), Some("abc"));
        assert_eq!(object::condition(&node, "Ready"), Some(false));
        assert_eq!(object::condition(&node, "Odd"), Some(false));
        assert_eq!(object::condition(&node, "Other"), None);
        assert_eq!(object::condition_message(&node, "Ready"), "cni plugin not initialized");
        assert_eq!(object::condition_message(&node, "Odd"), "no such condition yet");
        assert_eq!(object::condition(&json!({}), "Ready"), None);
        assert_eq!(object::machine_id(&json!({})), None);
        assert_eq!(object::node("w-1"), "/api/v1/nodes/w-1");
        assert_eq!(object::pods_on("w-1").path, "/api/v1/pods?fieldSelector=spec.nodeName%3Dw-1");
    }

    #[test]
    fn pods_by_their_owner() {
        let pod = |namespace: &str, kind: &str, owner: &str| json!({"metadata": {"namespace": namespace, "ownerReferences": [{"kind": kind, "name": owner}]}});
        let pods = json!({"items": [
            pod("kube-system", "DaemonSet", "kube-proxy"),
            pod("kube-flannel", "ReplicaSet", "kube-flannel-ds"),
            pod("other", "DaemonSet", "kube-flannel-ds"),
            pod("kube-flannel", "DaemonSet", "kube-flannel-ds"),
            {"metadata": {"namespace": "kube-flannel"}},
        ]});
        assert_eq!(object::owned_by(&pods, "kube-flannel", "kube-flannel-ds"), [&pods["items"][3]]);
        assert!(object::owned_by(&json!({}), "kube-flannel", "kube-flannel-ds").is_empty());
    }

    #[test]
    fn why_containers_do_not_run() {
        let waiting = |state: Value| json!({"status": {"containerStatuses": [{"state": {"running": {}}}, {"state": {"waiting": state}}]}});
        let trouble = |state: Value| object::container_trouble(&waiting(state));
        assert_eq!(trouble(json!({"reason": "CrashLoopBackOff", "message": "back-off 10s"})), ": CrashLoopBackOff (back-off 10s)");
        assert_eq!(trouble(json!({"reason": "ContainerCreating"})), ": ContainerCreating");
        assert_eq!(trouble(json!({})), "");
        assert_eq!(object::container_trouble(&json!({})), "");
        let init = json!({"status": {
            "initContainerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}],
            "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
        }});
        assert_eq!(object::container_trouble(&init), ": ErrImagePull", "the first cause, not what waits for it");
    }

    #[test]
    fn the_last_right_of_a_bootstrapper() {
        let ask = object::may_bootstrap();
        assert_eq!((ask.method, ask.path.as_str()), (Method::Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"));
        assert_eq!(body(&ask)["spec"]["resourceAttributes"]["subresource"], "nodeclient");
        assert!(object::allowed(&json!({"status": {"allowed": true}})));
        assert!(!object::allowed(&json!({"status": {"allowed": false, "reason": "no"}})));
        assert!(!object::allowed(&json!({})));
    }
}

mod members {
    use super::*;

    fn members(name: &str) -> Vec<Member> {
        etcd::members(&fixture(&format!("etcd/v3.7.0/{name}.json")))
    }

    fn cp(n: u16, name: &str, learner: bool) -> Member {
        let ids = ["3319814642761637952", "8131083809664605431"];
        let clients = if name.is_empty() { Vec::new() } else { vec![format!("http://127.0.0.1:{}", 23_789 + n)] };
        Member {
            id: ids[usize::from(n) - 1].to_owned(),
            name: name.to_owned(),
            peers: vec![format!("http://127.0.0.1:{}", 23_799 + n)],
            clients,
            learner,
        }
    }

    #[test]
    fn as_a_real_etcd_lists_them() {
        assert_eq!(members("one-member"), [cp(1, "cp-1", false)]);
        assert_eq!(members("unstarted-learner"), [cp(1, "cp-1", false), cp(2, "", true)]);
        assert_eq!(members("started-learner"), [cp(1, "cp-1", false), cp(2, "cp-2", true)]);
        assert_eq!(members("two-voters"), [cp(1, "cp-1", false), cp(2, "cp-2", false)]);
        assert_eq!(etcd::members(&json!({"code": 9, "message": "etcdserver: rpc not supported for learner"})), []);
        assert_eq!(etcd::members(&json!({"members": [{"name": "no id"}, "rubbish"]})), []);
    }

    #[test]
    fn who_votes() {
        let votes = |name: &str| members(name).iter().map(Member::votes).collect::<Vec<_>>();
        assert_eq!(votes("unstarted-learner"), [true, false]);
        assert_eq!(votes("started-learner"), [true, false]);
        assert_eq!(votes("two-voters"), [true, true]);
        assert!(!cp(2, "", false).votes(), "a voter that has not started counts for quorum and votes for nothing");
    }

    #[test]
    fn what_hinders_one_more_member() {
        let (own, other) = ("http://127.0.0.1:23801", "http://127.0.0.1:23802");
        for (list, peer, expected) in [
            (members("one-member"), other, None),
            (members("two-voters"), other, None),
            (members("unstarted-learner"), other, Some("etcd member http://127.0.0.1:23801 is still a learner")),
            (members("started-learner"), other, Some("etcd member cp-2 is still a learner")),
            // Left by an earlier attempt of this machine: kubeadm goes on with it.
            (members("unstarted-learner"), own, None),
            (members("started-learner"), own, None),
            (vec![cp(1, "cp-1", false), cp(2, "", false)], other, Some("etcd member http://127.0.0.1:23801 has not started")),
            (vec![cp(1, "cp-1", false), cp(2, "", false)], own, None),
            (vec![], other, None),
        ] {
            assert_eq!(etcd::hindrance(&list, peer).as_deref(), expected, "{list:?}");
        }
    }

    #[test]
    fn the_list_of_members_and_the_disk_contradict_each_other() {
        let (own, other) = ("http://127.0.0.1:23801", "http://127.0.0.1:23803");
        let stale = |list: &[Member], local| match etcd::contradiction(list, own, local) {
            Some(etcd::Contradiction::StaleVoter(member)) => Some(member.hex_id()),
            Some(etcd::Contradiction::Removed) => Some("removed".to_owned()),
            None => None,
        };
        // An earlier life's voter, or learner that had started, whose data is gone.
        assert!(stale(&members("two-voters"), false).is_some_and(|id| id.bytes().all(|b| b.is_ascii_hexdigit())));
        assert!(stale(&members("started-learner"), false).is_some());
        // With its data it comes back; one that never started is what an interrupted join leaves.
        assert_eq!(stale(&members("two-voters"), true), None);
        assert_eq!(stale(&members("unstarted-learner"), false), None);
        assert_eq!(stale(&members("unstarted-learner"), true), None);
        // Nobody of this machine: right for one that is new, and only for it.
        assert_eq!(stale(&members("one-member"), false), None);
        assert_eq!(stale(&members("one-member"), true).as_deref(), Some("removed"));
        assert_eq!(etcd::contradiction(&members("two-voters"), other, true), Some(etcd::Contradiction::Removed));
        assert_eq!(Member { id: "18249187646912138824".to_owned(), ..cp(1, "cp-1", false) }.hex_id(), "fd422379fda50e48");
    }

    #[test]
    fn a_member_without_a_leader_is_ill_though_it_answers_well() {
        assert_eq!(etcd::ailment(&fixture("etcd/v3.7.0/status-healthy.json")), None);
        assert_eq!(etcd::ailment(&fixture("etcd/v3.7.0/status-learner.json")), None);
        assert_eq!(etcd::ailment(&fixture("etcd/v3.7.0/status-without-leader.json")).as_deref(), Some("etcdserver: no leader"));
        assert_eq!(etcd::ailment(&json!({"errors": ["a", "b"]})).as_deref(), Some("a, b"));
        assert_eq!(etcd::ailment(&json!({"errors": []})), None);
    }

    #[test]
    fn members_are_asked_of_the_quorum() {
        assert_eq!((etcd::list().method, etcd::list().path.as_str()), (Method::Post, "/v3/cluster/member/list"));
        assert_eq!(body(&etcd::list()), json!({"linearizable": true}));
        assert_eq!((etcd::health().path.as_str(), body(&etcd::health())), ("/v3/maintenance/status", json!({})));
    }

    #[test]
    fn client_urls_by_the_annotation_of_kubeadm() {
        let key = "kubeadm.kubernetes.io/etcd.advertise-client-urls";
        let pods = json!({"items": [
            {"metadata": {"annotations": {key: "https://10.0.0.11:2379"}}},
            {"metadata": {"annotations": {"other": "x"}}},
            {"metadata": {}},
            {"metadata": {"annotations": {key: "https://10.0.0.12:2379,https://[fd00::12]:2379"}}},
        ]});
        assert_eq!(etcd::client_urls(&pods), ["https://10.0.0.11:2379", "https://10.0.0.12:2379", "https://[fd00::12]:2379"]);
        assert!(etcd::client_urls(&json!({"items": []})).is_empty());
        assert_eq!(etcd::pods().path, "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd,tier%3Dcontrol-plane");
    }
}

mod leases {
    use super::*;

    fn seen(holder: &str, version: &str) -> Seen {
        Seen { holder: holder.to_owned(), version: version.to_owned() }
    }

    fn at(seconds: u64) -> Instant {
        Instant(Duration::from_secs(1000 + seconds))
    }

    #[test]
    fn free_and_ours_are_taken_at_once() {
        let mut watcher = Watcher::default();
        assert_eq!(watcher.judge(&seen("", "7"), "cp-2_b", at(0)), Move::Take);
        assert_eq!(watcher.judge(&seen("cp-2_b", "7"), "cp-2_b", at(0)), Move::Take);
        assert_eq!(watcher.judge(&seen("cp-2_a", "7"), "cp-2_b", at(0)), Move::Wait, "the same name on another machine is another");
    }

    #[test]
    fn a_held_one_expires_by_our_own_watch() {
        let mut watcher = Watcher::default();
        let term = TERM.as_secs();
        assert_eq!(watcher.judge(&seen("cp-1_a", "7"), "cp-2_b", at(0)), Move::Wait);
        assert_eq!(watcher.judge(&seen("cp-1_a", "7"), "cp-2_b", at(term)), Move::Wait, "to the second is not yet past");
        // A renewal begins it anew.
        assert_eq!(watcher.judge(&seen("cp-1_a", "8"), "cp-2_b", at(term + 1)), Move::Wait);
        assert_eq!(watcher.judge(&seen("cp-1_a", "8"), "cp-2_b", at(2 * term + 1)), Move::Wait);
        assert_eq!(watcher.judge(&seen("cp-1_a", "8"), "cp-2_b", at(2 * term + 2)), Move::Take);
        // Another that took it over meanwhile is another version, too.
        assert_eq!(watcher.judge(&seen("cp-3_c", "9"), "cp-2_b", at(2 * term + 3)), Move::Wait);
        assert!(RENEWAL * 3 < TERM, "three renewals may fail");
    }

    #[test]
    fn a_watcher_that_looks_for_the_first_time_waits_however_old_the_lease_is() {
        let old =
            json!({"metadata": {"resourceVersion": "7"}, "spec": {"holderIdentity": "cp-1_a", "renewTime": "1970-01-01T00:00:00.000000Z"}});
        assert_eq!(Watcher::default().judge(&lease::read(&old).unwrap(), "cp-2_b", at(100_000)), Move::Wait);
    }

    #[test]
    fn what_is_read_and_written() {
        assert_eq!(lease::read(&json!({"metadata": {"resourceVersion": "7"}})), Some(seen("", "7")));
        assert_eq!(lease::read(&json!({"metadata": {"resourceVersion": "7"}, "spec": {"holderIdentity": "x"}})), Some(seen("x", "7")));
        assert_eq!(lease::read(&json!({"spec": {"holderIdentity": "x"}})), None);
        let now = UnixTime::parse("2026-11-24T09:00:00Z").unwrap();
        let path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
        assert_eq!(lease::get().path, format!("{path}/kubeboot-control-plane-join"));
        let create = lease::create("cp-1_a", now);
        assert_eq!((create.method, create.path.as_str()), (Method::Post, path));
        assert_eq!(
            body(&create),
            json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": "kubeboot-control-plane-join", "namespace": "kube-system"},
                "spec": {
                    "holderIdentity": "cp-1_a",
                    "leaseDurationSeconds": 20,
                    "acquireTime": "2026-11-24T09:00:00.000000Z",
                    "renewTime": "2026-11-24T09:00:00.000000Z",
                },
            })
        );
        let update = lease::update("", "7", now);
        assert_eq!((update.method, &update.path), (Method::Put, &format!("{path}/kubeboot-control-plane-join")));
        assert_eq!(body(&update)["metadata"]["resourceVersion"], "7", "the write is refused if somebody else wrote since");
        assert_eq!(body(&update)["spec"]["holderIdentity"], "");
    }
}

/// Taints of a Node that existed before: by key and effect, the others kept, and only for the Node that was read.
#[test]
fn taints_that_an_existing_node_lacks_are_put_beside_the_others() {
    use kubeboot::document::field::Taint;
    let taint = |key: &str, value: &str, effect: &str| Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() };
    let kept = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": "2026-11-23T10:00:00Z"});
    let node = json!({
        "metadata": {"resourceVersion": "42", "creationTimestamp": "2026-11-23T10:00:00Z"},
        "spec": {"taints": [kept, {"key": "a", "effect": "NoExecute"}, {"key": "pool", "value": "old", "effect": "NoSchedule"}]},
    });
    let wanted = [taint("a", "", "NoExecute"), taint("a", "", "NoSchedule"), taint("pool", "gpu", "NoSchedule")];
    let lacking = object::lacking_taints(&node, &wanted);
    assert_eq!(lacking, wanted[1..]);
    assert_eq!(lacking.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:NoSchedule", "pool=gpu:NoSchedule"]);
    let patch = object::tainted(&node, &lacking);
    assert_eq!(
        patch,
        json!({"metadata": {"resourceVersion": "42"}, "spec": {"taints": [
            kept, {"key": "a", "effect": "NoExecute"},
            {"key": "a", "value": "", "effect": "NoSchedule"}, {"key": "pool", "value": "gpu", "effect": "NoSchedule"},
        ]}})
    );
    assert_eq!(object::lacking_taints(&patch, &wanted), []);
    assert_eq!(object::lacking_taints(&json!({"spec": {}}), &wanted), wanted);
    for (moment, older) in [("2026-11-23T10:00:01Z", true), ("2026-11-23T10:00:00Z", false), ("2026-11-23T09:59:59Z", false), ("", true)] {
        assert_eq!(object::is_older(&node, UnixTime::parse(moment)), older, "{moment}");
    }
}
