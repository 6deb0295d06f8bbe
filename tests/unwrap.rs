//! Wrapped user-data that is anything at all: nothing panics, nothing grows without bound, nothing is quoted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/documents.rs"]
#[allow(dead_code, reason = "only an empty document is taken from there")]
mod documents;
#[path = "support/numbers.rs"]
#[allow(dead_code, reason = "numbers alone are needed here")]
mod numbers;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubeboot::datasource::{LIMIT, unwrap};
use kubeboot::document::Document;
use kubeboot::failure::Failure;
use kubeboot::render::{Format, MintedDocument, render};
use kubeboot::secret::Secret;

use numbers::Numbers;

/// What no fault may repeat: it stands in every document here.
const SECRET: &str = "T0PSECRET";

/// True if there was a document.
fn unwrapped(bytes: &[u8]) -> bool {
    let whole = Document { bytes: Secret::new(bytes.to_vec()), ..documents::document(b"") };
    let origin = whole.origin.clone();
    match unwrap::unwrap(whole) {
        Ok(document) => {
            assert!(document.bytes.expose().len() <= LIMIT.max(bytes.len()) && document.origin.starts_with(&origin));
            true
        }
        Err(fault) => {
            assert!(matches!(fault.failure(), Failure::DocumentWrapping | Failure::DocumentAmbiguous | Failure::FileTooLarge), "{fault}");
            assert!(!format!("{fault}{fault:?}").contains(SECRET), "{fault}");
            false
        }
    }
}

/// The renderings of a document, and every wrapped fixture.
fn wrapped() -> Vec<Vec<u8>> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found)
            } else if !path.ends_with("expected") {
                found.push(path)
            }
        }
    }
    let text = format!("# {SECRET}\napiVersion: kubeboot/v1alpha1\nkind: Node\ncertificateKey: {SECRET}\n");
    let bytes = Secret::new(text.into_bytes());
    let documents = [MintedDocument { name: "worker.yaml", bytes: &bytes }];
    let mut all: Vec<Vec<u8>> = [Format::GzipBase64, Format::Mime, Format::CloudConfig]
        .into_iter()
        .flat_map(|format| render(format, "prod", &documents).unwrap())
        .map(|file| file.bytes.expose().clone())
        .collect();
    let mut paths = Vec::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/datasource/wrapped");
    walk(&fixtures, &mut paths);
    // A mebibyte each time; the bomb has its own test.
    paths.retain(|path| !path.starts_with(fixtures.join("gzip-bomb")));
    paths.sort();
    all.extend(paths.iter().map(|path| std::fs::read(path).unwrap()));
    assert!(all.len() > 25);
    all
}

#[test]
fn every_prefix_is_unwrapped_or_refused() {
    for bytes in wrapped() {
        for end in 0..bytes.len() {
            unwrapped(&bytes[..end]);
        }
    }
}

#[test]
fn every_change_of_a_byte_is_unwrapped_or_refused() {
    const TELLING: &[u8] = b":-#&*!|>'\"%@{}[],;?= \t\r\n\0\xff\xc3";
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut tried) = (0, 0);
    for bytes in wrapped() {
        for _ in 0..1500 {
            let mut changed = bytes.clone();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(changed.len());
                match numbers.below(4) {
                    0 => changed[at] = TELLING[numbers.below(TELLING.len())],
                    1 => changed.insert(at, TELLING[numbers.below(TELLING.len())]),
                    2 => changed[at] ^= 1 << numbers.below(8),
                    _ if changed.len() > 1 => drop(changed.remove(at)),
                    _ => {}
                }
            }
            refused += usize::from(!unwrapped(&changed));
            tried += 1;
        }
    }
    assert!(refused > 1000 && refused < tried, "{refused} of {tried}");
}

