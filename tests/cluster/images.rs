//! Container images without a registry: archives of one layer, made from our parts and from files of the Debian tree,
//! under the names that kubeadm and the CNI's manifest ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::cache::{self, Key, hex};
use crate::command::{must, program};
use crate::outcome::{Outcome, While};
use crate::parts::{self, KUBERNETES, Parts};

/// Our own name for the e2e tests' workload: nothing asks for it but the bed.
pub const WORKLOAD: &str = "bed.test/agnhost:1";

const DEADLINE: Duration = Duration::from_secs(60);

/// The names iptables goes by. All are one program.
const XTABLES: [&str; 6] = ["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"];

struct Image {
    name: String,
    entrypoint: String,
    /// Path in the image, path here.
    files: BTreeMap<String, PathBuf>,
}

/// All images of the bed, and which of them is the pod sandbox.
pub struct Images {
    pub archives: Vec<(String, PathBuf)>,
    pub pause: String,
}

pub fn all(parts: &Parts, debian: &Path) -> Outcome<Images> {
    let mut images = Vec::new();
    let mut pause = None;
    let list = ["config", "images", "list", "--kubernetes-version", KUBERNETES];
    for name in must(&mut program(&parts.path("kubeadm")?.to_string_lossy(), &list), DEADLINE)?.lines() {
        let short = name.rsplit('/').next().and_then(|tail| tail.split(':').next()).unwrap_or_default();
        let image = match short {
            "pause" => {
                pause = Some(name.to_owned());
                Image::of(name, "/pause", &compile_pause()?)
            }
            "kube-proxy" => {
                Image::of(name, "/usr/local/bin/kube-proxy", parts.path(short)?).with_debian(debian, &packet_filter(debian)?)?
            }
            "etcd" => Image::of(name, "/usr/local/bin/etcd", parts.path("etcd")?).and("/usr/local/bin/etcdctl", parts.path("etcdctl")?),
            "coredns" => Image::of(name, "/coredns", parts.path("coredns")?),
            other => Image::of(name, &format!("/usr/local/bin/{other}"), parts.path(other)?),
        };
        images.push(image);
    }
    for name in wanted_by(&parts::flannel_manifest()?) {
        images.push(if name.contains("cni-plugin") {
            Image::of(&name, "/flannel", parts.path("flannel-cni")?).with_debian(debian, &["/bin/cp".to_owned()])?
        } else {
            Image::of(&name, "/opt/bin/flanneld", parts.path("flanneld")?)
                .and("/opt/bin/install-conf", parts.path("install-conf")?)
                .with_debian(debian, &packet_filter(debian)?)?
        });
    }
    images.push(Image::of(WORKLOAD, "/agnhost", parts.path("agnhost")?));
    let parts_key = parts.key().with(debian.as_os_str().as_encoded_bytes()).finish();
    let archives = images.iter().map(|image| Ok((image.name.clone(), image.archive(&parts_key)?))).collect::<Outcome<_>>()?;
    Ok(Images { archives, pause: pause.whilst("kubeadm lists no pause image")? })
}

impl Images {
    pub fn key(&self) -> Key {
        self.archives.iter().fold(Key::new(), |key, (name, path)| key.with(name).with(path.as_os_str().as_encoded_bytes()))
    }
}

/// The images that a manifest names.
fn wanted_by(manifest: &str) -> BTreeSet<String> {
    manifest.lines().filter_map(|line| line.trim().strip_prefix("image: ")).map(str::to_owned).collect()
}

fn compile_pause() -> Outcome<PathBuf> {
    let source = include_str!("machine/pause.c");
    let key = Key::new().with(source).finish();
    cache::kept("parts", &format!("pause-{key}"), |partial| {
        let file = partial.with_extension("c");
        fs::write(&file, source).whilst(file.display())?;
        let (file, out) = (file.to_string_lossy().into_owned(), partial.to_string_lossy().into_owned());
        must(&mut program("cc", &["-static", "-Os", "-s", "-o", &out, &file]), DEADLINE)?;
        fs::remove_file(&file).whilst(file)
    })
}

/// What kube-proxy and flannel call to filter packets, as paths in the Debian tree.
fn packet_filter(debian: &Path) -> Outcome<Vec<String>> {
    let mut files: Vec<String> = XTABLES.iter().map(|name| format!("/usr/sbin/{name}")).collect();
    files.extend(["/usr/sbin/nft", "/usr/sbin/conntrack", "/usr/sbin/ipset", "/bin/ip"].map(str::to_owned));
    let plugins = "/usr/lib/x86_64-linux-gnu/xtables";
    for entry in fs::read_dir(debian.join(plugins.trim_start_matches('/'))).whilst(plugins)? {
        files.push(format!("{plugins}/{}", entry.whilst(plugins)?.file_name().to_string_lossy()));
    }
    Ok(files)
}

