//! Machines that die with a claim made, or half made.

use std::rc::Rc;

use kubeboot::facts::Facts;
use kubeboot::failure::Failure;
use kubeboot::host::{Method, Unanswered};

use crate::initialiser::{self, Initialiser, Store, boot, twin};
use crate::sim::Sim;
use crate::{anothers, claimant, inits, other, scripted, silent, waits_as};

#[test]
fn a_winner_that_died_knows_itself_and_one_that_was_re_imaged_has_lost() {
    let undisturbed = claimant(&Rc::default(), silent());
    boot(&undisturbed).unwrap().unwrap();
    // Dies with the claim made and nothing written: before the fence's record.
    let ledger = "append /var/lib/kubeboot/ledger.jsonl: course initialise";
    let course = undisturbed.effects.borrow().iter().position(|effect| effect == ledger).unwrap();
    let store = Rc::new(Store::default());
    let sim = claimant(&store, silent());
    sim.dies_after.set(Some(course + 1));
    assert!(boot(&sim).is_none());
    sim.cut_power();
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    let reimaged = twin(&sim, silent());
    let (_, seen) = waits_as(&reimaged, Facts { machine_id: "e".repeat(32), ..initialiser::facts() });
    assert_eq!(inits(&reimaged), 0);
    assert!(
        seen.ends_with("by this machine's name: if it was this machine before it was re-imaged, delete https://store.test/claim"),
        "{seen}"
    );
}

#[test]
fn one_that_dies_between_its_two_creates_knows_itself() {
    // The second create never arrives, and the machine dies while it waits for an answer.
    let store = scripted(|_, method, number| {
        (method == Method::Put && number == 2).then(|| Err(Unanswered::ConnectTimeout("192.0.2.7:443".to_owned())))
    });
    let sim = claimant(&store, silent());
    sim.dies_at.set(Some(8.0));
    assert!(boot(&sim).is_none());
    assert_eq!((store.puts.get(), store.object.borrow().is_some(), inits(&sim)), (1, true, 0));
    sim.cut_power();
    boot(&sim).unwrap().unwrap();
    assert_eq!(inits(&sim), 1);
    // To another machine the claim is whole.
    let second = twin(&sim, silent());
    assert_eq!(waits_as(&second, other()).0, "awaits-initialiser");
}

#[test]
fn who_dies_before_anything_has_started_and_loses_the_claim_meanwhile_starts_nothing() {
    let undisturbed = claimant(&Rc::default(), silent());
    boot(&undisturbed).unwrap().unwrap();
    let effects = undisturbed.effects.borrow().clone();
    let place = |end: &str| effects.iter().position(|effect| effect.ends_with(end)).unwrap();
    let begun =
        |sim: &Sim<Initialiser>| sim.effects.borrow().iter().filter(|effect| effect.starts_with("run kubeadm init --config")).count();
    // From the fence's record to the manifests, which start nothing without a kubelet.
    let (first, last) = (place(": course initialise"), place(": control-plane"));
    assert!(last > first + 4, "{effects:?}");
    for (at, effect) in effects.iter().enumerate().take(last + 1).skip(first) {
        for is_taken in [true, false] {
            let sim = claimant(&Rc::default(), silent());
            sim.dies_after.set(Some(at + 1));
            assert!(boot(&sim).is_none());
            let before = begun(&sim);
            if is_taken {
                let bytes = anothers(&sim.world.store);
                *sim.world.store.object.borrow_mut() = Some(bytes);
                sim.dies_at.set(Some(sim.seconds() + 120.0));
            }
            let ended = boot(&sim);
            let how = format!("died after `{effect}`, {is_taken}: {ended:?}");
            if is_taken {
                assert!(ended.is_none_or(|ended| ended.unwrap_err().failure() == Failure::AwaitsInitialiser), "{how}");
                assert_eq!(begun(&sim), before, "{how}");
            } else {
                assert_eq!((ended, inits(&sim)), (Some(Ok(())), 1), "{how}");
            }
        }
    }
}
