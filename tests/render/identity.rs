//! Mint, render, datasource, reader: the machine that comes out is the one that the cluster file speaks of, in every field, for
//! cluster files made of numbers and every form of every document.

use std::collections::BTreeMap;
use std::time::Duration;

use kubeboot::digest::sha256;
use kubeboot::document::field::{CertificateKey, Cidr, Taint};
use kubeboot::document::spec::{
    BootstrapCredential, ClockPolicy, CniChoice, EncryptionAlgorithm, Initialize, InitializeNode, NodeSpec, OnUnreachable, Overrides,
    PkiSource, SecretSource,
};
use kubeboot::document::{read_cluster, read_node};
use kubeboot::mint::{Basis, EarlierBundle, FileKind, KeyPlace, MintOptions, Minted, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::seal;
use kubeboot::pki::shared::SharedPki;
use kubeboot::render::{Format, MintedDocument, RenderedFile, render};
use kubeboot::secret::Secret;
use serde_json::{Map, Value, json};

use super::back;
use super::cluster_files::{AFTER, ClusterFile};
use super::documents::document;
use super::numbers::Numbers;

/// Cluster files that are tried.
const FILES: u64 = 60;
const SEED: u64 = 0x6b75_6265_626f_6f74;

/// Each of these is in [`found`]; one that is added has to be, too.
const FIELDS: [&str; 14] = [
    "cluster",
    "role",
    "kubernetes_version",
    "endpoint",
    "networking",
    "registration",
    "peers",
    "discovery",
    "certificate_key",
    "pki",
    "initialize",
    "cni",
    "clock",
    "overrides",
];
/// Each of these is in [`expected`]; one that is added has to be, too.
const CLUSTER_FIELDS: [&str; 13] = [
    "name",
    "kubernetes_version",
    "endpoint",
    "networking",
    "cni",
    "encryption",
    "pki",
    "credential",
    "clock",
    "initialize",
    "control_plane",
    "workers",
    "overrides",
];

fn names_of_fields(spec: &impl std::fmt::Debug) -> Vec<String> {
    let lines = format!("{spec:#?}");
    let fields =
        lines.lines().filter_map(|line| line.strip_prefix("    ").filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())));
    fields.map(|field| field.split(':').next().unwrap().to_owned()).collect()
}

/// One mint.
struct Case {
    file: ClusterFile,
    options: MintOptions,
    living: bool,
    pki: SharedPki,
    /// The certificate key.
    key: CertificateKey,
    minted: Minted,
}

#[tokio::test]
async fn machines_are_what_the_cluster_file_says() {
    let begin = UnixTime::parse("2026-11-22T10:00:00Z").unwrap();
    let rsa = SharedPki::mint(EncryptionAlgorithm::Rsa2048, begin, begin.plus(3650 * 86_400)).unwrap();
    let other = SharedPki::mint(EncryptionAlgorithm::EcdsaP256, begin, begin.plus(3650 * 86_400)).unwrap();
    let mut documents = 0;
    for number in 0..FILES {
        let seed = SEED ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let case = case(&mut Numbers(seed), number, &rsa, &other);
        documents += case.whole(&format!("seed {seed:#x}, number {number}")).await;
    }
    assert!(documents > 3 * FILES, "{documents}");
}

