//! kubeadm's documents merged over what kubeboot renders.

use kubeboot::document::merge;
use serde_json::{Value, json};

#[track_caller]
fn check(base: Value, over: &Value, expected: &Value) {
    assert_eq!(&merge(base, over), expected);
}

#[test]
fn maps_are_merged_field_by_field() {
    check(
        json!({"etcd": {"local": {"dataDir": "/var/lib/etcd"}}, "kubernetesVersion": "v1.37.2"}),
        &json!({"etcd": {"local": {"imageTag": "3.7.0"}}, "imageRepository": "r"}),
        &json!({"etcd": {"local": {"dataDir": "/var/lib/etcd", "imageTag": "3.7.0"}}, "kubernetesVersion": "v1.37.2",
               "imageRepository": "r"}),
    );
}

#[test]
fn arguments_are_appended() {
    let ours = json!({"kubeletExtraArgs": [{"name": "node-ip", "value": "10.0.0.1"}]});
    let theirs = json!({"kubeletExtraArgs": [{"name": "v", "value": "4"}]});
    check(ours.clone(), &theirs, &json!({"kubeletExtraArgs": [{"name": "node-ip", "value": "10.0.0.1"}, {"name": "v", "value": "4"}]}));
    check(ours.clone(), &json!({"kubeletExtraArgs": []}), &ours);
    check(json!({}), &theirs, &theirs);
}

#[test]
fn other_lists_and_scalars_replace() {
    check(json!({"certSANs": ["a", "b"]}), &json!({"certSANs": ["c"]}), &json!({"certSANs": ["c"]}));
    check(json!({"certSANs": ["a"]}), &json!({"certSANs": []}), &json!({"certSANs": []}));
    check(
        json!({"taints": []}),
        &json!({"taints": [{"key": "k", "effect": "NoSchedule"}]}),
        &json!({"taints": [{"key": "k", "effect": "NoSchedule"}]}),
    );
    check(json!({"a": 1, "b": {"c": 2}}), &json!({"a": "x", "b": false}), &json!({"a": "x", "b": false}));
    check(
        json!({"a": {"name": "n", "value": "v"}}),
        &json!({"a": [{"name": "n", "value": "v"}]}),
        &json!({"a": [{"name": "n", "value": "v"}]}),
    );
}

#[test]
fn null_says_nothing() {
    check(json!({"a": 1, "b": {"c": 2}}), &json!({"a": null, "b": {"c": null}, "d": null}), &json!({"a": 1, "b": {"c": 2}}));
    check(json!({"a": 1}), &Value::Null, &json!({"a": 1}));
}

#[test]
fn merging_twice_over_nothing_is_the_document() {
    let over = json!({"apiServer": {"extraArgs": [{"name": "a", "value": "b"}], "certSANs": ["x"]}, "featureGates": {"G": true}});
    check(Value::Null, &over, &over);
    check(json!({}), &over, &over);
}