impl Image {
    fn of(name: &str, entrypoint: &str, program: &Path) -> Self {
        let files = BTreeMap::from([(entrypoint.to_owned(), program.to_owned())]);
        Self { name: name.to_owned(), entrypoint: entrypoint.to_owned(), files }
    }

    fn and(mut self, path: &str, file: &Path) -> Self {
        self.files.insert(path.to_owned(), file.to_owned());
        self
    }

    /// Files of the Debian tree and the libraries they need.
    fn with_debian(mut self, debian: &Path, files: &[String]) -> Outcome<Self> {
        let mut ldd = program("chroot", &[&debian.to_string_lossy(), "ldd"]);
        let needed = must(ldd.args(files), DEADLINE)?;
        let libraries = needed.lines().filter_map(|line| {
            let line = line.trim();
            let path = line.split_once("=> ").map_or(line, |(_, path)| path);
            path.split_once(" (0x").map(|(path, _)| path.to_owned()).filter(|path| path.starts_with('/'))
        });
        for path in files.iter().cloned().chain(libraries) {
            let here = resolve(debian, &path)?;
            self.files.insert(path, here);
        }
        Ok(self)
    }

    fn archive(&self, parts_key: &str) -> Outcome<PathBuf> {
        let short: String = self.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let mut key = Key::new().with(parts_key).with(&self.entrypoint).with("layout 1");
        for (path, file) in &self.files {
            key = key.with(path).with(file.as_os_str().as_encoded_bytes());
        }
        cache::kept("images", &format!("{short}-{}.tar", key.finish()), |partial| self.write(partial))
    }

    fn write(&self, path: &Path) -> Outcome<()> {
        let layer = self.layer().whilst(&self.name)?;
        let layer_digest = hex(digest(&SHA256, &layer).as_ref());
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
            // The entry point, not the command: CoreDNS' manifest gives arguments alone.
            "config": {
                "Entrypoint": [self.entrypoint],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
            "history": [{"created": "1970-01-01T00:00:00Z"}],
        })
        .to_string();
        let config_name = format!("{}.json", hex(digest(&SHA256, config.as_bytes()).as_ref()));
        let layer_name = format!("{layer_digest}.tar");
        let manifest = json!([{"Config": config_name, "RepoTags": [self.name], "Layers": [layer_name]}]).to_string();
        let mut archive = tar::Builder::new(File::create(path).whilst(path.display())?);
        for (name, content) in
            [(&config_name, config.as_bytes()), (&layer_name, &layer), (&"manifest.json".to_owned(), manifest.as_bytes())]
        {
            add(&mut archive, name, tar::EntryType::Regular, 0o644, content).whilst(path.display())?;
        }
        archive.finish().whilst(path.display())
    }

    fn layer(&self) -> std::io::Result<Vec<u8>> {
        let mut folders: BTreeSet<String> = ["dev", "etc", "proc", "run", "sys", "tmp", "var"].map(str::to_owned).into();
        for path in self.files.keys() {
            let above = Path::new(path).ancestors().skip(1).map(|p| p.to_string_lossy().into_owned());
            folders.extend(above.map(|p| p.trim_matches('/').to_owned()).filter(|p| !p.is_empty()));
        }
        let mut layer = tar::Builder::new(Vec::new());
        for folder in folders {
            let mode = if folder == "tmp" { 0o1777 } else { 0o755 };
            add(&mut layer, &folder, tar::EntryType::Directory, mode, &[])?;
        }
        for (path, file) in &self.files {
            let executable = fs::metadata(file)?.permissions().mode() & 0o111 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            add(&mut layer, path.trim_start_matches('/'), tar::EntryType::Regular, mode, &fs::read(file)?)?;
        }
        layer.into_inner()
    }
}

/// An entry with nothing in it that changes from one run to the next.
fn add<W: std::io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, path, content)
}

/// The file a path leads to inside a tree: absolute links of the tree are the tree's.
fn resolve(tree: &Path, path: &str) -> Outcome<PathBuf> {
    let mut current = tree.to_owned();
    let mut steps: Vec<String> = path.split('/').rev().filter(|s| !s.is_empty()).map(str::to_owned).collect();
    for _ in 0..64 {
        let Some(step) = steps.pop() else {
            return Ok(current);
        };
        match step.as_str() {
            "." => {}
            ".." => {
                current.pop();
            }
            _ => {
                let next = current.join(&step);
                match fs::read_link(&next) {
                    Ok(target) => {
                        if target.is_absolute() {
                            current = tree.to_owned();
                        }
                        let target = target.to_string_lossy().into_owned();
                        steps.extend(target.split('/').rev().filter(|s| !s.is_empty()).map(str::to_owned));
                    }
                    Err(_) => current = next,
                }
            }
        }
    }
    Err(format!("{path}: too many links"))
}
