//! The cases, in one table, and how they are played.

mod accepted;
mod cluster;
mod crowd;
mod cuts;
mod delivered;
mod endpoint;
mod grown;
mod ha;
mod minors;
mod one;
mod refusal;
mod refused;
mod reimaged;
mod reminted;
mod secrets;
mod storm;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::bed::{self, Bed, Ready};
use crate::cache;
use crate::checks::Checks;
use crate::figures;
use crate::fleet::Choice;
use crate::outcome::Outcome;
use crate::say::say;

use cluster::Cluster;

/// All that a first boot may take, on two cores.
pub const FIRST_BOOT: Duration = Duration::from_secs(300);
pub const SHORT: Duration = Duration::from_secs(20);

struct Case {
    name: &'static str,
    what: &'static str,
    control_planes: u8,
    workers: u8,
    choice: Choice,
    play: Play,
    /// Not run unless named.
    deferred: bool,
}

/// What is done with a cluster and must hold.
type Script = fn(&Cluster, &mut Checks) -> Outcome<()>;

/// Who switches the machines on.
#[derive(Clone, Copy)]
enum Play {
    /// All are switched on at the same moment and looked at; when that held, reboots and power cuts may follow.
    AtOnce { look: Script, shake: Option<Script> },
    /// The script has the switches in its own hands; all machines are off when it begins.
    OneByOne(Script),
}

const CASES: [Case; 23] = [
    Case {
        name: "one",
        what: "one machine, from power-on to a working control plane",
        control_planes: 1,
        workers: 0,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::AtOnce { look: one::look, shake: None },
        deferred: false,
    },
    Case {
        name: "ha-secret",
        what: "three control planes and a worker at once; the seed's way, a bootstrap certificate",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::AtOnce { look: ha::look, shake: Some(ha::shake) },
        deferred: false,
    },
    Case {
        name: "ha-token",
        what: "three control planes and a worker at once; the seed's way, a bootstrap token",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapToken", encryption: "ECDSA-P256" },
        play: Play::AtOnce { look: ha::look, shake: None },
        deferred: false,
    },
    Case {
        name: "ha-inline",
        what: "three control planes and a worker at once; control planes that sign for themselves, for they hold the CA",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::AtOnce { look: ha::look, shake: None },
        deferred: false,
    },
    Case {
        name: "cut-often",
        what: "power cuts of the first machine, then of the second, each at five moments of one life",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::power_is_lost_often),
        deferred: false,
    },
    Case {
        name: "kill-often",
        what: "SIGKILL of the first machine's agent, then of the second's, each at five moments of one life",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::agents_are_killed_often),
        deferred: true,
    },
    Case {
        name: "refused",
        what: "what one machine is refused for, or waits for, before any cluster",
        control_planes: 1,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(refused::look),
        deferred: false,
    },
    Case {
        name: "crowd",
        what: "machines that a living cluster refuses: a name that is taken, what is wrong with a joiner",
        control_planes: 3,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(crowd::look),
        deferred: false,
    },
    Case {
        name: "cut-init",
        what: "power cuts of the first machine, each at another moment of another life",
        control_planes: 1,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::first_machine_loses_power),
        deferred: true,
    },
    Case {
        name: "cut-join",
        what: "power cuts of the second machine, each at another moment of another life, while the first one lives",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::second_machine_loses_power),
        deferred: true,
    },
    Case {
        name: "kill-init",
        what: "SIGKILL of the first machine's agent, each at another moment of another life",
        control_planes: 1,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::first_agent_is_killed),
        deferred: true,
    },
    Case {
        name: "kill-join",
        what: "SIGKILL of the second machine's agent, each at another moment of another life, while the first machine lives",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(cuts::second_agent_is_killed),
        deferred: true,
    },
    Case {
        name: "balancer",
        what: "an endpoint that goes through every wrong state before it serves, two minutes after power-on",
        control_planes: 1,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(endpoint::walks),
        deferred: false,
    },
    Case {
        name: "hairpin",
        what: "a balancer that never sends a machine's packets back to this machine",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(endpoint::is_blind_to_itself),
        deferred: true,
    },
    Case {
        name: "storm",
        what: "a thousand starts of a joiner's agent before an endpoint that is dead",
        control_planes: 1,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(storm::breaks_loose),
        deferred: true,
    },
    Case {
        name: "reimaged",
        what: "the machine that started the cluster comes back with an empty disk: it joins, once its old member is removed",
        control_planes: 3,
        workers: 0,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(reimaged::look),
        deferred: true,
    },
    Case {
        name: "minors",
        what: "what kubeboot writes, before the kubeadms of other minors",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::AtOnce { look: minors::look, shake: None },
        deferred: true,
    },
    Case {
        name: "ha-url",
        what: "three control planes and a worker at once; the bundle comes from a pinned URL",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "url", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(delivered::from_a_url),
        deferred: true,
    },
    Case {
        name: "ha-disk",
        what: "three control planes and a worker at once; the PKI is put on the control planes by hand, while they wait for it",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "disk", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(delivered::by_hand),
        deferred: true,
    },
    Case {
        name: "ha-rsa",
        what: "three control planes and a worker at once, all keys RSA-2048, by which kubeadm works on",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "RSA-2048" },
        play: Play::AtOnce { look: accepted::another_algorithm, shake: None },
        deferred: true,
    },
    Case {
        name: "ha-p384",
        what: "three control planes and a worker at once, all keys ECDSA-P384, by which kubeadm works on",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P384" },
        play: Play::AtOnce { look: accepted::another_algorithm, shake: None },
        deferred: true,
    },
    Case {
        name: "reminted",
        what: "a worker whose window is past is refused, and joins with a document that was minted again from the first mint's keys",
        control_planes: 1,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(reminted::look),
        deferred: true,
    },
    Case {
        name: "grown",
        what: "a cluster made by hand with plain kubeadm grows by a control plane and a worker, by mint --pki",
        control_planes: 2,
        workers: 1,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate", encryption: "ECDSA-P256" },
        play: Play::OneByOne(grown::look),
        deferred: true,
    },
];

