//! The looks themselves, at a world whose time is virtual: a dead peer must not delay what the endpoint says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kubeboot::act::fence::observe;
use kubeboot::act::pace::Pace;
use kubeboot::facts::Facts;
use kubeboot::fault::Fault;
use kubeboot::fence::{Serves, Sighting};
use kubeboot::host::{Command, Event, Host, Mode, Output, Part, Request, Response, Stream, Unanswered};
use kubeboot::moment::{Instant, UnixTime};

/// What a URL at an address answers, and after how many milliseconds.
type Answers = fn(&str, IpAddr) -> (u64, Result<Response, Unanswered>);

/// Endpoint at two addresses; one peer. Each takes its time to answer.
struct World {
    now: Cell<Duration>,
    timers: RefCell<BTreeSet<Duration>>,
    answers: Answers,
    asked: RefCell<Vec<(Duration, String)>>,
}

impl Host for World {
    async fn resolve(&self, name: &str, _: Duration) -> Result<Vec<IpAddr>, Unanswered> {
        let addresses: &[&str] = if name == "peer.example.com" { &["192.0.2.9"] } else { &["192.0.2.1", "192.0.2.2"] };
        Ok(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    async fn http(&self, request: &Request) -> Result<Response, Unanswered> {
        let address = request.address.expect("the address is pinned");
        self.asked.borrow_mut().push((self.now.get(), request.url.clone()));
        let (milliseconds, answer) = (self.answers)(&request.url, address);
        self.sleep(Duration::from_millis(milliseconds)).await;
        answer
    }

    async fn sleep(&self, time: Duration) {
        let end = self.now.get() + time;
        poll_fn(|_| {
            if self.now.get() >= end {
                return Poll::Ready(());
            }
            self.timers.borrow_mut().insert(end);
            Poll::Pending
        })
        .await;
    }

    fn now(&self) -> Instant {
        Instant(self.now.get())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        bytes.fill(0);
        Ok(())
    }

    async fn read(&self, _: &Path, _: usize) -> Result<Option<Vec<u8>>, Fault> {
        unreachable!()
    }
    async fn read_part(&self, _: &Path, _: Part, _: usize) -> Result<Option<Vec<u8>>, Fault> {
        unreachable!()
    }
    async fn is_private(&self, _: &Path) -> Result<Option<bool>, Fault> {
        unreachable!()
    }
    async fn list(&self, _: &Path) -> Result<Option<Vec<String>>, Fault> {
        unreachable!()
    }
    async fn mount_read_only(&self, _: &Path, _: &Path) -> Result<(), Fault> {
        unreachable!()
    }
    async fn unmount(&self, _: &Path) -> Result<(), Fault> {
        unreachable!()
    }
    fn tell(&self, _: &Event<'_>) {}
    fn status(&self, _: &str) {}
    async fn write(&self, path: &Path, _: &[u8], _: Mode) -> Result<(), Fault> {
        assert_eq!(path, Path::new("/run/kubeboot/pace.json"));
        Ok(())
    }
    async fn append(&self, _: &Path, _: &[u8]) -> Result<(), Fault> {
        unreachable!()
    }
    async fn remove(&self, _: &Path) -> Result<bool, Fault> {
        unreachable!()
    }
    async fn remove_folder(&self, _: &Path) -> Result<bool, Fault> {
        unreachable!()
    }
    async fn socket_answers(&self, _: &Path) -> bool {
        unreachable!()
    }
    async fn run(&self, _: &Command, _: &mut dyn FnMut(Stream, &str)) -> Result<Output, Fault> {
        unreachable!()
    }
    async fn connects(&self, _: SocketAddr, _: Duration) -> Result<(), Unanswered> {
        unreachable!()
    }
    async fn facts(&self) -> Result<Facts, Fault> {
        unreachable!()
    }
    fn clock_synchronised(&self) -> bool {
        unreachable!()
    }
    fn wall(&self) -> UnixTime {
        unreachable!()
    }
    fn credential_path(&self, _: &str) -> Option<PathBuf> {
        unreachable!()
    }
}

/// Observes until the sighting says `wanted`, at most a minute; when that was, and the world.
fn until(answers: Answers, wanted: &Serves) -> (Option<Duration>, World) {
    let world = World { now: Cell::default(), timers: RefCell::default(), answers, asked: RefCell::default() };
    let mut spec = crate::documents::node("control-plane-init.yaml");
    spec.peers = vec![kubeboot::document::field::Endpoint::parse("peer.example.com:6443").unwrap()];
    let sighting = Rc::new(RefCell::new(Sighting::new(true)));
    let when = {
        let mut observing = pin!(observe(&world, spec, Facts::default(), Rc::clone(&sighting), Rc::new(Pace::default())));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            assert!(observing.as_mut().poll(&mut context).is_pending());
            if sighting.borrow().serves(world.now()) == *wanted {
                break Some(world.now.get());
            }
            let next = world.timers.borrow_mut().pop_first().unwrap();
            world.now.set(next.max(world.now.get()));
            if world.now.get() > Duration::from_secs(60) {
                break None;
            }
        }
    };
    (when, world)
}

const DEAD: u64 = 2900;

fn refused() -> Result<Response, Unanswered> {
    Err(Unanswered::Refused("refused".to_owned()))
}

fn dead() -> Result<Response, Unanswered> {
    Err(Unanswered::ConnectTimeout("dead".to_owned()))
}

#[test]
fn a_dead_peer_delays_no_look_at_the_endpoint() {
    let answers = |url: &str, _| if url.contains("peer") { (DEAD, dead()) } else { (1, refused()) };
    let (when, world) = until(answers, &Serves::Nobody);
    let when = when.expect("nobody serves");
    assert!(when >= Duration::from_secs(3) && when < Duration::from_secs(5), "{when:?}");
    // Both addresses at once, by the endpoint's name, many times while the peer is being asked.
    let asked = world.asked.borrow();
    let of_endpoint: Vec<_> = asked.iter().filter(|(_, url)| !url.contains("peer")).collect();
    assert!(of_endpoint.len() >= 10, "{asked:?}");
    assert!(of_endpoint.chunks_exact(2).all(|two| two.first() == two.last()), "{asked:?}");
}

#[test]
fn a_peer_of_ours_that_hangs_is_waited_for_and_settles_it() {
    let answers = |url: &str, _| if url.contains("peer") { (3500, Err(Unanswered::Verified("hung".to_owned()))) } else { (1, refused()) };
    assert_eq!(until(answers, &Serves::Nobody).0, None);
    assert_eq!(until(answers, &Serves::Ours).0, Some(Duration::from_millis(3500)));
}

#[test]
fn of_two_addresses_an_unclear_one_is_not_hidden_by_one_that_refuses() {
    let answers = |url: &str, address: IpAddr| {
        if !url.contains("peer") && address.to_string() == "192.0.2.1" { (DEAD, dead()) } else { (1, refused()) }
    };
    assert_eq!(until(answers, &Serves::Nobody).0, None);
}
