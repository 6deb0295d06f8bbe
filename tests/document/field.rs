//! The words with a form: what is read, what is refused and in which words.

use std::net::IpAddr;

use kubeboot::document::field::{BootstrapToken, CertificateKey, Cidr, Endpoint, KubernetesVersion, NodeName, is_dns_name};

#[test]
fn endpoints_are_read_and_written_back() {
    for (text, host, port, written) in [
        ("api.example.com:6443", "api.example.com", 6443, "api.example.com:6443"),
        ("API.Example.com:443", "api.example.com", 443, "api.example.com:443"),
        ("10.0.0.1:1", "10.0.0.1", 1, "10.0.0.1:1"),
        ("[fd00:0:0::1]:65535", "fd00::1", 65535, "[fd00::1]:65535"),
        ("cp-1:6443", "cp-1", 6443, "cp-1:6443"),
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.to_string().as_str()), (host, port, written));
        assert_eq!(endpoint.url(), format!("https://{written}"));
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }
    assert_eq!(Endpoint::parse("[fd00::1]:6443").unwrap().address(), "fd00::1".parse::<IpAddr>().ok());
    assert_eq!(Endpoint::parse("api:6443").unwrap().address(), None);
}

#[test]
fn endpoints_that_are_none_say_why() {
    for (text, why) in [
        ("api.example.com", "`api.example.com` has no port; write host:port, for example api.example.com:6443"),
        ("", "`` has no port; write host:port, for example api.example.com:6443"),
        ("fd00::1", "`fd00::1` has no port; write for example [fd00::1]:6443"),
        ("https://api:6443", "`https://api:6443` is a URL; write host:port without `https://` and path"),
        ("api:0", "`0` is no port; write a number from 1 to 65535"),
        ("api:65536", "`65536` is no port; write a number from 1 to 65535"),
        ("api:+6443", "`+6443` is no port; write a number from 1 to 65535"),
        ("api:", "`` is no port; write a number from 1 to 65535"),
        ("a_b:6443", "`a_b` is neither a DNS name nor an address; write for example api.example.com:6443"),
        ("10.0.0.256:6443", "`10.0.0.256` is neither a DNS name nor an address; write for example api.example.com:6443"),
        ("[10.0.0.1]:6443", "`[10.0.0.1]` is neither a DNS name nor an address; write for example api.example.com:6443"),
        ("[[fd00::1]]:6443", "`[[fd00::1]]` is neither a DNS name nor an address; write for example api.example.com:6443"),
        (":6443", "`` is neither a DNS name nor an address; write for example api.example.com:6443"),
        ("a\nb:1", "`a\\nb` is neither a DNS name nor an address; write for example api.example.com:6443"),
    ] {
        assert_eq!(Endpoint::parse(text).unwrap_err(), why);
    }
    let long = Endpoint::parse(&"x".repeat(1000)).unwrap_err();
    assert!(long.len() < 160 && long.contains('…'), "{long}");
}

