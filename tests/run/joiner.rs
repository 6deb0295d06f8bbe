//! A further control plane's world: the first one behind its balancer, and on this machine a kubeadm that works phase by
//! phase and a kubelet that goes on by itself, whoever else has died.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use kubeboot::document::field::CertificateKey;
use kubeboot::document::read_cluster;
use kubeboot::document::spec::{PkiSource, SecretSource};
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::fault::Fault;
use kubeboot::host::{Command, Method, Output, Request, Response, Unanswered};
use kubeboot::mint::{Basis, MintOptions, mint};
use kubeboot::pki::shared::SharedName;
use kubeboot::pki::{random, seal};
use serde_json::{Value, json};

use crate::documents;
use crate::kubeadm::{Torn, Written};
use crate::sim::{Sim, World};
use crate::worker::{KUBELET_KEY, KUBELET_PEM, MACHINE, answer, captured, image, kubelet_conf, kubelet_pem, output, start};

const ENDPOINT: &str = "https://api.bed.test:6443";
const LOCAL: &str = "https://10.0.0.12:6443";
const NODE: &str = "/api/v1/nodes/cp-2";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
const ETCD: &str = "/etc/kubernetes/manifests/etcd.yaml";
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// kubeadm join's phases in their order (kubeadm.md §6.2), with seconds as about seen. The adding of the etcd member, its
/// manifest and its promotion are one phase of kubeadm's and three things that a machine can die between.
const PHASES: [(&str, f64); 9] = [
    ("control-plane-prepare/certs", 0.5),
    ("control-plane-prepare/kubeconfig", 0.3),
    ("control-plane-prepare/control-plane", 0.1),
    ("kubelet-start", 1.0),
    ("etcd-join: add", 0.5),
    ("etcd-join: manifest", 0.2),
    ("etcd-join: promote", 3.0),
    ("kubelet-wait-bootstrap", 4.0),
    ("control-plane-join/mark-control-plane", 0.2),
];

/// What is the same in every such world, and slow to make.
pub struct Kit {
    document: Vec<u8>,
    /// The certificate key, hex.
    pub key: String,
    /// `data` of Secret kubeadm-certs.
    pub bundle: Value,
    authority: String,
    /// The eight files, by kubeadm's names.
    pub shared: Vec<(&'static str, String)>,
}

pub fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| {
        let spec = read_cluster(&documents::document(&documents::bytes("cluster.yaml"))).unwrap();
        let day = Duration::from_secs(86_400);
        let minted = mint(&spec, &MintOptions::plain(start(), day), Basis::New, &mut random::fill).unwrap();
        let of = |name: &str| minted.files.iter().find(|file| file.name == name).unwrap().bytes.expose().clone();
        let initialiser = kubeboot::document::read_node(&documents::document(&of("control-plane-init.yaml"))).unwrap();
        let (Some(PkiSource::Secret { bundle: Some(bundle) }), Some(SecretSource::Inline(key))) =
            (&initialiser.pki, &initialiser.certificate_key)
        else {
            panic!("the initialiser has the bundle and its key")
        };
        let shared = seal::open(bundle, &CertificateKey::parse(key.expose()).unwrap()).unwrap();
        Kit {
            document: of("control-plane.yaml"),
            key: key.expose().clone(),
            bundle: json!(bundle),
            shared: SharedName::ALL.map(|name| (name.path(), shared.text(name).to_owned())).into(),
            authority: initialiser.discovery.certificate_authority.clone(),
        }
    })
}

