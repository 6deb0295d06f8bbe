//! The requests of a rehearsed machine, sent for real: to HTTPS servers on loopback, through `LocalHost`.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;

use kubeboot::host::local::{LocalHost, Surroundings};
use kubeboot::host::{Host, Request, Response, Unanswered};

use crate::servers::Ca;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on a thread of its own, which outlives the test that made it.
pub fn beside<F: Future<Output = SocketAddr>>(server: impl FnOnce() -> F + Send + 'static) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            sender.send(server().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

/// An image with a CA bundle that has this CA in it.
pub fn trusting(ca: &Ca) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc/ssl/certs")).unwrap();
    std::fs::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), &ca.pem).unwrap();
    root
}

/// How a machine whose root is `root` asks.
pub fn exchange(root: &Path) -> impl Fn(&Request) -> Result<Response, Unanswered> + 'static {
    let (runtime, host) = (runtime(), LocalHost::in_surroundings(root.to_owned(), Surroundings::default()));
    move |request| runtime.block_on(host.http(request))
}