#[test]
fn networks_are_read_compared_and_written_back() {
    let network = |text: &str| Cidr::parse(text).unwrap();
    for text in ["10.244.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "fd00::/64", "::/0", "fd00::1/128"] {
        assert_eq!(network(text).to_string(), text);
    }
    assert!(network("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
    assert!(!network("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
    assert!(!network("::/0").contains("10.0.0.1".parse().unwrap()));
    assert!(!network("0.0.0.0/0").contains("fd00::1".parse().unwrap()));
    assert!(network("10.96.0.0/12").overlaps(&network("10.100.0.0/16")));
    assert!(network("10.100.0.0/16").overlaps(&network("10.96.0.0/12")));
    assert!(!network("10.244.0.0/16").overlaps(&network("10.96.0.0/12")));
    assert!(!network("::/0").overlaps(&network("0.0.0.0/0")));
    assert_eq!((network("10.96.0.0/12").host_bits(), network("fd00::/112").host_bits()), (20, 16));
    assert_eq!((network("10.96.0.0/12").prefix(), network("fd00::/112").is_ipv4()), (12, false));
}

#[test]
fn networks_that_are_none_say_why() {
    for (text, why) in [
        ("10.244.0.0", "`10.244.0.0` has no prefix length; write for example 10.244.0.0/16"),
        ("10.244/16", "`10.244` is no IP address; write for example 10.244.0.0/16"),
        ("10.244.0.0/33", "`/33` is no prefix length; write a number from 0 to 32"),
        ("10.244.0.0/+16", "`/+16` is no prefix length; write a number from 0 to 32"),
        ("10.244.0.0/016", "`/016` is no prefix length; write a number from 0 to 32"),
        ("fd00::/129", "`/129` is no prefix length; write a number from 0 to 128"),
        ("10.244.1.0/16", "`10.244.1.0/16` has host bits; write the network, 10.244.0.0/16"),
        ("::ffff:10.0.0.0/104", "`::ffff:10.0.0.0/104` is an IPv4 network in the form of IPv6; write it in the form of IPv4"),
    ] {
        assert_eq!(Cidr::parse(text).unwrap_err(), why);
    }
}

#[test]
fn versions_are_whole_releases() {
    let version = KubernetesVersion::parse("v1.37.2").unwrap();
    assert_eq!((version.major, version.minor, version.patch, version.to_string().as_str()), (1, 37, 2, "v1.37.2"));
    assert!(KubernetesVersion::parse("v1.9.10").unwrap() < KubernetesVersion::parse("v1.10.0").unwrap());
    for text in
        ["1.37.2", "v1.37", "v1.37.2.1", "v1.37.2-rc.0", "v1.037.2", "v1.37.", "v1..2", "v+1.37.2", "v99999.1.1", "", "v", "stable-1"]
    {
        let why = KubernetesVersion::parse(text).unwrap_err();
        assert_eq!(why, format!("`{text}` is no Kubernetes release; write it whole, for example v1.37.2"));
    }
}

#[test]
fn node_names_are_lower_case_and_short() {
    assert_eq!(NodeName::parse("cp-1.example").unwrap().as_str(), "cp-1.example");
    assert_eq!(NodeName::parse(&"n".repeat(63)).unwrap().as_str().len(), 63);
    for text in ["", "Cp", "cp_1", "-cp", "cp-", "cp..1", "cp.", "cp 1"] {
        assert!(NodeName::parse(text).unwrap_err().contains("is no node name"), "{text}");
    }
    assert!(NodeName::parse(&"n".repeat(64)).unwrap_err().contains("more than 63 characters"));
}

#[test]
fn dns_names_have_bounded_labels() {
    assert!(is_dns_name("a"));
    assert!(is_dns_name(&"a".repeat(63)));
    assert!(!is_dns_name(&"a".repeat(64)));
    assert!(is_dns_name(&["a".repeat(62).as_str(); 4].join(".")));
    assert!(!is_dns_name(&["a".repeat(63).as_str(); 4].join(".")));
    assert!(!is_dns_name("a.-b"));
    assert!(!is_dns_name("ä"));
}

#[test]
fn secrets_are_read_and_never_shown() {
    let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
    assert_eq!(token.expose(), "abcdef.0123456789abcdef");
    assert_eq!(format!("{token:?}"), "[redacted]");
    for text in ["abcdef.0123456789abcde", "abcdef0123456789abcdef", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdef\n", "", "."] {
        let why = BootstrapToken::parse(text).unwrap_err();
        assert!(text.len() < 3 || !why.contains(text), "{why}");
    }
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let key = CertificateKey::parse(hex).unwrap();
    assert_eq!((key.to_hex().as_str(), key.expose()[0], format!("{key:?}").as_str()), (hex, 0x9f, "[redacted]"));
    assert_eq!(CertificateKey::parse(&hex.to_uppercase()).unwrap(), key);
    assert_eq!(CertificateKey::new(*key.expose()), key);
    for text in [&hex[1..], &hex.replace('9', "g"), &hex.replace("9f", "+f"), &format!("{hex}0"), "", &"é".repeat(32)] {
        assert!(!CertificateKey::parse(text).unwrap_err().contains(hex.get(8..20).unwrap()), "{text}");
    }
}
