//! First-boot agent for highly available Kubernetes.

pub mod cli;
pub mod document;
pub mod emit;
pub mod facts;
pub mod fault;
pub mod host;
pub mod kubeconfig;
pub mod mint;
pub mod moment;
pub mod pki;
pub mod secret;
