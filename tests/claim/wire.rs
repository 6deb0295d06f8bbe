//! Whole agents against a real store: HTTPS on loopback, through `LocalHost`. Only their machines are rehearsed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};

use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::host::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::initialiser::{self, Initialiser, Script, Store, boot_as, document_with, machine_of};
use crate::real::{beside, exchange, trusting};
use crate::servers::{Ca, serve};
use crate::sim::Sim;
use crate::{inits, last_wait, silent, told};

/// What the store holds, and how it misbehaves.
#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Vec<u8>>,
    /// How many of the next requests are answered by an error page of 40,000 bytes.
    broken: usize,
    /// How large the page is that comes with a 201.
    receipt: usize,
    refusals: u16,
}

impl Shelf {
    /// RFC 9110 §13.1.2: a create that replaces nothing. Every other refusal is 409, as from stores that see two at a time.
    fn answer(&mut self, head: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        if self.broken > 0 {
            self.broken -= 1;
            return (503, vec![b'x'; 40_000]);
        }
        let mut words = head.split_whitespace();
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').expect("unsigned");
        let is_conditional = head.to_ascii_lowercase().contains("\r\nif-none-match: *\r\n");
        match (method, query, is_conditional) {
            ("PUT", "signature=hunter2", true) if self.objects.contains_key(path) => {
                self.refusals += 1;
                (if self.refusals.is_multiple_of(2) { 409 } else { 412 }, Vec::new())
            }
            ("PUT", "signature=hunter2", true) => {
                self.objects.insert(path.to_owned(), body);
                (201, vec![b'x'; self.receipt])
            }
            ("GET", "signature=hunter3", false) => match self.objects.get(path) {
                Some(object) => (200, object.clone()),
                None => (404, Vec::new()),
            },
            _ => (403, Vec::new()),
        }
    }
}

/// Serves the shelf.
fn store_of(ca: &Ca, shelf: Arc<Mutex<Shelf>>) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(ca.server("127.0.0.1", |_| {})));
    beside(|| async move {
        let (address, _) = serve(move |stream| {
            let (acceptor, shelf) = (acceptor.clone(), Arc::clone(&shelf));
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    while let Some((head, body)) = request(&mut stream).await {
                        let (status, page) = shelf.lock().unwrap().answer(&head, body);
                        let head = format!("HTTP/1.1 {status} As It Is\r\nContent-Length: {}\r\n\r\n", page.len());
                        let whole = [head.as_bytes(), &page].concat();
                        if stream.write_all(&whole).await.is_err() || stream.flush().await.is_err() {
                            return;
                        }
                    }
                }
            }
        })
        .await;
        address
    })
}

/// The next request on the connection: its head and its body.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()));
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// A document whose claim is this object of the store's.
fn document_at(address: SocketAddr, object: &str) -> Vec<u8> {
    let url = format!("https://{address}/{object}?signature=");
    document_with(&format!("  claim: {{put: \"{url}hunter2\", get: \"{url}hunter3\"}}\n"))
}

/// Every request goes over the wire, from a machine whose root is `root`.
fn wired(root: &Path, before: impl Fn(Method) + 'static) -> Script {
    let exchange = exchange(root);
    Box::new(move |_, request| {
        before(request.method);
        Some(exchange(request))
    })
}

fn machine(document: &[u8], script: Script) -> Sim<Initialiser> {
    let store = Rc::new(Store::default());
    *store.script.borrow_mut() = Some(script);
    machine_of(document.to_vec(), store, silent())
}

fn assert_hidden(told: &str) {
    assert!(told.contains("https://127.0.0.1:") && !told.contains("hunter") && !told.contains("signature"), "{told}");
}

