//! What `LocalHost::http` makes of real servers on loopback: rustls with certificates made here, and things that are no
//! server at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "wire/servers.rs"]
mod servers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kubeboot::failure::Failure;
use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Host, Method, Request, Response, Tls, Unanswered};
use kubeboot::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use servers::{Ca, OK, answer, builder, configuration, demanding, pem, serve, tls_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn host() -> LocalHost {
    LocalHost::in_surroundings("/".into(), Surroundings::default())
}

fn request(url: String, tls: Option<Tls>) -> Request {
    Request {
        method: Method::Get,
        url,
        address: None,
        tls,
        bearer: None,
        content_type: None,
        body: None,
        only_if_absent: false,
        connect_limit: Duration::from_secs(10),
        limit: Duration::from_secs(20),
        size_limit: 1024,
        fresh: false,
    }
}

async fn get(address: SocketAddr, tls: Option<Tls>) -> Result<Response, Unanswered> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    host().http(&request(format!("{scheme}://{address}/readyz"), tls)).await
}

fn ok() -> Result<Response, Unanswered> {
    Ok(Response { status: 200, body: b"ok".to_vec() })
}

#[tokio::test]
async fn the_right_ca_is_answered() {
    let ca = Ca::new();
    let (address, _) = tls_server(ca.server("127.0.0.1", |_| {}), OK).await;
    assert_eq!(get(address, Some(ca.tls())).await, ok());
}

#[tokio::test]
async fn any_status_is_an_answer_and_redirects_are_not_followed() {
    let ca = Ca::new();
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let (address, count) = tls_server(ca.server("127.0.0.1", |_| {}), redirect).await;
    assert_eq!(get(address, Some(ca.tls())).await, Ok(Response { status: 307, body: Vec::new() }));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connections_are_used_again_by_the_same_client_alone() {
    let ca = Ca::new();
    let (address, count) = tls_server(ca.server("127.0.0.1", |_| {}), OK).await;
    let host = host();
    let mut request = request(format!("https://{address}/"), Some(ca.tls()));
    for _ in 0..3 {
        assert_eq!(host.http(&request).await, ok());
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    request.tls.as_mut().unwrap().roots.push('\n');
    assert_eq!(host.http(&request).await, ok());
    assert_eq!(count.load(Ordering::SeqCst), 2, "another trust is another connection");
}

/// Both CAs are called "kubernetes", as kubeadm calls every one of them.
#[tokio::test]
async fn another_ca_of_the_same_name_is_foreign() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let (address, _) = tls_server(theirs.server("127.0.0.1", |_| {}), OK).await;
    let seen = get(address, Some(ours.tls())).await;
    assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{seen:?}");
}

#[tokio::test]
async fn another_ca_of_another_name_is_foreign() {
    let ours = Ca::new();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "corporate proxy");
    let theirs = Ca { pem: String::new(), issuer: Issuer::new(params, KeyPair::generate().unwrap()) };
    let (address, _) = tls_server(theirs.server("127.0.0.1", |_| {}), OK).await;
    let seen = get(address, Some(ours.tls())).await;
    assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{seen:?}");
}

/// What `openssl req -x509` makes for a balancer: its own CA.
#[tokio::test]
async fn a_self_signed_certificate_is_foreign() {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (address, _) = tls_server(configuration(builder().with_no_client_auth(), &certificate, &key), OK).await;
    let seen = get(address, Some(Ca::new().tls())).await;
    assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{seen:?}");
}

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

#[tokio::test]
async fn an_expired_certificate_of_ours_is_bad() {
    let ca = Ca::new();
    let (address, _) = tls_server(ca.server("127.0.0.1", expired), OK).await;
    let seen = get(address, Some(ca.tls())).await;
    assert!(matches!(&seen, Err(Unanswered::BadCertificate(why)) if why.contains("expired")), "{seen:?}");
}

#[tokio::test]
async fn a_certificate_of_ours_from_the_future_is_bad() {
    let ca = Ca::new();
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
    let (address, _) = tls_server(ca.server("127.0.0.1", future), OK).await;
    let seen = get(address, Some(ca.tls())).await;
    assert!(matches!(&seen, Err(Unanswered::BadCertificate(why)) if why.contains("not valid yet")), "{seen:?}");
}

