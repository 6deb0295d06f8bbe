//! The words of a document that have a form: each type reads its text, says what is wrong with it and what to write.
//!
//! A parser's error is one sentence for a person: the problem, then what to write instead. The place is added by the caller.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use zeroize::Zeroize;

use super::shown::{shown, shown_bare};

/// A decimal number without sign and leading zeros.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// `controlPlaneEndpoint`, `peers`: host and port, the host a DNS name or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// Reads `host:port` or `[v6]:port`.
    ///
    /// # Errors
    /// A sentence for a person: the port is missing or out of range, or the host is no DNS name or address.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("{} is a URL; write host:port without `{}://` and path", shown(text), shown_bare(scheme)));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || (host.starts_with('[') && host.ends_with(']')) => (host, port),
            _ if text.parse::<Ipv6Addr>().is_ok() => return Err(format!("{} has no port; write for example [{text}]:6443", shown(text))),
            _ => return Err(format!("{} has no port; write host:port, for example api.example.com:6443", shown(text))),
        };
        let port = match number::<u16>(port) {
            Some(port) if port > 0 => port,
            _ => return Err(format!("{} is no port; write a number from 1 to 65535", shown(port))),
        };
        let canonical = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().ok().map(|address| address.to_string()),
            None => match host.parse::<IpAddr>() {
                Ok(address) => Some(address.to_string()),
                Err(_) => is_host_name(host).then(|| host.to_ascii_lowercase()),
            },
        };
        match canonical {
            Some(host) => Ok(Self { host, port }),
            None => Err(format!("{} is neither a DNS name nor an address; write for example api.example.com:6443", shown(host))),
        }
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The host as an address, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `https://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{self}")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

/// RFC 1123 subdomain: labels of letters, digits and inner hyphens, 253 characters at most.
#[must_use]
pub fn is_dns_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// A DNS name that can't be a mistyped IPv4 address: its last label is not all digits (RFC 3696 §2).
fn is_host_name(text: &str) -> bool {
    is_dns_name(text) && text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}

/// A network: address and prefix length, host bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    }
}

const fn mask(prefix: u8) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix as u32) }
}

impl Cidr {
    /// Reads `10.244.0.0/16` or `fd00::/64`.
    ///
    /// # Errors
    /// A sentence for a person: no prefix, a bad address, or host bits that are not zero (with the network meant).
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((address, prefix)) = text.split_once('/') else {
            return Err(format!("{} has no prefix length; write for example 10.244.0.0/16", shown(text)));
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(format!("{} is no IP address; write for example 10.244.0.0/16", shown(address)));
        };
        if address.to_canonical() != address {
            return Err(format!("{} is an IPv4 network in the form of IPv6; write it in the form of IPv4", shown(text)));
        }
        let (value, width) = bits(address);
        let prefix = match number::<u8>(prefix) {
            Some(prefix) if prefix <= width => prefix,
            _ => return Err(format!("`/{}` is no prefix length; write a number from 0 to {width}", shown_bare(prefix))),
        };
        let network = Self { address: from_bits(value & mask(prefix), address.is_ipv4()), prefix };
        if network.address == address { Ok(network) } else { Err(format!("{} has host bits; write the network, {network}", shown(text))) }
    }

    /// Whether the address lies in this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && bits(address).0 & mask(self.prefix) == bits(self.address).0
    }

    /// Whether any address lies in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.prefix <= other.prefix { self.contains(other.address) } else { other.contains(self.address) }
    }

    /// The network address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Prefix length, bits.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is a network of IPv4.
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Bits that tell hosts apart: 16 for a /16 of IPv4.
    #[must_use]
    pub const fn host_bits(&self) -> u8 {
        if self.address.is_ipv4() { 32 - self.prefix } else { 128 - self.prefix }
    }
}

fn from_bits(value: u128, v4: bool) -> IpAddr {
    if v4 { IpAddr::V4(u32::try_from(value >> 96).unwrap_or_default().into()) } else { IpAddr::V6(value.into()) }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// `kubernetesVersion`: a full release, because anything else makes kubeadm ask the internet (kubeadm.md §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    /// Always 1.
    pub major: u16,
    /// Minor.
    pub minor: u16,
    /// Patch.
    pub patch: u16,
}

impl KubernetesVersion {
    /// Reads `v1.37.2`.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{} is no Kubernetes release; write it whole, for example v1.37.2", shown(text));
        let mut parts = text.strip_prefix('v').ok_or_else(wrong)?.split('.');
        let mut next = || number::<u16>(parts.next()?);
        match (next(), next(), next(), parts.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self { major, minor, patch }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A node name: an RFC 1123 subdomain in lower case, as the API server demands, of at most 63 characters, because
/// the kubelet writes it into the label `kubernetes.io/hostname`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName(String);

impl NodeName {
    /// Reads a node name.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 63 {
            return Err(format!(
                "{} has more than 63 characters, and the kubelet writes it into a label; write a shorter name",
                shown(text)
            ));
        }
        if is_dns_name(text) && !text.bytes().any(|b| b.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{} is no node name; write lower-case letters, digits, hyphens and dots", shown(text)))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A taint, written as in a Node object: `{key, value, effect}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; empty if none.
    pub value: String,
    /// NoSchedule, PreferNoSchedule or NoExecute.
    pub effect: String,
}

impl fmt::Display for Taint {
    /// As `kubectl taint` takes it: `key=value:effect`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(f, "{}:{}", self.key, self.effect)
        } else {
            write!(f, "{}={}:{}", self.key, self.value, self.effect)
        }
    }
}

/// A bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}` (cluster-bootstrap token/api).
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken(String);

impl BootstrapToken {
    /// Reads a token. The error never quotes it.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        match text.split_once('.') {
            Some((id, secret)) if plain(id, 6) && plain(secret, 16) => Ok(Self(text.to_owned())),
            _ => Err("this is no bootstrap token; write six, a dot and sixteen lower-case letters or digits".to_owned()),
        }
    }

    /// The whole token.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for BootstrapToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// kubeadm's certificate key: 64 hex digits, an AES-256 key (kubeadm.md §1.2).
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateKey([u8; 32]);

impl CertificateKey {
    /// Reads 64 hex digits. The error never quotes them.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "this is no certificate key; write 64 hex digits, as `kubeadm certs certificate-key` prints".to_owned();
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            match (pair.first().copied().and_then(digit), pair.get(1).copied().and_then(digit)) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(wrong()),
            }
        }
        Ok(Self(key))
    }

    /// Takes 32 random bytes as a key.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hex digits, for kubeadm's configuration and for documents.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl Drop for CertificateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
