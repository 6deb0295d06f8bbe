//! Kubeconfigs: written for kubeadm's `discovery.file` and for people, read as kubeadm and the kubelet write them
//! (client-go tools/clientcmd/api/v1).

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

use crate::document::tree::{self, Node, Tree};
use crate::emit::Page;
use crate::failure::Failure;
use crate::fault::Fault;
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
        page.section("clusters", |page| {
            page.item(|page| {
                page.text("name", &self.cluster);
                page.section("cluster", |page| {
                    page.text("server", &self.server);
                    page.quoted("certificate-authority-data", &STANDARD.encode(&self.certificate_authority));
                });
            });
        });
        page.section("users", |page| {
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
        page.section("contexts", |page| {
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

/// A certificate or key: its PEM, or the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// `…-data`, decoded.
    Pem(Secret<String>),
    /// A path, as the kubelet writes it for certificates that it renews (both in one file).
    File(PathBuf),
}

/// The credential of a kubeconfig that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// A client certificate and its key.
    Certificate {
        /// Certificate.
        certificate: Material,
        /// Key.
        key: Material,
    },
    /// A bearer token.
    Token(Secret<String>),
}

/// What the current context of a kubeconfig says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// `https://host:port`.
    pub server: String,
    /// The roots.
    pub certificate_authority: Material,
    /// The credential.
    pub user: Presented,
}

/// Reads the current context, as in kubelet.conf and admin.conf. `at` names the file in faults.
///
/// # Errors
/// [`Failure::KubeconfigUnreadable`]: torn or incomplete, or a field that kubeadm and the kubelet don't write there (exec plug-ins,
/// passwords, `insecure-skip-tls-verify`). Callers that know a writer to be at work make it transient.
pub fn read(bytes: &[u8], at: &str) -> Result<Current, Fault> {
    let reader = Reading { at };
    let parsed = tree::parse(bytes, tree::DOCUMENT);
    if let Some(first) = parsed.violations.first() {
        return Err(reader.fault("this can't be read as a kubeconfig").because(format!("line {}: {}", first.line, first.problem)));
    }
    let [root] = parsed.documents.as_slice() else { return Err(reader.fault("this is no kubeconfig: it is empty, or several documents")) };
    let name = reader.text(root, "current-context")?;
    let context = reader.named(root, "contexts", "context", name)?;
    let cluster = reader.named(root, "clusters", "cluster", reader.text(context, "cluster")?)?;
    let user = reader.named(root, "users", "user", reader.text(context, "user")?)?;
    let user = if field(user, "token").is_some() {
        Presented::Token(Secret::new(reader.text(user, "token")?.to_owned()))
    } else {
        Presented::Certificate { certificate: reader.material(user, "client-certificate")?, key: reader.material(user, "client-key")? }
    };
    Ok(Current {
        server: reader.text(cluster, "server")?.to_owned(),
        certificate_authority: reader.material(cluster, "certificate-authority")?,
        user,
    })
}

fn field<'t>(tree: &'t Tree, name: &str) -> Option<&'t Tree> {
    match &tree.node {
        Node::Map(entries) => entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value),
        _ => None,
    }
}

fn text<'t>(tree: &'t Tree, name: &str) -> Option<&'t str> {
    match &field(tree, name)?.node {
        Node::Scalar { text, .. } if !text.expose().is_empty() => Some(text.expose()),
        _ => None,
    }
}

struct Reading<'a> {
    at: &'a str,
}

impl Reading<'_> {
    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(
            Failure::KubeconfigUnreadable,
            what,
            self.at,
            "look at the file; kubeadm or the kubelet that writes it may have died while writing",
        )
    }

    fn text<'t>(&self, tree: &'t Tree, name: &str) -> Result<&'t str, Fault> {
        text(tree, name).ok_or_else(|| self.fault(format!("the kubeconfig has no {name}")))
    }

    /// The `kind` part of the entry of `list` with this name.
    fn named<'t>(&self, root: &'t Tree, list: &str, kind: &str, name: &str) -> Result<&'t Tree, Fault> {
        let items = match field(root, list).map(|tree| &tree.node) {
            Some(Node::List(items)) => items.as_slice(),
            _ => &[],
        };
        let entry = items.iter().find(|item| text(item, "name") == Some(name)).and_then(|item| field(item, kind));
        entry.ok_or_else(|| self.fault(format!("the kubeconfig lacks the {kind} of its current context")))
    }

    /// `NAME-data` in base64, or the path in `NAME`; data wins, as for client-go.
    fn material(&self, tree: &Tree, name: &str) -> Result<Material, Fault> {
        let data = format!("{name}-data");
        if let Some(encoded) = text(tree, &data) {
            let bytes = STANDARD.decode(encoded).map_err(|_| self.fault(format!("{data} is no base64")))?;
            return match String::from_utf8(bytes) {
                Ok(pem) => Ok(Material::Pem(Secret::new(pem))),
                Err(error) => {
                    error.into_bytes().zeroize();
                    Err(self.fault(format!("{data} is no PEM")))
                }
            };
        }
        self.text(tree, name).map(|path| Material::File(PathBuf::from(path)))
    }
}
