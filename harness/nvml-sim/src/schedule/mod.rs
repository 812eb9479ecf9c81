//! A load file: what each GPU of a machine does, and when.
//!
//! ```toml
//! [[phase]]
//! gpu = 0                 # or "all", which is the default
//! for_s = 10.0
//! work = "gemm-bf16"      # a kernel of the emulator, or "idle"
//!
//! [[phase]]
//! for_s = 2.0
//! model = { model = "llama-7b", precision = "bf16", batch = 8, prompt_tokens = 512, decode_tokens = 128, phase = "prefill" }
//!
//! [[phase]]
//! repeat = 100
//! phases = [{ for_s = 0.05, work = "gemm-bf16" }, { for_s = 0.05, work = "idle" }]
//! ```
//!
//! The phases of one GPU follow each other; GPUs run side by side. Work goes on until the phase is
//! over, or is done `times` times. The whole schedule enters the log at once, as events of the
//! future, so that no thread has to be on time for it.

mod entry;
mod error;
mod expand;
mod start;
#[cfg(test)]
mod tests;
mod work;

use std::path::Path;

use model::units::Nanos;

pub use error::LoadError;
pub use expand::Planned;
pub use start::Started;
pub use work::{WorkSource, parse_work};

use entry::Source;

/// A load file, read and checked as far as that is possible without the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    file: String,
    source: Source,
}

impl Schedule {
    /// Reads a load file.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let file = path.display().to_string();
        let text = fs_err::read_to_string(path).map_err(|source| LoadError::Read {
            file: file.clone(),
            source,
        })?;
        Self::parse(&text, &file)
    }

    /// Reads the text of a load file; `file` is its name in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, LoadError> {
        let source = toml::from_str(text).map_err(|error| LoadError::Syntax {
            file: file.to_owned(),
            reason: error.to_string().trim().to_owned(),
        })?;
        let schedule = Self {
            file: file.to_owned(),
            source,
        };
        // Only what depends on the number of GPUs is left for the start.
        expand::check(&schedule.source, &schedule.file)?;
        Ok(schedule)
    }

    /// One kernel or model for a time on every GPU, or on one.
    pub fn simple(work: WorkSource, gpu: Option<u32>, lasting: Nanos) -> Self {
        Self {
            file: "command line".to_owned(),
            source: Source::simple(work, gpu, lasting),
        }
    }

    /// Everything that happens on a machine of so many GPUs, by time, counted from the begin.
    pub fn events(&self, gpus: u32) -> Result<Vec<Planned>, LoadError> {
        expand::expand(&self.source, gpus, &self.file)
    }

    /// From the begin to the end of the last phase, on a machine of so many GPUs.
    pub fn duration(&self, gpus: u32) -> Result<Nanos, LoadError> {
        let events = self.events(gpus)?;
        Ok(events.last().map_or(Nanos::new(0), |event| event.after))
    }
}
