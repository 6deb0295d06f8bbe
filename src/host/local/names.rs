//! Names and bare TCP connections.
//!
//! getaddrinfo(3) in musl reads /etc/hosts and /etc/resolv.conf anew on every call, so that DNS which arrives late by
//! DHCP is seen; no resolver of our own, and none that falls back to a public server.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::host::Unanswered;

pub(super) async fn resolve(name: &str, limit: Duration) -> Result<Vec<IpAddr>, Unanswered> {
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let found = match tokio::time::timeout(limit, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(Unanswered::NoName(format!("{name}: {error}"))),
        Err(_) => return Err(Unanswered::NoName(format!("{name}: no answer from DNS within {limit:?}"))),
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() { Err(Unanswered::NoName(format!("{name}: no address"))) } else { Ok(addresses) }
}

pub(super) async fn connects(address: SocketAddr, limit: Duration) -> Result<(), Unanswered> {
    match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(connecting(&address.to_string(), &error)),
        Err(_) => Err(Unanswered::ConnectTimeout(format!("{address} within {limit:?}"))),
    }
}

/// What an error of connect(2) says about the way to `target`.
pub(super) fn connecting(target: &str, error: &io::Error) -> Unanswered {
    let text = format!("{target}: {error}");
    match error.kind() {
        ErrorKind::ConnectionRefused => Unanswered::Refused(text),
        ErrorKind::TimedOut => Unanswered::ConnectTimeout(text),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Unanswered::Closed(text)
        }
        // A local firewall's REJECT shows as EACCES or EPERM here; the rest (EADDRNOTAVAIL, no address of the family) as no way there too.
        _ => Unanswered::NoRoute(text),
    }
}
