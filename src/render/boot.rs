//! What a machine is handed before or beside its disk: iPXE with the kernel's command line, systemd credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{MintedDocument, RenderedFile};
use crate::datasource::credential;
use crate::digest::sha256;

/// Where the document is served, to be put in the place of it.
pub const SERVER: &str = "http://BOOT-SERVER";

/// An iPXE script and the command line's words for other boot loaders. The pin makes plain http good enough: what was
/// changed on the way is refused. It does not keep the document secret.
pub(super) fn ipxe(cluster: &str, document: MintedDocument<'_>) -> [RenderedFile; 2] {
    let (name, stem) = (document.name, document.stem());
    let pin = format!("kubeboot.sha256={}", sha256(document.bytes.expose()));
    let script = format!(
        "#!ipxe\n\
         # Serve {name} of cluster {cluster} beside the image's kernel and initrd at ${{base}}, as it is. Who reads it\n\
         # has its secrets: serve it in the network of the machines alone, and no longer than they need it.\n\
         set base http://${{next-server}}/{cluster}\n\
         set options root=LABEL=root ro\n\
         kernel ${{base}}/vmlinuz initrd=initrd.img ${{options}} kubeboot.url=${{base}}/{name} {pin} || shell\n\
         initrd --name initrd.img ${{base}}/initrd.img || shell\n\
         boot\n"
    );
    let words = format!("kubeboot.url={SERVER}/{cluster}/{name} {pin}\n");
    [RenderedFile::new(format!("{stem}.ipxe"), script), RenderedFile::new(format!("{stem}.cmdline"), words)]
}

/// A folder for each document: the credential under its name, for `/etc/credstore` or LoadCredential=, and the SMBIOS
/// string of type 11, a file for QEMU's `-smbios type=11,path=FILE`, so that nothing of it is on a command line.
pub(super) fn credentials(document: MintedDocument<'_>) -> [RenderedFile; 2] {
    let (stem, name, bytes) = (document.stem(), credential::NAME, document.bytes.expose());
    // QEMU takes every byte of the file into the string: no line's end.
    let string = format!("io.systemd.credential.binary:{name}={}", STANDARD.encode(bytes));
    [RenderedFile::new(format!("{stem}/{name}"), bytes.clone()), RenderedFile::new(format!("{stem}/smbios-type-11"), string)]
}
