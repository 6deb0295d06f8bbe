//! The CNI's own networks against the cluster's and the machines', where the CNI's manifest is at hand.

use kubeboot::check::{Checked, Companions, Input, ManifestAtHand, Rule, check, text};
use kubeboot::document::spec::CniChoice;
use kubeboot::secret::Secret;

use super::binary::{Folder, breaking, owned, said};
use super::support::golden;
use super::{NOW, broken};

/// flannel's own, with 10.244.0.0/16.
fn flannel() -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni/kube-flannel-v0.28.10.yml")).unwrap()
}

const CILIUM: &[u8] =
    b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata: {ipam: cluster-pool, cluster-pool-ipv4-cidr: 10.0.0.0/8}\n";
const CALICO: &[u8] = b"apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\n\
                        spec: {calicoNetwork: {ipPools: [{cidr: 192.168.0.0/16}, {cidr: 10.244.128.0/17}]}}\n";

fn cluster(pods: &str, cni: &str, more: &str) -> String {
    format!(
        "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\n\
         controlPlaneEndpoint: api.prod.example.com:6443\nnetworking: {{podSubnet: {pods}}}\ncni: {cni}\n{more}"
    )
}

fn judged(text: &str, manifest: Option<(CniChoice, &[u8])>) -> Checked {
    let input = Input { name: "cluster.yaml".to_owned(), folder: "/d".to_owned(), bytes: Secret::new(text.as_bytes().to_vec()) };
    let manifests = manifest.map(|(choice, bytes)| ManifestAtHand { choice, place: "/d/cni.yaml".to_owned(), bytes: bytes.to_vec() });
    let companions = Companions { folder: "/d".to_owned(), bundle: None, key: None, manifests: manifests.into_iter().collect() };
    check(&[input], &[companions], NOW)
}

const PATH: &str = "{manifest: /usr/share/cni.yaml}";

fn by_path() -> CniChoice {
    CniChoice::Manifest("/usr/share/cni.yaml".into())
}

#[test]
fn what_people_are_told_of_the_cni_s_networks() {
    let addresses = "controlPlane: {count: 3, addresses: [10.0.0.11]}\nworkers: {general: {addressFrom: [192.168.7.0/24]}}\n";
    let told: Vec<String> = [
        ("flannel in the image, not seen", cluster("10.200.0.0/16", "{name: flannel}", ""), None),
        ("flannel at hand", cluster("10.200.0.0/16", "{name: flannel}", ""), Some((CniChoice::Flannel, flannel()))),
        ("flannel by its path", cluster("10.200.0.0/16", PATH, ""), Some((by_path(), flannel()))),
        ("Cilium", cluster("10.244.0.0/16", PATH, addresses), Some((by_path(), CILIUM.to_vec()))),
        ("Calico", cluster("10.244.0.0/16", PATH, addresses), Some((by_path(), CALICO.to_vec()))),
        ("no manifest", cluster("10.244.0.0/16", PATH, ""), Some((by_path(), b"kind: [".to_vec()))),
    ]
    .into_iter()
    .map(|(what, text, manifest)| {
        let manifest = manifest.as_ref().map(|(choice, bytes)| (choice.clone(), bytes.as_slice()));
        format!("##### {what}\n{}", text::human(&judged(&text, manifest), false))
    })
    .collect();
    golden("check/cni.txt", &told.join("\n"));
}

