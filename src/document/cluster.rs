//! `kind: Cluster`, mint's input → [`ClusterSpec`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::field::{KubernetesVersion, is_dns_name};
use super::form;
use super::kinds::{self, Sorted};
use super::kubeadm;
use super::network::Networks;
use super::shown::{shown, shown_name};
use super::spec::{ClusterSpec, ControlPlanes, CredentialKind, EncryptionAlgorithm, PkiMode, Pool};
use super::walk::{At, Fields, Key};
use super::{labels, network, node, part, relations, source, start};

/// A pool's name becomes part of a file's name.
const POOL_NAME: usize = 40;

const POOLS: &str = "a map of pools, workers: {general: {labels: {disk: ssd}}}";

/// Reads a cluster file; `None` means that there are violations.
pub(super) fn read(sorted: &Sorted<'_>) -> Option<ClusterSpec> {
    let mut fields = sorted.own.map("a document")?;
    kinds::seen(&mut fields, "Cluster");
    let name = fields.need("name", "The cluster's name", "the cluster's name, name: prod");
    let part::Shared { version, endpoint, networking } = part::shared(&mut fields);
    let cni_at = part::cni(&mut fields);
    let encryption =
        fields.get("encryptionAlgorithm", "The algorithm of the keys that mint makes, and kubeadm later (default: ECDSA-P256)");
    let pki_at = fields.get(
        "pki",
        "Where control planes get the CAs from: secret (the default; Secret kubeadm-certs), inline (their documents), disk (files that \
         you put there), or the URL of mint's bundle.json",
    );
    let credential = fields
        .get("credential", "With what joining machines are known: bootstrapCertificate (the default; signed offline) or bootstrapToken");
    let clock = part::clock_field(&mut fields);
    let initialize = fields.get("initialize", "Who starts the cluster (default: the machine with control-plane-init.yaml)");
    let control_plane = fields.get("controlPlane", "The control planes");
    let workers = fields.get("workers", "Pools of workers by name; without them there is one worker.yaml");
    fields.never(
        "worker",
        "there may be several pools of workers, each with a name and a document of its own",
        &format!("write {POOLS}; without `workers` there is one worker.yaml"),
    );
    fields.finish();
    let name = name.and_then(|at| part::cluster_name(&at));
    let version = version.and_then(|at| part::version(&at));
    let endpoint = endpoint.and_then(|at| network::endpoint(&at));
    let networks = network::networking(networking.as_ref());
    let cni = cni_at.as_ref().and_then(source::cni);
    let encryption = match encryption {
        Some(at) => keys(&at, version),
        None => Some(EncryptionAlgorithm::default()),
    };
    let pki = pki_at.as_ref().map(pki);
    let credential = match credential {
        Some(at) => {
            at.choice(&[("bootstrapCertificate", CredentialKind::BootstrapCertificate), ("bootstrapToken", CredentialKind::BootstrapToken)])
        }
        None => Some(CredentialKind::BootstrapCertificate),
    };
    let clock = part::clock(clock.as_ref());
    let initialize = start::starter(initialize.as_ref());
    let control_plane = control_planes(control_plane.as_ref(), networks.as_ref());
    let workers = match workers {
        Some(at) => pools(&at),
        None => Some(BTreeMap::new()),
    };
    let mut said = node::said("name", name.as_ref(), version, endpoint.as_ref(), networks.as_ref());
    said.encryption = encryption.map(|algorithm| algorithm.name().to_owned());
    let overrides = kubeadm::overrides(sorted.own.walk, &sorted.kubeadm, &said);
    if let Some(networks) = &networks {
        relations::networks(networks, cni_at.as_ref(), cni.as_ref(), &sorted.kubeadm);
    }
    Some(ClusterSpec {
        name: name?,
        kubernetes_version: version?,
        endpoint: endpoint?,
        networking: networks?.value,
        cni: cni?,
        encryption: encryption?,
        pki: pki.map_or(Some(None), |pki| pki.map(Some))?,
        credential: credential?,
        clock: clock?,
        initialize: initialize?,
        control_plane: control_plane?,
        workers: workers?,
        overrides,
    })
}

/// `encryptionAlgorithm`: kubeadm's own keys are of the same kind.
fn keys(at: &At<'_>, version: Option<KubernetesVersion>) -> Option<EncryptionAlgorithm> {
    let algorithm = at.choice(&EncryptionAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm)))?;
    if let (Some(version), Some(first)) = (version, algorithm.first_minor())
        && version.minor < first
    {
        at.wrong(
            format!("the kubeadm of {version} does not make keys of {}", algorithm.name()),
            format!("write kubernetesVersion v1.{first} or newer, or {}", EncryptionAlgorithm::default().name()),
        );
    }
    Some(algorithm)
}

/// `pki`: a word, or where the bundle will be.
fn pki(at: &At<'_>) -> Option<PkiMode> {
    let words = [("secret", PkiMode::Secret), ("inline", PkiMode::Inline), ("disk", PkiMode::Disk)];
    at.map_or(pki_url, |at| at.choice_or(&words, Some("{url: https://…/bundle.json}")))
}

