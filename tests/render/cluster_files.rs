//! Cluster files made of numbers: each says something else of what a cluster file can say, in values that are easily lost or
//! taken for something else on the way.

use serde_json::{Map, Value, json};

use super::numbers::Numbers;

/// A cluster file.
pub struct ClusterFile {
    /// Its own document.
    pub said: Value,
    /// kubeadm's documents behind it.
    pub kubeadm: Vec<Value>,
}

/// Takes long to make, and is asked for by the test itself.
const RSA: &str = "RSA-2048";

/// Texts that some reader of YAML takes for something else, or that a writer has to quote.
const TEXTS: &[&str] = &[
    "yes",
    "no",
    "On",
    "null",
    "~",
    "true",
    "1.10",
    "0x1f",
    "1e3",
    "0644",
    "1_000",
    ".inf",
    "2026-01-01",
    "2026-11-23T10:00:00Z",
    "12:30",
    "a: b",
    "a:",
    "a #b",
    "#a",
    "- a",
    "-",
    "? a",
    "!a",
    "&a",
    "*a",
    "%a",
    "@a",
    "`a`",
    "'a'",
    "\"a\"",
    "\\",
    "\\n",
    "a\tb",
    " a",
    "a ",
    "é",
    "日本",
    "🙂",
    "\u{85}",
    "\u{2028}a",
    "\u{feff}a",
    "{a}",
    "[a]",
    "a, b",
    "|",
    ">",
    "<<",
    "=",
    "---",
    "...",
    "a\nb",
    "a\n",
    "\n",
    "a\n\nb\n\n",
    "  a\n b\n",
    "a \nb\n",
    "plain",
];
const LABELS: &[&str] =
    &["tier", "example.com/zone", "node.kubernetes.io/pool", "topology.kubernetes.io/zone", "a.b-c_d", "yes", "1", "null"];
const VALUES: &[&str] = &["", "a", "yes", "no", "null", "1", "1.10", "0644", "1e3", "2026-01-01", "true", "a-b_c.d"];
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const FOUR: &[&str] = &["10.0.0.0/16", "192.168.0.0/24", "0.0.0.0/0", "10.1.2.3/32"];
const SIX: &[&str] = &["fd00::/64", "2001:db8::/32", "::/0"];

impl ClusterFile {
    /// The next file. `rsa`: with RSA keys.
    pub fn of(numbers: &mut Numbers, rsa: bool) -> Self {
        let mut said = json!({"apiVersion": "kubeboot/v1alpha1", "kind": "Cluster"});
        said["name"] = numbers.one(&["prod", "a", "x-1", "1", "no", "null", "1e3", "eu.prod"]).into();
        said["kubernetesVersion"] = numbers.one(&["v1.37.2", "v1.36.0", "v1.31.14"]).into();
        said["controlPlaneEndpoint"] = numbers.one(&["api.prod.example.com:6443", "10.0.0.10:443", "[2001:db8::1]:8443", "a:1"]).into();
        networking(numbers, &mut said);
        let mut choices = vec![
            json!({"name": "none"}),
            json!({"manifest": numbers.one(&["/opt/cni/flannel.yaml", "/opt/a b.yaml", "/é: a #b", "/1"])}),
            json!({"url": numbers.one(&["https://files.test/cni.yaml?a=b&c=%20#d", "http://10.0.0.5/"]), "sha256": "0e".repeat(32)}),
        ];
        if said["networking"].get("podSubnet").is_some() {
            choices.push(json!({"name": "flannel"}));
        }
        said["cni"] = choices.swap_remove(numbers.below(choices.len()));
        if rsa {
            said["encryptionAlgorithm"] = RSA.into();
        } else {
            let curves = if said["kubernetesVersion"] == "v1.31.14" { 1 } else { 2 };
            maybe(numbers, &mut said, "encryptionAlgorithm", &["ECDSA-P256".into(), "ECDSA-P384".into()][..curves]);
        }
        let url = json!({"url": numbers.one(&["https://files.test/b?sig=a&b=%20", "http://10.0.0.5/bundle.json"])});
        maybe(numbers, &mut said, "pki", &["secret".into(), "inline".into(), "disk".into(), url]);
        maybe(numbers, &mut said, "credential", &["bootstrapCertificate".into(), "bootstrapToken".into()]);
        maybe(numbers, &mut said, "clock", &["synchronised".into(), "plausible".into()]);
        if !numbers.once_in(3) {
            said["initialize"] = initialize(numbers);
        }
        if !numbers.once_in(4) {
            said["controlPlane"] = control_planes(numbers);
        }
        if !numbers.once_in(3) {
            let mut pools = Map::new();
            for _ in 0..=numbers.below(3) {
                pools.insert(numbers.one(&["general", "gpu", "gpu-2", "1", "no", "null"]).to_owned(), pool(numbers));
            }
            said["workers"] = pools.into();
        }
        let mut kubeadm = Vec::new();
        for (version, kind) in KINDS {
            if !numbers.once_in(3) {
                kubeadm.push(of_kubeadm(numbers, version, kind));
            }
        }
        Self { said, kubeadm }
    }

    /// As it is written: JSON is YAML. Of what is not ASCII, the plane that YAML's escapes and JSON's have in common is escaped.
    pub fn text(&self) -> String {
        let documents: Vec<String> = std::iter::once(&self.said).chain(&self.kubeadm).map(|document| format!("{document:#}\n")).collect();
        let escaped = |c: char| match u32::from(c) {
            code @ 0x7f..=0xffff => format!("\\u{code:04x}"),
            _ => c.to_string(),
        };
        documents.join("---\n").chars().map(escaped).collect()
    }
}

