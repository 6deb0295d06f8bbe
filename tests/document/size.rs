//! Limits of platforms, at their edges.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::document::remark;
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

#[test]
fn a_document_that_some_platforms_do_not_take_is_remarked_on() {
    assert_eq!(remark::size(16_384), None);
    let problem = "40000 bytes are more than some platforms take as userdata: EC2 (16384), Hetzner (32768), CloudStack (32768 as base64)";
    assert_eq!(remark::size(40_000).unwrap().problem, problem);
}

#[test]
fn an_even_number_of_control_planes_is_remarked_on() {
    assert_eq!([1, 3, 5, 255].map(remark::control_planes), [None, None, None, None]);
    for (count, advice) in [(2, "write 1 or 3"), (4, "write 3 or 5"), (254, "write 253 or 255")] {
        assert_eq!(remark::control_planes(count).unwrap().advice, advice);
    }
}
