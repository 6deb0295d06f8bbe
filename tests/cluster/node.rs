//! One machine of the bed: a machine container with its own disk, address, MAC, machine-id and power switch.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cache::discard;
use crate::cgroup;
use crate::command::{Ended, must, run, wait_for};
use crate::enter::Place;
use crate::made::{self, Kind};
use crate::network::{BALANCER_ADDRESS, Plug};
use crate::outcome::{Outcome, While};
use crate::rootfs;
use crate::say::say;

/// nspawn's exit code when the machine asked to be started again.
const REBOOT: i32 = 133;

/// The machine's disk as it sees it, and what the overlay is made of: what it has written, and the overlay's workshop.
const DISK: [&str; 3] = ["root", "written", "work"];

/// Folders that can't lie on an overlay: containerd's own overlays fail there.
const PLAIN: [&str; 3] = ["containerd", "kubelet", "etcd"];

/// What all nodes of a bed share: the lower layers of their disks, the upper one first.
#[derive(Clone, Debug)]
pub struct Disk {
    pub layers: Vec<PathBuf>,
}

#[derive(Clone)]
pub struct Node {
    pub name: String,
    pub plug: Plug,
    folder: PathBuf,
    cgroups: Vec<PathBuf>,
    power: Arc<Mutex<Power>>,
}

#[derive(Default)]
struct Power {
    nspawn: Option<i32>,
    /// How many times it was started.
    boots: u32,
    ended: Option<String>,
}

impl Node {
    /// Puts the machine together, switched off. `folder` holds everything of it and survives power cuts.
    pub fn assemble(number: u8, folder: &Path, disk: &Disk) -> Outcome<Self> {
        let name = format!("n{number}");
        let cgroups = cgroup::make(&name)?;
        let node = Self { plug: Plug::node(number), folder: folder.join(&name), cgroups, power: Arc::default(), name };
        made::record(Kind::MountsUnder, &node.root().to_string_lossy())?;
        node.image(disk)?;
        Ok(node)
    }

    /// Wipes all disks of the machine, which has to be off, and puts the image on them again. The hardware stays: address,
    /// MAC, hostname, system UUID. The machine-id is another one.
    pub fn re_image(&self, disk: &Disk) -> Outcome<()> {
        self.is_off()?;
        let root = self.root();
        // The last of the machine's mounts ends a moment after its last process.
        wait_for("unmounting the disk", Duration::from_secs(10), Duration::from_millis(20), || umount(&root).whilst(root.display()))?;
        for part in DISK.iter().chain(&PLAIN) {
            discard(&self.folder.join(part))?;
        }
        self.image(disk)
    }

