//! A cluster file, when it is right by itself.

use crate::document::spec::ClusterSpec;

use super::{Rule, Sheet, networks, node};

pub(super) fn check(sheet: &mut Sheet<'_>, spec: &ClusterSpec) {
    node::endpoint(sheet, spec.endpoint.address().is_some());
    networks::check(sheet, &spec.networking);
    let Some(count) = spec.control_plane.count.filter(|count| count.is_multiple_of(2)) else { return };
    sheet.tell(
        Rule::EvenControlPlanes,
        "controlPlane.count",
        format!("{count} control planes bear no more failures than {}: etcd needs more than half of its members", count.saturating_sub(1)),
        format!("write {} or {}", count.saturating_sub(1), count.saturating_add(1)),
    );
}
