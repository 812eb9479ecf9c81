//! The on-disk format of a trace: one Parquet file that seals itself.
//!
//! The samples are the rows, the columns are those of [`crate::sample::SAMPLE_COLUMNS`]: 64-bit
//! integers and floats, absent readings null. The rest of the trace is JSON in the file's
//! key-value metadata ([`HEADER_KEY`]). [`SEAL_KEY`] holds a SHA-256 over header and samples, so
//! that any change of any byte that matters is noticed wherever the file travels.

use sha2::{Digest, Sha256};

use crate::run::hex;

/// Version of the format.
///
/// Changelog
/// - 1: first.
pub const FORMAT_VERSION: u32 = 1;

/// Metadata key of the format version, as a decimal number.
pub const VERSION_KEY: &str = "joulebench.format";
/// Metadata key of the [`crate::trace::TraceHeader`], as JSON.
pub const HEADER_KEY: &str = "joulebench.header";
/// Metadata key of the seal, as 64 hex digits.
pub const SEAL_KEY: &str = "joulebench.seal";
/// Ending of the file name of a trace.
pub const TRACE_EXTENSION: &str = "parquet";

/// Computes the seal of a trace while its columns pass by.
///
/// The seal is SHA-256 over: the header's JSON, then for each column its name, a zero byte, and for
/// each row a byte 1 and the eight little-endian bytes of the value, or a byte 0 for a null.
#[derive(Debug)]
pub struct Seal {
    hash: Sha256,
    buffer: Vec<u8>,
}

const BUFFER_BYTES: usize = 1 << 16;

impl Seal {
    /// Begins with the header as it will be, or was, written.
    pub fn new(header_json: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(header_json.as_bytes());
        Self {
            hash,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        }
    }

    /// Adds a column of integers, top to bottom.
    pub fn integers(&mut self, name: &str, values: impl IntoIterator<Item = Option<i64>>) {
        self.column(
            name,
            values.into_iter().map(|value| value.map(i64::to_le_bytes)),
        );
    }

    /// Adds a column of floats, top to bottom, by their bits.
    pub fn floats(&mut self, name: &str, values: impl IntoIterator<Item = Option<f64>>) {
        self.column(
            name,
            values.into_iter().map(|value| value.map(f64::to_le_bytes)),
        );
    }

    fn column(&mut self, name: &str, values: impl Iterator<Item = Option<[u8; 8]>>) {
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.push(0);
        for value in values {
            match value {
                Some(bytes) => {
                    self.buffer.push(1);
                    self.buffer.extend_from_slice(&bytes);
                }
                None => self.buffer.push(0),
            }
            if self.buffer.len() > BUFFER_BYTES - 16 {
                self.flush();
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        self.hash.update(&self.buffer);
        self.buffer.clear();
    }

    /// The seal as 64 hex digits.
    pub fn finish(mut self) -> String {
        self.flush();
        hex(&self.hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(header: &str, values: &[Option<i64>]) -> String {
        let mut seal = Seal::new(header);
        seal.integers("energy_mj", values.iter().copied());
        seal.finish()
    }

    #[test]
    fn any_change_changes_the_seal() {
        let original = seal("{}", &[Some(1), None, Some(3)]);
        assert_eq!(original, seal("{}", &[Some(1), None, Some(3)]));
        assert_ne!(original, seal("{ }", &[Some(1), None, Some(3)]));
        assert_ne!(original, seal("{}", &[Some(1), Some(0), Some(3)]));
        assert_ne!(original, seal("{}", &[Some(1), None, Some(2)]));
        assert_ne!(original, seal("{}", &[Some(1), None]));
    }

    #[test]
    fn long_columns_hash_like_the_documented_bytes() {
        let values: Vec<Option<i64>> = (0..20_000).map(|v| (v % 7 != 0).then_some(v)).collect();
        let mut bytes = b"{}energy_mj\0".to_vec();
        for value in &values {
            match value {
                Some(v) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&v.to_le_bytes());
                }
                None => bytes.push(0),
            }
        }
        assert_eq!(seal("{}", &values), hex(&Sha256::digest(&bytes)));
    }
}