/// What the world is like; by default all is well.
#[derive(Default)]
pub struct Joiner {
    /// Another control plane holds the Lease until then, of the machine's time; whether it renews it.
    pub rival: Option<(f64, bool)>,
    /// For so long after its promotion the list still calls this machine's member a learner, seconds.
    pub votes_late: f64,
    /// So many patches of the Node come too late: it has changed meanwhile.
    pub conflicts: Cell<u32>,
    /// The lines of the document that stand for `certificateKey` and `pki: {secret: {}}`.
    pub pki: Option<String>,
    /// What is served at [`BUNDLE`], one after the other; the last stays.
    pub served: RefCell<Vec<(u16, Vec<u8>)>>,
    /// Who answers what is asked for outside of the cluster, instead of it.
    pub outside: Option<Outside>,
    /// What the operator copies into /etc/kubernetes/pki, and when, of the machine's time.
    pub deliveries: RefCell<Vec<(f64, String, String)>>,
    /// How often kubeadm join was begun.
    pub joins: Cell<u32>,
    /// Labels and taints that the Node got.
    pub marks: RefCell<Option<(Value, Value)>>,
    /// Who holds the Lease, and its version; none before it is made.
    pub lease: RefCell<Option<(String, u32)>>,
    pub kubelet: Cell<Option<f64>>,
    pub added: Cell<Option<f64>>,
    pub promoted: Cell<Option<f64>>,
    pub registered: Cell<Option<f64>>,
    pub written: Written,
}

pub type Outside = Box<dyn Fn(&Request) -> Result<Response, Unanswered>>;

/// Where the bundle lies; the query is a secret.
pub const BUNDLE: &str = "https://files.test/bundle.json?signature=hunter2";

impl Joiner {
    fn document(&self) -> Vec<u8> {
        let Some(lines) = &self.pki else { return kit().document.clone() };
        let text = String::from_utf8(kit().document.clone()).unwrap();
        let (head, tail) = text.split_once("certificateKey:").unwrap();
        let key = tail.lines().next().unwrap();
        let (_, tail) = tail.split_once("pki:\n  secret: {}\n").unwrap();
        format!("{head}{}{tail}", lines.replace("KEY", key)).into_bytes()
    }
}

/// An image with everything that a control plane needs, and the document of one that joins.
pub fn machine(world: Joiner) -> Sim<Joiner> {
    let document = world.document();
    image(world, &document)
}

/// One run; `None` if the machine died in it.
pub fn boot(sim: &Sim<Joiner>) -> Option<Result<(), Fault>> {
    let facts = Facts {
        hostname: "cp-2".to_owned(),
        machine_id: MACHINE.to_owned(),
        addresses: vec![InterfaceAddress { interface: "eth0".to_owned(), address: "10.0.0.12".parse().unwrap(), prefix: 24 }],
        default_interface: Some("eth0".to_owned()),
        processors: 2,
        memory: 2 << 30,
        ..Facts::default()
    };
    sim.drive(crate::sim::first_boot(sim, Ok(documents::document(&sim.world.document())), facts))
}

impl Joiner {
    /// The power goes and comes back: the kubelet starts by itself, if it can.
    pub fn lose_power(sim: &Sim<Self>, torn: Torn) {
        let world = &sim.world;
        world.written.tear(sim, torn);
        let is_whole = |path| world.written.is_whole(sim, path);
        world.kubelet.set((is_whole(CONFIG) && (is_whole(BOOTSTRAP) || sim.file(KUBELET_CONF).is_some())).then(|| sim.seconds()));
    }

    fn etcd_since(&self, sim: &Sim<Self>) -> Option<f64> {
        let since = self.kubelet.get()?.max(self.added.get()?) + 0.5;
        (self.written.is_whole(sim, ETCD) && sim.seconds() >= since).then_some(since)
    }

    /// The local API server needs an etcd that votes.
    fn serves(&self, sim: &Sim<Self>) -> bool {
        self.etcd_since(sim).zip(self.promoted.get()).is_some_and(|(etcd, promoted)| sim.seconds() >= etcd.max(promoted) + 1.0)
    }

