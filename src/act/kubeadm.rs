//! kubeadm: configured, checked, run; its success judged by the cluster, not by the exit code.

use std::path::Path;
use std::time::Duration;

use super::fence::etcd_is_local;
use super::{claim, evidence, leftovers, mark, ready, turn};
use crate::cluster::api::Ask;
use crate::cluster::object;
use crate::concurrently::{First, race};
use crate::document::spec::BootstrapCredential;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::host::{Command, Host, Level, Mode, Output};
use crate::kubeadm::command;
use crate::kubeadm::config::{self, Secrets, Spelt};
use crate::kubeadm::diagnosis::diagnose;
use crate::paths;
use crate::plan::{Course, StepId};
use crate::run::Run;

/// Writes the configuration, 0600 on tmpfs, and lets kubeadm decode it strictly.
///
/// # Errors
/// kubeadm refuses it: the document's kubeadm parts are wrong. Or the program or the disk fails.
pub async fn configure<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let (path, documents) = match run.course {
        Course::Initialise => (paths::INIT_CONFIG, init_documents(run).await?),
        Course::Join => {
            let kubeconfig = run.discovery_kubeconfig().await?;
            run.host.write(Path::new(paths::DISCOVERY), kubeconfig.expose(), Mode::Private).await?;
            (paths::JOIN_CONFIG, config::render(&config::join(&run.spec, &Spelt::from(&run.identity))).into())
        }
    };
    run.host.write(Path::new(path), documents.expose().as_bytes(), Mode::Private).await?;
    let validate = command::validate(path);
    let output = run.command(&validate).await?;
    if output.ok() { Ok(()) } else { Err(failed(run, &validate, &output).await) }
}

async fn init_documents<H: Host>(run: &Run<'_, H>) -> Result<crate::secret::Secret<String>, Fault> {
    let key = match run.uploads_certificates() {
        true => Some(crate::secret::Secret::new(run.certificate_key().await?.to_hex())),
        false => None,
    };
    let token = match &run.spec.discovery.credential {
        Some(BootstrapCredential::Token(source)) => Some(run.bootstrap_token(source).await?),
        _ => None,
    };
    let left = run.spec.initialize.as_ref().map_or(0, |initialize| initialize.before.0.saturating_sub(run.host.wall().0));
    // A token that the window has not outlived: kubeadm takes zero for "for ever".
    let ttl = Duration::from_secs(u64::try_from(left).unwrap_or_default().max(60));
    let secrets = Secrets {
        certificate_key: key.as_ref().map(|key| key.expose().as_str()),
        bootstrap_token: token.as_ref().map(|token| (token.expose(), ttl)),
    };
    Ok(config::render(&config::init(&run.spec, &Spelt::from(&run.identity), secrets)).into())
}

/// What became of a failed kubeadm: its name and the deepest cause, which others may have to be asked for.
async fn failed<H: Host>(run: &Run<'_, H>, command: &Command, output: &Output) -> Fault {
    let how = match output.status {
        _ if output.timed_out => format!("was stopped after {} s", command.limit.as_secs()),
        Some(status) => format!("ended with {status} after {} s", output.took.as_secs()),
        None => "was ended by a signal".to_owned(),
    };
    let mut diagnosis = diagnose(&output.stderr);
    if !diagnosis.ask.is_empty() {
        let heard = evidence::gather(run, diagnosis.ask, output.took).await;
        diagnosis = diagnosis.hear(&heard);
    }
    let what = match diagnosis.failure {
        Failure::ConfigRefused => "the configuration is refused".to_owned(),
        _ => format!("kubeadm {} {how}", command.arguments.first().map_or("", String::as_str)),
    };
    Fault::new(diagnosis.failure, what, format!("`{}`", command.line()), diagnosis.advice).because(diagnosis.why)
}

