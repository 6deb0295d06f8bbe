//! Limits of platforms, at their edges.

use kubeboot::document::size::{Platform, exceeded};

#[test]
fn a_limit_is_the_last_size_that_fits() {
    // Base64 of 3n bytes has 4n characters: 49 149 raw bytes are 65 532, one more is 65 536.
    for (platform, fits) in [
        (Platform::Ec2, 16_384),
        (Platform::Hetzner, 32_768),
        (Platform::CloudStack, 24_576),
        (Platform::OpenStack, 49_149),
        (Platform::Azure, 49_152),
    ] {
        assert!(!platform.is_exceeded(fits), "{}", platform.name());
        assert!(platform.is_exceeded(fits + 1), "{}", platform.name());
    }
}

#[test]
fn what_is_exceeded_is_said_for_all_platforms() {
    assert_eq!(exceeded(2048), []);
    assert_eq!(exceeded(16_385), [Platform::Ec2]);
    assert_eq!(exceeded(usize::MAX), Platform::ALL);
}
