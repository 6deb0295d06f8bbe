//! A worker's world: the cluster at its endpoint, kubeadm and systemd, each asked exactly as the real ones would be.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::document::Document;
use kubeboot::document::spec::{BootstrapCredential, SecretSource};
use kubeboot::facts::{Facts, InterfaceAddress};
use kubeboot::failure::Failure;
use kubeboot::fault::Fault;
use kubeboot::host::{Command, Method, Output, Request, Response, Unanswered};
use kubeboot::moment::UnixTime;
use serde_json::{Value, json};

use crate::documents;
use crate::sim::{Sim, World};

pub const DOCUMENT: &str = "/etc/kubeboot/node.yaml";
pub const MACHINE: &str = "0123456789abcdef0123456789abcdef";
const ENDPOINT: &str = "https://api.prod.example.com:6443";
pub const KUBELET_PEM: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// The kubelet's key that the world makes; a secret to look for.
pub const KUBELET_KEY: &str = "c2VjcmV0LWtleS1vZi10aGUta3ViZWxldA";

/// What the world is like; by default all is well.
pub struct Worker {
    /// What `/readyz` gives from which second on, of the machine's time.
    pub endpoint: Vec<(f64, Result<u16, Unanswered>)>,
    /// From now on the endpoint is well.
    pub cured: Cell<bool>,
    /// So many joins fail.
    pub failures: Cell<u32>,
    /// kubeadm refuses the configuration.
    pub refuses: bool,
    /// Whose machine-id the Node shows.
    pub node_machine: String,
    /// Until which second another machine of this name is a Ready Node of the cluster, of the machine's time; its machine-id.
    pub namesake: Option<(f64, String)>,
    /// When a join succeeded, of the machine's time.
    pub joined_at: Cell<Option<f64>>,
    /// When it was asked for `/readyz`, of the machine's time: handshakes of the balancer.
    pub looks: RefCell<Vec<f64>>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            endpoint: vec![(0.0, Ok(200))],
            cured: Cell::new(false),
            failures: Cell::new(0),
            refuses: false,
            node_machine: MACHINE.to_owned(),
            namesake: None,
            joined_at: Cell::new(None),
            looks: RefCell::default(),
        }
    }
}

/// What the kubelet keeps: certificate and key in one file.
pub fn kubelet_pem(certificate: &str) -> String {
    format!("{certificate}-----BEGIN PRIVATE KEY-----\n{KUBELET_KEY}\n-----END PRIVATE KEY-----\n")
}

/// kubelet.conf as kubeadm writes it.
pub fn kubelet_conf(server: &str, authority: &str) -> String {
    let authority = STANDARD.encode(authority);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: default-auth\npreferences: {{}}\n\
         clusters:\n- name: default-cluster\n  cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n\
         contexts:\n- name: default-auth\n  context:\n    cluster: default-cluster\n    namespace: default\n    user: default-auth\n\
         users:\n- name: default-auth\n  user:\n    client-certificate: {KUBELET_PEM}\n    client-key: {KUBELET_PEM}\n"
    )
}

/// The day of the run: after this binary was built, and in the life of the fixtures' certificates.
pub fn start() -> UnixTime {
    let built = UnixTime(env!("KUBEBOOT_BUILT").parse().unwrap());
    built.plus(86_400).max(UnixTime::parse("2026-12-01T00:00:00Z").unwrap())
}

fn document() -> Document {
    documents::document(&documents::bytes("worker-certificate.yaml"))
}

fn certificate_and_key() -> (String, String) {
    let Some(BootstrapCredential::Certificate { certificate, key: SecretSource::Inline(key) }) =
        documents::node("worker-certificate.yaml").discovery.credential
    else {
        panic!("the document holds no certificate")
    };
    (certificate, key.expose().clone())
}

/// The lines that nobody may see. The last line of the bootstrap key is its public half.
pub fn secrets() -> Vec<String> {
    let (_, key) = certificate_and_key();
    let mut lines: Vec<String> = key.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect();
    lines.pop();
    lines.push(KUBELET_KEY.to_owned());
    let encoded = STANDARD.encode(&key);
    lines.push(encoded[40..80].to_owned());
    lines
}

pub fn facts() -> Facts {
    Facts {
        hostname: "w-1".to_owned(),
        machine_id: MACHINE.to_owned(),
        addresses: vec![InterfaceAddress { interface: "eth0".to_owned(), address: "10.0.0.21".parse().unwrap(), prefix: 24 }],
        default_interface: Some("eth0".to_owned()),
        processors: 2,
        memory: 2 << 30,
        ..Facts::default()
    }
}

