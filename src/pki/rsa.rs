//! New RSA keys, which ring signs with but does not make: two primes, and the numbers of PKCS#1 (RFC 8017 appendix A.1.2)
//! that follow from them. ring then checks at the door that all of them belong together.
//!
//! Why not the `rsa` crate: it makes keys by this same `crypto-primes`, and brings padding, signing and encodings that ring and
//! [`super::der`] have already; twice the size in the binary.

use std::convert::Infallible;

use crypto_bigint::rand_core::{TryCryptoRng, TryRng};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Limb, NonZero, Odd};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

use super::der::{self, SEQUENCE, Wiped};
use super::random;

/// Public exponent, everybody's.
const EXPONENT: u32 = 65_537;

/// The kernel's randomness for a trait that knows no failure: it is remembered instead, and no key comes of it.
struct Source {
    failed: bool,
}

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= random::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Source {}

type Number = Zeroizing<BoxedUint>;

/// A new private key of `bits` (even) as PKCS#1, DER.
///
/// # Errors
/// [`Failure::NoRandomness`] if the kernel gives none.
pub(super) fn generate(bits: u32) -> Result<Secret<Vec<u8>>, Fault> {
    let mut source = Source { failed: false };
    // One pair in 30 000 has a prime that the exponent does not fit; equal primes are never met.
    for _ in 0..100 {
        let primes = prime(&mut source, bits / 2).zip(prime(&mut source, bits / 2));
        if source.failed {
            break;
        }
        if let Some(key) = primes.and_then(|(p, q)| pkcs1(p, q)) {
            return Ok(key);
        }
    }
    Err(Fault::new(Failure::NoRandomness, "no RSA key could be generated", "key generation", "check that this kernel has getrandom"))
}

/// A prime with its two highest bits set, so that the product of two has twice its bits, no fewer.
fn prime(source: &mut Source, bits: u32) -> Option<Number> {
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb).ok()?;
    sieve_and_find(source, sieve, |_, candidate| is_prime(Flavor::Any, candidate)).ok().flatten().map(Zeroizing::new)
}

fn pkcs1(p: Number, q: Number) -> Option<Secret<Vec<u8>>> {
    let (p, q) = if *p > *q { (p, q) } else { (q, p) };
    let one = BoxedUint::one();
    let less = |number: &Number| Zeroizing::new(number.wrapping_sub(&one));
    let product = |a: &Number, b: &Number| Zeroizing::new(a.concatenating_mul(&**b));
    let (p_less, q_less) = (less(&p), less(&q));
    let modulus = product(&p, &q);
    let d = inverse_of_exponent(&product(&p_less, &q_less))?;
    let (dp, dq) = (inverse_of_exponent(&p_less)?, inverse_of_exponent(&q_less)?);
    let odd = Zeroizing::new(Odd::new((*p).clone()).into_option()?);
    let q_inverse = Zeroizing::new(q.invert_odd_mod(&odd).into_option()?);
    let secret = |number: &Number| {
        let mut bytes = number.to_be_bytes();
        let integer = Wiped(der::integer(&bytes));
        bytes.zeroize();
        integer
    };
    let numbers = [&modulus, &d, &p, &q, &dp, &dq, &q_inverse].map(secret);
    let [modulus, d, p, q, dp, dq, q_inverse] = &numbers;
    let exponent = der::integer(&EXPONENT.to_be_bytes());
    let parts: [&[u8]; 9] = [&der::integer(&[0]), &modulus.0, &exponent, &d.0, &p.0, &q.0, &dp.0, &dq.0, &q_inverse.0];
    Some(Secret::new(der::value(SEQUENCE, &parts)))
}

/// The public exponent's inverse modulo `modulus`, (1 + k·modulus) / exponent, k being what makes it divisible; `None` if
/// there is none.
fn inverse_of_exponent(modulus: &Number) -> Option<Number> {
    let exponent = NonZero::new(Limb::from(EXPONENT)).into_option()?;
    let (prime, rest) = (u64::from(EXPONENT), modulus.rem_limb(exponent).0);
    if rest == 0 {
        return None;
    }
    // The exponent is a prime: Fermat's inverse.
    let inverse = (0..prime - 2).fold(1, |power, _| power * rest % prime);
    let multiple = Zeroizing::new(modulus.concatenating_mul(&BoxedUint::from(prime - inverse)).wrapping_add(BoxedUint::one()));
    Some(Zeroizing::new(multiple.div_rem_limb(exponent).0))
}
