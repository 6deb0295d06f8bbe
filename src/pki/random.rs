//! The one place that names the operating system's randomness. ring seals its `SecureRandom` trait, so keys and
//! ECDSA signatures can't be made from a caller's bytes; everything else (nonces, tokens, the certificate key) can.

use ring::rand::{SecureRandom, SystemRandom};

use crate::failure::Failure;
use crate::fault::Fault;

/// Fills a slice with randomness fit for keys: `Host::random`, or [`fill`] where there is no host.
pub type Randomness<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), Fault>;

pub(super) fn source() -> SystemRandom {
    SystemRandom::new()
}

/// Fills `bytes` from the operating system (getrandom(2)).
///
/// # Errors
/// [`Failure::NoRandomness`] if the kernel gives none.
pub fn fill(bytes: &mut [u8]) -> Result<(), Fault> {
    source().fill(bytes).map_err(|_| {
        Fault::new(Failure::NoRandomness, "the kernel gave no randomness", "getrandom(2)", "check that this kernel has getrandom")
    })
}
