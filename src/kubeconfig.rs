//! Kubeconfigs: written for kubeadm's `discovery.file` and for people, read as kubeadm and the kubelet write them
//! (client-go tools/clientcmd/api/v1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

use crate::emit::Page;
use crate::secret::Secret;

/// Who the bearer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// A client certificate and its key, PEM.
    Certificate {
        /// Certificate.
        certificate: String,
        /// Key.
        key: Secret<String>,
    },
    /// A bearer token.
    Token(Secret<String>),
}

/// One cluster, one user, one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Name of the cluster, for people.
    pub cluster: String,
    /// `https://host:port`.
    pub server: String,
    /// PEM; the only roots that are trusted.
    pub certificate_authority: String,
    /// Name of the user, for people.
    pub user_name: String,
    /// The credential.
    pub user: User,
}

impl Kubeconfig {
    /// As YAML, which kubeadm, kubectl and the kubelet read.
    #[must_use]
    pub fn to_yaml(&self) -> Secret<Vec<u8>> {
        let mut page = Page::new();
        self.write(&mut page);
        page.finish()
    }

    /// Writes the YAML after what is on the page.
    pub fn write(&self, page: &mut Page) {
        let context = format!("{}@{}", self.user_name, self.cluster);
        page.text("apiVersion", "v1");
        page.text("kind", "Config");
        page.text("current-context", &context);
        page.items("clusters", |page| {
            page.item(|page| {
                page.text("name", &self.cluster);
                page.section("cluster", |page| {
                    page.text("server", &self.server);
                    page.quoted("certificate-authority-data", &STANDARD.encode(&self.certificate_authority));
                });
            });
        });
        page.items("users", |page| {
            page.item(|page| {
                page.text("name", &self.user_name);
                page.section("user", |page| match &self.user {
                    User::Certificate { certificate, key } => {
                        page.quoted("client-certificate-data", &STANDARD.encode(certificate));
                        let mut encoded = STANDARD.encode(key.expose());
                        page.quoted("client-key-data", &encoded);
                        encoded.zeroize();
                    }
                    User::Token(token) => page.quoted("token", token.expose()),
                });
            });
        });
        page.items("contexts", |page| {
            page.item(|page| {
                page.text("name", &context);
                page.section("context", |page| {
                    page.text("cluster", &self.cluster);
                    page.text("user", &self.user_name);
                });
            });
        });
    }
}
