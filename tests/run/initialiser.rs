//! The first control plane's world: a balancer that may forward to somebody or nobody, and the API server and etcd that
//! `kubeadm init` starts on this machine.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use kubeboot::document::read_cluster;
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::fault::Fault;
use kubeboot::host::{Command, Host, Method, Output, Request, Response, Unanswered};
use kubeboot::mint::{Basis, MintOptions, mint};
use kubeboot::pki::random;
use serde_json::{Value, json};

use crate::documents;
use crate::kubeadm::{Torn, Written};
use crate::sim::{Sim, World};
use crate::worker::{self, KUBELET_KEY, KUBELET_PEM, MACHINE, answer, captured, image, output, start};

const LOCAL: &str = "https://10.0.0.11:6443";
const ETCD: &str = "/etc/kubernetes/manifests/etcd.yaml";
const APISERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";

/// kubeadm init's phases in their order (kubeadm.md §6.1), with seconds as about seen.
const PHASES: [(&str, f64); 12] = [
    ("certs", 0.8),
    ("kubeconfig", 0.4),
    ("etcd", 0.1),
    ("control-plane", 0.1),
    ("kubelet-start", 1.0),
    ("wait-control-plane", 6.0),
    ("upload-config", 0.5),
    ("upload-certs", 0.5),
    ("mark-control-plane", 0.2),
    ("bootstrap-token", 0.4),
    ("kubelet-finalize", 0.2),
    ("addon", 0.8),
];

/// What the world is like.
pub struct Initialiser {
    /// The minted document.
    document: Vec<u8>,
    authority: String,
    /// What the server behind the balancer gives from which second on.
    pub balancer: Vec<(f64, Result<u16, Unanswered>)>,
    /// Since when the kubelet runs, of the machine's time.
    pub kubelet: Cell<Option<f64>>,
    /// The phases of kubeadm init that left something in the cluster.
    pub gone_through: RefCell<BTreeSet<&'static str>>,
    pub written: Written,
    /// How kubeadm init fails, if it does.
    pub failing: RefCell<Option<Failing>>,
    /// The store of `initialize.claim`, which other machines may share.
    pub store: Rc<Store>,
    /// What was applied, by path.
    pub applied: RefCell<BTreeMap<String, Value>>,
    lease: Cell<u32>,
}

/// A kubeadm init that ends with 1: what it says, and what there is to read afterwards.
pub struct Failing {
    pub stderr: String,
    /// Logs of containers, by path; a line is stamped when init ends.
    pub logs: Vec<(String, Vec<String>)>,
    /// The kubelet's journal.
    pub journal: String,
}

impl Failing {
    fn end(&self, sim: &Sim<Initialiser>, took: Duration) -> Output {
        for (path, lines) in &self.logs {
            let text: String = lines.iter().map(|line| format!("{} stderr F {line}\n", sim.wall())).collect();
            sim.put(path, &text);
        }
        output(1, "", &self.stderr, took)
    }
}

/// Answers in the store's stead, at this time of the machine's, or leaves it to the store.
pub type Script = Box<dyn Fn(f64, &Request) -> Option<Result<Response, Unanswered>>>;

/// A store that creates an object once (RFC 9110 §13.1.2), or breaks in one of the ways that stores do.
#[derive(Default)]
pub struct Store {
    pub object: RefCell<Option<Vec<u8>>>,
    /// It creates whatever it is told to.
    pub ignores_the_condition: bool,
    /// Until when it answers 503, of the machine's time.
    pub down_until: Cell<f64>,
    /// It answers every request with this.
    pub refuses: Cell<Option<u16>>,
    pub puts: Cell<u32>,
    pub script: RefCell<Option<Script>>,
}

impl Store {
    fn answer(&self, now: f64, request: &Request) -> Result<Response, Unanswered> {
        assert_eq!(request.only_if_absent, request.method == Method::Put);
        match self.script.borrow().as_ref().and_then(|script| script(now, request)) {
            Some(answer) => answer,
            None => Ok(self.create_or_show(now, request)),
        }
    }