    fn phase(&self, sim: &Sim<Self>, phase: &str) -> Option<Output> {
        let fails = |text: &str| Some(output(1, "", text, Duration::from_secs(1)));
        self.written.begin();
        match phase {
            "control-plane-prepare/certs" => {
                self.joins.set(self.joins.get() + 1);
                self.written.sign(sim, start());
            }
            "control-plane-prepare/kubeconfig" => {
                for name in ["admin", "controller-manager", "scheduler"] {
                    self.written.keep_or_write(sim, &format!("/etc/kubernetes/{name}.conf"), &kubelet_conf(ENDPOINT, &kit().authority));
                }
            }
            "control-plane-prepare/control-plane" => {
                for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
                    self.written.write(sim, &format!("/etc/kubernetes/manifests/{name}.yaml"), &format!("kind: Pod # {name}\n"));
                }
            }
            "kubelet-start" => {
                if self.node(sim).is_some_and(|node| node["status"]["conditions"][0]["status"] == "True") {
                    return fails(&captured("join-name-taken.stderr.txt"));
                }
                let discovery = sim.file("/run/kubeboot/kubeadm/discovery.conf").unwrap();
                self.written.write(sim, BOOTSTRAP, &discovery);
                self.written.write(sim, CONFIG, "kind: KubeletConfiguration\n");
                self.kubelet.set(Some(sim.seconds()));
            }
            "etcd-join: add" => {
                if self.added.get().is_none() {
                    self.added.set(Some(sim.seconds()));
                }
            }
            "etcd-join: manifest" => self.written.write(sim, ETCD, "kind: Pod # etcd\n"),
            "etcd-join: promote" => {
                assert!(self.etcd_since(sim).is_some(), "a learner that never started can't be promoted");
                if self.promoted.get().is_none() {
                    self.promoted.set(Some(sim.seconds()));
                }
            }
            "kubelet-wait-bootstrap" => {
                if sim.file(KUBELET_CONF).is_none() {
                    return fails(&captured("join-worker-tls-bootstrap.stderr.txt"));
                }
                sim.files.borrow_mut().remove(Path::new(BOOTSTRAP));
            }
            "control-plane-join/mark-control-plane" => {
                // kubeadm waits for the Node.
                let labels = json!({CONTROL_PLANE: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""});
                *self.marks.borrow_mut() = Some((labels, json!([{"key": CONTROL_PLANE, "value": "", "effect": "NoSchedule"}])));
            }
            other => panic!("there is no phase {other}"),
        }
        None
    }

    fn node(&self, sim: &Sim<Self>) -> Option<Value> {
        let since = sim.seconds() - self.registered.get()?;
        let mut labels = json!({"bed": "cp"});
        let marks = self.marks.borrow();
        if let Some((Value::Object(more), _)) = &*marks {
            labels.as_object_mut().unwrap().extend(more.clone());
        }
        let (ready, message) = if since >= 3.0 { ("True", "kubelet is posting ready status") } else { ("False", "no CNI yet") };
        (since >= 0.0).then(|| {
            json!({
                "metadata": {"name": "cp-2", "resourceVersion": "7", "labels": labels},
                "spec": {"taints": marks.as_ref().map_or(json!([]), |(_, taints)| taints.clone())},
                "status": {"nodeInfo": {"machineID": MACHINE}, "conditions": [{"type": "Ready", "status": ready, "message": message}]},
            })
        })
    }

    fn members(&self, sim: &Sim<Self>) -> Value {
        let first = json!({
            "ID": "1", "name": "cp-1", "peerURLs": ["https://10.0.0.11:2380"], "clientURLs": ["https://10.0.0.11:2379"],
        });
        let mut members = vec![first];
        if self.added.get().is_some() {
            let started = self.etcd_since(sim).is_some() || self.promoted.get().is_some();
            let votes = self.promoted.get().is_some_and(|promoted| sim.seconds() >= promoted + self.votes_late);
            members.push(json!({
                "ID": "2", "name": if started { "cp-2" } else { "" }, "peerURLs": ["https://10.0.0.12:2380"], "isLearner": !votes,
            }));
        }
        json!({"members": members})
    }

    /// The Lease as it is now: the rival's, while it has it.
    fn leased(&self, sim: &Sim<Self>) -> Option<(String, u32)> {
        match self.rival {
            Some((until, renews)) if self.lease.borrow().is_none() => {
                let now = sim.seconds();
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of renewals")]
                let renewals = if renews { now.min(until) as u32 / 5 } else { 0 };
                Some((if renews && now >= until { String::new() } else { "cp-3_other".to_owned() }, 100 + renewals))
            }
            _ => self.lease.borrow().clone(),
        }
    }

    fn leases(&self, sim: &Sim<Self>, request: &Request) -> Option<Result<Response, Unanswered>> {
        let told = |(holder, version): &(String, u32)| json!({"metadata": {"resourceVersion": version.to_string()}, "spec": {"holderIdentity": holder}});
        let found = self.leased(sim);
        let Some(body) = &request.body else {
            return found.map_or_else(|| answer(404, &json!({"message": "not found"})), |lease| answer(200, &told(&lease)));
        };
        let body: Value = serde_json::from_slice(body.expose()).unwrap();
        let version = found.as_ref().map_or(0, |(_, version)| *version);
        let fits = match request.method {
            Method::Post => found.is_none(),
            _ => body["metadata"]["resourceVersion"].as_str() == Some(version.to_string().as_str()),
        };
        if !fits {
            return answer(409, &json!({"message": "the object has been modified"}));
        }
        let lease = (body["spec"]["holderIdentity"].as_str().unwrap().to_owned(), version + 1);
        let answered = answer(200, &told(&lease));
        *self.lease.borrow_mut() = Some(lease);
        answered
    }

    fn api(&self, sim: &Sim<Self>, request: &Request, path: &str) -> Option<Result<Response, Unanswered>> {
        let (certificate, key) = request.tls.as_ref().unwrap().identity.as_ref().expect("nobody asks");
        let bootstrapper = kit().document.windows(64).any(|part| part == &key.expose().replace('\n', "\n    ").as_bytes()[40..104]);
        assert!(!certificate.is_empty());
        let who = if key.expose().contains(KUBELET_KEY) {
            "kubelet"
        } else if bootstrapper {
            "bootstrapper"
        } else {
            "admin"
        };
        let missing = json!({"kind": "Status", "message": "not found", "code": 404});
        let discovery = |name: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/discovery/");
            Some(Ok(Response { status: 200, body: std::fs::read(format!("{folder}{name}.json")).unwrap() }))
        };
        match (request.method, path, who) {
            (Method::Get, "/readyz", "bootstrapper" | "admin") => Some(Ok(Response { status: 200, body: b"ok".to_vec() })),
            (Method::Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "bootstrapper") => {
                answer(201, &json!({"status": {"allowed": true}}))
            }
            (Method::Get, "/api/v1/namespaces/kube-system/secrets/kubeadm-certs", "bootstrapper") if self.pki.is_none() => {
                answer(200, &json!({"data": kit().bundle}))
            }
            (Method::Get, NODE, _) => self.node(sim).map_or_else(|| answer(404, &missing), |node| answer(200, &node)),
            (Method::Patch, NODE, "admin") => {
                if self.conflicts.get() > 0 {
                    self.conflicts.set(self.conflicts.get() - 1);
                    return answer(409, &json!({"message": "the object has been modified"}));
                }
                let body: Value = serde_json::from_slice(request.body.as_ref().unwrap().expose()).unwrap();
                assert_eq!(body["metadata"]["resourceVersion"], "7");
                *self.marks.borrow_mut() = Some((body["metadata"]["labels"].clone(), body["spec"]["taints"].clone()));
                answer(200, &json!({}))
            }
            (Method::Get, "/api/v1/pods?fieldSelector=spec.nodeName%3Dcp-2", "kubelet") => answer(
                200,
                &json!({"items": [{
                    "metadata": {"namespace": "kube-flannel", "ownerReferences": [{"kind": "DaemonSet", "name": "kube-flannel-ds"}]},
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                }]}),
            ),
            (Method::Get, "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd,tier%3Dcontrol-plane", "admin") => answer(
                200,
                &json!({"items": [{"metadata": {"annotations": {
                    "kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://10.0.0.11:2379",
                }}}]}),
            ),
            (_, path, "admin") if path.starts_with(LEASES) => self.leases(sim, request),
            (Method::Get, "/api/v1", "admin") => discovery("api__v1"),
            (Method::Get, "/apis/apps/v1", "admin") => discovery("apis__apps__v1"),
            (Method::Get, "/apis/rbac.authorization.k8s.io/v1", "admin") => discovery("apis__rbac.authorization.k8s.io__v1"),
            (Method::Get, path, "admin") if path.contains("flannel") => answer(200, &json!({})),
            _ => None,
        }
    }
}

