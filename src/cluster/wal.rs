//! etcd's write-ahead log, as much of it as says whether etcd ever wrote to it.

/// Kinds of the records that a log is made with: metadata, checksum, empty snapshot. Entries and states follow, of kinds 2
/// and 3 (etcd server/storage/wal/wal.go, `MetadataType` and below).
const MADE_WITH: [u8; 3] = [1, 4, 5];

/// Whether a member's first log holds nothing but what it was made with: etcd ended before it had written that it is its own
/// first member. It comes back without members, waits for a leader for ever, and can't be told from outside from one that is
/// about to start (seen on 3.7.0). Nothing that was ever acknowledged is in such a log. What can't be read counts as written.
#[must_use]
pub fn is_stillborn(log: &[u8]) -> bool {
    let (mut rest, mut records) = (log, 0);
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        // The lower seven bytes are the record's length; the highest says, by its top bit and lowest three, how much padding
        // follows (server/storage/wal/encoder.go, `encodeFrameSize`).
        let frame = u64::from_le_bytes(*head);
        if frame == 0 {
            // From here on it is as it was preallocated.
            return records > 0;
        }
        let padding = if frame >> 63 == 1 { frame >> 56 & 7 } else { 0 };
        let (Ok(length), Ok(padding)) = (usize::try_from(frame & ((1 << 56) - 1)), usize::try_from(padding)) else { return false };
        // A record is a protobuf message whose first field is its kind.
        match after.get(..length) {
            Some([0x08, kind, ..]) if MADE_WITH.contains(kind) => records += 1,
            _ => return false,
        }
        let Some(next) = after.get(length + padding..) else { return false };
        rest = next;
    }
    false
}
