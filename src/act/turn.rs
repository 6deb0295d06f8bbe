//! One control plane joins at a time: the Lease is taken, held while kubeadm adds the etcd member, and given up as
//! soon as the member votes, so that the rest of this join overlaps with the next machine's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::backoff;
use crate::cluster::api::{Client, Trouble};
use crate::cluster::{etcd, lease};
use crate::failure::{Failure, Seen};
use crate::fault::Fault;
use crate::host::{Event, Host, Level};
use crate::moment::Instant;
use crate::paths;
use crate::run::{Look, Run};

/// The Lease, taken.
#[derive(Clone, Debug)]
pub struct Turn {
    client: Client,
    holder: String,
    version: String,
    renewed: Instant,
    /// False once somebody else has it, or it was given up.
    held: bool,
    /// A member that votes, once etcd was found fit.
    etcd: Option<Client>,
}

fn holder<H: Host>(run: &Run<'_, H>) -> String {
    format!("{}_{}", run.identity.name, run.facts.machine_id)
}

/// One try to take the Lease: its version, or why not.
async fn try_to_take<H: Host>(run: &Run<'_, H>, client: &Client, watcher: &mut lease::Watcher) -> Result<String, Seen> {
    let holder = holder(run);
    let taken = match client.ask(run.host, &lease::get()).await {
        Ok(answer) => {
            let Some(seen) = lease::read(&answer) else { return Err(Failure::ApiUnavailable.seen("the Lease has no resourceVersion")) };
            match watcher.judge(&seen, &holder, run.host.now()) {
                lease::Move::Wait => {
                    return Err(Failure::TurnTaken.seen(format!("{} is joining", seen.holder.split('_').next().unwrap_or_default())));
                }
                lease::Move::Take => client.ask(run.host, &lease::update(&holder, &seen.version, run.host.wall())).await,
            }
        }
        Err(Trouble::Status(404, _)) => client.ask(run.host, &lease::create(&holder, run.host.wall())).await,
        Err(trouble) => Err(trouble),
    };
    match taken {
        Ok(answer) => {
            lease::read(&answer).map(|seen| seen.version).ok_or_else(|| Failure::ApiUnavailable.seen("the Lease has no resourceVersion"))
        }
        Err(Trouble::Status(409, _)) => Err(Failure::TurnTaken.seen("another control plane was first")),
        Err(trouble) => Err(trouble.seen()),
    }
}

/// The members, and one that listed them; else why none did.
async fn listed<H: Host>(run: &Run<'_, H>, client: &Client) -> Result<Result<(Client, Vec<etcd::Member>), Seen>, Fault> {
    let urls = match client.ask(run.host, &etcd::pods()).await {
        Ok(pods) => etcd::client_urls(&pods),
        Err(trouble) => return Ok(Err(trouble.seen())),
    };
    for url in &urls {
        let gateway = run.etcd(url)?;
        match gateway.ask(run.host, &etcd::list()).await {
            Ok(answer) => return Ok(Ok((gateway, etcd::members(&answer)))),
            Err(trouble) => run.tell(Level::Debug, &format!("etcd at {url}: {}", trouble.line())),
        }
    }
    Ok(Err(Failure::EtcdUnfit
        .seen(format!("no etcd member answers ({})", if urls.is_empty() { "none is known" } else { "port 2379 of the control planes" }))))
}

fn removed(own_peer: &str) -> Fault {
    Fault::new(
        Failure::MemberRemoved,
        format!("there is etcd data on this disk, but the cluster has no etcd member {own_peer}: it was removed, or never was one"),
        paths::ETCD_DATA,
        "if it was removed for good, leave this machine off; else re-image it, or run `kubeadm reset` and remove /var/lib/kubeboot, and \
         start it again: it joins as a new member",
    )
}

