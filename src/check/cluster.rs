//! A cluster file, when it is right by itself.

use crate::document::remark;
use crate::document::spec::ClusterSpec;

use super::{Rule, Sheet, networks, node};

pub(super) fn check(sheet: &mut Sheet<'_>, spec: &ClusterSpec) {
    node::endpoint(sheet, spec.endpoint.address().is_some());
    networks::check(sheet, &spec.networking);
    if let Some(remark) = spec.control_plane.count.and_then(remark::control_planes) {
        sheet.tell(Rule::EvenControlPlanes, "controlPlane.count", remark.problem, remark.advice);
    }
}
