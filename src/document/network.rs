//! `networking`, `controlPlaneEndpoint` and `peers`: addresses, and what kubeadm demands of subnets (kubeadm.md §1.3,
//! cmd/kubeadm/app/apis/kubeadm/validation).

use super::field::{Cidr, Endpoint, is_dns_name};
use super::form;
use super::shown::shown;
use super::spec::Networking;
use super::walk::At;

/// kubeadm's default for `networking.serviceSubnet`.
const DEFAULT_SERVICE_SUBNET: &str = "10.96.0.0/12";
/// Host bits of the smallest pod subnet: kubeadm wants 14 addresses.
const POD_HOST_BITS: u8 = 4;
/// Host bits of the smallest and the largest service subnet: kubeadm wants 10 addresses, and at most 20 bits.
const SERVICE_HOST_BITS: (u8, u8) = (4, 20);
/// kube-controller-manager cuts nodes' shares of these sizes from the pod subnet: IPv4, IPv6.
const NODE_MASKS: (u8, u8) = (24, 64);
/// kubeadm's limit for the bits between the pod subnet and a node's share.
const NODE_MASK_DIFFERENCE: u8 = 16;

/// `networking` and where its subnets are written.
pub(super) struct Networks<'t> {
    pub(super) value: Networking,
    pub(super) pods: Option<At<'t>>,
}

/// `networking`, which may be absent.
pub(super) fn networking<'t>(at: Option<&At<'t>>) -> Option<Networks<'t>> {
    let default = Cidr::parse(DEFAULT_SERVICE_SUBNET).ok()?;
    let dns_domain = "cluster.local".to_owned();
    let Some(at) = at else {
        return Some(Networks { value: Networking { pod_subnets: Vec::new(), service_subnets: vec![default], dns_domain }, pods: None });
    };
    let mut fields = at.map("networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}")?;
    let pods = fields.get("podSubnet", "The pods' network; the CNI has to know the same");
    let services = fields.get("serviceSubnet", "The services' network (default: 10.96.0.0/12)");
    let domain = fields.get("dnsDomain", "The services' DNS domain (default: cluster.local)");
    fields.finish();
    let dns_domain = match domain {
        Some(at) => at.parse(&form::DNS_DOMAIN, domain_name),
        None => Some(dns_domain),
    };
    let pod_subnets = match &pods {
        Some(at) => subnets(at),
        None => Some(Vec::new()),
    };
    let service_subnets = match &services {
        Some(at) => subnets(at),
        None => Some(vec![default]),
    };
    let (dns_domain, pod_subnets, service_subnets) = (dns_domain?, pod_subnets?, service_subnets?);
    if let Some(at) = &pods {
        pod_sizes(at, &pod_subnets);
    }
    if let Some(at) = &services {
        service_sizes(at, &service_subnets);
    }
    if let Some(at) = pods.as_ref().or(services.as_ref()) {
        pairs(at, &pod_subnets, &service_subnets, services.is_none());
    }
    Some(Networks { value: Networking { pod_subnets, service_subnets, dns_domain }, pods })
}

fn domain_name(text: &str) -> Result<String, String> {
    if is_dns_name(text) && !text.bytes().any(|b| b.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is no DNS domain; write lower-case labels with dots, for example cluster.local", shown(text)))
    }
}

/// One subnet. kubeadm takes one of each family with a comma between them; that is read, and refused by its name.
fn subnets(at: &At<'_>) -> Option<Vec<Cidr>> {
    let each = |text: &str| text.split(',').map(|part| Cidr::parse(part.trim())).collect::<Result<Vec<_>, _>>();
    let list = at.parse(&form::SUBNET, each)?;
    let four = list.iter().filter(|cidr| cidr.is_ipv4()).count();
    if four > 1 || list.len() - four > 1 {
        at.wrong("there is more than one subnet of a family", "write one subnet");
        return None;
    }
    if list.len() > 1 {
        at.wrong(
            "dual stack is not in this version: nodes get one address",
            "write one subnet, IPv4 or IPv6, for pods and one of the same family for services",
        );
        return None;
    }
    Some(list)
}

