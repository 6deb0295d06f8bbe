//! kubeadm, as much of it as kubeboot uses: its configuration (written as v1beta4 JSON, which is YAML too),
//! its command lines, its answers, and what its failures are called.
//!
//! Why not more: phases are kubeadm's own business. kubeboot runs `init` and `join` whole, always with
//! `--skip-phases=preflight` after a preflight of its own or kubeadm's, so that a resumed run is the same command.

pub mod censor;
pub mod command;
pub mod config;
pub mod diagnosis;
pub mod quirk;
pub mod symptom;
pub mod testimony;
