//! Writes and signs certificates of the two shapes that kubeadm itself writes (kubeadm.md §2.2; RFC 5280).

use ring::digest::{SHA256, digest};

use crate::fault::Fault;
use crate::moment::UnixTime;

use super::der::{self, BOOLEAN, GENERALIZED_TIME, OCTET_STRING, OID, SEQUENCE, SET, UTC_TIME, UTF8_STRING};
use super::key::PrivateKey;
use super::random;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// Key usage bits (RFC 5280 §4.2.1.3) with the count of unused bits before them.
const SIGN_AND_ENCIPHER: &[u8] = &[5, 0b1010_0000];
const SIGN_ENCIPHER_AND_CERTIFY: &[u8] = &[2, 0b1010_0100];

/// A distinguished name of organisations and a common name, in the order that Go writes.
pub(super) fn name(common_name: &str, organizations: &[&str]) -> Vec<u8> {
    let attribute = |kind: &[u8], text: &str| {
        let pair = der::value(SEQUENCE, &[&der::value(OID, &[kind]), &der::value(UTF8_STRING, &[text.as_bytes()])]);
        der::value(SET, &[&pair])
    };
    let mut attributes: Vec<u8> = organizations.iter().flat_map(|text| attribute(ORGANIZATION, text)).collect();
    attributes.extend(attribute(COMMON_NAME, common_name));
    der::value(SEQUENCE, &[&attributes])
}

/// Key identifier: the first 160 bits of the SHA-256 of the public bits (RFC 7093 §2, method 1).
pub(super) fn key_id(key: &PrivateKey) -> Vec<u8> {
    digest(&SHA256, key.public_bits()).as_ref().iter().copied().take(20).collect()
}

fn time(at: UnixTime) -> Vec<u8> {
    let (year, month, day, hour, minute, second) = at.civil();
    // RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
    if (1950..2050).contains(&year) {
        let text = format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year.rem_euclid(100));
        der::value(UTC_TIME, &[text.as_bytes()])
    } else {
        let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
        der::value(GENERALIZED_TIME, &[text.as_bytes()])
    }
}

fn extension(kind: &[u8], critical: bool, contents: &[u8]) -> Vec<u8> {
    let flag = if critical { der::value(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    der::value(SEQUENCE, &[&der::value(OID, &[kind]), &flag, &der::value(OCTET_STRING, &[contents])])
}

/// Extensions of a CA: no path length, its own name as DNS name, as kubeadm writes them.
pub(super) fn authority_extensions(common_name: &str, key: &PrivateKey) -> Vec<u8> {
    let dns_name = der::value(SEQUENCE, &[&der::value(der::implicit(2), &[common_name.as_bytes()])]);
    [
        extension(KEY_USAGE, true, &der::value(der::BIT_STRING, &[SIGN_ENCIPHER_AND_CERTIFY])),
        extension(BASIC_CONSTRAINTS, true, &der::value(SEQUENCE, &[&der::value(BOOLEAN, &[&[0xff]])])),
        extension(SUBJECT_KEY_ID, false, &der::value(OCTET_STRING, &[&key_id(key)])),
        extension(SUBJECT_ALT_NAME, false, &dns_name),
    ]
    .concat()
}

/// Extensions of a client certificate; the issuer's key identifier is named if it has one.
pub(super) fn client_extensions(issuer_key_id: Option<&[u8]>) -> Vec<u8> {
    let mut extensions = [
        extension(KEY_USAGE, true, &der::value(der::BIT_STRING, &[SIGN_AND_ENCIPHER])),
        extension(EXTENDED_KEY_USAGE, false, &der::value(SEQUENCE, &[&der::value(OID, &[CLIENT_AUTH])])),
        extension(BASIC_CONSTRAINTS, true, &der::value(SEQUENCE, &[])),
    ]
    .concat();
    if let Some(id) = issuer_key_id {
        extensions.extend(extension(AUTHORITY_KEY_ID, false, &der::value(SEQUENCE, &[&der::value(der::implicit(0), &[id])])));
    }
    extensions
}

/// What a certificate says; names are DER.
pub(super) struct Statement<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) public_key_info: &'a [u8],
    pub(super) extensions: &'a [u8],
}

/// The certificate, DER, signed by `issuer_key`, with a random serial number of 63 bits.
pub(super) fn sign(statement: &Statement<'_>, issuer_key: &PrivateKey) -> Result<Vec<u8>, Fault> {
    let mut serial = [0; 8];
    random::fill(&mut serial)?;
    // Positive, and not zero (RFC 5280 §4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    let algorithm = issuer_key.signature_algorithm();
    let body = der::value(
        SEQUENCE,
        &[
            &der::value(der::context(0), &[&der::integer(&[2])]),
            &der::integer(&serial),
            &algorithm,
            statement.issuer,
            &der::value(SEQUENCE, &[&time(statement.not_before), &time(statement.not_after)]),
            statement.subject,
            statement.public_key_info,
            &der::value(der::context(3), &[&der::value(SEQUENCE, &[statement.extensions])]),
        ],
    );
    let signature = issuer_key.sign(&body)?;
    Ok(der::value(SEQUENCE, &[&body, &algorithm, &der::bit_string(&signature)]))
}
