//! The binary, called as a person would, and folders for it.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder that is removed again.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A program of this name.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.write(name, script.as_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of what is in it, as an argument.
    pub fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

/// Exit code, standard output, standard error of `kubeboot check`; nothing is on PATH.
pub fn said(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    said_with("", arguments, input)
}

/// The same with these folders on PATH.
pub fn said_with(path: impl AsRef<OsStr>, arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    said_in(&[("PATH", path.as_ref())], arguments, input)
}

/// The same in this environment and no other.
pub fn said_in(environment: &[(&str, &OsStr)], arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubeboot"))
        .arg("check")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A wrong command line is refused before anything is read.
    let _closed = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A cluster file of this version, with kubeadm's documents behind it.
pub fn cluster(version: &str, documents: &str) -> String {
    format!(
        "apiVersion: kubeboot/v1alpha1\nkind: Cluster\nname: prod\nkubernetesVersion: {version}\ncontrolPlaneEndpoint: api.example.com:6443\n\
         networking: {{podSubnet: 10.244.0.0/16}}\ncni: {{name: flannel}}\n{documents}"
    )
}

/// What mint makes of a cluster file, in `documents` of the folder.
pub fn minted(folder: &Folder, cluster: &str) -> String {
    minted_with(folder, cluster, &[])
}

/// The same, with further options.
pub fn minted_with(folder: &Folder, cluster: &str, options: &[&str]) -> String {
    let file = folder.write("cluster.yaml", cluster.as_bytes());
    let out = folder.at("documents");
    let output = Command::new(env!("CARGO_BIN_EXE_kubeboot")).arg("mint").arg(file).args(["--out", &out]).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// The files of the JSON output that break the rule, in order.
pub fn breaking(out: &str, rule: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(out).unwrap_or_else(|_| panic!("{out}"));
    let found = value["diagnostics"].as_array().unwrap().iter().filter(|found| found["rule"] == rule);
    found.map(|found| found["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

/// Words as [`breaking`] gives them.
pub fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