/// What an operator runs on a laptop: etcdctl is in the pod of every member, with kubeadm's certificates beside it.
fn stale(member: &etcd::Member, members: &[etcd::Member], own_peer: &str) -> Fault {
    let id = member.hex_id();
    let healthy = members.iter().find(|other| other.votes() && other.id != member.id).map_or("OTHER-NODE", |other| &other.name);
    Fault::new(
        Failure::StaleVoter,
        format!(
            "etcd member {} ({id}, {own_peer}) is an earlier life of this machine, whose data is gone: it can't come back",
            member.name
        ),
        format!("etcd member {id}"),
        format!(
            "if that machine is gone for good, remove its member: `kubectl -n kube-system exec etcd-{healthy} -- etcdctl \
             --endpoints=https://127.0.0.1:2379 --cacert={pki}/ca.crt --cert={pki}/healthcheck-client.crt \
             --key={pki}/healthcheck-client.key member remove {id}`; then start this machine again: it joins as a new member",
            pki = "/etc/kubernetes/pki/etcd",
        ),
    )
}

/// Halts an init that goes on with etcd data which the cluster, alive elsewhere, has no member for. Where nobody answers
/// there is nothing against it: this machine's own member is the cluster.
///
/// # Errors
/// [`Failure::MemberRemoved`], or the PKI can't sign.
pub async fn refuse_removed<H: Host>(run: &Run<'_, H>) -> Result<(), Fault> {
    let Ok((_, members)) = listed(run, &run.admin_by_endpoint()?).await? else { return Ok(()) };
    let own = peer_url(run);
    match etcd::contradiction(&members, &own, true) {
        Some(etcd::Contradiction::Removed) => Err(removed(&own)),
        _ => Ok(()),
    }
}

/// A member that answers as healthy, if etcd is fit for one more.
async fn fit_etcd<H: Host>(run: &Run<'_, H>, client: &Client) -> Result<Result<Client, Seen>, Fault> {
    let (gateway, members) = match listed(run, client).await? {
        Ok(listed) => listed,
        Err(seen) => return Ok(Err(seen)),
    };
    let own = peer_url(run);
    let local = run.host.list(Path::new(paths::ETCD_MEMBER)).await?.is_some();
    match etcd::contradiction(&members, &own, local) {
        Some(etcd::Contradiction::StaleVoter(member)) => return Err(stale(member, &members, &own)),
        Some(etcd::Contradiction::Removed) => return Err(removed(&own)),
        None => {}
    }
    if let Some(hindrance) = etcd::hindrance(&members, &own) {
        return Ok(Err(Failure::EtcdUnfit.seen(hindrance)));
    }
    for member in members.iter().filter(|member| member.votes()) {
        let Some(url) = member.clients.first() else { continue };
        let ailment = match run.etcd(url)?.ask(run.host, &etcd::health()).await {
            Ok(status) => etcd::ailment(&status),
            Err(trouble) => Some(trouble.line()),
        };
        if let Some(ailment) = ailment {
            return Ok(Err(Failure::EtcdUnfit.seen(format!("etcd member {} is not healthy: {ailment}", member.name))));
        }
    }
    Ok(Ok(gateway))
}

/// Where kubeadm lets this machine's member listen for its peers.
pub fn peer_address<H: Host>(run: &Run<'_, H>) -> SocketAddr {
    SocketAddr::new(run.identity.address, 2380)
}

/// The peer URL that kubeadm gives this machine's member.
pub fn peer_url<H: Host>(run: &Run<'_, H>) -> String {
    format!("https://{}", peer_address(run))
}

/// Whether the run holds its turn, by the Lease itself.
pub async fn is_held<H: Host>(run: &mut Run<'_, H>) -> bool {
    let Some(mut turn) = run.turn.take() else { return false };
    turn.renew(run).await;
    let held = turn.held;
    run.turn = held.then_some(turn);
    held
}

/// The step: the Lease, and with it in hand an etcd that is fit. Whoever loses it in between begins anew.
///
/// # Errors
/// [`Failure::StaleVoter`] and [`Failure::MemberRemoved`]: etcd's list and this machine's disk contradict each other.
/// Transient, when the step's time is over.
pub async fn take<H: Host>(run: &mut Run<'_, H>) -> Result<(), Fault> {
    let client = run.admin_by_endpoint()?;
    let mut watcher = lease::Watcher::default();
    let mut held: Option<Turn> = None;
    let turn = run
        .until("the turn to join", backoff::SHARED, async |run| {
            let mut turn = match held.take() {
                Some(turn) => turn,
                None => match Turn::seize(run, &client, &mut watcher).await {
                    Ok(turn) => turn,
                    Err(reason) => return Ok(Look::NotYet(reason)),
                },
            };
            turn.keep(run).await;
            if !turn.held {
                return Ok(Look::NotYet(Failure::TurnTaken.seen("another control plane took the turn over")));
            }
            let fit = match fit_etcd(run, &client).await {
                Ok(fit) => fit,
                Err(fault) => {
                    // A machine that can't join must not keep the others from it.
                    turn.release(run).await;
                    return Err(fault);
                }
            };
            match fit {
                Ok(gateway) => {
                    turn.etcd = Some(gateway);
                    Ok(Look::Yes(turn))
                }
                Err(reason) => {
                    held = Some(turn);
                    Ok(Look::NotYet(reason))
                }
            }
        })
        .await?;
    run.turn = Some(turn);
    Ok(())
}

