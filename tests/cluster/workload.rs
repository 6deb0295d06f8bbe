//! Two pods, one on a worker and one on a control plane, and a Service: does what runs in the cluster reach each other.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::command::wait_for;
use crate::images::WORKLOAD;
use crate::kubectl::Kubectl;
use crate::outcome::{Outcome, While};

const READY: Duration = Duration::from_secs(90);
const ANSWER: Duration = Duration::from_secs(60);
const SERVICE: &str = "greeter";

fn pod(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"pod": name}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "agnhost", "image": WORKLOAD, "imagePullPolicy": "Never",
                "args": ["netexec", "--http-port=8080"],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
            }],
        },
    })
}

/// Starts the pods and waits until they are ready. The Service leads to the first.
pub fn start(bed: &Bed, kubectl: &Kubectl, places: &[(&str, &str)]) -> Outcome<String> {
    let mut items: Vec<Value> = places.iter().map(|(name, node)| pod(name, node)).collect();
    let behind = places.first().map(|(name, _)| *name).whilst("no pods")?;
    items.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE},
        "spec": {"selector": {"pod": behind}, "ports": [{"port": 80, "targetPort": 8080}]},
    }));
    let file = bed.folder.join("workload.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    fs::write(&file, list.to_string()).whilst(file.display())?;
    // The service account that pods run under is made a moment after the cluster.
    wait_for("applying the workload", READY, Duration::from_millis(500), || {
        kubectl.must(&["apply", "-f", &file.to_string_lossy()], Duration::from_secs(20)).map(drop)
    })?;
    wait_for("the workload's pods", READY, Duration::from_millis(300), || {
        for (name, _) in places {
            let pod = kubectl.json(&["get", "pod", name])?;
            let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
            if !ready.clone().any(|c| c["type"] == "Ready" && c["status"] == "True") {
                return Err(format!("{name} is {}", pod["status"]["phase"]));
            }
        }
        Ok(())
    })?;
    Ok(format!("{} pods ready", places.len()))
}

pub fn address(kubectl: &Kubectl, pod: &str) -> Outcome<String> {
    let pod = kubectl.json(&["get", "pod", pod])?;
    pod["status"]["podIP"].as_str().map(str::to_owned).whilst("the pod has no address")
}

/// Pod `from` asks `host:port` for its name, and gets `answer`.
pub fn reaches(kubectl: &Kubectl, from: &str, host: &str, port: u16, answer: &str) -> Outcome<String> {
    let path =
        format!("/api/v1/namespaces/default/pods/{from}:8080/proxy/dial?request=hostname&protocol=http&host={host}&port={port}&tries=1");
    wait_for(&format!("{from} reaching {host}:{port}"), ANSWER, Duration::from_millis(500), || {
        let said = kubectl.must(&["get", "--raw", &path], Duration::from_secs(15))?;
        let said: Value = serde_json::from_str(&said).whilst(&said)?;
        if said["responses"] == json!([answer]) { Ok(()) } else { Err(said.to_string()) }
    })?;
    Ok(format!("{host}:{port} answered {answer}"))
}

/// The Service by its name, asked from a pod, so through the cluster's own DNS.
pub fn service_by_name(kubectl: &Kubectl, from: &str, answer: &str) -> Outcome<String> {
    reaches(kubectl, from, &format!("{SERVICE}.default.svc.cluster.local"), 80, answer)
}