fn case(numbers: &mut Numbers, number: u64, rsa: &SharedPki, other: &SharedPki) -> Case {
    let is_rsa = number.is_multiple_of(16);
    let file = ClusterFile::of(numbers, is_rsa);
    let spec = read_cluster(&document(file.text().as_bytes())).unwrap_or_else(|violations| panic!("{violations}{}", file.text()));
    assert_eq!(names_of_fields(&spec), CLUSTER_FIELDS);
    let can_live = file.said["pki"] != "secret" && file.said["credential"] != "bootstrapToken";
    let pki = if is_rsa { rsa } else { other }.clone();
    let kept = CertificateKey::new([7; 32]);
    let (living, key, basis) = match numbers.below(3) {
        0 if can_live => (true, Some(kept.clone()), Basis::Living { pki, key: Some(kept) }),
        1 if can_live => (true, None, Basis::Living { pki, key: None }),
        2 if !is_rsa => (false, None, Basis::New),
        _ => (false, Some(kept.clone()), Basis::Minted { pki, key: kept, bundle: EarlierBundle::None }),
    };
    let place = match (numbers.below(3), &key) {
        (0, _) => KeyPlace::Documents,
        (1, Some(_)) => KeyPlace::Kept,
        // Nothing is sealed, so that nothing can be kept apart.
        _ if file.said["pki"] == "disk" => KeyPlace::Documents,
        _ => KeyPlace::Apart,
    };
    let now = UnixTime::parse("2026-11-23T10:00:00Z").unwrap();
    let options = MintOptions { key: place, ..MintOptions::plain(now, Duration::from_secs(600 + numbers.below(100_000) as u64)) };
    let adopted = match &basis {
        Basis::Minted { pki, .. } | Basis::Living { pki, .. } => Some(pki.clone()),
        Basis::New => None,
    };
    let mut random = |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| *byte = u8::try_from(numbers.below(256)).unwrap());
        Ok(())
    };
    let minted = mint(&spec, &options, basis, &mut random).unwrap_or_else(|fault| panic!("{fault}\n{}", file.text()));
    let text = |name: &str| {
        let file = minted.files.iter().find(|file| file.name == name).unwrap();
        String::from_utf8(file.bytes.expose().clone()).unwrap()
    };
    let pki = adopted.unwrap_or_else(|| SharedPki::from_files(|name| Ok(Secret::new(text(&format!("pki/{}", name.path()))))).unwrap());
    let key = key.unwrap_or_else(|| CertificateKey::parse(text("certificate-key").trim()).unwrap());
    Case { file, options, living, pki, key, minted }
}

impl Case {
    /// All documents in all forms; how many documents there were.
    async fn whole(&self, label: &str) -> u64 {
        let documents: Vec<MintedDocument<'_>> = self
            .minted
            .files
            .iter()
            .filter(|file| file.kind == FileKind::Document)
            .map(|file| MintedDocument { name: &file.name, bytes: &file.bytes })
            .collect();
        let names: Vec<String> = documents.iter().map(|document| document.name.to_owned()).collect();
        assert_eq!(names, self.names(), "{label}\n{}", self.file.text());
        let name = self.file.said["name"].as_str().unwrap();
        let forms: Vec<(Format, Vec<RenderedFile>)> =
            Format::ALL.iter().map(|format| (*format, render(*format, name, &documents).unwrap())).collect();
        for minted in &documents {
            let place = format!("{label}, {}", minted.name);
            let plain = read_node(&document(minted.bytes.expose())).unwrap_or_else(|violations| panic!("{place}: {violations}"));
            assert_eq!(names_of_fields(&plain), FIELDS);
            let (found, expected) = (self.found(&plain), self.expected(minted.name));
            assert_eq!(found.len(), expected.len());
            for (field, value) in &found {
                assert_eq!(value, &expected[field], "{field}, {place}\n{}", self.file.text());
            }
            let stem = minted.name.trim_end_matches(".yaml");
            for (format, files) in &forms {
                let own = |file: &&RenderedFile| {
                    *format == Format::Terraform || [".", "/"].iter().any(|next| file.path.starts_with(&format!("{stem}{next}")))
                };
                let files: Vec<RenderedFile> = files.iter().filter(own).cloned().collect();
                for document in back::read(*format, *minted, &files).await {
                    let read = read_node(&document).unwrap_or_else(|violations| panic!("{place} as {}: {violations}", format.name()));
                    assert_eq!(read, plain, "{place} as {}", format.name());
                }
            }
        }
        documents.len() as u64
    }

    fn said(&self, path: &str) -> Option<&Value> {
        self.file.said.pointer(path)
    }

    fn claims(&self) -> bool {
        self.said("/initialize/claim").is_some()
    }

    /// Who gets a document.
    fn names(&self) -> Vec<String> {
        let mut names = vec!["control-plane.yaml".to_owned()];
        if !self.claims() && !self.living {
            names.insert(0, "control-plane-init.yaml".to_owned());
        }
        match self.said("/workers").and_then(Value::as_object) {
            Some(pools) => {
                let pools: BTreeMap<&String, &Value> = pools.iter().collect();
                names.extend(pools.keys().map(|pool| format!("worker-{pool}.yaml")));
            }
            None => names.push("worker.yaml".to_owned()),
        }
        names
    }

