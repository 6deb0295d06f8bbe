//! Several futures at once, on an executor of three lines: none of a runtime's is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::cell::RefCell;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use kubeboot::concurrently::{First, all, both, race};

/// Polls until it is ready; how often, and what came of it.
fn drive<T>(future: impl Future<Output = T>) -> (u32, T) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return (polls, value);
        }
    }
    panic!("it never ends");
}

/// Ready at its nth poll; says so, and panics if it is polled again.
async fn after(polls: u32, name: &'static str, log: &RefCell<Vec<String>>) -> &'static str {
    let mut seen = 0;
    poll_fn(|_| {
        seen += 1;
        assert!(seen <= polls, "{name} was polled after its end");
        log.borrow_mut().push(format!("{name}{seen}"));
        if seen == polls { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    name
}

/// Says when it is dropped.
struct Tell<'a>(&'a RefCell<Vec<String>>, &'static str);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(format!("{} dropped", self.1));
    }
}

#[test]
fn a_race_ends_with_the_first_and_drops_the_other() {
    let log = RefCell::default();
    let slow = async {
        let _tell = Tell(&log, "slow");
        after(9, "slow", &log).await
    };
    let (polls, first) = drive(race(after(3, "quick", &log), slow));
    assert_eq!((polls, first), (3, First::Left("quick")));
    assert_eq!(*log.borrow(), ["quick1", "slow1", "quick2", "slow2", "quick3", "slow dropped"]);
    assert_eq!(drive(race(after(4, "a", &log), after(2, "b", &log))), (2, First::Right("b")));
}

#[test]
fn the_left_wins_a_tie() {
    assert_eq!(drive(race(ready(1), ready(2))), (1, First::Left(1)));
}

#[test]
fn both_wait_for_both_and_poll_neither_after_its_end() {
    let log = RefCell::default();
    assert_eq!(drive(both(after(2, "a", &log), after(5, "b", &log))), (5, ("a", "b")));
    assert_eq!(drive(both(after(5, "c", &log), after(2, "d", &log))), (5, ("c", "d")));
    assert_eq!(drive(both(after(1, "e", &log), after(1, "f", &log))), (1, ("e", "f")));
    assert_eq!(log.borrow().iter().filter(|line| line.starts_with('a')).count(), 2);
}

#[test]
fn all_run_together_and_each_is_polled_to_its_end_only() {
    let log = RefCell::default();
    let (polls, values) = drive(all([after(3, "a", &log), after(1, "b", &log), after(2, "c", &log)]));
    assert_eq!((polls, values), (3, vec!["a", "b", "c"]));
    assert_eq!(*log.borrow(), ["a1", "b1", "c1", "a2", "c2", "a3"]);
    assert_eq!(drive(all(Vec::<std::future::Ready<u8>>::new())), (1, Vec::new()));
}
