//! Who this machine is to the API server: bootstrapper, cluster admin for two hours, or its own kubelet.

use std::net::SocketAddr;
use std::path::Path;

use crate::cluster::api::{API_PATIENCE, Client, ETCD_PATIENCE};
use crate::document::spec::{BootstrapCredential, PkiSource};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Host, Tls};
use crate::kubeadm::config::LOCAL_PORT;
use crate::kubeconfig::{Kubeconfig, Material, Presented, User};
use crate::paths;
use crate::pki::client::{BOOTSTRAPPERS, CLUSTER_ADMINS, ClientIdentity, sign_within};
use crate::pki::shared::SharedPki;
use crate::run::Run;
use crate::secret::Secret;

/// How long the certificates are good for that a control plane signs for itself, seconds.
const SHORT: i64 = 2 * 3600;
/// Largest kubeconfig, or certificate that one names, bytes.
const KUBECONFIG: usize = 256 << 10;
/// How far they are backdated for the sake of slower clocks, seconds.
const BACKDATED: i64 = 600;

/// The bootstrap credential, at the moment of use.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Client certificate and key, PEM.
    Certificate(String, Secret<String>),
    /// Bootstrap token.
    Token(Secret<String>),
}

impl<H: Host> Run<'_, H> {
    fn shared(&self) -> Result<&SharedPki, Fault> {
        self.shared.as_ref().ok_or_else(|| {
            Fault::new(
                Failure::Bug,
                "the shared PKI is asked for before it is there",
                "identity",
                "report this with the journal of kubeboot.service",
            )
        })
    }

    fn short_lived(
        &self,
        authority: &crate::pki::authority::Authority,
        name: &str,
        organizations: &[&str],
    ) -> Result<ClientIdentity, Fault> {
        let now = self.host.wall();
        sign_within(authority, name, organizations, now.plus(-BACKDATED), now.plus(SHORT))
    }

    /// The credential of the document, or, on a control plane that holds the CA key, one that it signs for itself. The
    /// token of a document with the bundle is there to be made by init; a machine that joins with such a document does
    /// not depend on its life.
    ///
    /// # Errors
    /// The document's can't be had, or there is none.
    pub async fn bootstrap_credential(&self) -> Result<Credential, Fault> {
        match &self.spec.discovery.credential {
            Some(BootstrapCredential::Certificate { certificate, key }) => {
                let key = super::secret::resolve(self.host, key, "discovery.bootstrapCertificate.key").await?;
                Ok(Credential::Certificate(certificate.clone(), key))
            }
            Some(BootstrapCredential::Token(source))
                if self.shared.is_none() || !self.spec.pki.as_ref().is_some_and(PkiSource::precedes_the_cluster) =>
            {
                let token = self.bootstrap_token(source).await?;
                Ok(Credential::Token(Secret::new(token.expose().to_owned())))
            }
            Some(BootstrapCredential::Token(_)) | None => {
                let name = format!("system:bootstrap:kubeboot:{}", self.identity.name);
                let signed = self.short_lived(&self.shared()?.authority()?, &name, &[BOOTSTRAPPERS])?;
                Ok(Credential::Certificate(signed.certificate_pem.clone(), signed.key_pem.clone()))
            }
        }
    }

    /// The endpoint as a bootstrapper sees it.
    ///
    /// # Errors
    /// See [`Run::bootstrap_credential`].
    pub async fn as_bootstrapper(&self) -> Result<Client, Fault> {
        let (identity, bearer) = match self.bootstrap_credential().await? {
            Credential::Certificate(certificate, key) => (Some((certificate, key)), None),
            Credential::Token(token) => (None, Some(token)),
        };
        let tls = Tls { roots: self.spec.discovery.certificate_authority.clone(), identity };
        Ok(Client { server: self.spec.endpoint.url(), tls, bearer, patience: API_PATIENCE })
    }

    /// The kubeconfig that kubeadm's discovery reads (kubeadm.md §4.4).
    ///
    /// # Errors
    /// See [`Run::bootstrap_credential`].
    pub async fn discovery_kubeconfig(&self) -> Result<Secret<Vec<u8>>, Fault> {
        let user = match self.bootstrap_credential().await? {
            Credential::Certificate(certificate, key) => User::Certificate { certificate, key },
            Credential::Token(token) => User::Token(token),
        };
        let kubeconfig = Kubeconfig {
            cluster: self.spec.cluster.clone(),
            server: self.spec.endpoint.url(),
            certificate_authority: self.spec.discovery.certificate_authority.clone(),
            user_name: "bootstrap".to_owned(),
            user,
        };
        Ok(kubeconfig.to_yaml())
    }

    fn admin(&self, server: String) -> Result<Client, Fault> {
        let name = format!("kubeboot:{}", self.identity.name);
        let signed = self.short_lived(&self.shared()?.authority()?, &name, &[CLUSTER_ADMINS])?;
        let identity = Some((signed.certificate_pem.clone(), signed.key_pem.clone()));
        Ok(Client {
            server,
            tls: Tls { roots: self.spec.discovery.certificate_authority.clone(), identity },
            bearer: None,
            patience: API_PATIENCE,
        })
    }

    /// The cluster's API through the endpoint, as a cluster admin for two hours.
    ///
    /// # Errors
    /// Signing fails, or the PKI isn't there.
    pub fn admin_by_endpoint(&self) -> Result<Client, Fault> {
        self.admin(self.spec.endpoint.url())
    }

    /// This machine's own API server, as a cluster admin for two hours: what needs no balancer.
    ///
    /// # Errors
    /// Signing fails, or the PKI isn't there.
    pub fn admin_here(&self) -> Result<Client, Fault> {
        self.admin(format!("https://{}", SocketAddr::new(self.identity.address, LOCAL_PORT)))
    }

    /// etcd's JSON gateway at a client URL, with a certificate that this control plane signs for itself.
    ///
    /// # Errors
    /// Signing fails, or the PKI isn't there.
    pub fn etcd(&self, server: &str) -> Result<Client, Fault> {
        let shared = self.shared()?;
        let signed = self.short_lived(&shared.etcd_authority()?, &format!("kubeboot:{}", self.identity.name), &[])?;
        let roots = shared.text(crate::pki::shared::SharedName::EtcdCaCertificate).to_owned();
        let identity = Some((signed.certificate_pem.clone(), signed.key_pem.clone()));
        Ok(Client { server: server.trim_end_matches('/').to_owned(), tls: Tls { roots, identity }, bearer: None, patience: ETCD_PATIENCE })
    }

    /// This machine's own etcd member.
    ///
    /// # Errors
    /// Signing fails, or the PKI isn't there.
    pub fn etcd_here(&self) -> Result<Client, Fault> {
        self.etcd(&format!("https://{}", SocketAddr::new(self.identity.address, 2379)))
    }

    /// The API as this machine's own kubelet, from kubelet.conf; `None` while there is none.
    ///
    /// # Errors
    /// kubelet.conf is there, but can't be read.
    pub async fn as_kubelet(&self) -> Result<Option<Client>, Fault> {
        let Some(bytes) = self.host.read(Path::new(paths::KUBELET_CONF), KUBECONFIG).await? else {
            return Ok(None);
        };
        let read = crate::kubeconfig::read(&bytes, paths::KUBELET_CONF)?;
        let Presented::Certificate { certificate, key } = read.user else { return Ok(None) };
        // A file that isn't there yet, or not at this moment: the kubelet replaces it as it renews.
        let (Some(roots), Some(certificate), Some(key)) =
            (self.material(read.certificate_authority).await?, self.material(certificate).await?, self.material(key).await?)
        else {
            return Ok(None);
        };
        let tls = Tls { roots: roots.expose().clone(), identity: Some((certificate.expose().clone(), key)) };
        Ok(Some(Client { server: read.server.trim_end_matches('/').to_owned(), tls, bearer: None, patience: API_PATIENCE }))
    }

    async fn material(&self, material: Material) -> Result<Option<Secret<String>>, Fault> {
        match material {
            Material::Pem(text) => Ok(Some(text)),
            Material::File(path) => {
                let bytes = self.host.read(&path, KUBECONFIG).await?;
                Ok(bytes.map(|bytes| Secret::new(String::from_utf8_lossy(&bytes).into_owned())))
            }
        }
    }
}
