//! The first page of a state file: what it is, where its parts lie, and the two words that
//! processes share.
//!
//! Layout, version 1, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0–8 | magic |
//! | 8–12, 12–16 | layout version, bytes of a record |
//! | 16–24 | bytes of the configuration, which begins at 4096 as JSON |
//! | 24–32 | offset of the log |
//! | 32–40 | origin: when the machine was made, ns on `CLOCK_MONOTONIC` |
//! | 40–48 | process that made it |
//! | 64–72 | **writer**: process that is appending, 0 for none |
//! | 128–136 | **length**: records that are complete |
//! | 192–224 | SHA-256 of the configuration |

use std::path::Path;
use std::sync::atomic::AtomicU64;

use fs_err::File;
use memmap2::{MmapOptions, MmapRaw};

use super::StateError;

/// Bytes of the header: one page.
pub(super) const HEADER_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"JBEMUST\n";
const LAYOUT_VERSION: u32 = 1;
const WRITER_OFFSET: usize = 64;
const LENGTH_OFFSET: usize = 128;

/// What the header says and what never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) record_bytes: u32,
    pub(super) config_bytes: u64,
    pub(super) log_offset: u64,
    pub(super) origin_ns: u64,
    pub(super) creator_pid: u64,
    pub(super) config_sha256: [u8; 32],
}

impl Header {
    /// The page as it is written when a machine is made.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; HEADER_BYTES];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(8, &LAYOUT_VERSION.to_le_bytes());
        put(12, &self.record_bytes.to_le_bytes());
        put(16, &self.config_bytes.to_le_bytes());
        put(24, &self.log_offset.to_le_bytes());
        put(32, &self.origin_ns.to_le_bytes());
        put(40, &self.creator_pid.to_le_bytes());
        put(192, &self.config_sha256);
        page
    }

    /// Reads the page of a file that may be anything.
    pub(super) fn decode(page: &[u8], path: &Path) -> Result<Self, StateError> {
        let foreign = |found: String| StateError::Foreign {
            path: path.to_path_buf(),
            found,
        };
        if page.is_empty() {
            return Err(foreign("it is empty".to_owned()));
        }
        if !page.starts_with(&MAGIC) {
            let shown = String::from_utf8_lossy(&page[..page.len().min(8)]).into_owned();
            return Err(foreign(format!("it begins with {shown:?}")));
        }
        if page.len() < HEADER_BYTES {
            return Err(StateError::damaged(
                path,
                format!("it ends after {} bytes, inside its header", page.len()),
            ));
        }
        let word = |at: usize| u32::from_le_bytes(array(&page[at..at + 4]));
        let long = |at: usize| u64::from_le_bytes(array(&page[at..at + 8]));
        if word(8) != LAYOUT_VERSION {
            return Err(StateError::Version {
                path: path.to_path_buf(),
                found: word(8),
                expected: LAYOUT_VERSION,
            });
        }
        Ok(Self {
            record_bytes: word(12),
            config_bytes: long(16),
            log_offset: long(24),
            origin_ns: long(32),
            creator_pid: long(40),
            config_sha256: array(&page[192..224]),
        })
    }

    /// Whether a file holds the same machine, not one that took its name.
    pub(super) fn is_same_machine(&self, other: &Self) -> bool {
        self.origin_ns == other.origin_ns && self.creator_pid == other.creator_pid
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice has the asked length")
}

/// The two shared words, mapped into this process.
pub(super) struct SharedWords(MmapRaw);

impl SharedWords {
    /// Maps the header of an open state file, which must be at least [`HEADER_BYTES`] long.
    pub(super) fn map(file: &File, path: &Path) -> Result<Self, StateError> {
        MmapOptions::new()
            .len(HEADER_BYTES)
            .map_raw(file)
            .map(Self)
            .map_err(|source| StateError::io("mapping", path, source))
    }

    /// Process that is appending, or 0.
    pub(super) fn writer(&self) -> &AtomicU64 {
        self.word(WRITER_OFFSET)
    }

    /// Complete records in the log.
    pub(super) fn length(&self) -> &AtomicU64 {
        self.word(LENGTH_OFFSET)
    }

    #[expect(
        unsafe_code,
        clippy::cast_ptr_alignment,
        reason = "a word of a shared mapping can only be reached by its address; it is aligned"
    )]
    fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= HEADER_BYTES && offset.is_multiple_of(8));
        // SAFETY: the mapping is HEADER_BYTES long, begins on a page and lives as long as `self`;
        // the offset is inside it and a multiple of eight. Every process uses these bytes only as
        // atomics. (A file that somebody cuts short under us ends the process with SIGBUS, as with
        // any mapping; nothing of ours does that.)
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().add(offset).cast::<u64>()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            record_bytes: 128,
            config_bytes: 77,
            log_offset: 8192,
            origin_ns: 5,
            creator_pid: 6,
            config_sha256: [9; 32],
        }
    }

    #[test]
    fn a_header_survives_encoding() {
        let page = header().encode();
        assert_eq!(Header::decode(&page, Path::new("/x")).unwrap(), header());
    }

    #[test]
    fn anything_else_is_refused_with_what_it_is() {
        let refusal = |page: &[u8]| {
            Header::decode(page, Path::new("/tmp/x"))
                .unwrap_err()
                .to_string()
        };
        let good = header().encode();
        let mut newer = good.clone();
        newer[8] = 9;
        insta::assert_snapshot!(
            [
                refusal(b""),
                refusal(b"#!/bin/sh\nexit"),
                refusal(&good[..100]),
                refusal(&newer),
            ]
            .join("\n"),
            @r##"
        /tmp/x is no state file of the emulator (it is empty); name another file, or leave --state out
        /tmp/x is no state file of the emulator (it begins with "#!/bin/s"); name another file, or leave --state out
        /tmp/x is damaged: it ends after 100 bytes, inside its header; delete it and start `joulebench emulate` again
        /tmp/x has layout version 9, this program reads version 1; make it again with `joulebench emulate`
        "##
        );
    }
}
