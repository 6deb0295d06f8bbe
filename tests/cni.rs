//! CNI manifests: flannel's real one, Lists, order, and what must agree with the document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use kubeboot::cni::{DaemonSet, Manifest};
use kubeboot::document::field::Cidr;
use kubeboot::failure::Failure;

const AT: &str = "/usr/share/kubeboot/cni/flannel.yaml";

fn flannel() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni/kube-flannel-v0.28.10.yml")).unwrap()
}

fn read(text: &str) -> Manifest {
    Manifest::read(text.as_bytes(), AT).unwrap()
}

fn labels(manifest: &Manifest) -> Vec<String> {
    manifest.objects.iter().map(kubeboot::cluster::object::Object::label).collect()
}

fn cidrs(list: &[&str]) -> Vec<Cidr> {
    list.iter().map(|text| Cidr::parse(text).unwrap()).collect()
}

#[test]
fn flannels_own_manifest() {
    let manifest = Manifest::read(&flannel(), AT).unwrap();
    assert_eq!(
        labels(&manifest),
        [
            "Namespace kube-flannel",
            "ClusterRole flannel",
            "ClusterRoleBinding flannel",
            "ServiceAccount kube-flannel/flannel",
            "ConfigMap kube-flannel/kube-flannel-cfg",
            "DaemonSet kube-flannel/kube-flannel-ds",
        ]
    );
    assert_eq!(manifest.daemon_sets(), [DaemonSet { namespace: "kube-flannel".to_owned(), name: "kube-flannel-ds".to_owned() }]);
    // Values keep their types: a server-side apply with a text where a number belongs is refused.
    let set = &manifest.objects[5].body;
    assert_eq!(set.pointer("/spec/template/spec/hostNetwork"), Some(&serde_json::json!(true)));
    assert_eq!(set.pointer("/spec/template/spec/containers/0/securityContext/privileged"), Some(&serde_json::json!(false)));
}

