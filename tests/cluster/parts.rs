//! The programs of a Kubernetes node, built from pinned Go modules (`parts/*/go.mod`), because no package of Debian
//! holds them. `KUBEBOOT_PARTS=DIR` takes them from a folder instead.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cache::{self, Key};
use crate::command::{must, program, run};
use crate::outcome::{Outcome, While};
use crate::say::say;

pub const KUBERNETES: &str = "v1.37.2";

/// A cold build of the largest takes five minutes on two cores.
const BUILD: Duration = Duration::from_secs(45 * 60);
const CHECK: Duration = Duration::from_secs(30);

/// A Go module under `parts/` and what is built from it.
struct Module {
    folder: &'static str,
    programs: &'static [Program],
}

struct Program {
    name: &'static str,
    package: &'static str,
    /// Called so, it says `says`: proof that the file is whole and is the version we pinned.
    check: &'static [&'static str],
    says: &'static str,
    /// Linked statically against libc: flannel's udp backend is C.
    cgo: bool,
}

const fn go(name: &'static str, package: &'static str, check: &'static [&'static str], says: &'static str) -> Program {
    Program { name, package, check, says, cgo: false }
}

const KUBEADM: Program = go("kubeadm", "k8s.io/kubernetes/cmd/kubeadm", &["version", "-o", "short"], KUBERNETES);

const MODULES: [Module; 5] = [
    Module {
        folder: "kubernetes",
        programs: &[
            KUBEADM,
            go("kubelet", "k8s.io/kubernetes/cmd/kubelet", &["--version"], KUBERNETES),
            go("kubectl", "k8s.io/kubernetes/cmd/kubectl", &["version", "--client"], KUBERNETES),
            go("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", &["--version"], KUBERNETES),
            go("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", &["--version"], KUBERNETES),
            go("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", &["--version"], KUBERNETES),
            go("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", &["--version"], KUBERNETES),
            go("agnhost", "k8s.io/kubernetes/test/images/agnhost", &["--help"], "netexec"),
        ],
    },
    Module {
        folder: "etcd",
        programs: &[
            go("etcd", "go.etcd.io/etcd/server/v3", &["--version"], "3.7.0"),
            go("etcdctl", "go.etcd.io/etcd/etcdctl/v3", &["version"], "3.7.0"),
        ],
    },
    Module {
        folder: "cni-plugins",
        programs: &[go("flannel-cni", "github.com/containernetworking/plugins/plugins/meta/flannel", &[], "CNI flannel plugin")],
    },
    Module {
        folder: "flannel",
        programs: &[
            go("install-conf", "github.com/flannel-io/flannel/cmd/install_conf", &[], "usage"),
            Program { name: "flanneld", package: "github.com/flannel-io/flannel", check: &["--help"], says: "kube-subnet-mgr", cgo: true },
        ],
    },
    Module { folder: "coredns", programs: &[go("coredns", "github.com/coredns/coredns", &["-version"], "1.14.6")] },
];

/// Only kubeadm, of the minors before: what kubeboot renders is validated against them.
const OTHER_KUBEADMS: [(&str, &str); 3] = [("kubeadm-1.34", "v1.34.4"), ("kubeadm-1.35", "v1.35.4"), ("kubeadm-1.36", "v1.36.3")];

/// Where each program is, by name.
pub struct Parts {
    programs: BTreeMap<String, PathBuf>,
}

impl Parts {
    pub fn path(&self, name: &str) -> Outcome<&Path> {
        self.programs.get(name).map(PathBuf::as_path).whilst(format_args!("no part is named {name}"))
    }

    /// Names the files without reading them: the cache's paths hold the digest of their making.
    pub fn key(&self) -> Key {
        self.programs.iter().fold(Key::new(), |key, (name, path)| {
            let stamp = fs::metadata(path).and_then(|m| m.modified()).map(|time| format!("{time:?}"));
            key.with(name).with(path.as_os_str().as_encoded_bytes()).with(stamp.unwrap_or_default())
        })
    }
}

/// Everything a node and its images need.
pub fn all() -> Outcome<Parts> {
    let mut programs = BTreeMap::new();
    for module in &MODULES {
        for program in module.programs {
            programs.insert(program.name.to_owned(), part(module.folder, program)?);
        }
    }
    Ok(Parts { programs })
}

/// The kubeadm of this version.
pub fn kubeadm() -> Outcome<(&'static str, PathBuf)> {
    part("kubernetes", &KUBEADM).map(|path| (KUBERNETES, path))
}