impl World for Joiner {
    fn takes(&self, _: &Command) -> Duration {
        Duration::from_millis(40)
    }

    fn resolve(&self, name: &str) -> Option<Vec<IpAddr>> {
        (name == "api.bed.test").then(|| vec!["10.0.0.9".parse().unwrap()])
    }

    fn phases(&self, command: &Command) -> &'static [(&'static str, f64)] {
        if command.line() == "kubeadm join --config /run/kubeboot/kubeadm/join.json --skip-phases=preflight" { &PHASES } else { &[] }
    }

    fn phase(&self, sim: &Sim<Self>, phase: &str) -> Option<Output> {
        Self::phase(self, sim, phase)
    }

    /// The kubelet: it starts etcd, gets its certificate from the local API server, and registers its Node.
    fn passes(&self, sim: &Sim<Self>) {
        self.deliveries.borrow_mut().retain(|(at, name, text)| {
            let is_due = sim.seconds() >= *at;
            if is_due {
                sim.put(&format!("/etc/kubernetes/pki/{name}"), text);
            }
            !is_due
        });
        if self.etcd_since(sim).is_some() && sim.file("/var/lib/etcd/member/wal/0").is_none() {
            sim.put("/var/lib/etcd/member/wal/0", "x");
        }
        if self.serves(sim) && self.written.is_whole(sim, BOOTSTRAP) && sim.file(KUBELET_CONF).is_none() {
            sim.put(KUBELET_PEM, &kubelet_pem(&kit().authority));
            sim.put(KUBELET_CONF, &kubelet_conf(LOCAL, &kit().authority));
        }
        if self.serves(sim) && self.registered.get().is_none() && sim.file(KUBELET_CONF).is_some() {
            self.registered.set(Some(sim.seconds() + 0.5));
        }
    }

    fn command(&self, _: &Sim<Self>, command: &Command) -> Option<Output> {
        let took = self.takes(command);
        let line = command.line();
        let preflight =
            "kubeadm join phase preflight --config /run/kubeboot/kubeadm/join.json --ignore-preflight-errors=DirAvailable--var-lib-etcd";
        Some(match line.as_str() {
            "kubeadm version -o short" => output(0, &captured("version.stdout.txt"), "", took),
            "kubelet --version" => output(0, &captured("kubelet-version.stdout.txt"), "", took),
            "systemctl is-enabled kubelet.service" | "systemctl disable --quiet kubeboot.service" => output(0, "", "", took),
            "kubeadm config validate --config /run/kubeboot/kubeadm/join.json" => output(0, "ok\n", "", took),
            line if line == preflight => output(0, "", "", took),
            "kubeadm join --config /run/kubeboot/kubeadm/join.json --skip-phases=preflight" => {
                output(0, "This node has joined the cluster and a new control plane instance was created\n", "", took)
            }
            _ => return None,
        })
    }

    fn http(&self, sim: &Sim<Self>, request: &Request) -> Option<Result<Response, Unanswered>> {
        if let (Some(outside), None) = (&self.outside, &request.tls) {
            return Some(outside(request));
        }
        if request.url == BUNDLE {
            let mut served = self.served.borrow_mut();
            let (status, body) = if served.len() > 1 { served.remove(0) } else { served[0].clone() };
            return Some(Ok(Response { status, body }));
        }
        let tls = request.tls.as_ref().expect("no TLS");
        let refused = |address: &str| Some(Err(Unanswered::Refused(address.to_owned())));
        if let Some((own, path)) = [("11", false), ("12", true)]
            .iter()
            .find_map(|(host, own)| request.url.strip_prefix(&format!("https://10.0.0.{host}:2379")).map(|path| (*own, path)))
        {
            assert_eq!(tls.roots, sim.file("/etc/kubernetes/pki/etcd/ca.crt").unwrap());
            if own && self.etcd_since(sim).is_none() {
                return refused("10.0.0.12:2379");
            }
            return match path {
                "/v3/cluster/member/list" => answer(200, &self.members(sim)),
                "/v3/maintenance/status" => answer(200, &json!({})),
                _ => None,
            };
        }
        assert_eq!(tls.roots, kit().authority);
        match request.url.strip_prefix(LOCAL) {
            Some(_) if !self.serves(sim) => refused("10.0.0.12:6443"),
            Some(path) => self.api(sim, request, path),
            None => self.api(sim, request, request.url.strip_prefix(ENDPOINT)?),
        }
    }
}
