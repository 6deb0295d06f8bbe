//! The `kubeboot` binary.
fn main() {}
