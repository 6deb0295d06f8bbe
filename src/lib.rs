//! First-boot agent for highly available Kubernetes.

pub mod datasource;
pub mod document;
pub mod facts;
pub mod fault;
pub mod host;
pub mod moment;
pub mod secret;
