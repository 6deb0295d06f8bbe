//! Kubeconfigs as kubeadm and the kubelet write them are read; what is written is read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use kubeboot::failure::Failure;
use kubeboot::kubeconfig::{self, Current, Kubeconfig, Material, Presented, User};
use kubeboot::secret::Secret;

/// The layout of kubelet.conf on a joined node.
const KUBELET: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: b3RoZXI=
    server: https://other:6443
  name: another
- cluster:
    certificate-authority-data: cm9vdHM=
    server: https://10.0.0.11:6443
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
preferences: {}
users:
- name: default-auth
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem
";

fn pem(text: &str) -> Material {
    Material::Pem(Secret::new(text.to_owned()))
}

#[test]
fn kubelet_conf_is_read() {
    let both = || Material::File(PathBuf::from("/var/lib/kubelet/pki/kubelet-client-current.pem"));
    let expected = Current {
        server: "https://10.0.0.11:6443".to_owned(),
        certificate_authority: pem("roots"),
        user: Presented::Certificate { certificate: both(), key: both() },
    };
    assert_eq!(kubeconfig::read(KUBELET.as_bytes(), "kubelet.conf"), Ok(expected));
}

#[test]
fn what_is_written_is_read_back() {
    let users = [
        (
            User::Certificate { certificate: "c\n".to_owned(), key: Secret::new("k\n".to_owned()) },
            Presented::Certificate { certificate: pem("c\n"), key: pem("k\n") },
        ),
        (
            User::Token(Secret::new("abcdef.0123456789abcdef".to_owned())),
            Presented::Token(Secret::new("abcdef.0123456789abcdef".to_owned())),
        ),
    ];
    for (user, presented) in users {
        for cluster in ["prod", "yes", "1.10", "a: b"] {
            let written = Kubeconfig {
                cluster: cluster.to_owned(),
                server: "https://[fd00::1]:6443".to_owned(),
                certificate_authority: "roots".to_owned(),
                user_name: "kubernetes-admin".to_owned(),
                user: user.clone(),
            }
            .to_yaml();
            let current = kubeconfig::read(written.expose(), "admin.conf").unwrap();
            assert_eq!(current.server, "https://[fd00::1]:6443");
            assert_eq!(current.certificate_authority, pem("roots"));
            assert_eq!(current.user, presented);
        }
    }
}

#[test]
fn torn_files_are_named() {
    let refuse = |text: &str| {
        let fault = kubeconfig::read(text.as_bytes(), "kubelet.conf").unwrap_err();
        assert_eq!((fault.failure(), fault.at()), (Failure::KubeconfigUnreadable, "kubelet.conf"));
        fault.line()
    };
    assert_eq!(refuse(""), "this is no kubeconfig: it is empty, or several documents (kubelet.conf)");
    assert_eq!(refuse("a: [b"), "this can't be read as a kubeconfig (kubelet.conf): line 1: this is not YAML: unclosed bracket '['");
    for (from, to, line) in [
        ("current-context: default-context", "", "the kubeconfig has no current-context (kubelet.conf)"),
        ("name: default-context", "name: x", "the kubeconfig lacks the context of its current context (kubelet.conf)"),
        ("name: default-cluster", "name: x", "the kubeconfig lacks the cluster of its current context (kubelet.conf)"),
        ("name: default-auth", "name: x", "the kubeconfig lacks the user of its current context (kubelet.conf)"),
        ("server: https://10.0.0.11:6443", "", "the kubeconfig has no server (kubelet.conf)"),
        ("cm9vdHM=", "cm9vdHM", "certificate-authority-data is no base64 (kubelet.conf)"),
        ("cm9vdHM=", "/w==", "certificate-authority-data is no PEM (kubelet.conf)"),
        ("    client-key: /", "    client-kay: /", "the kubeconfig has no client-key (kubelet.conf)"),
    ] {
        assert!(KUBELET.contains(from));
        assert_eq!(refuse(&KUBELET.replace(from, to)), line);
    }
    // Cut off anywhere, it is refused or says the same: never something else.
    let whole = kubeconfig::read(KUBELET.as_bytes(), "kubelet.conf").unwrap();
    for length in 0..KUBELET.len() {
        if let Ok(current) = kubeconfig::read(&KUBELET.as_bytes()[..length], "kubelet.conf") {
            assert_eq!((&current.server, &current.certificate_authority), (&whole.server, &whole.certificate_authority), "{length}");
        }
    }
}
