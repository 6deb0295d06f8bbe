//! Kubeconfigs: written for kubeadm's `discovery.file` and for people, read as kubeadm and the kubelet write them
//! (client-go tools/clientcmd/api/v1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

use crate::document::{manifest, tree};
use crate::emit::Page;
use crate::fault::{Class, Fault};
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

/// Where a kubeconfig's certificate or key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In it, PEM.
    Data(Secret<String>),
    /// In this file.
    File(std::path::PathBuf),
}

/// What of a kubeconfig with a client certificate is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadKubeconfig {
    /// `https://host:port`.
    pub server: String,
    /// PEM.
    pub certificate_authority: String,
    /// Client certificate.
    pub certificate: Source,
    /// Its key.
    pub key: Source,
}

/// Reads a kubeconfig as kubeadm and the kubelet write them: the first cluster, the first user, the CA embedded.
///
/// # Errors
/// The text is no such kubeconfig; `at` names it.
pub fn read(bytes: &[u8], at: &str) -> Result<ReadKubeconfig, Fault> {
    let wrong = |why: &str| {
        Fault::new(Class::Broken, "this is no kubeconfig that can be used", at, "kubeadm writes it anew if it is removed").because(why)
    };
    let values = manifest::values(bytes, tree::DOCUMENT, at).map_err(|_| wrong("it is not YAML"))?;
    let root = values.first().ok_or_else(|| wrong("it is empty"))?;
    let text = |pointer: &str| root.pointer(pointer).and_then(serde_json::Value::as_str);
    let data = |pointer: &str| {
        let bytes = text(pointer).and_then(|text| STANDARD.decode(text).ok())?;
        String::from_utf8(bytes).ok()
    };
    let source = |data_name: &str, file_name: &str| {
        let inline = data(&format!("/users/0/user/{data_name}")).map(|text| Source::Data(Secret::new(text)));
        inline.or_else(|| text(&format!("/users/0/user/{file_name}")).map(|path| Source::File(path.into())))
    };
    Ok(ReadKubeconfig {
        server: text("/clusters/0/cluster/server").ok_or_else(|| wrong("it has no server"))?.to_owned(),
        certificate_authority: data("/clusters/0/cluster/certificate-authority-data")
            .ok_or_else(|| wrong("it has no certificate-authority-data"))?,
        certificate: source("client-certificate-data", "client-certificate").ok_or_else(|| wrong("it has no client certificate"))?,
        key: source("client-key-data", "client-key").ok_or_else(|| wrong("it has no client key"))?,
    })
}
