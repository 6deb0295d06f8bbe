//! What kubeboot would give kubeadm, before the real ones, and what they refuse. They are no part of a plain `cargo test`:
//! `tests/all` builds that of this version (or takes it from its cache) and runs this; for all supported minors:
//! `KUBEBOOT_KUBEADMS="$(tests/cluster/build kubeadms)" cargo test --test check real_kubeadm -- --ignored`.

use super::binary::{Folder, breaking, cluster, minted, owned, said_with};

/// Version and path of each.
fn kubeadms() -> Vec<(String, String)> {
    let told = std::env::var("KUBEBOOT_KUBEADMS").expect("KUBEBOOT_KUBEADMS is what tests/cluster/build kubeadm prints");
    let found: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with('v'))
        .filter_map(|line| line.split_once(' '))
        .map(|(v, p)| (v.to_owned(), p.to_owned()))
        .collect();
    assert!(!found.is_empty(), "no kubeadm: {told}");
    found
}

/// A folder for PATH with this kubeadm in it.
fn on_path(folder: &Folder, kubeadm: &str) -> String {
    folder.write("bin/made", b"");
    std::os::unix::fs::symlink(kubeadm, folder.at("bin/kubeadm")).unwrap();
    folder.at("bin")
}

#[test]
#[ignore = "DEFERRED: tests/all runs it with the real kubeadm, which it builds"]
fn what_mint_makes_is_accepted_by_the_real_kubeadm_of_its_minor() {
    for (version, kubeadm) in kubeadms() {
        for settings in [
            "",
            "credential: bootstrapToken\npki: inline\n",
            "encryptionAlgorithm: RSA-2048\npki: disk\n",
            "workers: {gpu: {labels: {gpu: a}, taints: [{key: gpu, effect: NoSchedule}]}}\n",
            "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 90\n",
        ] {
            let folder = Folder::new();
            let path = on_path(&folder, &kubeadm);
            let documents = minted(&folder, &cluster(&version, settings));
            let (code, out, _) = said_with(&path, &["--json", &documents, &folder.at("cluster.yaml")], b"");
            assert_eq!(code, 0, "{version}: {out}");
            assert!(!out.contains("\"kubeadm-"), "{version} was not asked, or refuses: {out}");
        }
    }
}

#[test]
#[ignore = "DEFERRED: tests/all runs it with the real kubeadm, which it builds"]
fn what_the_real_kubeadm_refuses_is_an_error() {
    for (version, kubeadm) in kubeadms() {
        for (wrong, field, expected) in [
            // Only init reads the kubelet's configuration.
            (
                "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nauthentication: {x509: {clientCA: /a}}\n",
                "authentication.x509.clientCA",
                &["control-plane-init.yaml"][..],
            ),
            (
                "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer: {extraArgs: [{nam: a, value: b}]}\n",
                "apiServer.extraArgs[0].nam",
                &["control-plane-init.yaml"],
            ),
            (
                "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration: {imagePullPolicy: Often}\n",
                "",
                &["control-plane-init.yaml", "control-plane.yaml", "worker.yaml"],
            ),
        ] {
            let folder = Folder::new();
            let path = on_path(&folder, &kubeadm);
            let documents = minted(&folder, &cluster(&version, wrong));
            let (code, out, _) = said_with(&path, &["--json", &documents], b"");
            assert!(field.is_empty() || out.contains(&format!("unknown field `{field}`")), "{version}: {out}");
            assert_eq!((code, breaking(&out, "kubeadm-validate")), (65, owned(expected)), "{version}: {out}");
            assert!(out.contains(&format!("kubeadm {version} refuses what it would be given: ")), "{out}");
            let (code, out, _) = said_with(&path, &["--json", &folder.at("cluster.yaml")], b"");
            assert_eq!((code, breaking(&out, "kubeadm-validate")), (65, owned(&["cluster.yaml"])), "{version}: {out}");
            assert!(out.contains(&format!("kubeadm {version} refuses what it would be given by a machine with control-plane-init.yaml: ")));
        }
    }
}
