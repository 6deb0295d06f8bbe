//! `initialize`: who may start the cluster, until when, and what happens while the endpoint is unclear.

use std::time::Duration;

use crate::moment::{self, UnixTime};

use super::field::NodeName;
use super::form;
use super::outline::Rule;
use super::shown::shown;
use super::source::http_url;
use super::spec::{Claim, Initialize, InitializeNode, OnUnreachable, Starter};
use super::walk::{At, Fields};

/// `initialize` of a machine's document.
pub(super) fn initialize(at: &At<'_>) -> Option<Initialize> {
    let mut fields = at.map("a map, {before: 2026-11-24T10:00:00Z}")?;
    let before = fields.need(
        "before",
        "The end of the window in which this machine may start the cluster, an instant in UTC",
        "before: 2026-11-24T10:00:00Z, the end of the window in which the cluster may be started",
    );
    let starter = who(fields);
    let before = before.and_then(|at| at.parse(&form::INSTANT, instant));
    let Starter { on_unreachable, node, claim } = starter?;
    Some(Initialize { before: before?, on_unreachable, node, claim })
}

/// `initialize` of a cluster file: the same, but for the window.
pub(super) fn starter(at: Option<&At<'_>>) -> Option<Starter> {
    let Some(at) = at else { return Some(Starter { on_unreachable: OnUnreachable::Wait, node: None, claim: None }) };
    let mut fields = at.map("a map, for example {node: {hostname: cp-1}}")?;
    fields.never("before", "the window's end is not in a cluster file", "remove it: mint writes it, from --valid-for");
    who(fields)
}

/// What both have.
fn who(mut fields: Fields<'_>) -> Option<Starter> {
    let on_unreachable = fields.get(
        "onUnreachable",
        "What to do while the endpoint answers nothing at all: wait (the default), or {proceedAfter: TIME} start the cluster then",
    );
    let node = fields.get("node", "The one machine that may start the cluster");
    let claim = fields.get("claim", "Where the control planes, which share one document, claim the right to start the cluster");
    fields.written(Rule::NotBoth(["node", "claim"]));
    fields.finish();
    if let (Some(node), Some(_)) = (&node, &claim) {
        node.misplaced("the right to start the cluster is told and claimed at once", "write initialize.node or initialize.claim, not both");
    }
    let on_unreachable = match on_unreachable {
        Some(at) => on_unreachable_choice(&at),
        None => Some(OnUnreachable::Wait),
    };
    let node = node.map(|at| initialize_node(&at));
    let claim = claim.map(|at| store(&at));
    Some(Starter {
        on_unreachable: on_unreachable?,
        node: node.map_or(Some(None), |node| node.map(Some))?,
        claim: claim.map_or(Some(None), |claim| claim.map(Some))?,
    })
}

fn instant(text: &str) -> Result<UnixTime, String> {
    UnixTime::parse(text).ok_or_else(|| format!("{} is no instant in UTC; write RFC 3339, for example 2026-11-24T10:00:00Z", shown(text)))
}

fn on_unreachable_choice(at: &At<'_>) -> Option<OnUnreachable> {
    let after = "{proceedAfter: 5m}";
    at.map_or(|at| proceed_after(at, after), |at| at.choice_or(&[("wait", OnUnreachable::Wait)], Some(after)))
}

fn proceed_after(at: &At<'_>, example: &str) -> Option<OnUnreachable> {
    let mut fields = at.map(example)?;
    let after = fields.need("proceedAfter", "How long the endpoint has to answer nothing, at most 24h", "proceedAfter: 5m");
    fields.finish();
    after?.parse(&form::DURATION, duration).map(OnUnreachable::ProceedAfter)
}

/// At most a day: the window is no longer.
fn duration(text: &str) -> Result<Duration, String> {
    match moment::duration(text) {
        None => Err(format!("{} is no duration; write hours, minutes and seconds, for example 5m or 1h30m", shown(text))),
        Some(time) if time.as_secs() > 86_400 => Err(format!("{} is longer than a day; write at most 24h", shown(text))),
        Some(time) => Ok(time),
    }
}