#[test]
fn of_agents_that_race_over_a_real_store_one_starts_the_cluster() {
    let ca = Ca::new();
    let root = trusting(&ca);
    let shelf = Arc::new(Mutex::new(Shelf::default()));
    let address = store_of(&ca, Arc::clone(&shelf));
    for round in 0..5 {
        let object = format!("claims/{round}");
        let document = document_at(address, &object);
        // All send their first create at the same time.
        let (document, barrier, path) = (&document, &Arc::new(Barrier::new(3)), root.path());
        let ended: Vec<(usize, Option<(String, String)>)> = std::thread::scope(|scope| {
            let agents: Vec<_> = (1..=3)
                .map(|number| {
                    let barrier = Arc::clone(barrier);
                    scope.spawn(move || {
                        let first = std::cell::Cell::new(true);
                        let sim = machine(
                            document,
                            wired(path, move |method| {
                                if method == Method::Put && first.replace(false) {
                                    barrier.wait();
                                }
                            }),
                        );
                        // Nobody's API server becomes ready in the others' worlds: they wait for as long as they live.
                        sim.dies_at.set(Some(60.0));
                        let facts = Facts { machine_id: number.to_string().repeat(32), ..initialiser::facts() };
                        let ended = boot_as(&sim, facts);
                        assert!(ended.as_ref().is_none_or(Result::is_err), "the Node of this world is another machine's");
                        assert_hidden(&told(&sim));
                        (inits(&sim), (inits(&sim) == 0).then(|| last_wait(&sim)))
                    })
                })
                .collect();
            agents.into_iter().map(|agent| agent.join().unwrap()).collect()
        });
        let (winners, losers): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(inits, _)| *inits > 0);
        assert_eq!((winners.len(), losers.len()), (1, 2), "round {round}: {losers:?}");
        for (_, wait) in losers {
            let (failure, seen) = wait.unwrap();
            assert_eq!(failure, "awaits-initialiser");
            assert!(seen.ends_with(&format!("delete https://{address}/{object}")), "{seen}");
        }
        assert_eq!(shelf.lock().unwrap().objects.len(), round + 1);
    }
}

#[test]
fn an_error_page_is_judged_by_its_status_however_long_it_is() {
    let ca = Ca::new();
    let root = trusting(&ca);
    // A receipt for the create that is larger than any claim is one all the same.
    let shelf = Arc::new(Mutex::new(Shelf { broken: 3, receipt: 40_000, ..Shelf::default() }));
    let address = store_of(&ca, Arc::clone(&shelf));
    let gets = Arc::clone(&shelf);
    let first = std::cell::Cell::new(true);
    let script = wired(root.path(), move |method| {
        // The first read meets a page of errors too.
        if method == Method::Get && first.replace(false) {
            gets.lock().unwrap().broken = 1;
        }
    });
    let sim = machine(&document_at(address, "claim"), script);
    boot_as(&sim, initialiser::facts()).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    let told = told(&sim);
    assert!(told.contains("the claim can't be made: HTTP 503") && told.contains("the claim can't be read: HTTP 503"), "{told}");
    assert_hidden(&told);
}

#[test]
fn without_a_ca_bundle_the_machine_is_unfit_and_says_what_to_do() {
    let ca = Ca::new();
    let bare = tempfile::tempdir().unwrap();
    let address = store_of(&ca, Arc::default());
    let sim = machine(&document_at(address, "claim"), wired(bare.path(), |_| {}));
    let fault = boot_as(&sim, initialiser::facts()).unwrap().unwrap_err();
    assert_eq!((fault.failure(), fault.class().exit_code(), inits(&sim)), (Failure::MachineUnfit, 69, 0));
    assert_eq!((fault.what(), fault.at()), ("this machine can't ask the claim's store", format!("https://{address}/claim").as_str()));
    assert!(fault.why().unwrap().contains("no CA bundle"), "{fault}");
    assert!(fault.advice().contains("in the image (ca-certificates)"), "{fault}");
    assert_hidden(&format!("{fault}{}", told(&sim)));
    // Another CA's store may be a wrong name or a bundle of yesterday: it is waited for.
    let other = trusting(&Ca::new());
    let sim = machine(&document_at(address, "claim"), wired(other.path(), |_| {}));
    sim.dies_at.set(Some(60.0));
    let ended = boot_as(&sim, initialiser::facts());
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!(last_wait(&sim).0, "claim-store-down");
    assert_hidden(&told(&sim));
}
