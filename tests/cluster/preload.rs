//! Images are imported once, into the state folder of a containerd, and each node gets that folder: importing on every
//! node would be the slowest step of a run and measures nothing of ours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cache::{self, Key, discard};
use crate::command::wait_for;
use crate::images::Images;
use crate::made;
use crate::network;
use crate::node::{Disk, Node};
use crate::outcome::{Outcome, While};
use crate::say::say;

const STEP: Duration = Duration::from_secs(120);

/// What containerd never writes to again: blobs by digest, and unpacked layers, which are lower layers of overlays.
const NEVER_WRITTEN: [&str; 2] = ["io.containerd.content.v1.content/blobs", "io.containerd.snapshotter.v1.overlayfs/snapshots"];

/// The state folder of a containerd that has all images.
pub fn state(images: &Images, disk: &Disk) -> Outcome<PathBuf> {
    let key = disk.layers.iter().fold(images.key(), |key: Key, layer| key.with(layer.as_os_str().as_encoded_bytes()));
    cache::kept("images", &format!("imported-{}", key.finish()), |partial| {
        let started = Instant::now();
        let work = cache::folder()?.join("bed/import");
        discard(&work)?;
        let imported = import(images, disk, &work);
        made::undo_all()?;
        imported?;
        fs::rename(work.join("n1/containerd"), partial).whilst(partial.display())?;
        discard(&work)?;
        say(format!("images imported in {:.0} s", started.elapsed().as_secs_f64()));
        Ok(())
    })
}

fn import(images: &Images, disk: &Disk, work: &Path) -> Outcome<()> {
    say("importing the images on a node");
    network::switch_on()?;
    let node = Node::assemble(1, work, disk)?;
    // Nothing of the image runs but the runtime.
    fs::remove_file(node.root().join("etc/systemd/system/multi-user.target.wants/kubelet.service")).whilst("disabling kubelet")?;
    node.power_on()?;
    wait_for("containerd", STEP, Duration::from_millis(100), || node.must(&["ctr", "version"], Duration::from_secs(10)).map(drop))?;
    for (name, archive) in &images.archives {
        let there = node.path("var/lib/containerd").join("archive.tar");
        fs::copy(archive, &there).whilst(archive.display())?;
        node.must(&["ctr", "-n", "k8s.io", "images", "import", "/var/lib/containerd/archive.tar"], STEP)?;
        fs::remove_file(&there).whilst(there.display())?;
        let listed = node.must(&["ctr", "-n", "k8s.io", "images", "ls", "-q"], STEP)?;
        if !listed.lines().any(|line| line == name) {
            return Err(format!("{name} was imported but is not listed:\n{listed}"));
        }
    }
    // A clean stop closes the databases that are copied.
    node.must(&["systemctl", "stop", "containerd"], STEP)?;
    node.power_off(STEP)
}

/// Gives a node its own copy. What is never written again is linked, the rest copied.
pub fn give(state: &Path, node: &Node) -> Outcome<()> {
    let target = node.path("var/lib/containerd");
    copy_folder(state, &target, Path::new("")).whilst("copying containerd's state")
}

fn copy_folder(from: &Path, to: &Path, inside: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target, inside) = (entry.path(), to.join(entry.file_name()), inside.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&source, &target, &inside)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if NEVER_WRITTEN.iter().any(|folder| inside.starts_with(folder)) {
            fs::hard_link(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(fs::metadata(&source)?.permissions().mode()))?;
        }
    }
    Ok(())
}
