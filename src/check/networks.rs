//! Machines' addresses against the networks that the cluster makes for itself: an address in both is reachable in one.

use std::net::IpAddr;

use crate::document::field::{Cidr, Endpoint};
use crate::document::spec::{ClusterSpec, Networking, NodeSpec};

use super::{Rule, Sheet};

/// The cluster's own networks with their fields.
fn own(networking: &Networking) -> Vec<(&'static str, Cidr)> {
    let pods = networking.pod_subnets.iter().map(|cidr| ("networking.podSubnet", *cidr));
    pods.chain(networking.service_subnets.iter().map(|cidr| ("networking.serviceSubnet", *cidr))).collect()
}

pub(super) fn node(sheet: &mut Sheet<'_>, spec: &NodeSpec) {
    let own = own(&spec.networking);
    addresses(sheet, &own, "controlPlaneEndpoint", spec.endpoint.address());
    addresses(sheet, &own, "peers", spec.peers.iter().filter_map(Endpoint::address));
    ranges(sheet, &own, "nodeRegistration.addressFrom", &spec.registration.address_from);
}

pub(super) fn cluster(sheet: &mut Sheet<'_>, spec: &ClusterSpec) {
    let own = own(&spec.networking);
    addresses(sheet, &own, "controlPlaneEndpoint", spec.endpoint.address());
    // `controlPlane.addresses` is compared by the reader of the cluster file.
    ranges(sheet, &own, "controlPlane.addressFrom", &spec.control_plane.pool.address_from);
    for (name, pool) in &spec.workers {
        ranges(sheet, &own, &format!("workers.{name}.addressFrom"), &pool.address_from);
    }
}

fn addresses(sheet: &mut Sheet<'_>, own: &[(&str, Cidr)], field: &str, list: impl IntoIterator<Item = IpAddr>) {
    for address in list {
        for (network, cidr) in own.iter().filter(|(_, cidr)| cidr.contains(address)) {
            let problem = format!("{address} lies in {network}, {cidr}: inside of the cluster it would mean something else");
            sheet.tell(Rule::NodeInNetwork, field, problem, format!("choose another {network}, one that no machine's address is in"));
        }
    }
}

fn ranges(sheet: &mut Sheet<'_>, own: &[(&str, Cidr)], field: &str, list: &[Cidr]) {
    for range in list {
        for (network, cidr) in own.iter().filter(|(_, cidr)| cidr.overlaps(range)) {
            let problem = format!("{range} and {network}, {cidr}, overlap: a machine with an address in both is not reachable");
            sheet.tell(Rule::NetworkOverlap, field, problem, format!("write a narrower network here, or choose another {network}"));
        }
    }
}
