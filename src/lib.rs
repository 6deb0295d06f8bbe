//! First-boot agent for highly available Kubernetes: the map.
//!
//! The way of the data: a [`datasource`] hands over a [`document`]; it is read into a `NodeSpec` or into all its
//! violations; [`plan`] turns that into steps; [`run`] takes them one by one, asking [`decide`] what to do, [`act`] to do it
//! and the [`ledger`] to remember; [`report`] tells. Everything that touches the world goes through [`host::Host`].
//!
//! Core (no clock, disk, network, environment, runtime; `tests/architecture.rs` keeps it so): everything but [`host::local`]
//! and [`cli`].

pub mod act;
pub mod backoff;
pub mod check;
pub mod claim;
pub mod cli;
pub mod cluster;
pub mod cni;
pub mod concurrently;
pub mod datasource;
pub mod decide;
pub mod digest;
pub mod document;
pub mod emit;
pub mod facts;
pub mod failure;
pub mod fault;
pub mod fence;
pub mod fetch;
pub mod gate;
pub mod host;
pub mod kubeadm;
pub mod kubeconfig;
pub mod ledger;
pub mod leftovers;
pub mod message;
pub mod mint;
pub mod moment;
pub mod paragraph;
pub mod paths;
pub mod pki;
pub mod plan;
pub mod power;
pub mod preflight;
pub mod render;
pub mod report;
pub mod run;
pub mod schema;
pub mod secret;
pub mod waiting;
