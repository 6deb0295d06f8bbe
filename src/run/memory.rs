//! The ledger on disk: recalled at the start, appended to and synced before and after every effect.

use std::path::Path;

use super::Run;
use crate::act;
use crate::facts::Facts;
use crate::fault::{Class, Fault};
use crate::host::{Host, Level, Mode};
use crate::ledger::{self, Entry, Progress, Record};
use crate::paths;

/// Largest ledger read, bytes: some twenty lines a run, and runs that fail for weeks.
const LIMIT: usize = 16 << 20;

/// What the ledger of this disk proves; what a power cut tore is mended before anything is appended.
///
/// # Errors
/// It is damaged, or another machine's.
pub(super) async fn recall<H: Host>(host: &H, facts: &Facts) -> Result<Progress, Fault> {
    let Some(bytes) = host.read(Path::new(paths::LEDGER), LIMIT).await? else {
        return Ok(Progress::default());
    };
    let progress = ledger::fold(&bytes).map_err(|line| {
        Fault::new(
            Class::Broken,
            format!("line {line} of the ledger is damaged"),
            paths::LEDGER,
            "this disk can't be trusted to say what was begun here: re-image the machine",
        )
    })?;
    if let Some(other) = progress.machines.iter().find(|machine| **machine != facts.machine_id) {
        return Err(Fault::new(
            Class::Broken,
            "this disk was the first boot of another machine",
            paths::LEDGER,
            "it is a clone, or its machine-id was reset: use a fresh image (or remove /var/lib/kubeboot, /etc/kubernetes, /var/lib/kubelet and /var/lib/etcd)",
        )
        .because(format!("the ledger is by machine-id {other}, this is {}", facts.machine_id)));
    }
    if let Some(mended) = ledger::mended(&bytes) {
        host.write(Path::new(paths::LEDGER), &mended, Mode::Private).await?;
    }
    Ok(progress)
}

impl<H: Host> Run<'_, H> {
    /// Says who we are, and halts if an earlier run here was somebody else (design §5).
    pub(super) async fn introduce(&mut self) -> Result<(), Fault> {
        let cluster = act::pki::cluster_identity(&self.spec)?;
        let me = (cluster, self.spec.role.name().to_owned(), self.identity.name.clone());
        match &self.progress.identity {
            Some(earlier) if *earlier != me => {
                return Err(Fault::new(
                    Class::Input,
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
        self.tell(
            Level::Info,
            &format!(
                "kubeboot {}: this machine is to be {} {} ({}) of cluster {}",
                env!("CARGO_PKG_VERSION"),
                me.1,
                me.2,
                self.identity.address,
                self.spec.cluster
            ),
        );
        self.record(Entry::Started { cluster: me.0, role: me.1, node: me.2 }).await
    }

    /// Appends to the ledger and syncs it.
    ///
    /// # Errors
    /// The disk's.
    pub async fn record(&mut self, entry: Entry) -> Result<(), Fault> {
        let record = Record { at: self.host.wall().to_string(), machine: self.facts.machine_id.clone(), entry };
        self.host.append(Path::new(paths::LEDGER), &ledger::line(&record)).await?;
        self.progress.take(record);
        Ok(())
    }
}
