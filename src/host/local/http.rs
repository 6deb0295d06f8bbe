//! HTTP: one exchange at a time, and an exact name for every way in which none comes about.
//!
//! reqwest over a rustls configuration of ours: no redirects, no proxies, no roots but those given. Its connection limit
//! spans TCP *and* TLS, so a time-out alone does not say which of the two hung; one more bare TCP connection does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use zeroize::Zeroizing;

use super::{names, tls};
use crate::host::{Method, Request, Response, Tls, Unanswered, shown_url};

/// Clients kept: endpoint with and without identity, local API server, etcd, and one for each address that the fence looks
/// at. Each holds a TLS session cache; one more than fit costs a new client, nothing else.
const CLIENTS: usize = 16;
/// Shorter than any balancer's idle limit in common use (HAProxy's example: 50 s), so that no pooled connection is found dead.
const IDLE: Duration = Duration::from_secs(20);

/// Clients by what makes them differ, the most recently used last, so that connections and TLS sessions are used again.
#[derive(Debug, Default)]
pub(super) struct Clients(RefCell<VecDeque<(Key, reqwest::Client)>>);

#[derive(Debug, PartialEq, Eq)]
struct Key {
    tls: Option<Tls>,
    https: bool,
    /// Host and address, for those that are pinned.
    pinned: Option<(String, IpAddr)>,
    connect_limit: Duration,
    fresh: bool,
}

impl Clients {
    fn get(&self, root: &Path, request: &Request, host: &str, https: bool) -> Result<reqwest::Client, Unanswered> {
        let pinned = request.address.map(|address| (host.to_owned(), address));
        let key = Key { tls: request.tls.clone(), https, pinned, connect_limit: request.connect_limit, fresh: request.fresh };
        let mut kept = self.0.borrow_mut();
        let entry = match kept.iter().position(|(k, _)| *k == key).and_then(|index| kept.remove(index)) {
            Some(entry) => entry,
            None => {
                let client = build(root, &key)?;
                (key, client)
            }
        };
        let client = entry.1.clone();
        kept.push_back(entry);
        if kept.len() > CLIENTS {
            kept.pop_front();
        }
        Ok(client)
    }
}

fn build(root: &Path, key: &Key) -> Result<reqwest::Client, Unanswered> {
    let configuration = if key.https {
        tls::configuration(root, key.tls.as_ref())?
    } else {
        // Never used: such a client is only ever asked for http://. reqwest wants one all the same.
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| Unanswered::Unusable(e.to_string()))?;
        builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
    };
    let mut builder = reqwest::Client::builder();
    if let Some((host, address)) = &key.pinned {
        // Port 0: the URL's. An address literal in the URL is never looked up, so this changes nothing there.
        builder = builder.resolve(host, SocketAddr::new(*address, 0));
    }
    builder
        .tls_backend_preconfigured(configuration)
        .https_only(key.https)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(key.connect_limit)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(usize::from(!key.fresh))
        .build()
        .map_err(|e| Unanswered::Unusable(chain(&e)))
}

pub(super) async fn exchange(root: &Path, clients: &Clients, request: &Request) -> Result<Response, Unanswered> {
    let url = reqwest::Url::parse(&request.url).map_err(|e| Unanswered::Unusable(format!("{}: {e}", shown_url(&request.url))))?;
    let https = match url.scheme() {
        "https" => true,
        "http" if request.tls.is_none() => false,
        _ => return Err(Unanswered::Unusable(format!("{}: neither https, nor http without TLS", shown_url(&request.url)))),
    };
    let (Some(host), Some(port)) = (url.host_str().map(str::to_owned), url.port_or_known_default()) else {
        return Err(Unanswered::Unusable(format!("{}: no host", shown_url(&request.url))));
    };
    let client = clients.get(root, request, &host, https)?;
    let target = match request.address {
        Some(address) if address.to_string() != host.trim_matches(['[', ']']) => format!("{host}:{port} at {address}"),
        _ => format!("{host}:{port}"),
    };
    let built = prepare(&client, url, request)?;
    match tokio::time::timeout(request.limit, converse(&client, built, &target, https, request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(Failed::Known(unanswered))) => Err(unanswered),
        Ok(Err(Failed::Connecting)) => Err(which_hung(&target, (&host, port), request).await),
        Err(_) => {
            let text = format!("{target}: within {:?}", request.limit);
            // The connection limit, which spans the handshake, has passed long ago and would have ended this otherwise.
            let connected = request.connect_limit < request.limit;
            Err(if https && connected { Unanswered::Verified(text) } else { Unanswered::NoAnswer(text) })
        }
    }
}