/// Runs the named cases, or all that are not deferred. `false` if one failed.
pub fn run(names: &[String]) -> Outcome<bool> {
    if let Some(unknown) = names.iter().find(|name| !CASES.iter().any(|case| case.name == *name)) {
        let known: Vec<String> = CASES.iter().map(|case| format!("  {}: {}", case.name, case.what)).collect();
        return Err(format!("no case is named {unknown}; there are\n{}", known.join("\n")));
    }
    let ready = bed::prepare()?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in &CASES {
        let times = match names {
            [] => usize::from(!case.deferred),
            names => names.iter().filter(|name| *name == case.name).count(),
        };
        if times == 0 {
            skipped += 1;
            if names.is_empty() {
                println!("DEFERRED {}: tests/cluster/run {}", case.name, case.name);
            }
        }
        for _ in 0..times {
            let result = case.run(&ready);
            match &result {
                Ok(()) => passed += 1,
                Err(_) => failed += 1,
            }
            say(result.map_or_else(|why| format!("FAILED {}: {why}", case.name), |()| format!("PASSED {}", case.name)));
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// All assertions of one kind. A bug of the harness must not keep the other cases from running.
fn guarded(script: Script, cluster: &Cluster) -> Outcome<()> {
    let mut checks = Checks::default();
    let looked = catch_unwind(AssertUnwindSafe(|| script(cluster, &mut checks)));
    looked.unwrap_or_else(|_| Err("the harness panicked".to_owned())).and_then(|()| checks.verdict())
}

impl Case {
    fn run(&self, ready: &Ready) -> Outcome<()> {
        say(format!("{}: {}", self.name, self.what));
        cache::discard(&cluster::kept_of(self.name)?)?;
        let bed = Bed::assemble(ready, self.name, self.control_planes, self.workers)?;
        let folder = bed.folder.clone();
        let result = Cluster::assemble(ready, bed, self).and_then(|cluster| {
            let result = self.play(&cluster);
            if result.is_err() {
                cluster.diagnose("");
            }
            result
        });
        crate::made::undo_all()?;
        cache::discard(&folder)?;
        result
    }

    fn play(&self, cluster: &Cluster) -> Outcome<()> {
        match self.play {
            Play::AtOnce { look, shake } => {
                cluster.switch_on()?;
                let looked = guarded(look, cluster);
                let samples = cluster.sampler.samples();
                figures::print(self.name, &cluster.bed, &cluster.power_on, &cluster.watch.first_ready(), &samples);
                looked?;
                shake.map_or(Ok(()), |shake| guarded(shake, cluster))
            }
            Play::OneByOne(script) => guarded(script, cluster),
        }
    }
}
