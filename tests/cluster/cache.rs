//! Things that take long to make are kept outside the tree, under a name that holds a digest of everything they were
//! made from. They are made beside their place and renamed into it, so that what is there is whole.

use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::outcome::{Outcome, While};

pub fn folder() -> Outcome<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = variable("KUBEBOOT_CACHE") {
        return Ok(own);
    }
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    Ok(base.whilst("none of KUBEBOOT_CACHE, XDG_CACHE_HOME and HOME is set")?.join("kubeboot"))
}

/// Digest of what something is made from.
pub struct Key(Context);

impl Key {
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// With its length before it, so that two inputs can't be taken for one.
    #[must_use]
    pub fn with(mut self, input: impl AsRef<[u8]>) -> Self {
        let input = input.as_ref();
        self.0.update(&(input.len() as u64).to_le_bytes());
        self.0.update(input);
        self
    }

    pub fn finish(self) -> String {
        hex(self.0.finish().as_ref()).chars().take(16).collect()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file or folder `kind/name` of the cache; `make` makes it under the path it is given, when it isn't there yet.
pub fn kept(kind: &str, name: &str, make: impl FnOnce(&Path) -> Outcome<()>) -> Outcome<PathBuf> {
    let place = folder()?.join(kind);
    let path = place.join(name);
    if path.exists() {
        return Ok(path);
    }
    fs::create_dir_all(&place).whilst(place.display())?;
    let partial = place.join(format!(".partial-{name}"));
    discard(&partial)?;
    make(&partial)?;
    fs::rename(&partial, &path).whilst(path.display())?;
    Ok(path)
}

/// Removes a file or a whole folder, if there.
pub fn discard(path: &Path) -> Outcome<()> {
    let result = match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    result.whilst(path.display())
}