    fn image(&self, disk: &Disk) -> Outcome<()> {
        for part in DISK.iter().chain(&PLAIN) {
            fs::create_dir_all(self.folder.join(part)).whilst(self.folder.display())?;
        }
        let lower: Vec<String> = disk.layers.iter().map(|layer| layer.to_string_lossy().into_owned()).collect();
        let [root, written, work] = DISK.map(|part| self.folder.join(part));
        let options = format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), written.display(), work.display());
        mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str())).whilst(root.display())?;
        self.put("etc/hostname", format!("{}\n", self.name).as_bytes(), 0o644)?;
        self.put("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n", 0o644)?;
        self.put("etc/resolv.conf", format!("nameserver {BALANCER_ADDRESS}\n").as_bytes(), 0o644)?;
        self.put("etc/machine-id", format!("{}\n", random_id()?).as_bytes(), 0o444)
    }

    /// The disk as this machine sees it, from outside.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A path inside the machine, from outside, also where a plain folder lies over the disk.
    pub fn path(&self, inside: &str) -> PathBuf {
        let state = inside.strip_prefix("var/lib/").filter(|state| PLAIN.iter().any(|name| Path::new(state).starts_with(name)));
        state.map_or_else(|| self.root().join(inside), |state| self.folder.join(state))
    }

    /// The same on the tmpfs of a machine that is on.
    pub fn volatile(&self, inside: &str) -> Outcome<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root", self.init()?)).join(inside))
    }

    /// Everything this machine has written, containers included: where it lies inside the machine, and where outside.
    pub fn written(&self) -> Vec<(PathBuf, PathBuf)> {
        let plain = PLAIN.iter().map(|name| (Path::new("var/lib").join(name), self.folder.join(name)));
        std::iter::once((PathBuf::new(), self.folder.join("written"))).chain(plain).collect()
    }

    pub fn put(&self, path: &str, content: &[u8], mode: u32) -> Outcome<()> {
        rootfs::lay(&self.root().join(path), content, mode)
    }

    pub fn read(&self, path: &str) -> Outcome<String> {
        let path = self.root().join(path);
        fs::read_to_string(&path).whilst(path.display())
    }

    pub fn console(&self) -> PathBuf {
        self.folder.join("console")
    }

    /// Switches on. The machine is on its way up when this returns.
    pub fn power_on(&self) -> Outcome<()> {
        let mut child = self.boot()?;
        let machine = self.clone();
        thread::spawn(move || {
            loop {
                let status = child.wait();
                if !matches!(&status, Ok(status) if status.code() == Some(REBOOT)) {
                    let mut power = machine.power();
                    power.nspawn = None;
                    power.ended = Some(status.map_or_else(|e| e.to_string(), |s| s.to_string()));
                    return;
                }
                match machine.boot() {
                    Ok(again) => child = again,
                    Err(error) => {
                        say(format!("{} does not come back: {error}", machine.name));
                        machine.power().ended = Some(error);
                        return;
                    }
                }
            }
        });
        Ok(())
    }

    fn boot(&self) -> Outcome<Child> {
        cgroup::clear(&self.cgroups);
        self.plug.plug_in()?;
        let console = File::options().create(true).append(true).open(self.console()).whilst("console")?;
        let errors = console.try_clone().whilst("console")?;
        let place = Place { cgroups: self.cgroups.clone(), ..Place::default() };
        let mut nspawn = place.command("systemd-nspawn", &["--quiet", "--boot", "--register=no", "--keep-unit"])?;
        nspawn
            .arg(format!("--directory={}", self.root().display()))
            .arg(format!("--machine=bed-{}", self.name))
            .arg(format!("--hostname={}", self.name))
            .arg(format!("--network-namespace-path=/run/netns/{}", self.plug.netns))
            .args(["--private-users=no", "--capability=all", "--system-call-filter=@keyring bpf"])
            .args(["--console=pipe", "--kill-signal=SIGRTMIN+4", "--resolv-conf=off", "--link-journal=no"])
            // kubelet reads kernel messages for out-of-memory kills.
            .arg("--bind=/dev/kmsg");
        for name in PLAIN {
            nspawn.arg(format!("--bind={}:/var/lib/{name}", self.folder.join(name).display()));
        }
        self.own_hardware_identity(&mut nspawn)?;
        let child = nspawn
            .env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "network")
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .whilst("systemd-nspawn")?;
        let mut power = self.power();
        power.nspawn = i32::try_from(child.id()).ok();
        power.boots += 1;
        power.ended = None;
        Ok(child)
    }

    /// Where the host has a system UUID, all containers would share it.
    fn own_hardware_identity(&self, nspawn: &mut Command) -> Outcome<()> {
        let host = Path::new("/sys/class/dmi/id/product_uuid");
        if host.exists() {
            let own = self.folder.join("product_uuid");
            if !own.exists() {
                fs::write(&own, format!("{}\n", uuid()?)).whilst(own.display())?;
            }
            nspawn.arg(format!("--bind-ro={}:{}", own.display(), host.display()));
        }
        Ok(())
    }

    fn power(&self) -> MutexGuard<'_, Power> {
        self.power.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn boots(&self) -> u32 {
        self.power().boots
    }

    /// The process that is PID 1 in the machine.
    pub fn init(&self) -> Outcome<i32> {
        let power = self.power();
        let nspawn = power.nspawn.whilst(format_args!("{} is off ({:?})", self.name, power.ended))?;
        drop(power);
        for child in children_of(nspawn) {
            let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            if inner.is_some_and(|pids| pids.split_whitespace().last() == Some("1")) {
                return Ok(child);
            }
        }
        Err(format!("{} has no init yet", self.name))
    }

    /// The main process of a unit, by its program's name: one that the machine's init started itself, and that lives.
    pub fn main_process(&self, program: &str) -> Outcome<i32> {
        let state = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let lives = |pid: &i32| state(pid).contains(&format!("({program}) ")) && !state(pid).contains(") Z");
        children_of(self.init()?).into_iter().find(lives).whilst(format_args!("{} runs no {program}", self.name))
    }

    /// A command that will run inside, as a login there would.
    pub fn command(&self, arguments: &[&str]) -> Outcome<Command> {
        let init = self.init()?.to_string();
        let place = Place { cgroups: self.cgroups.clone(), ..Place::default() };
        let mut command = place.command("nsenter", &["-t", &init, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"])?;
        command
            .args(["/usr/bin/env", "-i", "HOME=/root", "TERM=dumb", "container=systemd-nspawn"])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(arguments);
        Ok(command)
    }

    pub fn exec(&self, arguments: &[&str], deadline: Duration) -> Outcome<Ended> {
        run(&mut self.command(arguments)?, deadline).whilst(&self.name)
    }

    pub fn must(&self, arguments: &[&str], deadline: Duration) -> Outcome<String> {
        must(&mut self.command(arguments)?, deadline).whilst(&self.name)
    }

    /// Pulls the plug.
    pub fn power_cut(&self) -> Outcome<()> {
        kill(Pid::from_raw(self.init()?), Signal::SIGKILL).whilst(&self.name)?;
        self.wait_off()
    }

    /// Until the power cut is over: a machine whose init is killed has none of its processes any more.
    pub fn wait_off(&self) -> Outcome<()> {
        wait_for("the power cut", Duration::from_secs(20), Duration::from_millis(20), || self.is_off())
    }

    /// Asks the machine to switch itself off, and waits until it has.
    pub fn power_off(&self, deadline: Duration) -> Outcome<()> {
        self.must(&["systemctl", "poweroff", "--no-block"], Duration::from_secs(20))?;
        wait_for("switching off", deadline, Duration::from_millis(50), || self.is_off())
    }

    fn is_off(&self) -> Outcome<()> {
        if self.power().nspawn.is_none() { Ok(()) } else { Err(format!("{} is still on", self.name)) }
    }
}

fn children_of(parent: i32) -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name may hold anything, so count from its closing bracket: state, then parent.
            let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
            after.split(' ').nth(1) == Some(parent.to_string().as_str())
        })
        .collect()
}

fn uuid() -> Outcome<String> {
    let path = "/proc/sys/kernel/random/uuid";
    Ok(fs::read_to_string(path).whilst(path)?.trim().to_owned())
}

fn random_id() -> Outcome<String> {
    Ok(uuid()?.replace('-', ""))
}
