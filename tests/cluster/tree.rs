//! What a machine has written, path by path: two looks at its disks, and where they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::node::Node;
use crate::outcome::{Outcome, While};

/// Paths, with words in the place of what is another on every machine and in every boot.
pub type Paths = BTreeSet<String>;

pub struct Tree(BTreeMap<String, Mark>);

/// What tells that a file is another one, or was written to. Of a folder only its mode counts: what is in it has paths of
/// its own.
#[derive(PartialEq, Eq)]
struct Mark {
    mode: u32,
    file: Option<(u64, u64, i64, i64)>,
}

impl Tree {
    pub fn of(node: &Node) -> Outcome<Self> {
        let mut tree = Self(BTreeMap::new());
        for (inside, folder) in node.written() {
            tree.folder(&folder, &inside)?;
        }
        Ok(tree)
    }

    fn folder(&mut self, folder: &Path, inside: &Path) -> Outcome<()> {
        for entry in fs::read_dir(folder).whilst(folder.display())?.filter_map(Result::ok) {
            let (path, inside) = (entry.path(), inside.join(entry.file_name()));
            // What comes and goes while we look is not there.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let file = (metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec());
            let mark = Mark { mode: metadata.mode(), file: (!metadata.is_dir()).then_some(file) };
            self.0.insert(of_any_machine(&inside.to_string_lossy()), mark);
            if metadata.is_dir() {
                self.folder(&path, &inside)?;
            }
        }
        Ok(())
    }

    /// Paths that are in one of the two alone, or were written to in between.
    pub fn differences(&self, later: &Self) -> Paths {
        let all = self.0.keys().chain(later.0.keys());
        all.filter(|path| self.0.get(*path) != later.0.get(*path)).cloned().collect()
    }
}

/// The ids of machines and boots are 32 hex digits; the private folders of systemd's services end in six random letters.
fn of_any_machine(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let general = without_ids(part);
        match general.rsplit_once('-') {
            Some((service, _)) if general.starts_with("systemd-private-") => format!("{service}-RANDOM"),
            _ => general,
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn without_ids(part: &str) -> String {
    let mut general = String::new();
    let mut rest = part;
    while let Some(next) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (taken, rest_of_it) = rest.split_at(digits.max(next.len_utf8()));
        general.push_str(if digits == 32 { "ID" } else { taken });
        rest = rest_of_it;
    }
    general
}