/// One of these, or nothing.
fn maybe(numbers: &mut Numbers, map: &mut Value, field: &str, of: &[Value]) {
    let which = numbers.below(of.len() + 1);
    if let Some(value) = of.get(which) {
        map[field] = value.clone();
    }
}

/// Both of one family: dual stack is not in this version.
fn networking(numbers: &mut Numbers, said: &mut Value) {
    let mut fields = match numbers.below(4) {
        0 => return,
        1 => json!({"podSubnet": numbers.one(&["10.244.0.0/16", "172.16.0.0/12"])}),
        2 => json!({"podSubnet": "10.244.0.0/16", "serviceSubnet": numbers.one(&["10.112.0.0/12", "10.96.0.0/12", "192.168.128.0/20"])}),
        _ => json!({"podSubnet": numbers.one(&["fd01::/56", "fd01::/48"]), "serviceSubnet": "fd02::/112"}),
    };
    maybe(numbers, &mut fields, "dnsDomain", &["prod.local".into(), "cluster.local".into(), "no".into()]);
    said["networking"] = fields;
}

fn initialize(numbers: &mut Numbers) -> Value {
    let mut fields = json!({});
    let after = json!({"proceedAfter": numbers.one(&AFTER.map(|(text, _)| text))});
    maybe(numbers, &mut fields, "onUnreachable", &["wait".into(), after]);
    let free = *numbers.one(&TEXTS.iter().collect::<Vec<_>>());
    let ways = [
        json!({"systemUUID": "4c4c4544-0042-3510-8052-b4c04f4e4d31"}),
        json!({"instanceID": free}),
        json!({"serial": free}),
        json!({"mac": numbers.one(&["52:54:00:12:34:56", "00:00:00:00:00:01"])}),
        json!({"address": numbers.one(&["10.0.0.11", "fd00::1"])}),
        json!({"hostname": numbers.one(&["cp-1", "1", "1e3", "no", "cp.example.com"])}),
    ];
    match numbers.below(3) {
        0 => fields["claim"] = json!({"put": "https://store.test/c?sig=a&b=%20", "get": "https://store.test/c#d"}),
        1 => fields["node"] = ways[numbers.below(ways.len())].clone(),
        _ => {}
    }
    fields
}

/// `proceedAfter`, and how many seconds that is.
pub const AFTER: [(&str, u64); 4] = [("90s", 90), ("5m", 300), ("1h30m", 5400), ("24h", 86_400)];

fn control_planes(numbers: &mut Numbers) -> Value {
    let mut fields = pool(numbers);
    let count = 1 + numbers.below(7);
    if numbers.once_in(2) {
        fields["count"] = count.into();
    }
    if numbers.once_in(2) {
        let addresses = (1..=numbers.below(count + 1)).map(|n| if n % 3 == 0 { format!("fd0a::{n}") } else { format!("192.168.7.{n}") });
        fields["addresses"] = addresses.collect();
    }
    fields
}

fn pool(numbers: &mut Numbers) -> Value {
    let mut fields = json!({});
    if numbers.once_in(2) {
        let labels = (0..numbers.below(4)).map(|_| (numbers.one(LABELS).to_owned(), numbers.one(VALUES).into()));
        fields["labels"] = Value::Object(labels.collect());
    }
    if numbers.once_in(2) {
        // No two with the same key and effect.
        let taints = (0..numbers.below(4)).map(|n| {
            let mut taint = json!({"key": LABELS[n], "effect": numbers.one(EFFECTS)});
            maybe(numbers, &mut taint, "value", &VALUES.iter().map(|value| (*value).into()).collect::<Vec<_>>());
            taint
        });
        fields["taints"] = taints.collect();
    }
    if numbers.once_in(2) {
        fields["addressFrom"] =
            (0..numbers.below(4)).map(|_| if numbers.once_in(3) { numbers.one(SIX) } else { numbers.one(FOUR) }).collect();
    }
    fields
}

/// kubeadm's documents.
const KINDS: [(&str, &str); 5] = [
    ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration"),
    ("kubeadm.k8s.io/v1beta4", "InitConfiguration"),
    ("kubeadm.k8s.io/v1beta4", "JoinConfiguration"),
    ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
    ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"),
];

/// Fields that are nobody's but kubeadm's: arguments, and a tree of anything.
fn of_kubeadm(numbers: &mut Numbers, version: &str, kind: &str) -> Value {
    let mut fields = json!({"apiVersion": version, "kind": kind});
    for n in 0..numbers.below(4) {
        fields[format!("field{n}")] = anything(numbers, 3);
    }
    if numbers.once_in(2) {
        let argument = |name: &str| json!({"name": name, "value": numbers.one(TEXTS)});
        fields["extraArgs"] = ["v", "profiling", "v"].map(argument).into_iter().collect();
    }
    fields
}

fn anything(numbers: &mut Numbers, depth: usize) -> Value {
    match numbers.below(if depth == 0 { 5 } else { 8 }) {
        0 => json!(numbers.once_in(2)),
        1 => [json!(0), json!(-1), json!(u64::MAX), json!(i64::MIN), json!(0.5), Value::Null][numbers.below(6)].clone(),
        2..=4 => numbers.one(TEXTS).into(),
        5 => (0..numbers.below(4)).map(|_| anything(numbers, depth - 1)).collect(),
        _ => Value::Object((0..numbers.below(4)).map(|_| (numbers.one(TEXTS).to_owned(), anything(numbers, depth - 1))).collect()),
    }
}