impl Turn {
    /// Takes the Lease, if nobody holds it.
    ///
    /// # Errors
    /// Why not, for a person.
    pub async fn seize<H: Host>(run: &Run<'_, H>, client: &Client, watcher: &mut lease::Watcher) -> Result<Self, Seen> {
        let version = try_to_take(run, client, watcher).await?;
        Ok(Self { client: client.clone(), holder: holder(run), version, renewed: run.host.now(), held: true, etcd: None })
    }

    /// Writes `holder`, if the Lease is still ours; a lost answer leaves us with an old version, which is looked up.
    async fn write<H: Host>(&mut self, run: &Run<'_, H>, holder: &str) {
        for _ in 0..2 {
            match self.client.ask(run.host, &lease::update(holder, &self.version, run.host.wall())).await {
                Ok(answer) => {
                    if let Some(seen) = lease::read(&answer) {
                        self.version = seen.version;
                    }
                    return;
                }
                Err(Trouble::Status(409, _)) => {
                    let Some(seen) = self.client.ask(run.host, &lease::get()).await.ok().as_ref().and_then(lease::read) else { return };
                    if seen.holder != self.holder {
                        self.held = false;
                        run.tell(Level::Warning, "the join Lease was taken over by another control plane");
                        return;
                    }
                    self.version = seen.version;
                }
                Err(trouble) => {
                    run.tell(Level::Debug, &format!("writing the join Lease: {}", trouble.line()));
                    return;
                }
            }
        }
    }

    /// Keeps it for another term.
    async fn renew<H: Host>(&mut self, run: &Run<'_, H>) {
        let holder = self.holder.clone();
        self.renewed = run.host.now();
        self.write(run, &holder).await;
    }

    /// Renews it, if it is time.
    pub async fn keep<H: Host>(&mut self, run: &Run<'_, H>) {
        if self.held && run.host.now().since(self.renewed) >= lease::RENEWAL {
            self.renew(run).await;
        }
    }

    /// Gives it up, if it is still held.
    pub async fn release<H: Host>(&mut self, run: &Run<'_, H>) {
        if self.held {
            self.write(run, "").await;
            self.held = false;
        }
    }

    /// Renews until this machine's member is a healthy voter that etcd would take another one beside, then gives the Lease
    /// up, and never ends.
    pub async fn keep_until_voting<H: Host>(&mut self, run: &Run<'_, H>) -> Infallible {
        let own = peer_url(run);
        let here = run.etcd_here().ok();
        let (mut tries, mut started) = (0, None);
        while let (Some(etcd), Some(here)) = (&self.etcd, &here) {
            tries += 1;
            let answer = etcd.ask(run.host, &etcd::list()).await;
            let members = answer.as_ref().map(etcd::members).unwrap_or_default();
            let member = members.iter().find(|member| member.peers.contains(&own) && !member.name.is_empty());
            if member.is_some() && started.is_none() {
                started = Some(run.host.now());
            }
            if member.is_some_and(etcd::Member::votes)
                && started.is_some_and(|started| run.host.now().since(started) >= etcd::SETTLING)
                && here.ask(run.host, &etcd::health()).await.is_ok_and(|status| etcd::ailment(&status).is_none())
            {
                run.tell_event(
                    Event::new(Level::Info, "", "this machine's etcd member votes: the next control plane may join").on_console(),
                );
                self.release(run).await;
                break;
            }
            self.keep(run).await;
            run.host.sleep(backoff::LOCAL.pause(tries, run.host.noise())).await;
        }
        loop {
            run.host.sleep(Duration::from_secs(3600)).await;
        }
    }
}
