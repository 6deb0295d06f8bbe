//! How long minting a cluster takes: `cargo bench --bench mint`. Prints, judges nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use kubeboot::document::{Disposal, Document, read_cluster};
use kubeboot::mint::{Basis, MintOptions, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::random;
use kubeboot::secret::Secret;

fn main() {
    println!("from the text of a cluster file to all documents");
    for (algorithm, rounds) in [("ECDSA-P256", 200), ("ECDSA-P384", 100), ("RSA-2048", 20), ("RSA-3072", 10), ("RSA-4096", 5)] {
        measure(algorithm, rounds);
    }
}

fn measure(algorithm: &str, rounds: usize) {
    let text = format!(
        "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\n\
                controlPlaneEndpoint: api.example.com:6443\nnetworking: {{podSubnet: 10.244.0.0/16}}\ncni: {{name: flannel}}\n\
                encryptionAlgorithm: {algorithm}\n"
    );
    let document = Document {
        origin: "bench".to_owned(),
        bytes: Secret::new(text.into_bytes()),
        instance_id: None,
        disposal: Disposal::Remove(Vec::new()),
    };
    let options = MintOptions::plain(UnixTime(1_800_000_000), Duration::from_secs(86_400));
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            let spec = read_cluster(&document).unwrap();
            mint(&spec, &options, Basis::New, &mut random::fill).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("{algorithm}: min {:?}, median {:?}, max {:?} of {rounds}", times[0], times[rounds / 2], times[rounds - 1]);
}
