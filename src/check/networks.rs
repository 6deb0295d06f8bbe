//! Machines' addresses against the networks that the cluster makes for itself: an address in both is reachable in one. The
//! CNI's own networks, where its manifest is at hand, against all of them.

use std::net::IpAddr;

use crate::cni::Manifest;
use crate::document::field::{Cidr, Endpoint};
use crate::document::spec::{CniChoice, Networking};
use crate::fault::Fault;

use super::{Content, ManifestAtHand, Rule, Sheet};

/// The network of flannel's manifest as flannel ships it.
const FLANNEL_AS_SHIPPED: &str = "10.244.0.0/16";

/// The pods' and services' networks.
pub(super) fn check(sheet: &mut Sheet<'_>, networking: &Networking) {
    let pods = networking.pod_subnets.iter().map(|cidr| ("networking.podSubnet", *cidr));
    let own: Vec<_> = pods.chain(networking.service_subnets.iter().map(|cidr| ("networking.serviceSubnet", *cidr))).collect();
    machines(sheet, &own);
}

/// The CNI's.
pub(super) fn cni(sheet: &mut Sheet<'_>, manifests: &[ManifestAtHand]) {
    let (choice, networking) = match &sheet.content {
        Content::Node(spec) => (spec.cni.clone(), spec.networking.clone()),
        Content::Cluster(spec) => (spec.cni.clone(), spec.networking.clone()),
        Content::Unread => return,
    };
    let Some(ManifestAtHand { place, bytes, .. }) = manifests.iter().find(|manifest| manifest.choice == choice) else {
        return unseen(sheet, &choice, &networking);
    };
    let manifest = match Manifest::read(bytes, place) {
        Ok(manifest) => manifest,
        Err(fault) => return refused(sheet, "cni", place, &fault),
    };
    // This one a machine looks into, and halts behind init.
    if choice == CniChoice::Flannel
        && let Err(fault) = manifest.check_flannel(&networking.pod_subnets, place)
    {
        return refused(sheet, "networking.podSubnet", place, &fault);
    }
    for network in manifest.networks() {
        let (said, cidr) = (network.said, network.cidr);
        let pods: Vec<&Cidr> = networking.pod_subnets.iter().filter(|pods| pods.is_ipv4() == cidr.is_ipv4()).collect();
        // What is compared with the pods' network is compared with what lies in it.
        if pods.iter().any(|pods| network.fits(pods)) {
            continue;
        }
        if let Some(pods) = pods.first() {
            let problem = format!(
                "{said} of {place} and networking.podSubnet don't agree ({cidr}, {pods}): the cluster would not know its pods by their \
                 addresses"
            );
            sheet.tell(Rule::CniNetwork, "networking.podSubnet", problem, "write the same network in both");
        }
        for services in networking.service_subnets.iter().filter(|services| services.overlaps(&cidr)) {
            let problem = format!(
                "{said} of {place}, {cidr}, and networking.serviceSubnet, {services}, overlap: a pod could get a service's address"
            );
            sheet.tell(Rule::NetworkOverlap, "networking.serviceSubnet", problem, "write networks that share no address");
        }
        machines(sheet, &[(said, cidr)]);
    }
}

fn refused(sheet: &mut Sheet<'_>, field: &str, place: &str, fault: &Fault) {
    let problem = format!("{} ({place}): {}", fault.what(), fault.why().unwrap_or_default().trim_end().replace('\n', "; "));
    sheet.tell(Rule::CniManifest, field, problem, fault.advice());
}

/// flannel's network is in the image, where it is easily forgotten.
fn unseen(sheet: &mut Sheet<'_>, choice: &CniChoice, networking: &Networking) {
    if *choice != CniChoice::Flannel || networking.pod_subnets.iter().all(|pods| pods.to_string() == FLANNEL_AS_SHIPPED) {
        return;
    }
    let problem = format!("flannel as it is shipped has the network {FLANNEL_AS_SHIPPED}, and its manifest in the image was not seen");
    let advice = "net-conf.json in the image's flannel.yaml has to say this podSubnet: machines halt otherwise; a copy of it \
                  beside this file is compared";
    sheet.tell(Rule::CniUnseen, "networking.podSubnet", problem, advice);
}

/// Every address and network of machines that the file names.
fn machines(sheet: &mut Sheet<'_>, own: &[(&str, Cidr)]) {
    match sheet.content.clone() {
        Content::Node(spec) => {
            addresses(sheet, own, "controlPlaneEndpoint", spec.endpoint.address());
            addresses(sheet, own, "peers", spec.peers.iter().filter_map(Endpoint::address));
            ranges(sheet, own, "nodeRegistration.addressFrom", &spec.registration.address_from);
        }
        Content::Cluster(spec) => {
            addresses(sheet, own, "controlPlaneEndpoint", spec.endpoint.address());
            // Against pods and services the reader of the cluster file compares these: then there is nothing left to find.
            addresses(sheet, own, "controlPlane.addresses", spec.control_plane.addresses.iter().copied());
            ranges(sheet, own, "controlPlane.addressFrom", &spec.control_plane.pool.address_from);
            for (name, pool) in &spec.workers {
                ranges(sheet, own, &format!("workers.{name}.addressFrom"), &pool.address_from);
            }
        }
        Content::Unread => {}
    }
}

fn addresses(sheet: &mut Sheet<'_>, own: &[(&str, Cidr)], field: &str, list: impl IntoIterator<Item = IpAddr>) {
    for address in list {
        for (network, cidr) in own.iter().filter(|(_, cidr)| cidr.contains(address)) {
            let problem = format!("{address} lies in {network}, {cidr}: inside of the cluster it would mean something else");
            sheet.tell(
                Rule::NodeInNetwork,
                field,
                problem,
                format!("choose another network for {network}, one that no machine's address is in"),
            );
        }
    }
}

fn ranges(sheet: &mut Sheet<'_>, own: &[(&str, Cidr)], field: &str, list: &[Cidr]) {
    for range in list {
        for (network, cidr) in own.iter().filter(|(_, cidr)| cidr.overlaps(range)) {
            let problem = format!("{range} and {network}, {cidr}, overlap: a machine with an address in both is not reachable");
            sheet.tell(Rule::NetworkOverlap, field, problem, format!("write a narrower network here, or choose another one for {network}"));
        }
    }
}
