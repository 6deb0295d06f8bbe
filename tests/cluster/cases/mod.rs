//! The cases, in one table, and what they have in common: a cluster that is switched on, looked at, and told about when
//! something is wrong.

mod ha;
mod minors;
mod one;
mod secrets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::agent;
use crate::bed::{self, Bed, Ready};
use crate::cache;
use crate::checks::Checks;
use crate::command::{program, run as run_command, wait_for};
use crate::figures::{self, PowerOn};
use crate::fleet::{self, Choice, Minted};
use crate::kubectl::{Kubectl, ReadyWatch};
use crate::needles::{Gathering, Needles};
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::sampler::Sampler;
use crate::say::say;

/// All that a first boot may take, on two cores.
pub const FIRST_BOOT: Duration = Duration::from_secs(300);
pub const SHORT: Duration = Duration::from_secs(20);

struct Case {
    name: &'static str,
    what: &'static str,
    control_planes: u8,
    workers: u8,
    choice: Choice,
    look: fn(&Cluster, &mut Checks) -> Outcome<()>,
    /// What follows when all that held: reboots, power cuts.
    shake: Option<fn(&Cluster, &mut Checks) -> Outcome<()>>,
    /// Not run unless named.
    deferred: bool,
}

const CASES: [Case; 5] = [
    Case {
        name: "one",
        what: "one machine, from power-on to a working control plane",
        control_planes: 1,
        workers: 0,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate" },
        look: one::look,
        shake: None,
        deferred: false,
    },
    Case {
        name: "ha-secret",
        what: "three control planes and a worker at once; the seed's way, a bootstrap certificate",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate" },
        look: ha::look,
        shake: Some(ha::shake),
        deferred: false,
    },
    Case {
        name: "ha-token",
        what: "three control planes and a worker at once; the seed's way, a bootstrap token",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "secret", credential: "bootstrapToken" },
        look: ha::look,
        shake: None,
        deferred: false,
    },
    Case {
        name: "ha-inline",
        what: "three control planes and a worker at once; control planes that sign for themselves, for they hold the CA",
        control_planes: 3,
        workers: 1,
        choice: Choice { pki: "inline", credential: "bootstrapCertificate" },
        look: ha::look,
        shake: None,
        deferred: false,
    },
    Case {
        name: "minors",
        what: "what kubeboot writes, before the kubeadms of other minors",
        control_planes: 2,
        workers: 0,
        choice: Choice { pki: "secret", credential: "bootstrapCertificate" },
        look: minors::look,
        shake: None,
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
fn guarded(look: fn(&Cluster, &mut Checks) -> Outcome<()>, cluster: &Cluster) -> Outcome<()> {
    let mut checks = Checks::default();
    let looked = catch_unwind(AssertUnwindSafe(|| look(cluster, &mut checks)));
    looked.unwrap_or_else(|_| Err("the harness panicked".to_owned())).and_then(|()| checks.verdict())
}

/// A cluster that was switched on.
pub struct Cluster<'a> {
    pub ready: &'a Ready,
    pub bed: Bed,
    pub minted: Minted,
    pub control_planes: usize,
    pub power_on: PowerOn,
    pub watch: ReadyWatch,
    pub needles: Arc<Needles>,
    pub sampler: Sampler,
}

impl Case {
    fn run(&self, ready: &Ready) -> Outcome<()> {
        say(format!("{}: {}", self.name, self.what));
        let bed = Bed::assemble(ready, self.name, self.control_planes, self.workers)?;
        let folder = bed.folder.clone();
        let result = self.switch_on(ready, bed).and_then(|cluster| {
            let mut result = guarded(self.look, &cluster);
            let samples = cluster.sampler.samples();
            figures::print(self.name, &cluster.bed, &cluster.power_on, &cluster.watch.first_ready(), &samples);
            if let (Ok(()), Some(shake)) = (&result, self.shake) {
                result = guarded(shake, &cluster);
            }
            if result.is_err() {
                cluster.diagnose(self.name);
            }
            result
        });
        crate::made::undo_all()?;
        cache::discard(&folder)?;
        result
    }

