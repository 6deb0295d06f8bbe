//! How long minting a cluster takes: `cargo bench --bench mint`. Prints, judges nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use kubeboot::document::{Disposal, Document, read_cluster};
use kubeboot::mint::{MintOptions, mint};
use kubeboot::moment::UnixTime;
use kubeboot::pki::random;
use kubeboot::secret::Secret;

const ROUNDS: usize = 200;

fn main() {
    let text = "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: v1.37.2\n\
                controlPlaneEndpoint: api.example.com:6443\nnetworking: {podSubnet: 10.244.0.0/16}\ncni: {name: flannel}\n";
    let document = Document {
        origin: "bench".to_owned(),
        bytes: Secret::new(text.as_bytes().to_vec()),
        instance_id: None,
        disposal: Disposal::Remove(Vec::new()),
    };
    let spec = read_cluster(&document).unwrap();
    let day = Duration::from_secs(86_400);
    let options = MintOptions { now: UnixTime(1_800_000_000), valid_for: day, admin_valid_for: day };
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            mint(&spec, &options, &mut random::fill).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("mint: min {:?}, median {:?} of {ROUNDS}", times[0], times[ROUNDS / 2]);
}