/// A machine from an image with everything that a node needs, with this document.
pub fn image<W: World>(world: W, document: &[u8]) -> Sim<W> {
    let flannel = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cni/kube-flannel-v0.28.10.yml")).unwrap();
    Sim::new(
        world,
        start(),
        &[
            (DOCUMENT, document),
            ("/proc/sys/net/ipv4/ip_forward", b"1\n"),
            ("/proc/filesystems", b"nodev\tsysfs\nnodev\toverlay\n\text4\n"),
            ("/proc/sys/net/bridge/bridge-nf-call-iptables", b"1\n"),
            ("/usr/share/kubeboot/cni/flannel.yaml", &flannel),
        ],
    )
}

/// A worker's.
pub fn machine(world: Worker) -> Sim<Worker> {
    image(world, &documents::bytes("worker-certificate.yaml"))
}

/// One run; `None` if the machine died in it.
pub fn boot(sim: &Sim<Worker>) -> Option<Result<(), Fault>> {
    // Where there is no document any more, the datasources say so.
    let nothing = || Fault::new(Failure::NoDocument, "no document was found", "/etc/kubeboot/node.yaml", "put one there");
    let found = sim.file(DOCUMENT).map(|_| document()).ok_or_else(nothing);
    sim.drive(crate::sim::first_boot(sim, found, facts()))
}

pub fn captured(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kubeadm/v1.37.2/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

pub fn output(status: i32, stdout: &str, stderr: &str, took: Duration) -> Output {
    Output { status: Some(status), timed_out: false, stdout: stdout.to_owned(), stderr: stderr.to_owned(), took }
}

pub fn answer(status: u16, body: &Value) -> Option<Result<Response, Unanswered>> {
    Some(Ok(Response { status, body: body.to_string().into_bytes() }))
}

impl Worker {
    /// kubeadm's own preflight, which stumbles over what a join leaves.
    fn preflight(&self, sim: &Sim<Self>, took: Duration) -> Output {
        let leftovers = ["/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/kubelet.conf"];
        match leftovers.iter().find(|file| sim.file(file).is_some()) {
            Some(file) => output(1, "", &format!("\t[ERROR FileAvailable]: {file} already exists\n"), took),
            None => output(0, "[preflight] Running pre-flight checks\n", "", took),
        }
    }

    /// `kubeadm join`: reads what it is told to read, and leaves what the real one leaves.
    fn join(&self, sim: &Sim<Self>, command: &Command) -> Output {
        let took = self.takes(command);
        let config: Value = serde_json::from_str(sim.file("/run/kubeboot/kubeadm/join.json").unwrap().trim_start_matches("---\n")).unwrap();
        assert_eq!(config["kind"], "JoinConfiguration");
        let discovery = sim.file(config["discovery"]["file"]["kubeConfigPath"].as_str().unwrap()).unwrap();
        let (_, key) = certificate_and_key();
        assert!(discovery.contains(ENDPOINT) && discovery.contains(&STANDARD.encode(key)), "the kubeconfig is not the document's");
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            sim.put("/etc/kubernetes/bootstrap-kubelet.conf", &discovery);
            return output(1, "", &captured("join-endpoint-refused.stderr.txt"), took);
        }
        let authority = documents::node("worker-certificate.yaml").discovery.certificate_authority;
        let (certificate, _) = certificate_and_key();
        sim.files.borrow_mut().remove(std::path::Path::new("/etc/kubernetes/bootstrap-kubelet.conf"));
        sim.put("/etc/kubernetes/pki/ca.crt", &authority);
        sim.put(KUBELET_PEM, &kubelet_pem(&certificate));
        sim.put("/etc/kubernetes/kubelet.conf", &kubelet_conf(ENDPOINT, &authority));
        if self.joined_at.get().is_none() {
            self.joined_at.set(Some(sim.seconds()));
        }
        output(0, "This node has joined the cluster\n", "", took)
    }

    fn readyz(&self, sim: &Sim<Self>) -> Result<u16, Unanswered> {
        if self.cured.get() {
            return Ok(200);
        }
        self.endpoint.iter().rev().find(|(since, _)| *since <= sim.seconds()).unwrap().1.clone()
    }
}

