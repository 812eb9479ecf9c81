//! How much work a job is: sequences and lengths, by the kind of model.

use serde::Serialize;

/// What a model does with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads a prompt and continues it: axes `prompt_tokens` and `decode_tokens`.
    Generate,
    /// Reads sequences once: axis `prompt_tokens`.
    Read {
        /// Length of a sequence where the plan has no `prompt_tokens`.
        native_tokens: Option<usize>,
    },
    /// Hears sound and writes down tokens: axis `decode_tokens`.
    Transcribe,
}

/// Work of one iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A prompt is read and continued.
    Generate(Extent),
    /// Sequences are read.
    Read(Sequences),
    /// Sound is heard and written down.
    Transcribe(Transcripts),
}

/// Sequences that are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Sequences processed together.
    pub batch: usize,
    /// Prompt length of each sequence.
    pub prompt_tokens: usize,
    /// Decode steps after the prefill.
    pub decode_tokens: usize,
}

/// Sequences that are read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sequences {
    /// Sequences processed together.
    pub batch: usize,
    /// Length of each.
    pub tokens: usize,
}

/// Windows of sound that are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Transcripts {
    /// Windows processed together.
    pub batch: usize,
    /// Decode steps after the encoder.
    pub decode_tokens: usize,
}

impl Extent {
    /// Positions that the cache must hold for each sequence.
    pub const fn positions(&self) -> usize {
        self.prompt_tokens + self.decode_tokens
    }
}

impl Task {
    /// Sequences processed together.
    pub const fn batch(&self) -> usize {
        match self {
            Self::Generate(extent) => extent.batch,
            Self::Read(sequences) => sequences.batch,
            Self::Transcribe(transcripts) => transcripts.batch,
        }
    }
}
