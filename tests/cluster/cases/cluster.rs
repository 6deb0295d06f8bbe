//! The cluster of a case: put together, with a document on each machine, switched on, looked at, and told about when
//! something is wrong.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Case, FIRST_BOOT, SHORT, secrets};
use crate::agent;
use crate::bed::{Bed, Ready};
use crate::cache;
use crate::command::{program, run, wait_for};
use crate::figures::PowerOn;
use crate::fleet::{self, Choice, Minted};
use crate::kubectl::{Kubectl, ReadyWatch};
use crate::needles::{Gathering, Needles};
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::sampler::Sampler;
use crate::say::say;

/// The machines of a case, and whatever looks at them.
pub struct Cluster<'a> {
    /// The case's name.
    pub case: &'static str,
    pub choice: Choice,
    pub ready: &'a Ready,
    pub bed: Bed,
    pub minted: Minted,
    pub control_planes: usize,
    /// From here on there may be current.
    pub power_on: PowerOn,
    pub watch: ReadyWatch,
    pub needles: Arc<Needles>,
    pub sampler: Sampler,
}

impl<'a> Cluster<'a> {
    /// Every machine has its document and is off.
    pub fn assemble(ready: &'a Ready, bed: Bed, case: &Case) -> Outcome<Self> {
        let minted = fleet::mint(bed.folder.join("minted"), case.choice)?;
        let control_planes = usize::from(case.control_planes);
        for (index, node) in bed.nodes.iter().enumerate() {
            fleet::furnish(node, &minted.document(fleet::document_of(index, control_planes))?)?;
        }
        let mut gathering = Gathering::default();
        for text in minted.texts()? {
            gathering.minted(&text)?;
        }
        gathering.shared(&minted.folder.join("pki"))?;
        let needles = Arc::new(gathering.finish());
        secrets::understood(&needles, case.choice)?;
        let watch = Kubectl::new(&bed.balancer, ready.parts.path("kubectl")?, &minted.admin()).watch_ready()?;
        let sampler = Sampler::start(Some(Arc::clone(&needles)));
        Ok(Self {
            case: case.name,
            choice: case.choice,
            ready,
            bed,
            minted,
            control_planes,
            power_on: PowerOn::now(),
            watch,
            needles,
            sampler,
        })
    }

    /// All machines at the same moment.
    pub fn switch_on(&self) -> Outcome<()> {
        for node in &self.bed.nodes {
            node.power_on()?;
        }
        say(format!("{} machines are on", self.bed.nodes.len()));
        Ok(())
    }

    /// Another life for a machine that is off: fresh disks, the same image, the same document.
    pub fn re_image(&self, index: usize) -> Outcome<()> {
        let node = self.node(index)?;
        self.ready.re_image(node)?;
        fleet::furnish(node, &self.minted.document(fleet::document_of(index, self.control_planes))?)
    }

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
                failed = self.bed.nodes.iter().find(|node| agent::has_failed(node)).map(|node| node.name.clone());
            }
            if failed.is_some() { Ok(()) } else { self.watch.all_ready(self.bed.nodes.len()).map(drop) }
        })?;
        if let Some(name) = failed {
            return Err(format!("kubeboot.service failed on {name}"));
        }
        let last = self.watch.all_ready(self.bed.nodes.len())?;
        Ok(format!("{:.1} s after power-on", last.duration_since(self.power_on.at).as_secs_f64()))
    }

    /// What a person needs to find out why; whole journals are kept beside the cache, below `part` of the case where it has
    /// parts.
    pub fn diagnose(&self, part: &str) {
        for node in &self.bed.nodes {
            let last = agent::said(node, "60").unwrap_or_else(|error| error);
            println!("--- {}: the last of kubeboot.service\n{last}", node.name);
        }
        if let Ok(kubectl) = self.kubectl() {
            println!("--- the cluster\n{}", kubectl.picture());
        }
        match self.keep_journals(part) {
            Ok(folder) => println!("--- whole journals: {}", folder.display()),
            Err(error) => println!("--- journals could not be kept: {error}"),
        }
    }

    fn keep_journals(&self, part: &str) -> Outcome<PathBuf> {
        let folder = kept_of(self.case)?.join(part);
        std::fs::create_dir_all(&folder).whilst(folder.display())?;
        for node in &self.bed.nodes {
            let journal = node.root().join("var/log/journal").to_string_lossy().into_owned();
            let arguments = ["--directory", &journal, "--no-pager", "--output=short-precise"];
            let ended = run(&mut program("journalctl", &arguments), Duration::from_secs(60))?;
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

/// Where the journals of a case that failed are kept.
pub fn kept_of(case: &str) -> Outcome<PathBuf> {
    Ok(cache::folder()?.join("failed").join(case))
}
