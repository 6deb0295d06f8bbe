//! What one machine is refused for, or waits for, before any cluster: another life of it for each.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use kubeboot::failure::Failure;
use kubeboot::message::Message;

use super::refusal::{self, End, Refusal};
use super::{Cluster, FIRST_BOOT, SHORT};
use crate::agent;
use crate::altered;
use crate::checks::{Checks, expect};
use crate::command::{must, program};
use crate::fleet;
use crate::node::Node;
use crate::outcome::{Outcome, While};
use crate::tree::Tree;

/// Minted keys are random.
pub const WRONG_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Before everything.
const PAST: &str = "2020-01-01T00:00:00Z";
const OTHER_MACHINE: &str = "0123456789abcdef0123456789abcdef";
/// Where the small disk lies that gets full.
const KUBERNETES: &str = "etc/kubernetes";

type Arrangement = fn(&Cluster, &Node) -> Outcome<()>;
type Sequel = fn(&Node, &mut Checks) -> Outcome<()>;

struct Scenario {
    name: &'static str,
    /// With the machine off and furnished with its right document.
    arrange: Arrangement,
    unit: &'static str,
    expected: Refusal<'static>,
    /// What else is looked at, or done about it.
    sequel: Option<Sequel>,
}

const SCENARIOS: [Scenario; 11] = [
    Scenario {
        name: "no document",
        arrange: |_, node| {
            let path = node.path(fleet::DOCUMENT);
            fs::remove_file(&path).whilst(path.display())
        },
        unit: agent::UNIT,
        expected: Refusal { failure: Failure::NoDocument, end: End::Halts(65), words: &["nocloud/user-data: no such file"] },
        sequel: None,
    },
    Scenario {
        name: "wrong certificate key",
        arrange: |cluster, node| document(cluster, node, "certificateKey", WRONG_KEY),
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::CertificateKeyWrong,
            end: End::Halts(65),
            words: &["the certificate key does not open the bundle", "use the certificate key and the bundle of the same mint"],
        },
        sequel: Some(told_everywhere),
    },
    Scenario {
        name: "foreign CA in the document",
        arrange: |cluster, node| {
            let authority = foreign_authority(cluster)?;
            document(cluster, node, "certificateAuthority", &authority)
        },
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::CaMismatch,
            end: End::Halts(65),
            words: &["is not the one that discovery.certificateAuthority names", "ca.crt", "use a bundle and a document of the same mint"],
        },
        sequel: None,
    },
    Scenario {
        name: "kubeadm missing",
        arrange: |_, node| {
            let path = node.path("usr/bin/kubeadm");
            fs::remove_file(&path).whilst(path.display())
        },
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::MachineUnfit,
            end: End::Halts(69),
            words: &["this machine can't become a node: 1 thing to mend", "kubeadm does not answer"],
        },
        sequel: None,
    },
    Scenario {
        name: "etcd data of an earlier life",
        arrange: |_, node| {
            let path = node.path("var/lib/etcd/member");
            fs::create_dir(&path).whilst(path.display())
        },
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::MachineUnfit,
            end: End::Halts(69),
            words: &[
                "there is etcd state of an earlier life on this disk",
                "if it is this cluster's, leave it and disable kubeboot.service",
                "if it is rubbish, empty /var/lib/etcd and /etc/kubernetes/manifests",
            ],
        },
        sequel: None,
    },
    Scenario {
        name: "a cloned disk, copied before its first boot was over",
        arrange: |_, node| marked_by_another(node),
        unit: agent::UNIT,
        expected: CLONE,
        sequel: None,
    },
    Scenario {
        name: "a cloned disk, copied after it",
        arrange: |_, node| {
            fleet::disable(node)?;
            marked_by_another(node)
        },
        unit: agent::UNIT_OF_CLONES,
        expected: CLONE,
        sequel: None,
    },
    Scenario {
        name: "expired window",
        arrange: |cluster, node| document(cluster, node, "before", PAST),
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::WindowPast,
            end: End::Waits,
            words: &["the window (initialize.before) is past and nobody serves", "`kubeboot mint`"],
        },
        sequel: Some(is_stopped),
    },
    Scenario {
        name: "containerd dead",
        arrange: |cluster, node| {
            symlink("/dev/null", node.path("etc/systemd/system/containerd.service")).whilst("masking containerd")?;
            document(cluster, node, "before", PAST)
        },
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::RuntimeDown,
            end: End::Waits,
            words: &["nothing answers on /run/containerd/containerd.sock", "systemctl status containerd"],
        },
        sequel: Some(|node, checks| {
            node.must(&["systemctl", "unmask", "containerd.service"], SHORT)?;
            node.must(&["systemctl", "start", "containerd.service"], SHORT)?;
            checks.that("containerd dead: once it is started, the run goes on", goes_on(node));
            Ok(())
        }),
    },
    Scenario {
        name: "clock not synchronised",
        arrange: |cluster, node| {
            let dated = altered::with(&cluster.minted.document(FIRST)?, "before", PAST)?;
            fleet::seed(node, &altered::without(&dated, "clock")?)
        },
        unit: agent::UNIT,
        expected: Refusal {
            failure: Failure::ClockUntrusted,
            end: End::Waits,
            words: &["the clock: the kernel says that it is not synchronised", "`clock: plausible`"],
        },
        sequel: None,
    },
    Scenario {
        name: "disk full while PKI is written",
        arrange: |cluster, node| {
            small_disk(cluster, node)?;
            document(cluster, node, "before", PAST)
        },
        unit: agent::UNIT,
        expected: Refusal { failure: Failure::DiskFull, end: End::Halts(69), words: &["/etc/kubernetes/pki"] },
        sequel: Some(|node, checks| {
            checks.that("disk full: what is there of the PKI is whole, and nothing else is", whole_files(node));
            fs::remove_file(node.path(KUBERNETES).join(BALLAST)).whilst("making room")?;
            node.must(&["systemctl", "start", agent::UNIT], SHORT)?;
            checks.that("disk full: with room again and the unit started, the run goes on", goes_on(node));
            Ok(())
        }),
    },
];

