//! The cluster's shared PKI: made ([`authority`]), held and checked ([`shared`]), sealed and opened ([`seal`]),
//! and used to sign short-lived client certificates ([`client`]).
//!
//! Time and nonces are handed in. Key generation and signing take ring's own `SystemRandom`, because ring accepts
//! no other source; [`random`] is the one place that names it.
//!
//! Why not rcgen: its distinguished names hold one attribute of a kind, so an issuer `DC=example, DC=com` (or
//! two organisations) would come out changed, and Go compares issuer and subject byte by byte. The handful of
//! certificate forms that kubeadm knows is written by [`issue`] instead, the issuer's name copied as it stands.

pub mod authority;
pub mod certificate;
pub mod client;
mod der;
mod issue;
pub mod key;
pub mod pem;
pub mod random;
mod rsa;
pub mod seal;
pub mod shared;
