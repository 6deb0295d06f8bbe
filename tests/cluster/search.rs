//! Where a machine could have kept a secret: its journals, its files, its tmpfs folders. Every kind of search is first
//! shown to find a secret that was planted for it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::command::{must, program};
use crate::fleet::DOCUMENT;
use crate::needles::{Gathering, Needles};
use crate::node::Node;
use crate::outcome::{Outcome, While};

const DEADLINE: Duration = Duration::from_secs(60);

/// kubeadm's own places; and the document, which kubeboot wipes where it can and otherwise names in its report.
const ALLOWED: [&str; 4] = ["etc/kubernetes", "var/lib/kubelet", "var/lib/etcd", DOCUMENT];

/// tmpfs folders of a running machine.
const VOLATILE: [&str; 3] = ["run", "tmp", "dev/shm"];

/// One place that was searched and what was there.
pub struct Find {
    pub label: String,
    pub place: String,
}

/// How much was searched, to be told: a search of nothing finds nothing.
#[derive(Default)]
pub struct Searched {
    pub finds: Vec<Find>,
    pub files: usize,
    pub bytes: u64,
}

impl Searched {
    fn look(&mut self, needles: &Needles, bytes: &[u8], place: impl FnOnce() -> String) {
        self.files += 1;
        self.bytes += bytes.len() as u64;
        let found = needles.found_in(bytes);
        if !found.is_empty() {
            let place = place();
            self.finds.extend(found.into_iter().map(|label| Find { label: label.to_owned(), place: place.clone() }));
        }
    }
}

/// The journal, as two exports: whatever a field holds stands in one of them as it was logged.
pub fn journals(node: &Node, needles: &Needles) -> Outcome<Searched> {
    node.must(&["journalctl", "--sync"], DEADLINE)?;
    let mut searched = Searched::default();
    let folder = node.root().join("var/log/journal");
    for format in ["export", "cat"] {
        let folder = folder.to_string_lossy();
        let arguments = ["--directory", &folder, "--all", "--no-pager", "--output", format];
        let text = must(&mut program("journalctl", &arguments), DEADLINE)?;
        if text.is_empty() {
            return Err(format!("{}: the journal is empty", node.name));
        }
        searched.look(needles, text.as_bytes(), || format!("{}: journal, {}", node.name, lines_with(&text, needles)));
    }
    Ok(searched)
}

fn lines_with(text: &str, needles: &Needles) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !needles.found_in(line.as_bytes()).is_empty()).take(3).collect();
    lines.join(" | ")
}

/// All that the machine wrote since it was put together, but for the allowed places.
pub fn files(node: &Node, needles: &Needles, since: SystemTime) -> Outcome<Searched> {
    let mut walk = Walk { needles, since, searched: Searched::default(), node: &node.name, device: None };
    for (inside, folder) in node.written() {
        walk.folder(&folder, &inside)?;
    }
    for volatile in VOLATILE {
        let folder = node.volatile(volatile)?;
        walk.device = Some(fs::metadata(&folder).whilst(folder.display())?.dev());
        walk.folder(&folder, Path::new(volatile))?;
    }
    Ok(walk.searched)
}

/// The same search inside a place where the secrets must be, to know that it finds them.
pub fn where_they_belong(node: &Node, needles: &Needles) -> Outcome<Searched> {
    let mut searched = Searched::default();
    for name in ["ca.key", "etcd/ca.key", "front-proxy-ca.key", "sa.key"] {
        let path = node.root().join("etc/kubernetes/pki").join(name);
        let bytes = fs::read(&path).whilst(path.display())?;
        searched.look(needles, &bytes, || path.display().to_string());
    }
    Ok(searched)
}

struct Walk<'a> {
    needles: &'a Needles,
    since: SystemTime,
    searched: Searched,
    node: &'a str,
    /// Stay on this file system: below a machine's /run lie the roots of its containers, which are images.
    device: Option<u64>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, inside: &Path) -> Outcome<()> {
        if ALLOWED.iter().any(|allowed| inside.starts_with(allowed)) {
            return Ok(());
        }
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(());
        };
        for entry in entries.filter_map(Result::ok) {
            let (path, inside) = (entry.path(), inside.join(entry.file_name()));
            // Containers come and go while we look.
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                if self.device.is_none_or(|device| device == metadata.dev()) {
                    self.folder(&path, &inside)?;
                }
            } else if metadata.is_file() && !self.came_with_the_images(&metadata) {
                self.file(&path, &inside);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, inside: &Path) {
        if ALLOWED.iter().any(|allowed| inside.starts_with(allowed)) {
            return;
        }
        let Ok(bytes) = fs::read(path) else { return };
        let node = self.node;
        self.searched.look(self.needles, &bytes, || format!("{node}:/{}", inside.display()));
    }

    /// Linked from the imported images and not written since: it is older than the secrets.
    fn came_with_the_images(&self, metadata: &fs::Metadata) -> bool {
        metadata.nlink() > 1 && metadata.modified().is_ok_and(|at| at < self.since)
    }
}

/// A secret of nobody, to be planted.
pub struct Decoy {
    pub text: String,
    pub needles: Needles,
}

impl Decoy {
    pub fn new(label: &str) -> Outcome<Self> {
        let random = "/proc/sys/kernel/random/uuid";
        let mut text = String::new();
        for _ in 0..2 {
            text.push_str(&fs::read_to_string(random).whilst(random)?.trim().replace('-', ""));
        }
        let mut gathering = Gathering::default();
        gathering.text(label, &text);
        Ok(Self { text, needles: gathering.finish() })
    }
}

/// Plants in a journal and in files of a machine, searches, and insists on the finds.
pub fn shown_to_find(node: &Node, since: SystemTime) -> Outcome<String> {
    let decoy = Decoy::new("planted")?;
    node.must(&["systemd-cat", "--identifier=planted", "echo", &decoy.text], DEADLINE)?;
    let planted = ["var/tmp/planted", "var/lib/containerd/planted"];
    for path in planted {
        node.must(&["sh", "-c", &format!("printf %s {} >/{path}", decoy.text)], DEADLINE)?;
    }
    node.must(&["sh", "-c", &format!("printf %s {} >/run/planted", decoy.text)], DEADLINE)?;
    let in_journal = journals(node, &decoy.needles)?.finds.len();
    let places: Vec<String> = files(node, &decoy.needles, since)?.finds.into_iter().map(|find| find.place).collect();
    for path in planted.iter().chain(&["run/planted"]) {
        node.must(&["rm", &format!("/{path}")], DEADLINE)?;
        if !places.iter().any(|place| place.ends_with(&format!(":/{path}"))) {
            return Err(format!("the search does not find a secret planted in /{path}; it found {places:?}"));
        }
    }
    if in_journal == 0 {
        return Err("the search does not find a secret planted in the journal".to_owned());
    }
    Ok(format!("planted secrets are found in the journal and in {} files", places.len()))
}