    fn create_or_show(&self, now: f64, request: &Request) -> Response {
        let status = |status| Response { status, body: Vec::new() };
        if let Some(refusal) = self.refuses.get() {
            return status(refusal);
        }
        if now < self.down_until.get() {
            return status(503);
        }
        let mut object = self.object.borrow_mut();
        match (request.method, request.url.as_str()) {
            (Method::Put, "https://store.test/claim?signature=hunter2") => {
                self.puts.set(self.puts.get() + 1);
                if object.is_some() && !self.ignores_the_condition {
                    return status(412);
                }
                *object = Some(request.body.as_ref().unwrap().expose().clone());
                status(201)
            }
            (Method::Get, "https://store.test/claim?signature=hunter3") => match &*object {
                Some(bytes) => Response { status: 200, body: bytes.clone() },
                None => status(404),
            },
            other => panic!("the store has no {other:?}"),
        }
    }
}

/// A document as mint makes it, for a window from the start on.
fn minted(window: Duration) -> Vec<u8> {
    let spec = read_cluster(&documents::document(&documents::bytes("cluster.yaml"))).unwrap();
    let minted = mint(&spec, &MintOptions::plain(start(), window), Basis::New, &mut random::fill).unwrap();
    minted.files.into_iter().find(|file| file.name == "control-plane-init.yaml").unwrap().bytes.expose().clone()
}

/// A machine whose document is good for half an hour.
pub fn machine(balancer: Vec<(f64, Result<u16, Unanswered>)>) -> Sim<Initialiser> {
    machine_with("", balancer)
}

/// The same with further lines under `initialize`.
pub fn machine_with(lines: &str, balancer: Vec<(f64, Result<u16, Unanswered>)>) -> Sim<Initialiser> {
    machine_of(document_with(lines), Rc::default(), balancer)
}

/// The document that such a machine has.
pub fn document_with(lines: &str) -> Vec<u8> {
    let text = String::from_utf8(minted(Duration::from_secs(1800))).unwrap();
    let (head, tail) = text.split_once("\ninitialize:\n").unwrap();
    format!("{head}\ninitialize:\n{lines}{tail}").into_bytes()
}

/// Another machine with the same document, at the same store.
pub fn twin(sim: &Sim<Initialiser>, balancer: Vec<(f64, Result<u16, Unanswered>)>) -> Sim<Initialiser> {
    machine_of(sim.world.document.clone(), Rc::clone(&sim.world.store), balancer)
}

/// A machine with this document, at this store.
pub fn machine_of(document: Vec<u8>, store: Rc<Store>, balancer: Vec<(f64, Result<u16, Unanswered>)>) -> Sim<Initialiser> {
    let spec = kubeboot::document::read_node(&documents::document(&document)).unwrap();
    let world = Initialiser {
        document: document.clone(),
        authority: spec.discovery.certificate_authority,
        balancer,
        store,
        kubelet: Cell::new(None),
        gone_through: RefCell::default(),
        written: Written::default(),
        failing: RefCell::default(),
        applied: RefCell::default(),
        lease: Cell::new(0),
    };
    image(world, &document)
}

pub fn facts() -> Facts {
    Facts {
        hostname: "cp-1".to_owned(),
        machine_id: MACHINE.to_owned(),
        addresses: vec![InterfaceAddress { interface: "eth0".to_owned(), address: "10.0.0.11".parse().unwrap(), prefix: 24 }],
        default_interface: Some("eth0".to_owned()),
        processors: 2,
        memory: 2 << 30,
        ..Facts::default()
    }
}

/// One run; `None` if the machine died in it.
pub fn boot(sim: &Sim<Initialiser>) -> Option<Result<(), Fault>> {
    boot_as(sim, facts())
}