fn prepare(client: &reqwest::Client, url: reqwest::Url, request: &Request) -> Result<reqwest::Request, Unanswered> {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
    };
    let mut builder = client.request(method, url);
    if let Some(bearer) = &request.bearer {
        let text = Zeroizing::new(format!("Bearer {}", bearer.expose()));
        let value = HeaderValue::from_str(&text);
        let mut value = value.map_err(|_| Unanswered::Unusable("the bearer token holds bytes that no header may have".to_owned()))?;
        value.set_sensitive(true);
        builder = builder.header(AUTHORIZATION, value);
    }
    if let Some(content_type) = request.content_type {
        builder = builder.header(CONTENT_TYPE, content_type);
    }
    if request.only_if_absent {
        builder = builder.header(IF_NONE_MATCH, "*");
    }
    if let Some(body) = &request.body {
        builder = builder.body(body.expose().clone());
    }
    builder.build().map_err(|e| Unanswered::Unusable(chain(&e)))
}

/// Why an exchange failed: known, or a connection limit that passed somewhere between SYN and the end of the handshake.
enum Failed {
    Known(Unanswered),
    Connecting,
}

async fn converse(
    client: &reqwest::Client,
    built: reqwest::Request,
    target: &str,
    https: bool,
    request: &Request,
) -> Result<Response, Failed> {
    let mut answer = client.execute(built).await.map_err(|e| classify(target, https, &e))?;
    let too_large = || Failed::Known(Unanswered::TooLarge(request.size_limit));
    // An error page is judged by its status, however long it is.
    let is_success = answer.status().is_success();
    let announced = usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if is_success && announced > request.size_limit {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.min(request.size_limit));
    let broken = |e: reqwest::Error| {
        let text = format!("{target}: the answer broke off: {}", chain(&e));
        Failed::Known(if https { Unanswered::Verified(text) } else { Unanswered::NoAnswer(text) })
    };
    while let Some(part) = answer.chunk().await.map_err(broken)? {
        let room = request.size_limit.saturating_sub(body.len());
        if part.len() > room {
            if is_success {
                return Err(too_large());
            }
            body.extend(part.into_iter().take(room));
            break;
        }
        body.extend_from_slice(&part);
    }
    Ok(Response { status: answer.status().as_u16(), body })
}

/// The connection limit passed: TCP, or what should follow it?
async fn which_hung(target: &str, (host, port): (&str, u16), request: &Request) -> Unanswered {
    let address = match request.address {
        Some(address) => address,
        None => match names::resolve(host, request.connect_limit).await {
            Ok(addresses) => match addresses.first() {
                Some(first) => *first,
                None => return Unanswered::ConnectTimeout(format!("{target} within {:?}", request.connect_limit)),
            },
            Err(unanswered) => return unanswered,
        },
    };
    match names::connects((address, port).into(), request.connect_limit).await {
        Ok(()) => {
            Unanswered::NoAnswer(format!("{target}: accepts connections, but ends no TLS handshake within {:?}", request.connect_limit))
        }
        Err(unanswered) => unanswered,
    }
}

/// Names what [`reqwest::Error`] only calls "error sending request": the first cause that is a TLS error decides, then
/// the kind of failure, then the deepest I/O error. What fails over TLS, but not in connecting, fails after a handshake
/// that our verifier let pass, or that resumed such a one: connecting ends with the handshake.
fn classify(target: &str, https: bool, error: &reqwest::Error) -> Failed {
    if https && error.is_request() && !error.is_connect() {
        return Failed::Known(Unanswered::Verified(format!("{target}: {}", chain(error))));
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Failed::Known(tls::classify(target, tls));
    }
    let text = format!("{target}: {}", chain(error));
    if error.is_connect() && error.is_timeout() {
        return Failed::Connecting;
    }
    Failed::Known(if error.is_dns() {
        Unanswered::NoName(text)
    } else if error.is_builder() {
        Unanswered::Unusable(text)
    } else if let Some(io) = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).last() {
        names::connecting(target, io)
    } else if causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message)) {
        Unanswered::Closed(text)
    } else {
        Unanswered::NoAnswer(text)
    })
}

/// An error and its causes. An [`std::io::Error`] hides its payload from [`Error::source`], so that is looked into.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |current| {
        let current: &'a (dyn Error + 'static) = *current;
        match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        }
    })
}

/// The causes on one line, each once. reqwest's own outermost line is left out: it holds the URL, and so perhaps a secret.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error).filter(|cause| !cause.is::<reqwest::Error>()) {
        let part = cause.to_string();
        if !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
    }
    if parts.is_empty() { "the request is malformed".to_owned() } else { parts.join(": ") }
}
