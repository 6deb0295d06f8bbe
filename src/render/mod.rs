//! Renderings: minted documents in the forms that platforms take. Pure; the same documents give the same bytes.
//!
//! Each is read back by the datasource that it is for ([`crate::datasource`]), with nothing lost on the way.
//! Adding one: a row of the table, its arm in [`render`] (the compiler shows it), a test of reading it back.

pub use boot::SERVER;

mod boot;
mod provision;
mod user_data;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::secret::Secret;

macro_rules! table {
    ($($variant:ident: $name:literal, $purpose:literal;)*) => {
        /// A form. What each is for is its documentation and its help on the command line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Format {
            $(#[doc = $purpose] $variant,)*
        }

        impl Format {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn row(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant => ($name, $purpose),)*
                }
            }
        }
    };
}

table! {
    GzipBase64: "gzip-base64", "what takes base64 and has little room";
    Mime: "mime", "a multi-part with other agents' parts";
    CloudConfig: "cloud-config", "user-data that cloud-init reads as well";
    Ignition: "ignition", "Ignition: Fedora CoreOS, Flatcar";
    Nocloud: "nocloud", "a drive with label cidata";
    Ipxe: "ipxe", "iPXE and other boot loaders, with the document's pin";
    Credentials: "credentials", "systemd: QEMU's SMBIOS string, a file";
    Terraform: "terraform", "Terraform and OpenTofu";
}

impl Format {
    /// Its name on the command line, and of its folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is for, on one line.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        self.row().1
    }
}

/// A minted document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintedDocument<'a> {
    /// File name, `worker.yaml`.
    pub name: &'a str,
    /// Contents.
    pub bytes: &'a Secret<Vec<u8>>,
}

impl<'a> MintedDocument<'a> {
    /// Its name without the ending: what its renderings are called.
    fn stem(self) -> &'a str {
        self.name.strip_suffix(".yaml").unwrap_or(self.name)
    }

    fn text(self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes.expose())
            .map_err(|_| Fault::new(Failure::Bug, "a minted document is not text", self.name, "report this as a bug of kubeboot"))
    }
}

/// A file of a rendering. All hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile {
    /// Path below the format's folder, `worker/user-data`.
    pub path: String,
    /// Contents.
    pub bytes: Secret<Vec<u8>>,
}

impl RenderedFile {
    fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: Secret::new(bytes.into()) }
    }
}

/// The documents of a cluster in one form.
///
/// # Errors
/// [`Failure::Bug`] if a document is no text, which mint does not write.
pub fn render(format: Format, cluster: &str, documents: &[MintedDocument<'_>]) -> Result<Vec<RenderedFile>, Fault> {
    if format == Format::Terraform {
        return provision::terraform(documents).map(|file| vec![file]);
    }
    let mut files = Vec::new();
    for document in documents.iter().copied() {
        match format {
            Format::GzipBase64 => files.push(user_data::gzip_base64(document)?),
            Format::Mime => files.push(user_data::mime(document)?),
            Format::CloudConfig => files.push(user_data::cloud_config(document)?),
            Format::Ignition => files.push(provision::ignition(document)),
            Format::Nocloud => files.extend(user_data::nocloud(cluster, document)?),
            Format::Ipxe => files.extend(boot::ipxe(cluster, document)),
            Format::Credentials => files.extend(boot::credentials(document)),
            // All documents in one file, above.
            Format::Terraform => {}
        }
    }
    Ok(files)
}