const CLONE: Refusal<'static> = Refusal {
    failure: Failure::CloneOfAnother,
    end: End::Halts(69),
    words: &["this disk was the first boot of another machine", OTHER_MACHINE, "use a fresh image"],
};

const FIRST: &str = "control-plane-init.yaml";

pub fn look(cluster: &Cluster, checks: &mut Checks) -> Outcome<()> {
    let node = cluster.node(0)?;
    let noise = refusal::noise(cluster, node)?;
    for scenario in &SCENARIOS {
        cluster.re_image(0)?;
        (scenario.arrange)(cluster, node)?;
        let before = Tree::of(node)?;
        node.power_on()?;
        if scenario.expected.failure == Failure::ClockUntrusted && agent::clock_is_synchronised(node)? {
            // The machine's clock is its host's, and this one's is good: then there is nothing to wait for.
            checks.that(&format!("{}: it is, so the run goes on", scenario.name), goes_on(node));
        } else {
            scenario.expected.look(scenario.name, node, scenario.unit, checks);
        }
        checks.that(
            &format!("{}: the disk is as before, but for what the ledger names", scenario.name),
            refusal::is_untouched(node, &before, &noise),
        );
        checks.that(&format!("{}: a planted file is found", scenario.name), refusal::a_file_is_found(node, &before, &noise));
        if let Some(sequel) = scenario.sequel {
            sequel(node, checks)?;
        }
        node.power_cut()?;
        if fs::metadata(node.path(KUBERNETES).join("lost+found")).is_ok() {
            must(&mut program("umount", &[&node.path(KUBERNETES).to_string_lossy()]), SHORT)?;
        }
    }
    Ok(())
}

fn document(cluster: &Cluster, node: &Node, field: &str, value: &str) -> Outcome<()> {
    fleet::seed(node, &altered::with(&cluster.minted.document(FIRST)?, field, value)?)
}

/// The CA of another cluster, minted in the same way.
pub fn foreign_authority(cluster: &Cluster) -> Outcome<String> {
    let other = fleet::mint(cluster.bed.folder.join("other"), cluster.choice)?;
    other.authority()
}

fn marked_by_another(node: &Node) -> Outcome<()> {
    node.put(&format!("var/lib/kubeboot/done/{OTHER_MACHINE}"), b"", 0o600)
}

const BALLAST: &str = "ballast";
/// What is left of the small disk, bytes: enough for a folder and a file or two.
const ROOM: u64 = 4 << 10;

