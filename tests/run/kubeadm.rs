//! What kubeadm leaves on a disk, phase by phase, and what a power cut makes of it: kubeadm syncs nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use kubeboot::moment::UnixTime;
use kubeboot::pki::authority::Authority;
use kubeboot::pki::client;

use crate::sim::Sim;

/// The certificates that kubeadm signs on a control plane (kubeadm.md §2.1), by the CA that signs them.
const LEAVES: [(&str, &[&str]); 3] = [
    ("ca", &["apiserver", "apiserver-kubelet-client"]),
    ("front-proxy-ca", &["front-proxy-client"]),
    ("etcd/ca", &["etcd/server", "etcd/peer", "etcd/healthcheck-client", "apiserver-etcd-client"]),
];

/// What a power cut makes of the files of the last phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// They had reached the disk.
    Whole,
    Half,
    Empty,
    /// Every other one had.
    Some,
    None,
}

impl Torn {
    pub const ALL: [Self; 5] = [Self::Whole, Self::Half, Self::Empty, Self::Some, Self::None];
}

/// The files that kubeadm has written.
#[derive(Default)]
pub struct Written {
    whole: RefCell<BTreeMap<String, String>>,
    last: RefCell<Vec<String>>,
}

impl Written {
    /// A phase begins.
    pub fn begin(&self) {
        self.last.take();
    }

    pub fn write<W>(&self, sim: &Sim<W>, path: &str, text: &str) {
        sim.files.borrow_mut().insert(path.into(), (text.as_bytes().to_vec(), kubeboot::host::Mode::Private));
        self.whole.borrow_mut().insert(path.to_owned(), text.to_owned());
        self.last.borrow_mut().push(path.to_owned());
    }

    /// Whether it is there as it was written.
    pub fn is_whole<W>(&self, sim: &Sim<W>, path: &str) -> bool {
        let files = sim.files.borrow();
        let text = files.get(Path::new(path)).map(|(bytes, _)| bytes.as_slice());
        text.is_some() && self.whole.borrow().get(path).map(String::as_bytes) == text
    }

    /// Keeps a file that is there, as kubeadm does, which then has to be whole: kubeadm fails on it for good, or worse.
    pub fn keep_or_write<W>(&self, sim: &Sim<W>, path: &str, text: &str) {
        if sim.files.borrow().contains_key(Path::new(path)) {
            assert!(self.is_whole(sim, path), "kubeadm is run over a torn {path}");
        } else {
            self.write(sim, path, text);
        }
    }

    /// The phase named certs: signs what is not there, with the CAs that are.
    pub fn sign<W>(&self, sim: &Sim<W>, now: UnixTime) {
        let read = |path: &str| {
            let files = sim.files.borrow();
            let (bytes, _) = files.get(Path::new(path)).unwrap_or_else(|| panic!("kubeadm would make its own {path}"));
            String::from_utf8(bytes.clone()).unwrap()
        };
        for (ca, names) in LEAVES {
            let pki = |name: &str, kind: &str| format!("/etc/kubernetes/pki/{name}.{kind}");
            for name in names {
                let files = [pki(name, "crt"), pki(name, "key")];
                match files.each_ref().map(|file| sim.files.borrow().contains_key(Path::new(file))) {
                    [false, false] => {
                        let authority = Authority::from_pem(&read(&pki(ca, "crt")), &read(&pki(ca, "key")), "").unwrap();
                        let leaf = client::sign(&authority, name, &[], now, now.plus(365 * 86_400)).unwrap();
                        self.write(sim, &files[0], &leaf.certificate_pem);
                        self.write(sim, &files[1], leaf.key_pem.expose());
                    }
                    [true, true] => assert!(files.iter().all(|file| self.is_whole(sim, file)), "kubeadm is run over a torn {name}"),
                    _ => panic!("kubeadm is run over one of {files:?} alone"),
                }
            }
        }
    }

    /// The power goes; `torn` is what is left of the last phase.
    pub fn tear<W>(&self, sim: &Sim<W>, torn: Torn) {
        let mut files = sim.files.borrow_mut();
        files.retain(|path, _| !path.starts_with("/run"));
        for (number, path) in self.last.take().iter().enumerate() {
            let Some((bytes, _)) = files.get_mut(Path::new(path)) else { continue };
            match torn {
                Torn::Whole => {}
                Torn::Some if number % 2 == 1 => {}
                Torn::Half => bytes.truncate(bytes.len() / 2),
                Torn::Empty => bytes.clear(),
                Torn::Some | Torn::None => drop(files.remove(Path::new(path))),
            }
        }
    }
}