/// The kubeadms of other minors, by version.
pub fn other_kubeadms() -> Outcome<Vec<(&'static str, PathBuf)>> {
    OTHER_KUBEADMS
        .iter()
        .map(|(folder, version)| {
            let kubeadm = Program { says: version, ..KUBEADM };
            Ok((*version, build(folder, &kubeadm, version)?))
        })
        .collect()
}

/// The manifest as flannel's module ships it.
pub fn flannel_manifest() -> Outcome<String> {
    if let Some(path) = given("kube-flannel.yml")? {
        return fs::read_to_string(&path).whilst(path.display());
    }
    let kept = cache::kept("parts", &format!("kube-flannel-{}.yml", module_key("flannel")?), |partial| {
        let mut list = program("go", &["list", "-m", "-f", "{{.Dir}}", "github.com/flannel-io/flannel"]);
        let folder = must(list.current_dir(source("flannel")), BUILD)?;
        let shipped = Path::new(folder.trim()).join("Documentation/kube-flannel.yml");
        fs::copy(&shipped, partial).whilst(shipped.display()).map(drop)
    })?;
    fs::read_to_string(&kept).whilst(kept.display())
}

/// A program of this version's modules.
fn part(module: &str, program: &Program) -> Outcome<PathBuf> {
    match given(program.name)? {
        Some(path) => check(&path, program).map(|()| path),
        None => build(module, program, KUBERNETES),
    }
}

fn given(name: &str) -> Outcome<Option<PathBuf>> {
    let Some(folder) = std::env::var_os("KUBEBOOT_PARTS").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = Path::new(&folder).join(name);
    if path.is_file() { Ok(Some(path)) } else { Err(format!("KUBEBOOT_PARTS is set but {} is not there", path.display())) }
}

fn source(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/parts").join(module)
}

fn module_key(module: &str) -> Outcome<String> {
    let mut key = Key::new().with(must(&mut program("go", &["version"]), CHECK)?);
    let root = source(module);
    for file in files_below(&root)? {
        // The name within the module: the tree may lie anywhere.
        key =
            key.with(file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().as_bytes()).with(fs::read(&file).whilst(file.display())?);
    }
    Ok(key.finish())
}

/// go.mod, go.sum and, where a module brings one, its stub.
fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).whilst(folder.display())? {
        let path = entry.whilst(folder.display())?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

fn flags(program: &Program, version: &str) -> Vec<String> {
    let mut linker = String::from("-s -w");
    if program.package.starts_with("k8s.io/kubernetes") {
        // Without a version stamped in, kubeadm takes itself for v0.0.0 and refuses to work with any cluster.
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
            for (name, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
                linker.push_str(&format!(" -X {package}.{name}={value}"));
            }
        }
    }
    let mut flags: Vec<String> = vec!["-buildvcs=false".into(), "-trimpath".into()];
    if program.cgo {
        linker.push_str(" -linkmode external -extldflags -static");
        flags.push("-tags=netgo,osusergo".into());
    }
    flags.push(format!("-ldflags={linker}"));
    flags
}

fn build(module: &str, program: &Program, version: &str) -> Outcome<PathBuf> {
    let flags = flags(program, version);
    let key = Key::new().with(module_key(module)?).with(flags.join(" ")).finish();
    cache::kept("parts", &format!("{}-{key}", program.name), |partial| {
        let started = Instant::now();
        say(format!("building {} ({module})", program.name));
        let mut go = Command::new("go");
        go.arg("build").args(&flags).arg("-o").arg(partial).arg(program.package);
        go.current_dir(source(module)).env("CGO_ENABLED", if program.cgo { "1" } else { "0" }).env_remove("GOFLAGS");
        must(&mut go, BUILD)?;
        check(partial, program)?;
        say(format!("built {} in {:.0} s", program.name, started.elapsed().as_secs_f64()));
        Ok(())
    })
}

fn check(path: &Path, program: &Program) -> Outcome<()> {
    let mut call = Command::new(path);
    // Some have no --version and answer a call without arguments with a usage line and an error.
    let ended = run(call.args(program.check).env_remove("KUBECONFIG"), CHECK)?;
    let said = format!("{}{}", ended.stdout, ended.stderr);
    if said.contains(program.says) { Ok(()) } else { Err(format!("{} does not say {:?}:\n{said}", path.display(), program.says)) }
}