/// A disk of its own under /etc/kubernetes, nearly full.
fn small_disk(cluster: &Cluster, node: &Node) -> Outcome<()> {
    let image = cluster.bed.folder.join("small-disk");
    let file = fs::File::create(&image).whilst(image.display())?;
    file.set_len(256 << 10).whilst(image.display())?;
    let (image, folder) = (image.to_string_lossy().into_owned(), node.path(KUBERNETES));
    must(&mut program("mkfs.ext4", &["-q", "-b", "1024", "-m", "0", "-O", "^has_journal", &image]), SHORT)?;
    must(&mut program("mount", &["-o", "loop", &image, &folder.to_string_lossy()]), SHORT)?;
    let mut ballast = fs::File::create(folder.join(BALLAST)).whilst(BALLAST)?;
    let mut size = 0;
    while ballast.write_all(&[0; 1024]).is_ok() {
        size += 1024;
    }
    ballast.set_len(size - ROOM).whilst(BALLAST)?;
    ballast.sync_all().whilst(BALLAST)
}

fn whole_files(node: &Node) -> Outcome<String> {
    let folder = node.path(KUBERNETES).join("pki");
    let text = must(&mut program("find", &[&folder.to_string_lossy(), "-type", "f", "-printf", "%P %s\n"]), SHORT)?;
    for line in text.lines() {
        let (name, _) = line.split_once(' ').whilst(line)?;
        let content = fs::read_to_string(folder.join(name)).whilst(name)?;
        let whole = refusal::SHARED_PKI.contains(&name) && content.starts_with("-----BEGIN ") && content.ends_with("-----\n");
        expect(whole, || format!("{line}: {content}"))?;
    }
    Ok(text.trim_end().replace('\n', ", "))
}

/// Up to the fence, where the window is past, so that nothing is started.
fn goes_on(node: &Node) -> Outcome<String> {
    agent::wait_until_it_waits(node, Failure::WindowPast.name(), FIRST_BOOT)?;
    let done = agent::ledger(node).contains(&"done shared-pki".to_owned());
    expect(done, || format!("{:?}", agent::ledger(node)))
}

/// `systemctl stop` in the middle of a wait.
fn is_stopped(node: &Node, checks: &mut Checks) -> Outcome<()> {
    node.must(&["systemctl", "stop", agent::UNIT], SHORT)?;
    let status = agent::status(node)?;
    let told = (status["outcome"].as_str(), status["exitCode"].as_u64(), status["fault"]["name"].as_str(), status["fault"]["at"].as_str());
    let wanted = (Some("failed"), Some(75), Some(Failure::Stopped.name()), Some("SIGTERM"));
    checks.that("stopped while it waits: status.json names and tells it", expect(told == wanted, || status["fault"].to_string()));
    let entries = agent::entries(node, Message::Failed)?;
    let named = entries.iter().any(|entry| entry["FAILURE"] == Failure::Stopped.name() && entry["EXIT_CODE"] == "75");
    checks.that("stopped while it waits: so does the journal", expect(named, || format!("{entries:?}")));
    node.must(&["systemctl", "start", agent::UNIT], SHORT)?;
    checks.that("stopped while it waits: started again, the run goes on", goes_on(node));
    Ok(())
}

/// The same halt by every way there is to learn of it.
fn told_everywhere(node: &Node, checks: &mut Checks) -> Outcome<()> {
    for message in [Message::RunBegins, Message::StepBegins, Message::StepDone] {
        let entries = agent::entries(node, message);
        let found = entries.and_then(|entries| expect(!entries.is_empty(), || "no entry".to_owned()));
        checks.that(&format!("journalctl finds {message:?} by its id"), found);
    }
    let text = node.must(&["kubeboot", "status"], SHORT)?;
    checks.that("kubeboot status tells the halt", expect(text.contains("failed (exit code 65)") && text.contains("do:"), || text.clone()));
    let json = node.must(&["kubeboot", "status", "--json"], SHORT)?;
    checks.that(
        "kubeboot status --json is the file",
        agent::status(node).and_then(|status| {
            let told: serde_json::Value = serde_json::from_str(&json).whilst("status --json")?;
            expect(told == status, || json.clone())
        }),
    );
    Ok(())
}