fn pki_url(at: &At<'_>) -> Option<PkiMode> {
    let mut fields = at.map("{url: https://…/bundle.json}")?;
    let example = "url: https://…/bundle.json, where bundle.json of mint's folder will be";
    let url = fields.need("url", "Where bundle.json of mint's folder will be", example);
    fields.never("sha256", "mint itself writes the digest of the bundle that it makes", "remove it");
    fields.finish();
    url?.parse(&form::URL, source::http_url).map(PkiMode::Url)
}

/// `controlPlane`.
fn control_planes(at: Option<&At<'_>>, networks: Option<&Networks<'_>>) -> Option<ControlPlanes> {
    let Some(at) = at else { return Some(ControlPlanes::default()) };
    let mut fields = at.map("a map, for example {count: 3, labels: {rack: a}}")?;
    let count = fields.get("count", "How many there will be; an even number is warned of");
    let what = "Addresses that some of them will have: asked by the machine that starts the cluster whether one lives there already";
    let addresses_at = fields.get("addresses", what);
    let pool = pool(fields);
    let count = count.map(|at| at.parse(&form::CONTROL_PLANES, number));
    let addresses = addresses_at.as_ref().map(|at| addresses(at, networks));
    if let (Some(at), Some(Some(count)), Some(Some(addresses))) = (&addresses_at, count, &addresses)
        && addresses.len() > usize::from(count)
    {
        at.misplaced(
            format!("there are {} addresses, and the count is {count}", addresses.len()),
            "write the count of all control planes, or remove the addresses of others",
        );
    }
    Some(ControlPlanes {
        count: count.map_or(Some(None), |count| count.map(Some))?,
        addresses: addresses.unwrap_or(Some(Vec::new()))?,
        pool: pool?,
    })
}

fn number(text: &str) -> Result<u8, String> {
    // To YAML 1.1 a number with a leading zero is in base 8.
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    match text.parse() {
        Ok(count @ 1..) if plain => Ok(count),
        _ => Err(format!("{} is no number of control planes; write 3, or another odd number", shown(text))),
    }
}

fn addresses(at: &At<'_>, networks: Option<&Networks<'_>>) -> Option<Vec<IpAddr>> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    let items = at.list("a list of IP addresses, for example [10.0.0.11, 10.0.0.12]")?;
    if items.len() > usize::from(u8::MAX) {
        at.wrong(format!("there are {} addresses of control planes", items.len()), format!("write at most {}, one of each", u8::MAX));
        return None;
    }
    for item in items {
        let read = |text: &str| text.parse().map_err(|_| format!("{} is no IP address; write for example 10.0.0.11", shown(text)));
        let Some(address) = item.parse::<IpAddr>(&form::ADDRESS, read) else { continue };
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            item.wrong(format!("{address} is no address that other machines can reach"), format!("write {}", form::ADDRESS.example));
        }
        if let Some(networks) = networks
            && let Some(subnet) =
                networks.value.pod_subnets.iter().chain(&networks.value.service_subnets).find(|subnet| subnet.contains(address))
        {
            item.wrong(
                format!("{address} lies in {subnet}, which is the pods' or the services'"),
                "write the machine's own address, or choose another subnet in networking",
            );
        }
        if !seen.insert(address) {
            item.wrong(format!("{address} is in the list twice"), "keep one of them");
        }
        found.push(address);
    }
    Some(found)
}

/// `workers`.
fn pools(at: &At<'_>) -> Option<BTreeMap<String, Pool>> {
    let mut pools = BTreeMap::new();
    let mut whole = true;
    let count = at.keyed(POOLS, &form::POOL_NAME, |Key { text: name, .. }, at| {
        if ["labels", "taints", "addressFrom"].contains(&name) {
            at.misplaced(format!("`{name}` is a field of a pool, and `workers` has pools in it"), format!("write {POOLS}"));
            whole = false;
            return;
        }
        if name.len() > POOL_NAME || name.contains('.') || name != name.to_ascii_lowercase() || !is_dns_name(name) {
            at.misplaced(
                format!("{} is no name for a pool", shown_name(name)),
                format!("write {}: the pool's document is worker-NAME.yaml", form::POOL_NAME.example),
            );
        }
        match at.map("a map, for example {labels: {disk: ssd}, taints: []}, or {}").and_then(pool) {
            Some(pool) => drop(pools.insert(name.to_owned(), pool)),
            None => whole = false,
        }
    })?;
    if count == 0 {
        at.wrong("there is no pool in it", format!("write {POOLS}, or remove `workers`: then there is one worker.yaml"));
        return None;
    }
    whole.then_some(pools)
}

/// What `controlPlane` and every pool of workers have.
fn pool(mut fields: Fields<'_>) -> Option<Pool> {
    let (labels, taints, address_from) = part::pool(&mut fields);
    fields.finish();
    let labels = labels.map(|at| labels::labels(&at));
    let taints = taints.map(|at| labels::taints(&at));
    let address_from = address_from.map(|at| network::address_from(&at));
    Some(Pool {
        labels: labels.unwrap_or(Some(Default::default()))?,
        taints: taints.map_or(Some(None), |taints| taints.map(Some))?,
        address_from: address_from.unwrap_or(Some(Vec::new()))?,
    })
}
