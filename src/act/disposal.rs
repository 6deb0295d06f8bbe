//! How the document leaves the machine, and the copies that cloud-init makes of it (design §7).
//!
//! A working node is never called a failure for a file that can't be removed: the report says what is left to do.

use std::path::Path;

use crate::datasource::unwrap;
use crate::document::Disposal;
use crate::host::Host;

/// Where cloud-init keeps what its datasource said, one folder an instance.
/// <https://cloudinit.readthedocs.io/en/latest/reference/data_file_locations.html>
const INSTANCES: &str = "/var/lib/cloud/instances";
/// Copies of user-data there that nobody reads again: as it came, and with its includes.
const COPIES: [&str; 2] = ["user-data.txt", "user-data.txt.i"];
/// Whether these bytes hold a document of kubeboot's.
type Holds = fn(&[u8]) -> bool;

/// What cloud-init itself still reads, and how a document is seen in it: the datasource, pickled, user-data within, from which
/// the next boot writes the copies anew; and the `#cloud-config` of all parts, for the later stages of this boot.
const KEPT: [(&str, Holds); 2] = [("obj.pkl", is_pickled), ("cloud-config.txt", is_written)];
/// What stands in every document of this program, or around one that `write_files` of a `#cloud-config` holds encoded.
const WORDS: [&[u8]; 2] = [b"kubeboot/v1alpha1", b"/etc/kubeboot/node."];
/// Largest of these files looked at, bytes: user-data is far below.
const LIMIT: usize = 16 << 20;

/// Removes the document; what a person has to do instead, each in a sentence.
pub async fn dispose<H: Host>(host: &H, disposal: &Disposal) -> Vec<String> {
    let mut left = Vec::new();
    match disposal {
        Disposal::Remove(files) => {
            for file in files {
                remove(host, file, &mut left).await;
            }
        }
        Disposal::Tell(task) => left.push(task.clone()),
    }
    left
}

async fn remove<H: Host>(host: &H, file: &Path, left: &mut Vec<String>) {
    if let Err(fault) = host.remove(file).await {
        left.push(format!("delete {}, which holds this machine's document with its secrets: {}", file.display(), fault.line()));
    }
}

/// Removes cloud-init's copies of the document; what a person has to do besides, each in a sentence. It comes of what lies there
/// alone, so that a run which was cut off anywhere, and has no document any more, says the same again.
pub async fn remove_copies<H: Host>(host: &H) -> Vec<String> {
    let mut left = Vec::new();
    for instance in host.list(Path::new(INSTANCES)).await.ok().flatten().unwrap_or_default() {
        let folder = Path::new(INSTANCES).join(instance);
        for name in COPIES {
            if holds(host, &folder.join(name), is_written, &mut left).await {
                remove(host, &folder.join(name), &mut left).await;
            }
        }
        for (name, is_there) in KEPT {
            let file = folder.join(name);
            if holds(host, &file, is_there, &mut left).await {
                left.push(format!(
                    "delete {}, in which cloud-init keeps this machine's document with its secrets (it makes it anew from its datasource \
                     at the next boot), or make new machines without cloud-init",
                    file.display()
                ));
            }
        }
    }
    left
}

/// Whether this file holds a document of kubeboot's. One that can't be read is told, not guessed.
async fn holds<H: Host>(host: &H, file: &Path, is_there: Holds, left: &mut Vec<String>) -> bool {
    match host.read(file, LIMIT).await {
        Ok(bytes) => bytes.is_some_and(|bytes| is_there(&bytes)),
        Err(fault) => {
            left.push(format!("look whether {} holds this machine's document with its secrets: {}", file.display(), fault.line()));
            false
        }
    }
}

/// Whether a document is written here, in whichever wrapping.
fn is_written(bytes: &[u8]) -> bool {
    let mut found = false;
    let mut see = |layer: &[u8]| found |= WORDS.iter().any(|words| layer.windows(words.len()).any(|window| window == *words));
    unwrap::layers(bytes, &mut see);
    found
}

/// The same of a pickle, each of its texts by itself: a wrapping is one only from its beginning to its end. Texts don't overlap;
/// where those that look like one come to far more than the pickle, nobody knows what is in it, and it is taken for held.
fn is_pickled(bytes: &[u8]) -> bool {
    let mut left = 4 * LIMIT;
    is_written(bytes)
        || texts(bytes).any(|text| {
            let within = left.checked_sub(text.len());
            left = within.unwrap_or_default();
            within.is_none() || is_written(text)
        })
}

/// Whatever looks like a text of more than 255 bytes as Python pickles one: `B` (bytes) or `X` (a string), 32 bits of its length,
/// the lowest first, and the text (opcodes `BINBYTES` and `BINUNICODE`, the same in all protocols from 3 on).
/// <https://github.com/python/cpython/blob/3.13/Lib/pickletools.py>
fn texts(pickle: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..pickle.len()).filter_map(|at| {
        let ([b'B' | b'X'], rest) = pickle.get(at..)?.split_first_chunk()? else { return None };
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest.get(..length).filter(|_| length > 255)
    })
}