    fn switch_on<'a>(&self, ready: &'a Ready, bed: Bed) -> Outcome<Cluster<'a>> {
        let minted = fleet::mint(&bed, self.choice)?;
        let control_planes = usize::from(self.control_planes);
        fleet::furnish(&bed, &minted, control_planes)?;
        let mut gathering = Gathering::default();
        for text in minted.texts()? {
            gathering.minted(&text)?;
        }
        let needles = Arc::new(gathering.finish());
        secrets::understood(&needles, self.choice)?;
        let watch = Kubectl::new(&bed.balancer, ready.parts.path("kubectl")?, &minted.admin()).watch_ready()?;
        let sampler = Sampler::start(Some(Arc::clone(&needles)));
        let power_on = PowerOn::now();
        for node in &bed.nodes {
            node.power_on()?;
        }
        say(format!("{} machines are on", bed.nodes.len()));
        Ok(Cluster { ready, bed, minted, control_planes, power_on, watch, needles, sampler })
    }
}

impl Cluster<'_> {
    pub fn kubectl(&self) -> Outcome<Kubectl<'_>> {
        Ok(Kubectl::new(&self.bed.balancer, self.ready.parts.path("kubectl")?, &self.minted.admin()))
    }

    pub fn node(&self, index: usize) -> Outcome<&Node> {
        self.bed.nodes.get(index).whilst(format_args!("there is no node n{}", index + 1))
    }

    pub fn role(&self, index: usize) -> &'static str {
        if index < self.control_planes { "control-plane" } else { "worker" }
    }

    /// Until all nodes are Ready, or kubeboot has failed on one: then there is nothing to wait for.
    pub fn all_ready(&self) -> Outcome<String> {
        let mut looks = 0u32;
        let mut failed = None;
        wait_for("all nodes Ready", FIRST_BOOT, Duration::from_millis(100), || {
            looks += 1;
            if looks.is_multiple_of(50) {
                failed = self.bed.nodes.iter().find(|node| has_failed(node)).map(|node| node.name.clone());
            }
            if failed.is_some() { Ok(()) } else { self.watch.all_ready(self.bed.nodes.len()).map(drop) }
        })?;
        if let Some(name) = failed {
            return Err(format!("kubeboot.service failed on {name}"));
        }
        let last = self.watch.all_ready(self.bed.nodes.len())?;
        Ok(format!("{:.1} s after power-on", last.duration_since(self.power_on.at).as_secs_f64()))
    }

    /// What a person needs to find out why; whole journals are kept beside the cache.
    fn diagnose(&self, case: &str) {
        for node in &self.bed.nodes {
            println!("--- {}: the last of kubeboot.service\n{}", node.name, agent::tail(node, 60));
        }
        if let Ok(kubectl) = self.kubectl() {
            println!("--- the cluster\n{}", kubectl.picture());
        }
        match self.keep_journals(case) {
            Ok(folder) => println!("--- whole journals: {}", folder.display()),
            Err(error) => println!("--- journals could not be kept: {error}"),
        }
    }

    fn keep_journals(&self, case: &str) -> Outcome<PathBuf> {
        let folder = cache::folder()?.join("failed").join(case);
        cache::discard(&folder)?;
        std::fs::create_dir_all(&folder).whilst(folder.display())?;
        for node in &self.bed.nodes {
            let journal = node.root().join("var/log/journal").to_string_lossy().into_owned();
            let arguments = ["--directory", &journal, "--no-pager", "--output=short-precise"];
            let ended = run_command(&mut program("journalctl", &arguments), Duration::from_secs(60))?;
            let file = folder.join(format!("{}.journal", node.name));
            std::fs::write(&file, ended.stdout).whilst(file.display())?;
            if let Ok(status) = node.exec(&["cat", "/run/kubeboot/status.json"], SHORT) {
                let file = folder.join(format!("{}.status.json", node.name));
                std::fs::write(&file, status.stdout).whilst(file.display())?;
            }
        }
        Ok(folder)
    }
}

/// Asked of systemd, for a machine on which it failed will not become Ready.
fn has_failed(node: &Node) -> bool {
    let state = node.exec(&["systemctl", "is-failed", "kubeboot.service"], SHORT);
    state.is_ok_and(|ended| ended.stdout.trim() == "failed")
}
