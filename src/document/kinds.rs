//! Which document is which: exactly one of kubeboot's own, and kubeadm's, at most one of each kind.

use super::form;
use super::kubeadm::{KINDS, KubeadmDocument};
use super::shown::shown;
use super::tree::{Node, Place, Tree};
use super::walk::{At, Fields, Walk, nearest};

/// The apiVersion of kubeboot's own documents.
pub(super) const API_VERSION: &str = "kubeboot/v1alpha1";

/// The documents of one input.
pub(super) struct Sorted<'t> {
    /// kubeboot's own.
    pub(super) own: At<'t>,
    /// kubeadm's.
    pub(super) kubeadm: Vec<KubeadmDocument<'t>>,
}

/// Sorts documents; `wanted` is `Node` or `Cluster`.
pub(super) fn sort<'t>(walk: &'t Walk, trees: &'t [Tree], wanted: &'static str) -> Option<Sorted<'t>> {
    let mut own: Option<At<'t>> = None;
    let mut other_seen = false;
    let mut kubeadm: Vec<KubeadmDocument<'t>> = Vec::new();
    for tree in trees {
        let root = At::root(walk, tree, "");
        let Some(kind) = kind_of(&root) else {
            other_seen = true;
            continue;
        };
        if kind == wanted {
            match &own {
                Some(first) => root.wrong(
                    format!("there is a second `kind: {wanted}`; the first is at line {}", first.tree.place.line),
                    "keep one, for each machine has a document of its own",
                ),
                None => own = Some(root),
            }
        } else if kind == "Node" || kind == "Cluster" {
            other_seen = true;
            let advice = if kind == "Cluster" {
                "this is a cluster file, the input of `kubeboot mint`, which makes the documents of machines"
            } else {
                "this is a machine's document, and a cluster file is wanted here"
            };
            root.wrong(format!("this is `kind: {kind}`, not `kind: {wanted}`"), advice);
        } else if let Some(first) = kubeadm.iter().find(|document| document.kind == kind) {
            root.wrong(
                format!("there is a second `kind: {kind}`; the first is at line {}", first.tree.place.line),
                "write all its fields in one document",
            );
        } else {
            kubeadm.push(KubeadmDocument { kind, tree });
        }
    }
    if own.is_none() && !other_seen {
        let place = trees.first().map_or(Place::START, |tree| tree.place);
        walk.wrong(
            place,
            "",
            format!("there is no `kind: {wanted}`"),
            format!("begin with `apiVersion: {API_VERSION}` and `kind: {wanted}`"),
        );
    }
    own.map(|own| Sorted { own, kubeadm })
}

/// Asks for what [`sort`] has judged.
pub(super) fn seen(fields: &mut Fields<'_>, kind: &'static str) {
    fields.seen("apiVersion", "The version of this document's form", API_VERSION);
    fields.seen("kind", "What this document is", kind);
}

/// The kind of a document, if it is known.
fn kind_of(root: &At<'_>) -> Option<&'static str> {
    if !matches!(root.tree.node, Node::Map(_)) {
        root.wrong(
            format!("this document is {}, not a map", root.tree.node.kind()),
            format!("begin with `apiVersion: {API_VERSION}` and `kind`"),
        );
        return None;
    }
    let mut fields = root.map("a document")?;
    let version = fields.need("apiVersion", "", &format!("apiVersion: {API_VERSION}"));
    let kind = fields.need("kind", "", "kind: Node");
    let kind_at = kind?;
    let word = kind_at.word(&form::KIND)?;
    let own = [("Node", API_VERSION), ("Cluster", API_VERSION)];
    let found = own.iter().chain(KINDS.iter()).find(|(kind, _)| *kind == word);
    let Some((kind, right)) = found else {
        let known: Vec<&'static str> = own.iter().chain(KINDS.iter()).map(|(kind, _)| *kind).collect();
        let advice = match (word, nearest(word, &known)) {
            ("ResetConfiguration" | "UpgradeConfiguration", _) => "remove the document: kubeboot neither resets nor upgrades".to_owned(),
            (_, Some(name)) => format!("did you mean `{name}`?"),
            (_, None) => format!("known here: {}", known.join(", ")),
        };
        kind_at.wrong(format!("{} is no known kind", shown(word)), advice);
        return None;
    };
    // A wrong apiVersion does not keep the other violations of the document from being found.
    if let Some(version) = version
        && let Some(written) = version.word(&form::API_VERSION)
        && written != *right
    {
        let advice = if written.starts_with("kubeadm.k8s.io/") && right.starts_with("kubeadm.k8s.io/") {
            format!("write {right} (`kubeadm config migrate` of kubeadm 1.31 to 1.36 converts v1beta3)")
        } else {
            format!("write {right}")
        };
        version.wrong(format!("{} is not the apiVersion of {kind}", shown(written)), advice);
    }
    Some(kind)
}