/// The same as another machine.
pub fn boot_as(sim: &Sim<Initialiser>, facts: Facts) -> Option<Result<(), Fault>> {
    let document = documents::document(&sim.world.document);
    sim.drive(crate::sim::first_boot(sim, Ok(document), facts))
}

impl Initialiser {
    /// The power goes and comes back: the kubelet starts by itself, if it can.
    pub fn lose_power(sim: &Sim<Self>, torn: Torn) {
        let written = &sim.world.written;
        written.tear(sim, torn);
        sim.world.kubelet.set((written.is_whole(sim, CONFIG) && written.is_whole(sim, KUBELET_CONF)).then(|| sim.seconds()));
    }

    /// Since when etcd and the API server run.
    fn serves(&self, sim: &Sim<Self>) -> Option<f64> {
        let runs = [ETCD, APISERVER].iter().all(|file| self.written.is_whole(sim, file));
        self.kubelet.get().map(|since| since + 3.0).filter(|since| runs && sim.seconds() >= *since)
    }

    fn init(&self, sim: &Sim<Self>, phase: &str) -> Option<Output> {
        self.written.begin();
        match phase {
            "certs" => {
                assert_eq!(sim.file("/etc/kubernetes/pki/ca.crt").unwrap(), self.authority);
                for name in ["sa.key", "sa.pub"] {
                    assert!(sim.file(&format!("/etc/kubernetes/pki/{name}")).is_some(), "kubeadm would make its own {name}");
                }
                let config = sim.file("/run/kubeboot/kubeadm/init.json").unwrap();
                assert!(config.contains("\"certificateKey\"") && config.contains("system:bootstrappers:kubeboot:none"), "{config}");
                self.written.sign(sim, start());
            }
            "kubeconfig" => {
                for name in ["admin", "super-admin", "kubelet", "controller-manager", "scheduler"] {
                    self.written.keep_or_write(sim, &format!("/etc/kubernetes/{name}.conf"), &worker::kubelet_conf(LOCAL, &self.authority));
                }
            }
            "etcd" => self.written.write(sim, ETCD, "kind: Pod # etcd\n"),
            "control-plane" => {
                for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
                    self.written.write(sim, &format!("/etc/kubernetes/manifests/{name}.yaml"), &format!("kind: Pod # {name}\n"));
                }
            }
            "kubelet-start" => {
                self.written.write(sim, CONFIG, "kind: KubeletConfiguration\n");
                self.kubelet.set(Some(sim.seconds()));
            }
            _ if self.serves(sim).is_none() => {
                return Some(output(1, "", &captured("init-api-dead-kubelet-alive.stderr.txt"), Duration::from_secs(1)));
            }
            _ => {}
        }
        let known = PHASES.iter().find(|(known, _)| *known == phase).unwrap();
        self.gone_through.borrow_mut().insert(known.0);
        None
    }

    /// The server that init started on this machine.
    fn api(&self, request: &Request, path: &str) -> Option<Result<Response, Unanswered>> {
        let (_, key) = request.tls.as_ref().unwrap().identity.as_ref().expect("nobody asks");
        let kubelet = key.expose().contains(KUBELET_KEY);
        let has = |phase: &str| self.gone_through.borrow().contains(phase);
        let mut labels = json!({"bed": "cp"});
        if has("mark-control-plane") {
            labels["node-role.kubernetes.io/control-plane"] = json!("");
        }
        let node = json!({
            "metadata": {"name": "cp-1", "labels": labels},
            "status": {"nodeInfo": {"machineID": MACHINE}, "conditions": [{"type": "Ready", "status": "True", "message": ""}]},
        });
        let pods = json!({"items": [{
            "metadata": {"namespace": "kube-flannel", "ownerReferences": [{"kind": "DaemonSet", "name": "kube-flannel-ds"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }]});
        let missing = json!({"kind": "Status", "message": "not found", "code": 404});
        let discovery = |name: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discovery/");
            Some(Ok(Response { status: 200, body: std::fs::read(format!("{folder}{name}.json")).unwrap() }))
        };
        let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
        let lease = |version: u32| json!({"metadata": {"resourceVersion": version.to_string()}, "spec": {"holderIdentity": "x"}});
        match (request.method, path) {
            (Method::Get, "/api/v1/nodes/cp-1") => answer(200, &node),
            (Method::Get, "/api/v1/pods?fieldSelector=spec.nodeName%3Dcp-1") if kubelet => answer(200, &pods),
            _ if kubelet => None,
            (Method::Get, "/readyz") => Some(Ok(Response { status: 200, body: b"ok".to_vec() })),
            (Method::Get, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:node-autoapprove-certificate-rotation")
                if has("bootstrap-token") =>
            {
                answer(200, &json!({}))
            }
            (
                Method::Get,
                "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy" | "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
            ) if has("addon") => answer(200, &json!({})),
            (Method::Get, path)
                if path.contains("/kube-system/da") || path.contains("/kube-system/de") || path.contains("kubeadm:node") =>
            {
                answer(404, &missing)
            }
            (Method::Get, "/api/v1") => discovery("api__v1"),
            (Method::Get, "/apis/apps/v1") => discovery("apis__apps__v1"),
            (Method::Get, "/apis/rbac.authorization.k8s.io/v1") => discovery("apis__rbac.authorization.k8s.io__v1"),
            (Method::Get, path) if path.starts_with(leases) && self.lease.get() == 0 => answer(404, &missing),
            (Method::Get, path) if path.starts_with(leases) => {
                answer(200, &json!({"metadata": {"resourceVersion": self.lease.get().to_string()}, "spec": {"holderIdentity": ""}}))
            }
            (Method::Post | Method::Put, path) if path.starts_with(leases) => {
                self.lease.set(self.lease.get() + 1);
                answer(200, &lease(self.lease.get()))
            }
            (Method::Patch, path) => {
                let path = path.strip_suffix("?fieldManager=kubeboot&force=true").expect("no apply");
                let body: Value = serde_json::from_slice(request.body.as_ref().unwrap().expose()).unwrap();
                if path.contains("/namespaces/") && path != "/api/v1/namespaces/kube-flannel" {
                    assert!(self.applied.borrow().contains_key("/api/v1/namespaces/kube-flannel"), "{path} before its namespace");
                }
                self.applied.borrow_mut().insert(path.to_owned(), body);
                answer(200, &json!({}))
            }
            (Method::Get, path) if path.contains("flannel") => match self.applied.borrow().get(path) {
                Some(object) => answer(200, object),
                None => answer(404, &missing),
            },
            _ => None,
        }
    }
}

impl World for Initialiser {
    fn takes(&self, command: &Command) -> Duration {
        let fails = self.failing.borrow().is_some() && command.line().starts_with("kubeadm init --config");
        Duration::from_secs(if fails { 11 } else { 0 })
    }

    fn phases(&self, command: &Command) -> &'static [(&'static str, f64)] {
        if command.line().starts_with("kubeadm init --config") && self.failing.borrow().is_none() { &PHASES } else { &[] }
    }

    fn phase(&self, sim: &Sim<Self>, phase: &str) -> Option<Output> {
        self.init(sim, phase)
    }

    /// The kubelet starts etcd, and keeps its certificate in a file of its own.
    fn passes(&self, sim: &Sim<Self>) {
        let etcd = self.kubelet.get().is_some_and(|since| sim.seconds() >= since + 1.0) && self.written.is_whole(sim, ETCD);
        if etcd && sim.file("/var/lib/etcd/member/wal/0").is_none() {
            sim.put("/var/lib/etcd/member/wal/0", "x");
        }
        if self.serves(sim).is_some() && sim.file(KUBELET_PEM).is_none() {
            sim.put(KUBELET_PEM, &worker::kubelet_pem(&self.authority));
        }
    }

    fn resolve(&self, name: &str) -> Option<Vec<IpAddr>> {
        (name == "api.bed.test").then(|| vec!["10.0.0.9".parse().unwrap()])
    }

    fn command(&self, sim: &Sim<Self>, command: &Command) -> Option<Output> {
        let took = self.takes(command);
        let line = command.line();
        let preflight =
            "kubeadm init phase preflight --config /run/kubeboot/kubeadm/init.json --ignore-preflight-errors=DirAvailable--var-lib-etcd";
        let init = "kubeadm init --config /run/kubeboot/kubeadm/init.json --skip-phases=preflight";
        Some(match line.as_str() {
            "kubeadm version -o short" => output(0, &captured("version.stdout.txt"), "", took),
            "kubelet --version" => output(0, &captured("kubelet-version.stdout.txt"), "", took),
            "kubeadm config validate --config /run/kubeboot/kubeadm/init.json"
            | "kubeadm config validate --config /run/kubeboot/kubeadm/join.json" => output(0, "ok\n", "", took),
            line if line == preflight => output(0, "", "", took),
            "systemctl is-enabled kubelet.service" | "systemctl disable --quiet kubeboot.service" => output(0, "", "", took),
            line if line.starts_with(init) && self.failing.borrow().is_some() => self.failing.borrow().as_ref()?.end(sim, took),
            "journalctl --unit=kubelet.service --boot --lines=300 --output=cat --no-pager" => {
                output(0, &self.failing.borrow().as_ref()?.journal, "", took)
            }
            line if line.starts_with(init) && line.ends_with(" --upload-certs") => {
                output(0, "Your Kubernetes control-plane has initialized successfully!\n", "", took)
            }
            _ => return None,
        })
    }

    fn http(&self, sim: &Sim<Self>, request: &Request) -> Option<Result<Response, Unanswered>> {
        if request.url.starts_with("https://api.bed.test:6443/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd") {
            // A resumed init asks whether the cluster has gone on without it: nobody has.
            return Some(Err(Unanswered::Refused("10.0.0.9:6443".to_owned())));
        }
        if request.tls.is_none() {
            // Only the store's certificate is for the system's CAs to judge.
            return Some(self.store.answer(sim.seconds(), request));
        }
        let tls = request.tls.as_ref().expect("no TLS");
        if request.url == "https://api.bed.test:6443/readyz" && request.address.is_some() {
            assert_eq!((tls.roots.as_str(), request.address), (self.authority.as_str(), Some("10.0.0.9".parse().unwrap())));
            assert!(request.fresh && tls.identity.is_none(), "the fence asks as nobody, over a connection of its own");
            // A balancer forwards to this machine once it serves.
            let seen = if self.serves(sim).is_some() {
                Ok(200)
            } else {
                self.balancer.iter().rev().find(|(since, _)| *since <= sim.seconds()).unwrap().1.clone()
            };
            return Some(seen.map(|status| Response { status, body: Vec::new() }));
        }
        if request.url == "https://10.0.0.11:2379/v3/cluster/member/list" && self.serves(sim).is_some() {
            assert_eq!(tls.roots, sim.file("/etc/kubernetes/pki/etcd/ca.crt").unwrap());
            return answer(200, &json!({"members": [{"ID": "1", "name": "cp-1", "peerURLs": ["https://10.0.0.11:2380"]}]}));
        }
        if request.url == "https://api.bed.test:6443/readyz" && tls.identity.is_some() {
            // A joiner asks, with its credential; this cluster never gets ready for it.
            return answer(503, &json!({}));
        }
        let path = request.url.strip_prefix(LOCAL)?;
        assert_eq!(tls.roots, self.authority);
        if self.serves(sim).is_some() { self.api(request, path) } else { Some(Err(Unanswered::Refused("10.0.0.11:6443".to_owned()))) }
    }
}
