//! First-boot agent for highly available Kubernetes.

pub mod document;
pub mod facts;
pub mod fault;
pub mod host;
pub mod moment;
pub mod pki;
pub mod secret;