#[tokio::test]
async fn an_expired_certificate_of_another_ca_is_foreign() {
    let (ours, theirs) = (Ca::new(), Ca::new());
    let (address, _) = tls_server(theirs.server("127.0.0.1", expired), OK).await;
    let seen = get(address, Some(ours.tls())).await;
    assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{seen:?}");
}

/// A client's certificate, shown by a server: its purpose is looked at before its signature, so it proves nothing.
#[tokio::test]
async fn a_certificate_for_another_purpose_proves_nothing() {
    let client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let ours = Ca::new();
    for signer in [&ours, &Ca::new()] {
        let (address, _) = tls_server(signer.server("127.0.0.1", client), OK).await;
        let seen = get(address, Some(ours.tls())).await;
        assert!(matches!(seen, Err(Unanswered::TlsFailed(_))), "{seen:?}");
    }
}

/// A server of ours that completes the handshake and then does what `then` does with the connection.
async fn after_the_handshake<F, R>(version: &'static rustls::SupportedProtocolVersion, ca: &Ca, then: F) -> SocketAddr
where
    F: Fn(tokio_rustls::server::TlsStream<TcpStream>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let (certificate, key) = ca.leaf("127.0.0.1", |_| {});
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(configuration(builder.with_no_client_auth(), &certificate, &key)));
    let (address, _) = serve(move |stream| {
        let (acceptor, then) = (acceptor.clone(), then.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                then(stream).await;
            }
        }
    })
    .await;
    address
}

#[tokio::test]
async fn what_fails_after_our_handshake_is_ours() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let ca = Ca::new();
        let hung = after_the_handshake(version, &ca, async |stream| {
            std::future::pending::<()>().await;
            drop(stream);
        });
        let closed = after_the_handshake(version, &ca, async |mut stream| {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.shutdown().await;
        });
        let reset = after_the_handshake(version, &ca, async |mut stream| {
            let _ = stream.read(&mut [0; 4096]).await;
            let (tcp, _) = stream.into_inner();
            let _ = tcp.set_zero_linger();
        });
        let half = after_the_handshake(version, &ca, async |mut stream| {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
        });
        for (what, address) in [("hung", hung.await), ("closed", closed.await), ("reset", reset.await), ("half", half.await)] {
            let host = host();
            // The second time the session is resumed, where the server lets it: no certificate is shown then.
            for time in 1..=2 {
                let limits = (Duration::from_secs(1), Duration::from_secs(2));
                let url = format!("https://{address}/readyz");
                let request = Request { connect_limit: limits.0, limit: limits.1, fresh: true, ..request(url, Some(ca.tls())) };
                let seen = host.http(&request).await;
                assert!(matches!(seen, Err(Unanswered::Verified(_))), "{what}, {version:?}, time {time}: {seen:?}");
                let foreign = Request { tls: Some(Ca::new().tls()), ..request };
                let seen = host.http(&foreign).await;
                assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{what}, {version:?}, time {time}: {seen:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_bad_unless_that_name_is_asked_for() {
    let ca = Ca::new();
    let (address, _) = tls_server(ca.server("api.example.com", |_| {}), OK).await;
    let seen = get(address, Some(ca.tls())).await;
    assert!(matches!(&seen, Err(Unanswered::BadCertificate(why)) if why.contains("api.example.com")), "{seen:?}");
    let by_name =
        |name: &str| Request { address: Some(address.ip()), ..request(format!("https://{name}:{}/", address.port()), Some(ca.tls())) };
    assert_eq!(host().http(&by_name("api.example.com")).await, ok());
    let seen = host().http(&by_name("other.example.com")).await;
    assert!(matches!(seen, Err(Unanswered::BadCertificate(_))), "{seen:?}");
}

/// A balancer that routes by SNI closes a connection that names nobody; whoever pins the address has to say the name.
#[tokio::test]
async fn a_pinned_address_is_asked_by_name() {
    use rustls::server::{ClientHello, ResolvesServerCert, ResolvesServerCertUsingSni};
    /// The certificates by name; and the names asked for.
    #[derive(Debug)]
    struct BySni(ResolvesServerCertUsingSni, Arc<std::sync::Mutex<Vec<Option<String>>>>);
    impl ResolvesServerCert for BySni {
        fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            self.1.lock().unwrap().push(hello.server_name().map(str::to_owned));
            self.0.resolve(hello)
        }
    }
    let ca = Ca::new();
    let (certificate, key) = ca.leaf("kubeboot.invalid", |_| {});
    let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let mut names = ResolvesServerCertUsingSni::new();
    names.add("kubeboot.invalid", rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], key)).unwrap();
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let configuration = builder().with_no_client_auth().with_cert_resolver(Arc::new(BySni(names, Arc::clone(&asked))));
    let (address, _) = tls_server(configuration, OK).await;
    // A name that resolves to nothing.
    let pinned = |address: SocketAddr| Request {
        address: Some(address.ip()),
        fresh: true,
        ..request(format!("https://kubeboot.invalid:{}/readyz", address.port()), Some(ca.tls()))
    };
    let host = host();
    assert_eq!(host.http(&pinned(address)).await, ok());
    assert_eq!(*asked.lock().unwrap(), [Some("kubeboot.invalid".to_owned())]);
    // Another address of the same name and port is another client: nothing listens there.
    let elsewhere = Request { address: Some("127.0.0.2".parse().unwrap()), ..pinned(address) };
    let seen = host.http(&elsewhere).await;
    let target = format!("kubeboot.invalid:{} at 127.0.0.2: ", address.port());
    assert!(matches!(&seen, Err(Unanswered::Refused(why)) if why.starts_with(&target)), "{seen:?}");
    let (mute, _) = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let seen = host.http(&Request { connect_limit: Duration::from_millis(200), ..pinned(mute) }).await;
    assert!(matches!(&seen, Err(Unanswered::NoAnswer(why)) if why.contains("handshake")), "{seen:?}");
    // An endpoint that is an address names nobody, and its certificate has to be the address's, pinned or not.
    let (by_address, _) = tls_server(ca.server("127.0.0.1", |_| {}), OK).await;
    let bare = request(format!("https://{by_address}/"), Some(ca.tls()));
    assert_eq!(host.http(&Request { address: Some(by_address.ip()), ..bare.clone() }).await, host.http(&bare).await);
    assert_eq!(host.http(&bare).await, ok());
    let seen = host.http(&request(format!("https://{address}/"), Some(ca.tls()))).await;
    assert!(seen.is_err(), "{seen:?}");
    assert_eq!(asked.lock().unwrap().last(), Some(&None));
}

