//! Limits of platforms, at their edges.

use kubeboot::document::remark;
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
