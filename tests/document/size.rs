//! Limits of platforms, at their edges.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::document::size::{Counted, Platform, exceeded};

use super::readme;

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
        assert!(!exceeded(fits).contains(&platform), "{}", platform.name());
        assert!(exceeded(fits + 1).contains(&platform), "{}", platform.name());
    }
}

#[test]
fn what_is_exceeded_is_said_for_all_platforms() {
    assert_eq!(exceeded(2048), []);
    assert_eq!(exceeded(16_385), [Platform::Ec2]);
    assert_eq!(exceeded(usize::MAX), Platform::ALL);
}

/// By the encoder itself.
#[test]
fn what_is_counted_as_base64_is_as_long_as_base64_makes_it() {
    for platform in Platform::ALL {
        let (limit, counted) = platform.limit();
        let length = |bytes: usize| if counted == Counted::Base64 { STANDARD.encode(vec![0; bytes]).len() } else { bytes };
        assert!(length(platform.room()) <= limit && length(platform.room() + 1) > limit, "{}", platform.name());
    }
}

#[test]
fn the_readme_has_the_limits() {
    let mut table = "| userdata of | takes a document of | its own limit |\n|---|---|---|\n".to_owned();
    for platform in Platform::ALL {
        let (limit, counted) = platform.limit();
        let counted = if counted == Counted::Base64 { ", counted as base64" } else { "" };
        let room = platform.room();
        table.push_str(&format!("| {} | {room} bytes ({:.0} KiB) | {limit}{counted} |\n", platform.name(), room as f64 / 1024.0));
    }
    readme::has("userdata", &table);
}
