//! Build script: tells the binary when it was built, as a floor for the clock of the machines it boots.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=src/build.rs");
    // Reproducible builds say the time themselves (reproducible-builds.org/specs/source-date-epoch).
    let told = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("cargo::rustc-env=KUBEBOOT_BUILT={}", told.unwrap_or_else(now));
}