#[test]
fn noise_behind_every_beginning_is_unwrapped_or_refused() {
    const BEGINNINGS: [&[u8]; 8] = [
        b"",
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
        b"#cloud-config\n",
        b"#cloud-config\nkubeboot: ",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
        b"Content-Type: text/x-kubeboot\nContent-Transfer-Encoding: quoted-printable\n\n",
        b"Content-Type: multipart/",
        b"From nobody \nContent-Transfer-Encoding: base64\n\n",
    ];
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    for _ in 0..3000 {
        for beginning in BEGINNINGS {
            let mut bytes = beginning.to_vec();
            for _ in 0..numbers.below(200) {
                // Half of it text of the kind that means something.
                let byte = if numbers.below(2) == 0 { numbers.below(256) } else { usize::from(b"-b\n:=\" {}[]a#|"[numbers.below(14)]) };
                bytes.push(u8::try_from(byte).unwrap());
            }
            unwrapped(&bytes);
        }
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn fault(bytes: Vec<u8>) -> kubeboot::fault::Fault {
    unwrap::unwrap(Document { bytes: Secret::new(bytes), ..documents::document(b"") }).unwrap_err()
}

#[test]
fn what_unpacks_to_too_much_is_refused_by_name() {
    let largest = packed(&vec![b'#'; LIMIT]);
    assert!(unwrapped(&largest));
    for bomb in [packed(&vec![b'#'; LIMIT + 1]), packed(&packed(&vec![0; 64 * LIMIT]))] {
        assert_eq!(fault(bomb).failure(), Failure::FileTooLarge);
    }
    // Many layers, each within the bounds.
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    let mut layers: Vec<u8> = (0..LIMIT * 7 / 10).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
    for _ in 0..3 {
        layers = STANDARD.encode(packed(&layers)).into_bytes();
    }
    let fault = fault(layers);
    assert_eq!((fault.failure(), fault.what()), (Failure::FileTooLarge, "all that is wrapped here unpacks to more than 4194304 bytes"));
}

/// A multi-part of these parts: what stands in their headers, and their bodies.
fn message(parts: &[(&str, &[u8])]) -> Vec<u8> {
    [b"Content-Type: multipart/mixed; boundary=b\n".to_vec(), between("b", parts)].concat()
}

fn between(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (headers, body) in parts {
        message.extend(format!("\n--{boundary}\n{headers}\n\n").into_bytes());
        message.extend(*body);
    }
    message.extend(format!("\n--{boundary}--\n").into_bytes());
    message
}

const OURS: &str = "apiVersion: kubeboot/v1alpha1\nkind: Node\n";
const BINARY: &str = "Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary";

#[test]
fn another_agents_part_may_be_as_large_as_it_likes() {
    let (large, bomb) = (vec![b'x'; 2 * LIMIT], packed(&vec![b'#'; 8 * LIMIT]));
    let (full, nested) = (vec![b'#'; LIMIT], between("inner", &[(BINARY, &large), (BINARY, &bomb)]));
    let text = STANDARD.encode(&large);
    let mut others: Vec<(&str, &[u8])> = vec![
        (BINARY, &large),
        (BINARY, &bomb),
        ("Content-Type: text/x-other\nContent-Transfer-Encoding: base64", text.as_bytes()),
        ("Content-Type: multipart/mixed; boundary=inner", &nested),
    ];
    // Whatever is left of what all layers may be, these are as much, to the last byte.
    others.extend([0; 3].into_iter().chain(0..=LIMIT.ilog2()).map(|half| (BINARY, &full[..LIMIT >> half])));
    for kind in ["text/plain", "text/x-kubeboot"] {
        let ours = format!("Content-Type: {kind}\nContent-Transfer-Encoding: base64");
        let body = STANDARD.encode(OURS);
        for place in [0, 4, others.len()] {
            let mut parts = others.clone();
            parts.insert(place, (&ours, body.as_bytes()));
            let bytes = message(&parts);
            let document = unwrap::unwrap(Document { bytes: Secret::new(bytes.clone()), ..documents::document(b"") }).unwrap();
            assert_eq!(document.bytes.expose(), OURS.as_bytes(), "{kind} {place}");
            let (mut found, mut most) = (false, 0);
            unwrap::layers(&bytes, &mut |layer| {
                found |= layer == OURS.as_bytes();
                most = most.max(if layer == bytes { 0 } else { layer.len() });
            });
            assert!(found && most <= LIMIT, "{kind} {place}: {most}");
        }
    }
    // Without ours it says what each of them is.
    let none = fault(message(&others));
    assert_eq!((none.failure(), none.what()), (Failure::DocumentWrapping, "the user-data holds no document of kubeboot"));
    let why = none.why().unwrap();
    assert!(why.contains("part 2 (application/octet-stream): this gzip unpacks to more than 1048576 bytes"), "{why}");
    // Who is addressed has to be a document.
    let addressed = message(&[("Content-Type: text/x-kubeboot\nContent-Transfer-Encoding: binary", &bomb)]);
    assert_eq!(fault(addressed).failure(), Failure::FileTooLarge);
}

/// As an editor of another system leaves it: U+FEFF first, which a bare document may have too, and keeps.
#[test]
fn a_byte_order_mark_is_no_part_of_a_wrapping() {
    let mark = "\u{feff}";
    let (plain, marked) = (format!("{OURS}# of the cluster\n"), format!("{mark}{OURS}"));
    let encoded = STANDARD.encode(&plain);
    let part = String::from_utf8(message(&[("Content-Type: text/plain", marked.as_bytes())])).unwrap();
    let addressed = part.replace("text/plain", "text/x-kubeboot");
    let config = format!("#cloud-config\nkubeboot: {encoded}\n");
    let twice = STANDARD.encode(format!("{mark}{addressed}"));
    for (wrapped, inner) in [(&encoded, &plain), (&config, &plain), (&part, &marked), (&addressed, &marked), (&twice, &marked)] {
        for bytes in [wrapped.clone(), format!("{mark}{wrapped}"), format!("{mark}\n{wrapped}")] {
            let document = unwrap::unwrap(Document { bytes: Secret::new(bytes.clone().into()), ..documents::document(b"") });
            let document = document.unwrap_or_else(|fault| panic!("{bytes}: {fault}"));
            assert_eq!(std::str::from_utf8(document.bytes.expose()).unwrap(), inner, "{bytes}");
        }
    }
}

#[test]
fn parts_and_their_nesting_are_bounded() {
    let parts = |count: usize| {
        let mut message = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned();
        message.push_str(&"--b\n\nx\n".repeat(count));
        message + "--b--\n"
    };
    assert_eq!(fault(parts(100).into_bytes()).what(), "the user-data holds no document of kubeboot");
    assert_eq!(fault(parts(101).into_bytes()).failure(), Failure::DocumentWrapping);
    let mut nested = "apiVersion: kubeboot/v1alpha1\n".to_owned();
    for level in 0..7 {
        nested = format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n{nested}\n--b{level}--\n");
    }
    assert_eq!(fault(nested.into_bytes()).failure(), Failure::DocumentWrapping);
}

#[test]
fn lines_are_those_of_the_inner_document_and_the_origin_says_where_it_is() {
    let text = "#cloud-config\nusers: []\nkubeboot: |\n\n  apiVersion: kubeboot/v1alpha1\n  kind: Nod\n";
    let document = unwrap::unwrap(Document { bytes: Secret::new(text.into()), ..documents::document(b"") }).unwrap();
    let violations = kubeboot::document::read_node(&document).unwrap_err();
    assert_eq!(violations.origin(), "/etc/kubeboot/node.yaml (#cloud-config, kubeboot from line 4)");
    assert_eq!(violations.list()[0].line, 3, "{violations}");
}
