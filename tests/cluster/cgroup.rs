//! A control group of its own for each node and for the balancer, in every hierarchy this machine has. They are what
//! lets a node's systemd and kubelet work, and what finds every process again when the bed is taken down.

use std::fs;
use std::path::{Path, PathBuf};

use crate::made::{self, Kind};
use crate::outcome::{Outcome, While};

/// Controllers without which kubelet does not start.
const NEEDED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// One mounted hierarchy and the folder in it under which this process may make groups.
struct Hierarchy {
    below: PathBuf,
    controllers: Vec<String>,
    unified: bool,
}

/// What kubelet would miss on this machine.
pub fn missing_controllers() -> Outcome<Vec<&'static str>> {
    let found: Vec<String> = hierarchies()?.into_iter().flat_map(|h| h.controllers).collect();
    Ok(NEEDED.into_iter().filter(|needed| !found.iter().any(|f| f == needed)).collect())
}

/// Version 1 needs a few kubelet settings of its own.
pub fn version_one() -> Outcome<bool> {
    Ok(hierarchies()?.iter().any(|h| !h.unified && h.controllers.iter().any(|c| c == "memory")))
}

/// Makes the group `name` in every hierarchy; entering all of the folders returned is entering the group.
pub fn make(name: &str) -> Outcome<Vec<PathBuf>> {
    let mut made = Vec::new();
    for hierarchy in hierarchies()? {
        let group = hierarchy.below.join(format!("kubeboot-bed-{name}"));
        made::record(Kind::Cgroup, &group.to_string_lossy())?;
        fs::create_dir_all(&group).whilst(group.display())?;
        if hierarchy.unified {
            delegate(&hierarchy)?;
        } else if hierarchy.controllers.iter().any(|c| c == "cpuset") {
            // A version 1 cpuset is born empty and takes no process in before it has both.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let value = fs::read(hierarchy.below.join(file)).whilst(file)?;
                fs::write(group.join(file), value).whilst(group.join(file).display())?;
            }
        }
        made.push(group);
    }
    Ok(made)
}

/// Removes what a node's systemd left below its group, so that its next boot starts as the first one did.
pub fn clear(groups: &[PathBuf]) {
    for group in groups {
        let Ok(children) = fs::read_dir(group) else {
            continue;
        };
        for child in children.filter_map(Result::ok).map(|child| child.path()).filter(|path| path.is_dir()) {
            // What is left is reused by the next boot; at the end of the bed the same failure is told.
            let _ = made::remove_cgroup(&child);
        }
    }
}

fn delegate(hierarchy: &Hierarchy) -> Outcome<()> {
    let control = hierarchy.below.join("cgroup.subtree_control");
    for controller in &hierarchy.controllers {
        fs::write(&control, format!("+{controller}")).whilst(control.display())?;
    }
    Ok(())
}

fn hierarchies() -> Outcome<Vec<Hierarchy>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").whilst("/proc/self/mountinfo")?;
    let own = fs::read_to_string("/proc/self/cgroup").whilst("/proc/self/cgroup")?;
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(names), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let Some((point, root)) = mount_of(&mounts, names) else {
            continue;
        };
        let inside = Path::new(path).strip_prefix(&root).unwrap_or(Path::new(""));
        if names.is_empty() {
            let controllers: Vec<String> =
                fs::read_to_string(point.join("cgroup.controllers")).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            // Only the root of version 2 may hold processes and hand out controllers at the same time.
            let below = if controllers.is_empty() { point.join(inside) } else { point };
            found.push(Hierarchy { below, controllers, unified: true });
        } else {
            let controllers = names.split(',').map(str::to_owned).collect();
            found.push(Hierarchy { below: point.join(inside), controllers, unified: false });
        }
    }
    Ok(found)
}

/// Mount point and root of the hierarchy with these controllers (none: version 2).
fn mount_of(mounts: &str, names: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let matches = match kind {
            "cgroup2" => names.is_empty(),
            "cgroup" => !names.is_empty() && names.split(',').all(|name| options.split(',').any(|o| o == name)),
            _ => false,
        };
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        matches.then(|| (PathBuf::from(point), PathBuf::from(root)))
    })
}