    /// What the cluster file says of the machines of a document, in the words of the file.
    fn expected(&self, name: &str) -> Map<String, Value> {
        let is_worker = name.starts_with("worker");
        let starts = !self.living && (name == "control-plane-init.yaml" || (self.claims() && !is_worker));
        let pool = name.strip_prefix("worker-").map_or(if is_worker { "/none" } else { "/controlPlane" }.to_owned(), |pool| {
            format!("/workers/{}", pool.trim_end_matches(".yaml"))
        });
        let or = |path: &str, default: Value| self.said(path).cloned().unwrap_or(default);
        let of_pool = |field: &str, default: Value| or(&format!("{pool}/{field}"), default);
        let mut taints = of_pool("taints", Value::Null);
        for taint in taints.as_array_mut().into_iter().flatten() {
            taint["value"] = taint.get("value").cloned().unwrap_or_else(|| "".into());
        }
        let peer = |address: &Value| match address.as_str().unwrap() {
            six if six.contains(':') => format!("[{six}]:6443"),
            four => format!("{four}:6443"),
        };
        let addresses = or("/controlPlane/addresses", json!([]));
        let peers: Value = addresses.as_array().unwrap().iter().filter(|_| starts).map(peer).collect();
        let mode = or("/pki", if self.living { "inline" } else { "secret" }.into());
        let has_ca_key = !is_worker && (mode != "secret" || starts);
        let is_token = or("/credential", Value::Null) == "bootstrapToken";
        let credential = match is_token {
            true if starts || !has_ca_key => json!("token"),
            false if !has_ca_key => json!("certificate"),
            _ => Value::Null,
        };
        let certificate_key = match self.options.key {
            _ if is_worker || mode == "disk" => Value::Null,
            KeyPlace::Documents => json!(self.key.to_hex()),
            KeyPlace::Apart | KeyPlace::Kept => json!({"credential": "kubeboot.certificate-key"}),
        };
        let after = self.said("/initialize/onUnreachable/proceedAfter");
        let initialize = json!({
            "before": self.options.now.plus(i64::try_from(self.options.valid_for.as_secs()).unwrap()).to_string(),
            "onUnreachable": after.map(|told| AFTER.iter().find(|(text, _)| told == text).unwrap().1),
            "node": or("/initialize/node", Value::Null),
            "claim": or("/initialize/claim", Value::Null),
        });
        object(json!({
            "name": or("/name", Value::Null),
            "role": if is_worker { "worker" } else { "control-plane" },
            "kubernetesVersion": or("/kubernetesVersion", Value::Null),
            "controlPlaneEndpoint": or("/controlPlaneEndpoint", Value::Null),
            "networking": {
                "podSubnet": or("/networking/podSubnet", json!("")),
                "serviceSubnet": or("/networking/serviceSubnet", json!("10.96.0.0/12")),
                "dnsDomain": or("/networking/dnsDomain", json!("cluster.local")),
            },
            "registration": {
                "name": null,
                "criSocket": "unix:///run/containerd/containerd.sock",
                "labels": of_pool("labels", json!({})),
                "taints": taints,
                "addressFrom": of_pool("addressFrom", json!([])),
            },
            "cni": or("/cni", Value::Null),
            "clock": or("/clock", json!("synchronised")),
            "peers": peers,
            "initialize": if starts { initialize } else { Value::Null },
            "certificateAuthority": self.pki.ca.certificate,
            "credential": credential,
            "certificateKey": certificate_key,
            "pki": match mode.as_str() {
                _ if is_worker => Value::Null,
                Some("secret") if !starts => json!("secret, in the cluster"),
                Some(word) => word.into(),
                None => mode,
            },
            "kubeadm": self.kubeadm(is_worker, starts),
        }))
    }

    /// kubeadm's documents, as far as its machine's kubeadm reads them.
    fn kubeadm(&self, is_worker: bool, starts: bool) -> Value {
        assert!(!(is_worker && starts));
        let mut all = Map::new();
        for document in &self.file.kubeadm {
            let kind = document["kind"].as_str().unwrap();
            if starts || kind == "JoinConfiguration" {
                all.insert(kind.to_owned(), document.clone());
            }
        }
        if let Some(keys) = self.said("/encryptionAlgorithm").filter(|told| starts && *told != "ECDSA-P256") {
            let said = all.entry("ClusterConfiguration");
            let said = said.or_insert_with(|| json!({"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration"}));
            said["encryptionAlgorithm"] = keys.clone();
        }
        all.into()
    }