/// kubeadm's own preflight, which also pulls images that are missing.
///
/// # Errors
/// Images and runtimes may come later; else the machine is not fit.
pub async fn preflight<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    if run.progress.kubeadm_has_begun() {
        run.tell(Level::Info, "skipped: init or join was begun before, its own files would be in the way");
        let done = [StepId::KubeadmInit, StepId::KubeadmJoin].iter().any(|step| run.progress.done.contains(step));
        return if done { Ok(()) } else { leftovers::clear(run).await };
    }
    let overrides = match run.course {
        Course::Initialise => run.spec.overrides.init.as_ref(),
        Course::Join => run.spec.overrides.join.as_ref(),
    };
    let ignored = overrides.and_then(|document| document.pointer("/nodeRegistration/ignorePreflightErrors")?.as_array());
    let all = ignored.is_some_and(|names| names.iter().any(|name| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case("all"))));
    let command = command::preflight(run.course, all, Duration::from_secs(600));
    let output = run.command(&command).await?;
    if output.ok() { Ok(()) } else { Err(failed(run, &command, &output).await) }
}

/// Makes sure that init may be begun, before the ledger says that it is: that would bind this machine to what others may do.
///
/// # Errors
/// [`Failure::MemberRemoved`]: the cluster lives on without the member that an earlier init here began. A claim that is not
/// this machine's any more. The disk's.
pub async fn may_init<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    super::etcd::clear_stillborn(run).await?;
    if etcd_is_local(run).await? {
        turn::refuse_removed(run).await?;
    }
    // A manifest alone has started nothing: whoever claimed anew since may have.
    if run.host.list(Path::new(paths::ETCD_MEMBER)).await?.is_none() {
        claim::confirm(run).await?;
    }
    Ok(())
}

/// `kubeadm init`.
///
/// # Errors
/// Where time may help, transient: a repeated init goes on where this one stopped.
pub async fn init<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let command = command::init(run.uploads_certificates(), Duration::from_secs(900));
    let output = run.command(&command).await?;
    if output.ok() {
        return Ok(());
    }
    leftovers::clear(run).await?;
    Err(failed(run, &command, &output).await)
}

/// Whether init's effects are in the cluster, seen through this machine's own API server.
///
/// # Errors
/// The PKI can't sign.
pub async fn started<H: Host>(run: &mut Run<'_, H>) -> Result<bool, Fault> {
    if run.host.read(Path::new(paths::ETCD_MANIFEST), 1 << 20).await?.is_none() {
        return Ok(false);
    }
    let client = run.admin_here()?;
    let Ok(node) = client.ask(run.host, &Ask::get(object::node(&run.identity.name))).await else { return Ok(false) };
    let mut asks = vec!["/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:node-autoapprove-certificate-rotation"];
    let disabled = |part: &str| {
        let cluster = run.spec.overrides.cluster.as_ref();
        cluster.and_then(|cluster| cluster.get(part)?.get("disabled")?.as_bool()) == Some(true)
    };
    if !disabled("proxy") {
        asks.push("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy");
    }
    if !disabled("dns") {
        asks.push("/apis/apps/v1/namespaces/kube-system/deployments/coredns");
    }
    for ask in asks {
        if client.ask(run.host, &Ask::get(ask)).await.is_err() {
            return Ok(false);
        }
    }
    Ok(node.pointer(ready::CONTROL_PLANE).is_some())
}

/// `kubeadm join`; a control plane keeps the Lease alive meanwhile, and gives it up as soon as its member votes.
///
/// # Errors
/// Where time may help, transient: a repeated join goes on where this one stopped.
pub async fn join<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    if run.is_control_plane() {
        if mark::finish_join(run).await? {
            return ready::arrive(run).await;
        }
        if !turn::is_held(run).await {
            turn::take(run).await?;
        }
    }
    let command = command::join(Duration::from_secs(1200));
    let mut turn = run.turn.take();
    let output = {
        let run = &*run;
        let joining = run.command(&command);
        match &mut turn {
            None => joining.await,
            Some(turn) => match race(joining, turn.keep_until_voting(run)).await {
                First::Left(output) => output,
                First::Right(never) => match never {},
            },
        }
    };
    // A machine that can't join must not keep the others from it.
    if let Some(mut turn) = turn {
        turn.release(run).await;
    }
    let output = output?;
    if !output.ok() {
        leftovers::clear(run).await?;
        return Err(failed(run, &command, &output).await);
    }
    ready::arrive(run).await
}
