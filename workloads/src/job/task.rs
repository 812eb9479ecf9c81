//! How much work a job is: sequences and lengths, by the kind of model.

use model::decimal::Decimal;
use model::resolution::Resolutions;
use serde::Serialize;

use super::word::Scheduler;

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
    /// Looks at square pictures once: axis `resolution_px`.
    See {
        /// Edges that it takes, and the one where the plan has no `resolution_px`.
        resolutions: Resolutions,
    },
    /// Draws square pictures from noise: axes `steps`, `resolution_px`, `guidance`, and the
    /// schedulers of [`Takes`](crate::family::Takes).
    Draw {
        /// Edges that it takes, and the one where the plan has no `resolution_px`.
        resolutions: Resolutions,
        /// Noise levels that it was trained on, and so the most steps.
        most_steps: u64,
        /// Guidance where the plan has none.
        guidance: Decimal,
    },
}

impl Kind {
    /// Edges of square pictures; `None` for models that take none.
    pub const fn resolutions(&self) -> Option<Resolutions> {
        match self {
            Self::See { resolutions } | Self::Draw { resolutions, .. } => Some(*resolutions),
            Self::Generate | Self::Read { .. } | Self::Transcribe => None,
        }
    }
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
    /// Pictures are looked at.
    See(Pictures),
    /// Pictures are drawn.
    Draw(Drawings),
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

/// Square pictures that are looked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pictures {
    /// Pictures processed together.
    pub batch: usize,
    /// Edge of each, in pixels.
    pub resolution_px: usize,
}

/// Square pictures that are drawn from noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Drawings {
    /// Pictures drawn together.
    pub batch: usize,
    /// Edge of each, in pixels.
    pub resolution_px: usize,
    /// Noise levels that are left behind one after the other.
    pub steps: usize,
    /// How one gets from one to the next.
    pub scheduler: Scheduler,
    /// Weight of the caption: up to 1 the network runs once a step, above twice.
    pub guidance: Decimal,
}

impl Drawings {
    /// Whether each step runs the network with and without the caption.
    pub fn is_guided(&self) -> bool {
        self.guidance > Decimal::whole(1)
    }
}

impl Extent {
    /// Positions that the cache must hold for each sequence.
    pub const fn positions(&self) -> usize {
        self.prompt_tokens + self.decode_tokens
    }
}

impl Task {
    /// Sequences or pictures processed together.
    pub const fn batch(&self) -> usize {
        match self {
            Self::Generate(extent) => extent.batch,
            Self::Read(sequences) => sequences.batch,
            Self::Transcribe(transcripts) => transcripts.batch,
            Self::See(pictures) => pictures.batch,
            Self::Draw(drawings) => drawings.batch,
        }
    }
}
