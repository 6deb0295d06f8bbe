//! `--render FORMAT` of `kubeboot mint`: how the option is read, and the documents in the forms that it names.

use std::collections::BTreeSet;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::fault::Fault;
use crate::mint::{FileKind, Minted};
use crate::render::{Format, MintedDocument, RenderedFile, render};

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.purpose()))
    }
}

/// All documents of a mint in one form.
#[derive(Clone, Debug)]
pub(super) struct Rendering {
    /// The form, and the folder's name.
    pub format: Format,
    /// What goes into the folder.
    pub files: Vec<RenderedFile>,
}

impl Rendering {
    /// The forms that were asked for, each once.
    pub(super) fn all(formats: &[Format], cluster: &str, minted: &Minted) -> Result<Vec<Self>, Fault> {
        let documents = minted.files.iter().filter(|file| file.kind == FileKind::Document);
        let documents: Vec<MintedDocument<'_>> = documents.map(|file| MintedDocument { name: &file.name, bytes: &file.bytes }).collect();
        let formats: BTreeSet<Format> = formats.iter().copied().collect();
        formats.into_iter().map(|format| Ok(Self { format, files: render(format, cluster, &documents)? })).collect()
    }

    /// Its line in the table of what was written.
    pub(super) fn row(&self) -> String {
        let name = format!("{}/", self.format.name());
        let bytes: usize = self.files.iter().map(|file| file.bytes.expose().len()).sum();
        format!("{name:<24} {bytes:>6}  {:<20}  {}\n", "as the documents", self.format.purpose())
    }
}
