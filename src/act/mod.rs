//! Doing: one room per step, each turning a step's meaning into calls of the [`Host`], and the checks that say
//! whether its effect is there.

pub mod claim;
pub mod cni;
pub mod disposal;
pub mod etcd;
pub mod evidence;
pub mod fence;
pub mod gate;
pub mod identity;
pub mod kubeadm;
pub mod leftovers;
pub mod mark;
pub mod pace;
pub mod pki;
pub mod preflight;
pub mod ready;
pub mod retire;
pub mod runtime;
pub mod secret;
pub mod turn;

use crate::fault::Fault;
use crate::host::Host;
use crate::plan::{DoneWhen, StepId};
use crate::run::Run;

/// Makes sure that a step's effect may be begun, before the ledger says that it is. What it may clear away for that is what an
/// etcd left that never wrote anything: it is as gone the second time, and binds this machine to nothing.
///
/// # Errors
/// It may not: then nothing binds this machine to it.
pub async fn may_begin<H: Host>(run: &mut Run<'_, H>, step: StepId) -> Result<(), Fault> {
    match step {
        StepId::KubeadmInit => kubeadm::may_init(run).await,
        _ => Ok(()),
    }
}

/// Runs the action of a step.
///
/// # Errors
/// Its fault; transient ones are repeated until the step's deadline.
pub async fn act<H: Host>(run: &mut Run<'_, H>, step: StepId) -> Result<(), Fault> {
    match step {
        StepId::Preflight => preflight::check(run).await,
        StepId::Runtime => runtime::wait(run).await,
        StepId::SharedPki => pki::provide(run).await,
        StepId::KubeadmConfig => kubeadm::configure(run).await,
        StepId::KubeadmPreflight => kubeadm::preflight(run).await,
        StepId::Fence => fence::pass(run).await,
        StepId::KubeadmInit => kubeadm::init(run).await,
        StepId::Gate => gate::pass(run).await,
        StepId::JoinTurn => turn::take(run).await,
        StepId::Cni => cni::ensure(run).await,
        StepId::KubeadmJoin => kubeadm::join(run).await,
        StepId::NodeReady => ready::wait(run).await,
        StepId::Retire => retire::retire(run).await,
    }
}

/// Asks the world whether a step's effect is there.
///
/// # Errors
/// Only what makes asking pointless; a world that doesn't answer is "not done".
pub async fn is_done<H: Host>(run: &mut Run<'_, H>, condition: DoneWhen) -> Result<bool, Fault> {
    match condition {
        DoneWhen::Observed => Ok(false),
        DoneWhen::SharedPkiOnDisk => pki::on_disk(run).await,
        DoneWhen::ClusterStarted => kubeadm::started(run).await,
        DoneWhen::CniPresent => cni::is_present(run).await,
        DoneWhen::Joined => {
            let joined = ready::joined(run).await?;
            // Who has joined, in an earlier life perhaps, must not keep the others from it.
            if joined && let Some(mut turn) = run.turn.take() {
                turn.release(run).await;
            }
            Ok(joined)
        }
        DoneWhen::Retired => retire::is_retired(run).await,
    }
}
