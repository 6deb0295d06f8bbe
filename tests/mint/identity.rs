//! What a cluster file says, its documents say: over every combination of the words below.
//! Versions alone alternate instead.

use super::{CONTROL_PLANE, CONTROL_PLANE_INIT, WORKER, document, node, options};

use kubeboot::document::read_cluster;
use kubeboot::mint::{Basis, mint};
use kubeboot::pki::random;

/// The words of each field; a cluster file takes one of each.
const NAMES: &[&str] = &["prod", "a", "x-1"];
const VERSIONS: &[&str] = &["v1.37.2", "v1.36.0"];
const ENDPOINTS: &[&str] = &["api.prod.example.com:6443", "10.0.0.10:6443", "'[2001:db8::1]:8443'"];
const NETWORKS: &[&str] =
    &["{podSubnet: 10.244.0.0/16}", "{podSubnet: 10.244.0.0/16, serviceSubnet: 10.112.0.0/12, dnsDomain: other.local}"];
const CLOCKS: &[&str] = &["synchronised", "plausible"];
const POOLS: &[&str] =
    &["{}", "{labels: {tier: a, zone: 'no'}}", "{taints: [{key: only, value: this, effect: NoSchedule}], addressFrom: [10.0.0.0/24]}"];

#[test]
fn documents_say_what_the_cluster_file_says() {
    let mut files = 0;
    for number in 0..NAMES.len() * ENDPOINTS.len() * NETWORKS.len() * CLOCKS.len() * POOLS.len() {
        let mut left = number;
        let mut word = |words: &'static [&'static str]| {
            let word = words[left % words.len()];
            left /= words.len();
            word
        };
        let file = format!(
            "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: {}\ncontrolPlaneEndpoint: {}\nnetworking: {}\nclock: {}\n\
             controlPlane: {}\nkubernetesVersion: {}\ncni: {{name: flannel}}\n",
            word(NAMES),
            word(ENDPOINTS),
            word(NETWORKS),
            word(CLOCKS),
            word(POOLS),
            VERSIONS[number % VERSIONS.len()],
        );
        let spec = read_cluster(&document("cluster.yaml", file.as_bytes())).unwrap_or_else(|violations| panic!("{violations}{file}"));
        let minted = mint(&spec, &options(), Basis::New, &mut random::fill).unwrap();
        for name in [CONTROL_PLANE_INIT, CONTROL_PLANE, WORKER] {
            let node = node(&minted, name);
            assert_eq!(node.cluster, spec.name, "{name}\n{file}");
            assert_eq!(node.kubernetes_version, spec.kubernetes_version, "{name}\n{file}");
            assert_eq!(node.endpoint, spec.endpoint, "{name}\n{file}");
            assert_eq!(node.networking, spec.networking, "{name}\n{file}");
            assert_eq!(node.cni, spec.cni, "{name}\n{file}");
            assert_eq!(node.clock, spec.clock, "{name}\n{file}");
            if name != WORKER {
                let said = (node.registration.labels, node.registration.taints, node.registration.address_from);
                let pool = spec.control_plane.pool.clone();
                assert_eq!(said, (pool.labels, pool.taints, pool.address_from), "{name}\n{file}");
            }
        }
        files += 1;
    }
    assert_eq!(files, 108);
}