impl World for Worker {
    fn takes(&self, command: &Command) -> Duration {
        Duration::from_millis(if command.line().starts_with("kubeadm join --config") { 12_000 } else { 40 })
    }

    fn command(&self, sim: &Sim<Self>, command: &Command) -> Option<Output> {
        let took = self.takes(command);
        let line = command.line();
        let join = "kubeadm join --config /run/kubeboot/kubeadm/join.json --skip-phases=preflight";
        let preflight =
            "kubeadm join phase preflight --config /run/kubeboot/kubeadm/join.json --ignore-preflight-errors=DirAvailable--var-lib-etcd";
        Some(match line.as_str() {
            "kubeadm version -o short" => output(0, &captured("version.stdout.txt"), "", took),
            "kubelet --version" => output(0, &captured("kubelet-version.stdout.txt"), "", took),
            "systemctl is-enabled kubelet.service" => output(0, "enabled\n", "", took),
            "kubeadm config validate --config /run/kubeboot/kubeadm/join.json" if self.refuses => {
                output(1, "", &captured("config-validate-unknown-field.stderr.txt"), took)
            }
            "kubeadm config validate --config /run/kubeboot/kubeadm/join.json" => output(0, "ok\n", "", took),
            "systemctl disable --quiet kubeboot.service" => output(0, "", "", took),
            line if line == preflight => self.preflight(sim, took),
            line if line == join => self.join(sim, command),
            _ => return None,
        })
    }

    fn http(&self, sim: &Sim<Self>, request: &Request) -> Option<Result<Response, Unanswered>> {
        let path = request.url.strip_prefix(ENDPOINT)?;
        let tls = request.tls.as_ref().expect("no TLS");
        let (certificate, key) = tls.identity.as_ref().expect("nobody asks");
        assert_eq!(tls.roots, documents::node("worker-certificate.yaml").discovery.certificate_authority, "another CA is trusted");
        assert_eq!(request.bearer, None);
        let kubelet = key.expose().contains(KUBELET_KEY);
        assert!(kubelet || (certificate.clone(), key.expose().clone()) == certificate_and_key(), "an identity of nobody's");
        let node = json!({
            "kind": "Node",
            "metadata": {"name": "w-1", "labels": {}},
            "status": {
                "nodeInfo": {"machineID": self.node_machine},
                "conditions": [{"type": "Ready", "status": "True", "message": "kubelet is posting ready status"}],
            },
        });
        let pods = json!({"items": [{
            "metadata": {"namespace": "kube-flannel", "ownerReferences": [{"kind": "DaemonSet", "name": "kube-flannel-ds"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }]});
        let since = self.joined_at.get().map(|joined| sim.seconds() - joined);
        let missing = json!({"kind": "Status", "message": "nodes \"w-1\" not found", "code": 404});
        match (request.method, path, kubelet) {
            (Method::Get, "/readyz", false) => {
                assert!(request.fresh, "a kept connection shows one server, not the balancer");
                self.looks.borrow_mut().push(sim.seconds());
                Some(self.readyz(sim).map(|status| Response { status, body: b"ok".to_vec() }))
            }
            (Method::Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", false) => {
                answer(201, &json!({"status": {"allowed": sim.seconds() >= 5.0}}))
            }
            (Method::Get, "/api/v1/nodes/w-1", false) => match &self.namesake {
                _ if since.is_some() => answer(200, &node),
                None => answer(404, &missing),
                Some((until, machine)) => {
                    let ready = if sim.seconds() < *until { "True" } else { "Unknown" };
                    let conditions = json!([{"type": "Ready", "status": ready}]);
                    answer(200, &json!({"kind": "Node", "status": {"nodeInfo": {"machineID": machine}, "conditions": conditions}}))
                }
            },
            // The Node comes a moment after the kubelet has its certificate, its CNI pod some seconds later.
            (Method::Get, "/api/v1/nodes/w-1", true) if since.is_none_or(|since| since < 0.5) => answer(404, &missing),
            (Method::Get, "/api/v1/nodes/w-1", true) => answer(200, &node),
            (Method::Get, "/api/v1/pods?fieldSelector=spec.nodeName%3Dw-1", true) if since.is_some_and(|since| since < 9.0) => {
                answer(200, &json!({"items": []}))
            }
            (Method::Get, "/api/v1/pods?fieldSelector=spec.nodeName%3Dw-1", true) => answer(200, &pods),
            _ => None,
        }
    }
}