const NODE_WAYS: &[&str] = &["systemUUID", "instanceID", "serial", "mac", "address", "hostname"];

fn initialize_node(at: &At<'_>) -> Option<InitializeNode> {
    let mut fields = at.map("a map, {systemUUID: …}, or instanceID, serial, mac, address, hostname")?;
    let uuid = fields.get("systemUUID", "The system UUID, as /sys/class/dmi/id/product_uuid has it");
    let instance = fields.get("instanceID", "The instance id of the datasource");
    let serial = fields.get("serial", "The SMBIOS serial number");
    let mac = fields.get("mac", "The hardware address of one of the machine's interfaces");
    let address = fields.get("address", "One of the machine's IP addresses");
    let hostname = fields.get("hostname", "The machine's hostname");
    let written = fields.written(Rule::One(NODE_WAYS));
    fields.finish();
    let uuid = uuid.map(|at| at.parse(&form::SYSTEM_UUID, system_uuid).map(InitializeNode::SystemUuid));
    let instance = instance.map(|at| at.word(&form::INSTANCE_ID).map(|text| InitializeNode::InstanceId(text.to_owned())));
    let serial = serial.map(|at| at.word(&form::SERIAL).map(|text| InitializeNode::Serial(text.to_owned())));
    let mac = mac.map(|at| at.parse(&form::MAC, hardware_address).map(InitializeNode::Mac));
    let read = |text: &str| text.parse().map_err(|_| format!("{} is no IP address; write for example 10.0.0.11", shown(text)));
    let address = address.map(|at| at.parse(&form::ADDRESS, read).map(InitializeNode::Address));
    let hostname =
        hostname.map(|at| at.parse(&form::NODE_NAME, NodeName::parse).map(|name| InitializeNode::Hostname(name.as_str().to_owned())));
    if written != 1 {
        at.wrong(
            format!("{written} ways of naming the machine are written here"),
            format!("write exactly one of {}", NODE_WAYS.join(", ")),
        );
        return None;
    }
    uuid.or(instance).or(serial).or(mac).or(address).or(hostname)?
}

/// `claim`. No URL is ever quoted: it may be signed.
fn store(at: &At<'_>) -> Option<Claim> {
    let mut fields = at.map("a map, {put: URL, get: URL}")?;
    let put = fields.need("put", "The URL at which the claim is created, once", "put: https://…, where the claim is created");
    let get = fields.need("get", "The URL at which the same object is read", "get: https://…, where the same object is read");
    fields.finish();
    let put = put.and_then(|at| at.parse(&form::HTTPS_URL, https_url));
    let get = get.and_then(|at| at.parse(&form::HTTPS_URL, https_url));
    Some(Claim { put: put?, get: get? })
}

fn https_url(text: &str) -> Result<String, String> {
    match http_url(text)? {
        url if url.starts_with("https://") => Ok(url),
        _ => Err("a claim over plain http could be anybody's; write https://host/path".to_owned()),
    }
}

fn system_uuid(text: &str) -> Result<String, String> {
    let groups: Vec<&str> = text.split('-').collect();
    let hex = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
    if groups.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(hex) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{} is no UUID; write it as /sys/class/dmi/id/product_uuid has it, 8-4-4-4-12 hex digits", shown(text)))
    }
}

fn hardware_address(text: &str) -> Result<String, String> {
    let text_colons = text.replace('-', ":").to_ascii_lowercase();
    let octets: Vec<&str> = text_colons.split(':').collect();
    if octets.len() == 6 && octets.iter().all(|octet| octet.len() == 2 && octet.bytes().all(|b| b.is_ascii_hexdigit())) {
        Ok(text_colons)
    } else {
        Err(format!("{} is no hardware address; write for example 52:54:00:12:34:56", shown(text)))
    }
}