fn pod_sizes(at: &At<'_>, subnets: &[Cidr]) {
    for subnet in subnets.iter().filter(|subnet| subnet.host_bits() < POD_HOST_BITS) {
        at.wrong(format!("{subnet} is too small, kubeadm wants 14 addresses"), "write a larger network, for example 10.244.0.0/16");
    }
}

fn service_sizes(at: &At<'_>, subnets: &[Cidr]) {
    let (least, most) = SERVICE_HOST_BITS;
    for subnet in subnets {
        let widest = if subnet.is_ipv4() { 32 - most } else { 128 - most };
        if subnet.host_bits() < least {
            at.wrong(format!("{subnet} is too small, kubeadm wants 10 addresses"), "write a larger network, for example 10.96.0.0/12");
        } else if subnet.host_bits() > most {
            at.wrong(format!("{subnet} is too large for services"), format!("write a prefix of /{widest} or longer"));
        }
    }
}

/// Pods and services: the same family, no address in both.
fn pairs(at: &At<'_>, pods: &[Cidr], services: &[Cidr], by_default: bool) {
    let default = if by_default { " (the default)" } else { "" };
    for pod in pods {
        for service in services.iter().filter(|service| service.overlaps(pod)) {
            at.wrong(format!("pod subnet {pod} and service subnet {service}{default} overlap"), "write two networks that share no address");
        }
    }
    let families = |list: &[Cidr]| (list.iter().any(Cidr::is_ipv4), list.iter().any(|cidr| !cidr.is_ipv4()));
    if !pods.is_empty() && families(pods) != families(services) {
        let service = services.first().map(ToString::to_string).unwrap_or_default();
        at.wrong(format!("pod subnet and service subnet, {service}{default}, are not of the same family"), "write both IPv4 or both IPv6");
    }
}

/// The node share that kube-controller-manager cuts from a pod subnet has to fit; not asked where the document sets the
/// share's size itself, for then kubeadm judges.
pub(super) fn node_masks(networks: &Networks<'_>) {
    let Some(at) = &networks.pods else { return };
    for subnet in &networks.value.pod_subnets {
        let share = if subnet.is_ipv4() { NODE_MASKS.0 } else { NODE_MASKS.1 };
        if subnet.prefix() > share && subnet.host_bits() >= POD_HOST_BITS {
            at.wrong(
                format!("{subnet} has no room for one node's share, a /{share}"),
                format!(
                    "write a prefix of /{share} or shorter, or set node-cidr-mask-size in ClusterConfiguration.controllerManager.extraArgs"
                ),
            );
        } else if share.saturating_sub(subnet.prefix()) > NODE_MASK_DIFFERENCE {
            at.wrong(
                format!("{subnet} is more than {NODE_MASK_DIFFERENCE} bits wider than one node's share, a /{share}"),
                format!("write a prefix of /{} or longer", share - NODE_MASK_DIFFERENCE),
            );
        }
    }
}

/// `controlPlaneEndpoint` or one of `peers`.
pub(super) fn endpoint(at: &At<'_>) -> Option<Endpoint> {
    let endpoint = at.parse(&form::ENDPOINT, Endpoint::parse)?;
    if endpoint.address().is_some_and(|address| address.is_unspecified() || address.is_multicast()) {
        at.wrong(format!("{} is no address that can be reached", shown(endpoint.host())), "write the address that machines connect to");
        return None;
    }
    Some(endpoint)
}

/// `peers`.
pub(super) fn peers(at: &At<'_>) -> Option<Vec<Endpoint>> {
    let mut peers = Vec::new();
    for item in at.list("a list, for example [10.0.0.12:6443]")? {
        if let Some(peer) = endpoint(&item) {
            if peers.contains(&peer) {
                item.wrong(format!("{peer} is in the list twice"), "keep one of them");
            }
            peers.push(peer);
        }
    }
    Some(peers)
}

/// `addressFrom`.
pub(super) fn address_from(at: &At<'_>) -> Option<Vec<Cidr>> {
    let items = at.list("a list of networks, for example [10.0.0.0/16]")?;
    Some(items.iter().filter_map(|item| item.parse(&form::NODE_NETWORK, Cidr::parse)).collect())
}