    /// What a machine is to be, in the same words.
    fn found(&self, node: &NodeSpec) -> Map<String, Value> {
        let registration = &node.registration;
        let strings = |list: &[Cidr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let taint = |taint: &Taint| json!({"key": taint.key, "value": taint.value, "effect": taint.effect});
        object(json!({
            "name": node.cluster,
            "role": node.role.name(),
            "kubernetesVersion": node.kubernetes_version.to_string(),
            "controlPlaneEndpoint": node.endpoint.to_string(),
            "networking": {
                "podSubnet": strings(&node.networking.pod_subnets).join(","),
                "serviceSubnet": strings(&node.networking.service_subnets).join(","),
                "dnsDomain": node.networking.dns_domain,
            },
            "registration": {
                "name": registration.name.as_ref().map(ToString::to_string),
                "criSocket": registration.cri_socket,
                "labels": registration.labels,
                "taints": registration.taints.as_ref().map(|taints| taints.iter().map(taint).collect::<Vec<_>>()),
                "addressFrom": strings(&registration.address_from),
            },
            "cni": match &node.cni {
                CniChoice::Flannel => json!({"name": "flannel"}),
                CniChoice::None => json!({"name": "none"}),
                CniChoice::Manifest(path) => json!({"manifest": path}),
                CniChoice::Url { url, sha256 } => json!({"url": url, "sha256": sha256}),
            },
            "clock": match node.clock {
                ClockPolicy::Synchronised => "synchronised",
                ClockPolicy::Plausible => "plausible",
            },
            "peers": node.peers.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "initialize": node.initialize.as_ref().map(starter),
            "certificateAuthority": node.discovery.certificate_authority,
            "credential": match &node.discovery.credential {
                Some(BootstrapCredential::Token(SecretSource::Inline(_))) => json!("token"),
                Some(BootstrapCredential::Certificate { key: SecretSource::Inline(_), .. }) => json!("certificate"),
                Some(other) => panic!("{other:?}"),
                None => Value::Null,
            },
            "certificateKey": match &node.certificate_key {
                Some(SecretSource::Inline(key)) => json!(key.expose()),
                Some(SecretSource::Credential(name)) => json!({"credential": name}),
                Some(other) => panic!("{other:?}"),
                None => Value::Null,
            },
            "pki": node.pki.as_ref().map(|pki| self.source(pki)),
            "kubeadm": kubeadm(&node.overrides),
        }))
    }

    /// A bundle opens with the key, and is this cluster's.
    fn source(&self, pki: &PkiSource) -> Value {
        if let Some(bundle) = pki.bundle() {
            assert_eq!(seal::open(bundle, &self.key).unwrap(), self.pki);
        }
        match pki {
            PkiSource::Secret { bundle: None } => json!("secret, in the cluster"),
            PkiSource::Secret { bundle: Some(_) } => json!("secret"),
            PkiSource::Inline { .. } => json!("inline"),
            PkiSource::Disk => json!("disk"),
            PkiSource::Url { url, sha256: pin } => {
                let bundle = self.minted.files.iter().find(|file| file.name == "bundle.json").unwrap();
                assert_eq!(pin, &sha256(bundle.bytes.expose()));
                let bundle = serde_json::from_slice(bundle.bytes.expose()).unwrap();
                assert_eq!(seal::open(&bundle, &self.key).unwrap(), self.pki);
                json!({"url": url})
            }
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value}") };
    fields
}

fn starter(initialize: &Initialize) -> Value {
    json!({
        "before": initialize.before.to_string(),
        "onUnreachable": match initialize.on_unreachable {
            OnUnreachable::Wait => None,
            OnUnreachable::ProceedAfter(time) => Some(time.as_secs()),
        },
        "node": initialize.node.as_ref().map(|node| match node {
            InitializeNode::SystemUuid(value) => json!({"systemUUID": value}),
            InitializeNode::InstanceId(value) => json!({"instanceID": value}),
            InitializeNode::Serial(value) => json!({"serial": value}),
            InitializeNode::Mac(value) => json!({"mac": value}),
            InitializeNode::Address(value) => json!({"address": value}),
            InitializeNode::Hostname(value) => json!({"hostname": value}),
        }),
        "claim": initialize.claim.as_ref().map(|claim| json!({"put": claim.put, "get": claim.get})),
    })
}

fn kubeadm(overrides: &Overrides) -> Value {
    let Overrides { cluster, init, join, kubelet, kube_proxy } = overrides;
    let all = [cluster, init, join, kubelet, kube_proxy].into_iter().flatten();
    Value::Object(all.map(|document| (document["kind"].as_str().unwrap().to_owned(), document.clone())).collect())
}
