//! The whole bed: everything built, the network, the balancer, the machines.

use std::path::{Path, PathBuf};

use crate::balancer::Balancer;
use crate::cache::{self, discard};
use crate::images;
use crate::made;
use crate::network;
use crate::node::{Disk, Node};
use crate::outcome::Outcome;
use crate::parts::{self, Parts};
use crate::preload;
use crate::rootfs;

/// What is made once and kept.
pub struct Ready {
    pub parts: Parts,
    disk: Disk,
    debian: PathBuf,
    containerd: PathBuf,
}

impl Ready {
    /// A machine of the bed in `folder`, switched off, its runtime having all images.
    pub fn machine(&self, number: u8, folder: &Path) -> Outcome<Node> {
        let node = Node::assemble(number, folder, &self.disk)?;
        preload::give(&self.containerd, &node)?;
        Ok(node)
    }

    /// Such a machine again, on fresh disks.
    pub fn re_image(&self, node: &Node) -> Outcome<()> {
        node.re_image(&self.disk)?;
        preload::give(&self.containerd, node)
    }
}

/// Builds what isn't in the cache.
pub fn prepare() -> Outcome<Ready> {
    let parts = parts::all()?;
    let debian = rootfs::debian()?;
    let images = images::all(&parts, &debian)?;
    let layer = rootfs::layer(&parts, &debian, &images.pause)?;
    let disk = Disk { layers: vec![layer, debian.clone()] };
    let containerd = preload::state(&images, &disk)?;
    Ok(Ready { parts, disk, debian, containerd })
}

/// Machines put together and switched off, behind a balancer that is on.
pub struct Bed {
    pub nodes: Vec<Node>,
    pub balancer: Balancer,
    pub folder: PathBuf,
}

impl Bed {
    /// `control_planes` come first, n1 and on.
    pub fn assemble(ready: &Ready, case: &str, control_planes: u8, workers: u8) -> Outcome<Self> {
        let folder = cache::folder()?.join("bed").join(case);
        discard(&folder)?;
        network::switch_on()?;
        let numbers: Vec<u8> = (1..=control_planes + workers).collect();
        let balancer = Balancer::start(&folder, &ready.debian, &numbers, &numbers[..usize::from(control_planes)])?;
        let mut nodes = Vec::new();
        for number in numbers {
            nodes.push(ready.machine(number, &folder)?);
        }
        Ok(Self { nodes, balancer, folder })
    }

    /// Takes everything down. The machines' disks go too.
    pub fn clear_away(self) -> Outcome<()> {
        made::undo_all()?;
        discard(&self.folder)
    }
}