#[test]
fn flannels_network_is_the_pod_subnet_or_the_run_ends() {
    let manifest = Manifest::read(&flannel(), AT).unwrap();
    assert_eq!(manifest.check_flannel(&cidrs(&["10.244.0.0/16"]), AT), Ok(()));
    for (subnets, why) in [
        (&["10.245.0.0/16"][..], "net-conf.json says Network 10.244.0.0/16, networking.podSubnet says 10.245.0.0/16"),
        (&["10.244.0.0/17"], "net-conf.json says Network 10.244.0.0/16, networking.podSubnet says 10.244.0.0/17"),
        (&["10.244.0.0/16", "fd00:10:244::/48"], "net-conf.json says IPv6Network none, networking.podSubnet says fd00:10:244::/48"),
    ] {
        let fault = manifest.check_flannel(&cidrs(subnets), AT).unwrap_err();
        assert_eq!((fault.failure(), fault.at(), fault.why()), (Failure::CniManifest, AT, Some(why)));
        assert_eq!(fault.what(), "flannel's network is not the cluster's pod subnet");
    }
    let map = |conf: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  net-conf.json: |\n    {conf}\n");
    let dual = read(&map(r#"{"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:10:244::/48"}"#));
    assert_eq!(dual.check_flannel(&cidrs(&["10.244.0.0/16", "fd00:10:244::/48"]), AT), Ok(()));
    assert_eq!(dual.check_flannel(&cidrs(&["10.244.0.0/16"]), AT), Ok(()), "the other family is not used");
    let why = |text: &str| read(text).check_flannel(&cidrs(&["10.244.0.0/16"]), AT).unwrap_err().why().unwrap().to_owned();
    assert_eq!(
        why("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {other: x}\n"),
        "the manifest has no ConfigMap with net-conf.json"
    );
    assert!(why(&map("not json")).starts_with("net-conf.json is no JSON: "));
}

#[test]
fn lists_count_as_their_items() {
    let manifest = read(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n\
         ---\n---\n# only a comment\n---\napiVersion: v1\nkind: ConfigMapList\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}]\n",
    );
    assert_eq!(labels(&manifest), ["Namespace a", "Secret b", "ConfigMap c"]);
    // A kind that ends in List and has no items is an object like others.
    let manifest = read("apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\n");
    assert_eq!(labels(&manifest), ["AllowList a"]);
}

#[test]
fn what_others_need_is_applied_first_and_equals_keep_their_order() {
    let kinds = [
        "Deployment",
        "ConfigMap",
        "ClusterRoleBinding",
        "Installation",
        "CustomResourceDefinition",
        "ServiceAccount",
        "Namespace",
        "Service",
        "Secret",
        "Role",
    ];
    let text: String = kinds.iter().map(|kind| format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n")).collect();
    let sorted: Vec<String> = read(&text).objects.into_iter().map(|object| object.kind).collect();
    assert_eq!(
        sorted,
        [
            "Namespace",
            "CustomResourceDefinition",
            "ClusterRoleBinding",
            "ServiceAccount",
            "Role",
            "ConfigMap",
            "Secret",
            "Deployment",
            "Installation",
            "Service"
        ]
    );
}

#[test]
fn what_is_no_manifest() {
    for (text, why) in [
        ("", "it holds no object"),
        ("---\n---\n", "it holds no object"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "it holds no object"),
        ("kind: Pod\nmetadata: {name: a}\n", "an object has no apiVersion"),
        ("a text\n", "an object has no apiVersion"),
        ("apiVersion: v1\nkind: List\nitems: [7]\n", "an object has no apiVersion"),
    ] {
        let fault = Manifest::read(text.as_bytes(), AT).unwrap_err();
        assert_eq!((fault.failure(), fault.at(), fault.why()), (Failure::CniManifest, AT, Some(why)), "`{text}`");
    }
    let fault = Manifest::read(b"a: [b\n", AT).unwrap_err();
    assert!(fault.why().unwrap().contains(AT), "{fault}");
}

#[test]
fn daemon_sets_without_a_namespace_are_in_default() {
    let manifest = read("apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\n");
    assert_eq!(manifest.daemon_sets(), [DaemonSet { namespace: "default".to_owned(), name: "a".to_owned() }]);
}

#[test]
fn the_networks_of_cnis_as_their_manifests_say_them() {
    let networks = |manifest: &Manifest| -> Vec<String> {
        manifest.networks().iter().map(|network| format!("{} {}", network.said, network.cidr)).collect()
    };
    assert_eq!(networks(&Manifest::read(&flannel(), AT).unwrap()), ["flannel's Network 10.244.0.0/16"]);
    for (kind, fields, expected) in [
        (
            "Installation",
            "spec: {calicoNetwork: {ipPools: [{cidr: 192.168.0.0/16}, {}, {cidr: x}]}}",
            &["Calico's pool 192.168.0.0/16"][..],
        ),
        ("Installation", "spec: {calicoNetwork: {ipPools: x}}", &[]),
        ("IPPool", "spec: {cidr: \"fd00:1::/48\"}", &["Calico's pool fd00:1::/48"]),
        (
            "DaemonSet",
            "spec: {template: {spec: {containers: [{}, {env: [{name: X, value: a}, {name: CALICO_IPV4POOL_CIDR, value: 10.1.0.0/16}]}]}}}",
            &["CALICO_IPV4POOL_CIDR 10.1.0.0/16"],
        ),
        ("DaemonSet", "spec: {template: {spec: {containers: [{env: [{name: CALICO_IPV4POOL_CIDR, valueFrom: {}}]}]}}}", &[]),
        (
            "ConfigMap",
            "data: {ipam: cluster-pool, cluster-pool-ipv4-cidr: 10.0.0.0/8 172.16.0.0/12, cluster-pool-ipv6-cidr: \"fd00::/104\"}",
            &[
                "Cilium's cluster-pool-ipv4-cidr 10.0.0.0/8",
                "Cilium's cluster-pool-ipv4-cidr 172.16.0.0/12",
                "Cilium's cluster-pool-ipv6-cidr fd00::/104",
            ],
        ),
        ("ConfigMap", "data: {ipam: kubernetes, cluster-pool-ipv4-cidr: 10.0.0.0/8}", &[]),
        (
            "ConfigMap",
            "data: {net-conf.json: '{\"Network\": \"10.244.0.0/16\", \"IPv6Network\": \"fd00:10:244::/48\"}'}",
            &["flannel's Network 10.244.0.0/16", "flannel's IPv6Network fd00:10:244::/48"],
        ),
        ("ConfigMap", "data: {net-conf.json: no json}", &[]),
        ("ConfigMap", "data: x", &[]),
        ("Secret", "data: {ipam: cluster-pool, cluster-pool-ipv4-cidr: 10.0.0.0/8}", &[]),
    ] {
        assert_eq!(networks(&read(&format!("apiVersion: a/v1\nkind: {kind}\nmetadata: {{name: a}}\n{fields}\n"))), expected, "{fields}");
    }
}
