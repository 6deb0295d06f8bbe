//! The baseline: the same four machines, and a person who types the steps of Kubernetes' own guide one after the other,
//! as fast as the machine answers. What kubeboot is measured against.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bed::{self, Bed, Ready};
use crate::cgroup;
use crate::command::wait_for;
use crate::kubectl::Kubectl;
use crate::network::ENDPOINT;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::parts::KUBERNETES;
use crate::rootfs::FLANNEL;
use crate::sampler::Sampler;
use crate::say::say;
use crate::search::Decoy;

const STEP: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_secs(20);

/// As a person would choose them; nothing here lives longer than the bed.
const TOKEN: &str = "abcdef.0123456789abcdef";
const CERTIFICATE_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn run(times: u32) -> Outcome<()> {
    let ready = bed::prepare()?;
    (0..times).try_for_each(|_| once(&ready))
}

fn once(ready: &Ready) -> Outcome<()> {
    let bed = Bed::assemble(ready, "by-hand", 3, 1)?;
    let kubectl_program = ready.parts.path("kubectl")?;
    // The same looking on as in the cases, so that both share the machine with it.
    let sampler = Sampler::start(Some(Arc::new(Decoy::new("nothing")?.needles)));
    let result = type_it(&bed, kubectl_program);
    if result.is_err() {
        for node in &bed.nodes {
            let log = node.read("root/kubeadm.log").unwrap_or_default();
            println!("--- {}: kubeadm\n{log}", node.name);
        }
        println!("{}", Kubectl::new(&bed.balancer, kubectl_program, &bed.folder.join("admin.conf")).picture());
    }
    drop(sampler);
    let kept = result.and_then(|steps| print_table(&steps, kubeadm_cpu(&bed)?));
    bed.clear_away()?;
    kept
}

fn type_it(bed: &Bed, kubectl_program: &std::path::Path) -> Outcome<Vec<(String, f64)>> {
    let mut steps = Vec::new();
    let power_on = Instant::now();
    let mut done = |what: &str| {
        say(format!("by hand: {what}"));
        steps.push((what.to_owned(), power_on.elapsed().as_secs_f64()));
    };
    for node in &bed.nodes {
        node.power_on()?;
    }
    let [first, others @ ..] = bed.nodes.as_slice() else {
        return Err("no nodes".to_owned());
    };
    login(first)?;
    done("n1 is up");

    init(first)?;
    done("kubeadm init on n1");
    let admin = bed.folder.join("admin.conf");
    fs::write(&admin, first.read("etc/kubernetes/admin.conf")?).whilst(admin.display())?;
    let kubectl = Kubectl::new(&bed.balancer, kubectl_program, &admin);
    let watch = kubectl.watch_ready()?;

    apply_cni(first)?;
    done("kubectl apply of the CNI");

    // What a person copies from the last lines of init.
    let log = first.read("root/kubeadm.log")?;
    let pin = log.split_whitespace().find(|word| word.starts_with("sha256:")).whilst("kubeadm init printed no CA certificate hash")?;
    for (number, node) in others.iter().enumerate() {
        login(node)?;
        let control_plane = number < 2;
        node.put("root/join.yaml", join_config(node, pin, control_plane)?.as_bytes(), 0o600)?;
        kubeadm(node, "kubeadm join --config /root/join.yaml")?;
        done(&format!("kubeadm join on {}", node.name));
    }
    let last = wait_for("all nodes Ready", STEP, Duration::from_millis(50), || watch.all_ready(bed.nodes.len()))?;
    done("all Ready is seen");
    steps.push(("power-on to all Ready".to_owned(), last.duration_since(power_on).as_secs_f64()));
    Ok(steps)
}

/// The guide's `kubeadm init`.
pub fn init(first: &Node) -> Outcome<()> {
    first.put("root/init.yaml", init_config(first)?.as_bytes(), 0o600)?;
    kubeadm(first, "kubeadm init --config /root/init.yaml --upload-certs")
}

pub fn apply_cni(first: &Node) -> Outcome<()> {
    let manifest = format!("/{FLANNEL}");
    first.must(&["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "apply", "-f", &manifest], STEP).map(drop)
}

/// Until a person could type: the runtime is there.
pub fn login(node: &Node) -> Outcome<()> {
    wait_for("containerd", Duration::from_secs(60), Duration::from_millis(50), || {
        node.must(&["systemctl", "is-active", "containerd"], SHORT).map(drop)
    })
}

fn kubeadm(node: &Node, line: &str) -> Outcome<()> {
    node.must(&["sh", "-c", &format!("{line} >/root/kubeadm.log 2>&1; rc=$?; times >>/root/times; exit $rc")], STEP).map(drop)
}

/// What this kernel's control groups and a machine container ask of every configuration, and nothing else.
pub fn ignored_preflight() -> Outcome<&'static str> {
    Ok(if cgroup::version_one()? { "[SystemVerification]" } else { "[]" })
}

pub const COMPONENTS: &str = "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
enforceNodeAllocatable: [pods]
# The disk is the host's: how full it is says nothing about the cluster.
evictionHard: {nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0}
";

fn registration(node: &Node) -> Outcome<String> {
    Ok(format!(
        "nodeRegistration:
  name: {}
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: [{{name: node-ip, value: {}}}]
  ignorePreflightErrors: {}
",
        node.name,
        node.plug.address,
        ignored_preflight()?
    ))
}

fn init_config(node: &Node) -> Outcome<String> {
    Ok(format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {}, bindPort: 6443}}
certificateKey: \"{CERTIFICATE_KEY}\"
bootstrapTokens:
- token: {TOKEN}
  ttl: 2h0m0s
{}---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {KUBERNETES}
controlPlaneEndpoint: {ENDPOINT}:6443
networking: {{podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}}
---
{COMPONENTS}",
        node.plug.address,
        registration(node)?
    ))
}

fn join_config(node: &Node, pin: &str, control_plane: bool) -> Outcome<String> {
    let role = if control_plane {
        format!(
            "controlPlane:
  localAPIEndpoint: {{advertiseAddress: {}}}
  certificateKey: \"{CERTIFICATE_KEY}\"
",
            node.plug.address
        )
    } else {
        String::new()
    };
    Ok(format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken:
    apiServerEndpoint: {ENDPOINT}:6443
    token: {TOKEN}
    caCertHashes: [\"{pin}\"]
{}{role}",
        registration(node)?
    ))
}

/// What the shells that kubeadm was typed into have counted: exact, where a sampler misses the last moments.
fn kubeadm_cpu(bed: &Bed) -> Outcome<f64> {
    let mut sum = 0.0;
    for node in &bed.nodes {
        let times = node.read("root/times")?;
        for word in times.split_whitespace() {
            let (minutes, seconds) = word.trim_end_matches('s').split_once('m').whilst(&times)?;
            let (minutes, seconds): (f64, f64) = (minutes.parse().whilst(&times)?, seconds.parse().whilst(&times)?);
            sum += minutes * 60.0 + seconds;
        }
    }
    Ok(sum)
}

fn print_table(steps: &[(String, f64)], kubeadm_cpu: f64) -> Outcome<()> {
    println!("\nby hand, seconds since power-on");
    let mut before = 0.0;
    for (what, at) in steps {
        println!("  {at:7.1}  {:+7.1}  {what}", at - before);
        before = *at;
    }
    println!("  kubeadm {kubeadm_cpu:.2} s CPU\n");
    Ok(())
}
