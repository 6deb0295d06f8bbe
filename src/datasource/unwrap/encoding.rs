//! gzip (RFC 1952), base64 (RFC 4648) and quoted-printable (RFC 2045) → bytes, never more than asked for.

use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;

use crate::secret::Secret;

/// Why there are no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// There would be more than asked for.
    TooLarge,
    /// It is not what it looks like; in words.
    Malformed(String),
}

/// With or without padding: both are in use.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// All members of a gzip file, their checksums compared.
pub(super) fn gunzip(bytes: &[u8], most: usize) -> Result<Secret<Vec<u8>>, Broken> {
    // What the last member says of its size, so that a secret is not copied while its buffer grows.
    let told = bytes.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    let mut inner = Vec::with_capacity(usize::try_from(told).unwrap_or(most).min(most).saturating_add(1));
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut inner);
    let inner = Secret::new(inner);
    match read {
        Ok(length) if length > most => Err(Broken::TooLarge),
        Ok(_) => Ok(inner),
        Err(error) => Err(Broken::Malformed(error.to_string())),
    }
}

/// Base64 of the standard alphabet, in lines of any length.
pub(super) fn base64(bytes: &[u8], most: usize) -> Result<Secret<Vec<u8>>, Broken> {
    let text = Secret::new(bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>());
    if text.expose().len() / 4 * 3 > most.saturating_add(2) {
        return Err(Broken::TooLarge);
    }
    // The error of the crate quotes a character of what may be a secret.
    let inner = BASE64.decode(text.expose()).map_err(|error| {
        Broken::Malformed(match error {
            base64::DecodeError::InvalidByte(at, _) => format!("character {} is none of base64, or stands behind the end", at + 1),
            _ => "its end is missing".to_owned(),
        })
    })?;
    if inner.len() > most { Err(Broken::TooLarge) } else { Ok(Secret::new(inner)) }
}

/// Quoted-printable.
pub(super) fn quoted_printable(bytes: &[u8], most: usize) -> Result<Secret<Vec<u8>>, Broken> {
    if bytes.len() > most.saturating_mul(3) {
        return Err(Broken::TooLarge);
    }
    let mut inner = Vec::with_capacity(bytes.len());
    let mut wrong = None;
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut rest = line;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            if *first != b'=' {
                inner.push(*first);
                continue;
            }
            let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            match after {
                [high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                    inner.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                    rest = after;
                }
                // The line goes on in the next one.
                blank if blank.trim_ascii().is_empty() => break,
                _ => {
                    wrong.get_or_insert(number + 1);
                }
            }
        }
    }
    let inner = Secret::new(inner);
    match wrong {
        Some(line) => Err(Broken::Malformed(format!("line {line} has an = without two hex digits"))),
        None if inner.expose().len() > most => Err(Broken::TooLarge),
        None => Ok(inner),
    }
}

/// The bytes as they are.
pub(super) fn identity(bytes: &[u8], most: usize) -> Result<Secret<Vec<u8>>, Broken> {
    if bytes.len() > most { Err(Broken::TooLarge) } else { Ok(Secret::new(bytes.to_vec())) }
}
