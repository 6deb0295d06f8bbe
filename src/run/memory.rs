//! The ledger on disk: recalled at the start, appended to and synced before and after every effect.

use std::path::Path;

use super::Run;
use crate::act;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Event, Host, Level, Mode};
use crate::ledger::{self, Entry, Progress, Record};
use crate::message::Message;
use crate::paths;
use crate::plan::StepId;
use crate::report::Report;

/// Largest ledger read, bytes: some twenty lines a run, and runs that fail for weeks.
const LIMIT: usize = 16 << 20;

/// What the ledger of this disk proves; what a power cut tore is mended before anything is appended.
///
/// # Errors
/// It is damaged, or another machine's.
pub(super) async fn recall<H: Host>(host: &H, facts: &Facts) -> Result<Progress, Fault> {
    let bytes = host.read(Path::new(paths::LEDGER), LIMIT).await?.unwrap_or_default();
    let progress = ledger::fold(&bytes).map_err(|line| {
        Fault::new(
            Failure::LedgerDamaged,
            format!("line {line} of the ledger is damaged"),
            paths::LEDGER,
            "this disk can't be trusted to say what was begun here: re-image the machine",
        )
    })?;
    // A machine without an id is preflight's to refuse.
    if facts.machine_id.is_empty() {
        return Ok(progress);
    }
    let markers = host.list(Path::new(paths::DONE)).await?.unwrap_or_default();
    let ledger = progress.machines.iter().map(|machine| (machine, "the ledger is", paths::LEDGER));
    let mut said = ledger.chain(markers.iter().map(|machine| (machine, "the marker of a finished first boot is", paths::DONE)));
    if let Some((other, what, at)) = said.find(|(machine, ..)| !machine.is_empty() && **machine != facts.machine_id) {
        return Err(Fault::new(
            Failure::CloneOfAnother,
            "this disk was the first boot of another machine",
            at,
            "it is a clone, or its machine-id was reset: use a fresh image (or remove /var/lib/kubeboot, /etc/kubernetes, /var/lib/kubelet and /var/lib/etcd)",
        )
        .because(format!("{what} by machine-id {other}, this is {}", facts.machine_id)));
    }
    if let Some(mended) = ledger::mended(&bytes) {
        host.write(Path::new(paths::LEDGER), &mended, Mode::Private).await?;
    }
    Ok(progress)
}

/// A run that found no document of its own: it finishes retiring, if that was begun here, for then the document was
/// removed; else there is nothing but `fault`, or what the ledger says against this disk.
pub(super) async fn without_document<H: Host>(host: &H, facts: &Facts, report: &mut Report, fault: Fault) -> Result<(), Fault> {
    let progress = recall(host, facts).await?;
    if facts.machine_id.is_empty() || !progress.has_begun(StepId::Retire) {
        return Err(fault);
    }
    if let Some((cluster, role, node)) = progress.identity {
        (report.role, report.node) = (role, node);
        let message =
            format!("this machine is {} of the cluster with CA {cluster}, and its document is gone: finishing to retire", report.node);
        host.tell(&Event::new(Level::Info, StepId::Retire.name(), &message).of(Message::RunBegins).on_console());
    }
    act::retire::finish(host, &facts.machine_id, report).await?;
    let entry = Entry::Done { step: StepId::Retire };
    let record = Record { at: host.wall().to_string(), machine: facts.machine_id.clone(), entry };
    host.append(Path::new(paths::LEDGER), &ledger::line(&record)).await
}

impl<H: Host> Run<'_, H> {
    /// Says who we are, and halts if kubeadm was begun here as somebody else (design §5); before that nothing binds this
    /// machine to a document, and a new one simply counts.
    pub(super) async fn introduce(&mut self) -> Result<(), Fault> {
        let cluster = act::pki::cluster_identity(&self.spec)?;
        let me = (cluster, self.spec.role.name().to_owned(), self.identity.name.clone());
        match &self.progress.identity {
            Some(earlier) if self.progress.kubeadm_has_begun() && *earlier != me => {
                return Err(Fault::new(
                    Failure::DocumentDiffers,
                    "the document is for another cluster, role or node than the run that was begun on this disk",
                    paths::LEDGER,
                    "give this machine its own document again, or re-image it",
                )
                .because(format!(
                    "begun as {} {} of cluster {}, now {} {} of cluster {}",
                    earlier.1, earlier.2, earlier.0, me.1, me.2, me.0
                )));
            }
            _ => {}
        }
        let message = format!(
            "kubeboot {}: this machine is to be {} {} ({}) of cluster {}",
            env!("CARGO_PKG_VERSION"),
            me.1,
            me.2,
            self.identity.address,
            self.spec.cluster
        );
        self.tell_event(Event::new(Level::Info, "", &message).of(Message::RunBegins));
        self.record(Entry::Started { cluster: me.0, role: me.1, node: me.2 }).await
    }

    /// Appends to the ledger and syncs it.
    ///
    /// # Errors
    /// The disk's.
    pub async fn record(&mut self, entry: Entry) -> Result<(), Fault> {
        // A line by nobody would make a clone of every machine that starts from this disk; preflight says what is missing.
        if self.facts.machine_id.is_empty() {
            return Ok(());
        }
        let record = Record { at: self.host.wall().to_string(), machine: self.facts.machine_id.clone(), entry };
        self.host.append(Path::new(paths::LEDGER), &ledger::line(&record)).await?;
        self.progress.take(record);
        Ok(())
    }
}