#[tokio::test]
async fn plain_http_is_not_tls() {
    let (address, _) = serve(|mut stream| async move {
        let mut some = [0; 16];
        let _ = stream.read(&mut some).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        let _ = stream.read(&mut some).await;
    })
    .await;
    let seen = get(address, Some(Ca::new().tls())).await;
    assert!(matches!(seen, Err(Unanswered::NotTls(_))), "{seen:?}");
}

#[tokio::test]
async fn a_banner_before_the_hello_is_not_tls() {
    let (address, _) = serve(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let seen = get(address, Some(Ca::new().tls())).await;
    assert!(matches!(seen, Err(Unanswered::NotTls(_))), "{seen:?}");
}

#[tokio::test]
async fn closed_at_once_is_closed() {
    let (address, _) = serve(|stream| async move { drop(stream) }).await;
    for tls in [Some(Ca::new().tls()), None] {
        let seen = get(address, tls).await;
        assert!(matches!(seen, Err(Unanswered::Closed(_))), "{seen:?}");
    }
}

/// A balancer without a living backend: it takes the hello, then ends or resets the connection.
#[tokio::test]
async fn closed_after_the_hello_is_closed() {
    for reset in [false, true] {
        let (address, _) = serve(move |mut stream| async move {
            let _ = stream.read(&mut [0; 16]).await;
            // Closing with unread bytes in the buffer resets; reading them all first ends in good order.
            if !reset {
                let _ = stream.read(&mut [0; 4096]).await;
            }
        })
        .await;
        let seen = get(address, Some(Ca::new().tls())).await;
        assert!(matches!(seen, Err(Unanswered::Closed(_))), "{seen:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_refused() {
    let address = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let seen = get(address, Some(Ca::new().tls())).await;
    assert!(matches!(seen, Err(Unanswered::Refused(_))), "{seen:?}");
    let seen = host().connects(address, Duration::from_secs(10)).await;
    assert!(matches!(seen, Err(Unanswered::Refused(_))), "{seen:?}");
}

/// A listener whose backlog is full drops the next SYN, as a silent firewall does.
#[tokio::test]
async fn a_silent_drop_is_a_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(200);
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(limit, TcpStream::connect(address)).await {
        held.push(stream);
    }
    let seen = host().connects(address, limit).await;
    assert!(matches!(seen, Err(Unanswered::ConnectTimeout(_))), "{seen:?}");
    for tls in [Some(Ca::new().tls()), None] {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let request = Request { connect_limit: limit, ..request(format!("{scheme}://{address}/"), tls) };
        let seen = host().http(&request).await;
        assert!(matches!(seen, Err(Unanswered::ConnectTimeout(_))), "{seen:?}");
    }
}

#[tokio::test]
async fn accepted_but_mute_is_no_answer() {
    let (address, _) = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    // Mute before the handshake, found by the connection limit, and mute instead of an answer, found by the other.
    let mute = Request { connect_limit: Duration::from_millis(200), ..request(format!("https://{address}/"), Some(Ca::new().tls())) };
    let seen = host().http(&mute).await;
    assert!(matches!(&seen, Err(Unanswered::NoAnswer(why)) if why.contains("handshake")), "{seen:?}");
    let mute = Request { limit: Duration::from_millis(200), ..request(format!("http://{address}/"), None) };
    let seen = host().http(&mute).await;
    assert!(matches!(seen, Err(Unanswered::NoAnswer(_))), "{seen:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let (address, _) = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    })
    .await;
    let seen = get(address, None).await;
    assert!(matches!(&seen, Err(Unanswered::NoAnswer(why)) if why.contains("broke off")), "{seen:?}");
}

#[tokio::test]
async fn tls_asked_in_plain_http_is_no_answer_of_http() {
    let ca = Ca::new();
    let (address, _) = tls_server(ca.server("127.0.0.1", |_| {}), OK).await;
    let seen = get(address, None).await;
    assert!(matches!(seen, Err(Unanswered::NoAnswer(_) | Unanswered::Closed(_))), "{seen:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large_announced_or_not() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n";
    for text in [announced, chunked] {
        let (address, _) = serve(move |mut stream| async move { answer(&mut stream, text, &std::sync::Mutex::default()).await }).await;
        let of = |size_limit| Request { size_limit, ..request(format!("http://{address}/"), None) };
        assert_eq!(host().http(&of(4)).await, Err(Unanswered::TooLarge(4)));
        assert_eq!(host().http(&of(5)).await, Ok(Response { status: 200, body: b"12345".to_vec() }));
    }
}

#[tokio::test]
async fn what_only_explains_a_status_is_cut_off_at_the_limit() {
    let announced = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\n12345";
    let chunked = "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n";
    for text in [announced, chunked] {
        let (address, _) = serve(move |mut stream| async move { answer(&mut stream, text, &std::sync::Mutex::default()).await }).await;
        for (size_limit, body) in [(0, ""), (2, "12"), (4, "1234"), (5, "12345"), (6, "12345")] {
            let request = Request { size_limit, ..request(format!("http://{address}/"), None) };
            assert_eq!(host().http(&request).await, Ok(Response { status: 503, body: body.as_bytes().to_vec() }));
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_demanded() {
    let ca = Ca::new();
    let (address, _) = tls_server(demanding(&ca), OK).await;
    // In TLS 1.3 the client's certificate comes last: it is refused after a handshake that was good for us.
    let refused = |seen: &Result<Response, Unanswered>| matches!(seen, Err(Unanswered::Verified(why)) if why.contains("fatal alert"));
    let identity = |ca: &Ca| {
        let (certificate, key) = ca.leaf("client", |_| {});
        Some((pem("CERTIFICATE", certificate.der()), Secret::new(pem("PRIVATE KEY", key.serialized_der()))))
    };
    assert_eq!(get(address, Some(Tls { identity: identity(&ca), ..ca.tls() })).await, ok());
    let seen = get(address, Some(ca.tls())).await;
    assert!(refused(&seen), "{seen:?}");
    let seen = get(address, Some(Tls { identity: identity(&Ca::new()), ..ca.tls() })).await;
    assert!(refused(&seen), "{seen:?}");
}

/// kubeadm writes EC keys as SEC1 ("EC PRIVATE KEY") and RSA keys as PKCS#1 ("RSA PRIVATE KEY"); openssl makes them here.
#[tokio::test]
async fn keys_in_kubeadms_forms_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let make = |arguments: &[&str]| {
        let run = std::process::Command::new("openssl").current_dir(folder.path()).args(arguments).output();
        let run = run.expect("openssl is not installed: apt-get install openssl");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    let ca = Ca::new();
    let (address, _) = tls_server(demanding(&ca), OK).await;
    make(&["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "sec1"]);
    make(&["genrsa", "-traditional", "-out", "pkcs1", "2048"]);
    for (name, header) in [("sec1", "EC PRIVATE KEY"), ("pkcs1", "RSA PRIVATE KEY")] {
        let key = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(key.contains(header), "openssl made another form: {}", key.lines().next().unwrap());
        // rcgen signs for the public key alone, so that the private key goes only through the code under test.
        make(&["pkey", "-in", name, "-pubout", "-outform", "DER", "-out", "public"]);
        let public = rcgen::SubjectPublicKeyInfo::from_der(&std::fs::read(folder.path().join("public")).unwrap()).unwrap();
        let certificate = CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&public, &ca.issuer).unwrap();
        let tls = Tls { identity: Some((pem("CERTIFICATE", certificate.der()), Secret::new(key))), ..ca.tls() };
        assert_eq!(get(address, Some(tls)).await, ok(), "{name}");
    }
}

#[tokio::test]
async fn what_can_not_be_asked_is_unusable_and_quotes_no_secret() {
    let ca = Ca::new();
    let url = || "https://127.0.0.1:1/".to_owned();
    let key = "-----BEGIN PRIVATE KEY-----\nTOPSECRET\n-----END PRIVATE KEY-----\n";
    let identity = |certificate: &str| Some((certificate.to_owned(), Secret::new(key.to_owned())));
    let requests = [
        request("nonsense".to_owned(), None),
        request("ftp://127.0.0.1/".to_owned(), None),
        request("http://127.0.0.1/".to_owned(), Some(ca.tls())),
        request("https://user:TOPSECRET@/x?TOPSECRET".to_owned(), Some(ca.tls())),
        request(url(), Some(Tls { roots: "no PEM".to_owned(), ..ca.tls() })),
        request(url(), Some(Tls { roots: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(), ..ca.tls() })),
        request(url(), Some(Tls { identity: identity(&ca.pem), ..ca.tls() })),
        request(url(), Some(Tls { identity: identity("no PEM"), ..ca.tls() })),
        Request { bearer: Some(Secret::new("TOPSECRET\n".to_owned())), ..request(url(), Some(ca.tls())) },
    ];
    for request in requests {
        let seen = host().http(&request).await;
        let Err(Unanswered::Unusable(why)) = &seen else { panic!("{seen:?} for {request:?}") };
        assert!(!why.contains("TOPSECRET"), "{why}");
    }
}

#[tokio::test]
async fn without_trust_of_its_own_https_needs_the_systems_bundle() {
    let ca = Ca::new();
    let (address, _) = tls_server(ca.server("127.0.0.1", |_| {}), OK).await;
    let root = tempfile::tempdir().unwrap();
    let host = LocalHost::in_surroundings(root.path().to_owned(), Surroundings::default());
    let request = request(format!("https://{address}/"), None);
    let seen = host.http(&request).await;
    assert!(matches!(&seen, Err(Unanswered::Unusable(why)) if why.contains("install ca-certificates")), "{seen:?}");
    std::fs::create_dir_all(root.path().join("etc/ssl/certs")).unwrap();
    std::fs::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), &ca.pem).unwrap();
    assert_eq!(host.http(&request).await, ok());
    std::fs::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), Ca::new().pem).unwrap();
    let other = LocalHost::in_surroundings(root.path().to_owned(), Surroundings::default());
    let seen = other.http(&request).await;
    assert!(matches!(seen, Err(Unanswered::ForeignCa(_))), "{seen:?}");
}

#[tokio::test]
async fn a_request_is_sent_as_it_was_made() {
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let log = Arc::clone(&seen);
    let (address, _) = serve(move |mut stream| {
        let log = Arc::clone(&log);
        async move { answer(&mut stream, OK, &log).await }
    })
    .await;
    let request = Request {
        method: Method::Patch,
        bearer: Some(Secret::new("abcdef.0123456789abcdef".to_owned())),
        content_type: Some("application/apply-patch+yaml"),
        body: Some(Secret::new(b"{}".to_vec())),
        ..request(format!("http://{address}/api?x=1"), None)
    };
    assert_eq!(host().http(&request).await, ok());
    let head = seen.lock().unwrap().to_lowercase();
    assert!(!head.contains("if-none-match"));
    for line in [
        "patch /api?x=1 http/1.1",
        "authorization: bearer abcdef.0123456789abcdef",
        "content-type: application/apply-patch+yaml",
        "content-length: 2",
    ] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }
    drop(head);
    seen.lock().unwrap().clear();
    assert_eq!(host().http(&Request { only_if_absent: true, ..request }).await, ok());
    assert!(seen.lock().unwrap().to_lowercase().contains("\r\nif-none-match: *\r\n"), "{seen:?}");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_no_name() {
    // RFC 6761: `.invalid` never resolves; and a name with a blank never gets as far as DNS.
    let request =
        Request { connect_limit: Duration::from_secs(20), ..request("https://kubeboot.invalid:6443/".to_owned(), Some(Ca::new().tls())) };
    let seen = host().http(&request).await;
    assert!(matches!(seen, Err(Unanswered::NoName(_))), "{seen:?}");
    let seen = host().resolve("kubeboot.invalid", Duration::from_secs(20)).await;
    assert!(matches!(seen, Err(Unanswered::NoName(_))), "{seen:?}");
}

#[tokio::test]
async fn literals_and_the_hosts_file_resolve() {
    for (name, address) in [("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("[fd00::1]", "fd00::1")] {
        assert_eq!(host().resolve(name, Duration::from_secs(10)).await, Ok(vec![address.parse().unwrap()]));
    }
    assert!(host().resolve("localhost", Duration::from_secs(10)).await.unwrap().iter().all(std::net::IpAddr::is_loopback));
}

/// TCP to a multicast address: Linux answers ENETUNREACH on every machine, with or without routes (tcp_v4_connect).
#[tokio::test]
async fn no_way_is_no_route() {
    let address = "224.0.0.1:6443".parse().unwrap();
    let seen = host().connects(address, Duration::from_secs(10)).await;
    assert!(matches!(seen, Err(Unanswered::NoRoute(_))), "{seen:?}");
    let seen = get(address, Some(Ca::new().tls())).await;
    assert!(matches!(seen, Err(Unanswered::NoRoute(_))), "{seen:?}");
}

#[tokio::test]
async fn a_signed_url_is_shown_without_its_signature() {
    let (there, _) = serve(|mut stream| async move { answer(&mut stream, OK, &std::sync::Mutex::default()).await }).await;
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let (not_there, _) = serve(move |mut stream| async move { answer(&mut stream, missing, &std::sync::Mutex::default()).await }).await;
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    for (address, failure, what) in [
        (there, Failure::PinMismatch, "what the URL serves is not what the document pins"),
        (not_there, Failure::FetchRefused, "fetching failed"),
        (nobody, Failure::FetchFailed, "fetching failed"),
    ] {
        let url = format!("http://user:TOPSECRET@{address}/cni.yaml?signature=TOPSECRET#TOPSECRET");
        let fault = kubeboot::act::secret::fetch_pinned(&host(), &url, "00", 1024).await.unwrap_err();
        assert_eq!((fault.failure(), fault.what(), fault.at()), (failure, what, format!("http://{address}/cni.yaml").as_str()));
        assert!(!fault.to_string().contains("TOPSECRET"), "{fault}");
    }
}