#[test]
fn networks_that_agree_are_not_told() {
    assert_eq!(broken(&judged(&cluster("10.244.0.0/16", "{name: flannel}", ""), None)), []);
    for (pods, cni, choice, manifest) in [
        ("10.244.0.0/16", "{name: flannel}", CniChoice::Flannel, flannel()),
        ("10.244.0.0/16", PATH, by_path(), flannel()),
        // A pool within the pods' network, one that is the other family's, and a choice that is made at run time.
        ("10.244.0.0/16", PATH, by_path(), b"apiVersion: a/v1\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.244.8.0/24}\n".to_vec()),
        (
            "10.244.0.0/16",
            PATH,
            by_path(),
            b"apiVersion: crd.projectcalico.org/v1\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: \"fd00::/48\"}\n".to_vec(),
        ),
        (
            "10.244.0.0/16",
            PATH,
            by_path(),
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {ipam: kubernetes, cluster-pool-ipv4-cidr: 10.0.0.0/8}\n"
                .to_vec(),
        ),
    ] {
        let checked = judged(&cluster(pods, cni, ""), Some((choice, &manifest)));
        assert_eq!(broken(&checked), [], "{pods} {cni}: {checked:?}");
    }
    // flannel routes its own network and no share of the pods' beside it.
    assert_eq!(broken(&judged(&cluster("10.240.0.0/13", PATH, ""), Some((by_path(), &flannel())))), [Rule::CniNetwork]);
    // A manifest that another choice means says nothing about this one.
    assert_eq!(broken(&judged(&cluster("10.200.0.0/16", "{name: none}", ""), Some((by_path(), CILIUM)))), []);
}

#[test]
fn a_machine_s_document_is_compared_too() {
    let text = String::from_utf8(super::fixture("accept/worker-token.yaml")).unwrap();
    let text = text.replace("cni: {name: flannel}", &format!("cni: {PATH}"));
    let text = text.replace("api.prod.example.com:6443", "192.168.1.1:6443");
    assert!(text.contains(PATH) && text.contains("192.168.1.1"), "{text}");
    let found = broken(&judged(&text, Some((by_path(), CALICO))));
    assert_eq!(found, [Rule::EndpointAddress, Rule::NodeInNetwork, Rule::CniNetwork]);
}

#[test]
fn a_manifest_is_found_beside_its_documents_or_where_the_image_has_it() {
    let pinned =
        |text: &str| format!("{{url: \"https://a.example.com/dir/cni.yml?x=y\", sha256: {}}}", kubeboot::digest::sha256(text.as_bytes()));
    let upstream = String::from_utf8(flannel()).unwrap();
    for (cni, name, found) in [
        ("{name: flannel}".to_owned(), "flannel.yaml", "cni-manifest"),
        ("{name: flannel}".to_owned(), "kube-flannel.yml", "cni-manifest"),
        ("{manifest: /opt/x/cni.yaml}".to_owned(), "cni.yaml", "cni-network"),
        (pinned(&upstream), "cni.yml", "cni-network"),
    ] {
        let folder = Folder::new();
        folder.write("d/cluster.yaml", cluster("10.200.0.0/16", &cni, "").as_bytes());
        folder.write(&format!("d/{name}"), upstream.as_bytes());
        let (_, out, _) = said(&["--json", &folder.at("d")], b"");
        assert_eq!(breaking(&out, found), ["cluster.yaml"], "{cni}: {out}");
        assert_eq!(breaking(&out, "skipped"), owned(&[]), "it was looked at: {out}");
    }
    // Not the one that is pinned; and one that lies nowhere but where the document says.
    let folder = Folder::new();
    folder.write("d/cluster.yaml", cluster("10.200.0.0/16", &pinned("another"), "").as_bytes());
    folder.write("d/cni.yml", upstream.as_bytes());
    let (code, out, _) = said(&["--json", &folder.at("d")], b"");
    assert_eq!((code, breaking(&out, "cni-network"), breaking(&out, "skipped")), (0, owned(&[]), owned(&["cni.yml"])), "{out}");
    let image = folder.write("image/cni.yaml", upstream.as_bytes());
    let text = cluster("10.200.0.0/16", &format!("{{manifest: {}}}", image.display()), "");
    let (_, out, _) = said(&["--json", "-"], text.as_bytes());
    assert_eq!(breaking(&out, "cni-network"), ["<stdin>"], "{out}");
}
