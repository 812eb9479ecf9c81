//! The axes that a sweep may vary, and which values each of them takes.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decimal::Decimal;
use crate::workload;

/// One dimension of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Which entry of `[engines]` does the work.
    Engine,
    /// Which model runs.
    Model,
    /// Number format of weights and activations.
    Precision,
    /// Block format of quantised weights.
    Quantisation,
    /// Sequences or images per step.
    Batch,
    /// Prompt length.
    PromptTokens,
    /// Tokens decoded per sequence.
    DecodeTokens,
    /// The one phase of an iteration that is repeated; absent, the whole iteration is.
    Phase,
    /// Edge of a square image.
    ResolutionPx,
    /// Denoising steps.
    Steps,
    /// Sampler of a diffusion model.
    Scheduler,
    /// Weight of the caption in a diffusion model.
    Guidance,
    /// Which composition of the model runs; absent, our own fast one.
    Implementation,
    /// How attention is computed; absent, in one kernel where the model has one.
    Attention,
    /// Whether steps are replayed as a CUDA graph; absent, they are where the model can.
    Graph,
    /// How the next token is picked; absent, the most likely one.
    Sampling,
    /// What an encoder of text computes from its last states; absent, scores of classes.
    Head,
    /// Where the weights come from; absent, the seed, or the folder that the worker was given.
    Weights,
    /// Locked streaming-multiprocessor clock; needs a device that can be controlled.
    SmClockMhz,
    /// Board power limit; needs a device that can be controlled.
    PowerCapW,
}

/// What an axis accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// One of a closed list of words.
    Words(&'static [&'static str]),
    /// A whole number between the bounds, both included.
    Integers(u64, u64),
    /// A number of up to three decimals between the bounds, both included.
    Decimals(u32, u32),
    /// A key of the plan's `[engines]` table.
    Engines,
    /// The name of a model: one whose work is counted or, where an engine of the user's runs it,
    /// any that [`workload::is_model_name`] accepts.
    Models,
}

impl Axis {
    /// Every axis, in the order in which tables show them.
    pub const ALL: [Self; 20] = [
        Self::Engine,
        Self::Model,
        Self::Precision,
        Self::Quantisation,
        Self::Batch,
        Self::PromptTokens,
        Self::DecodeTokens,
        Self::Phase,
        Self::ResolutionPx,
        Self::Steps,
        Self::Scheduler,
        Self::Guidance,
        Self::Implementation,
        Self::Attention,
        Self::Graph,
        Self::Sampling,
        Self::Head,
        Self::Weights,
        Self::SmClockMhz,
        Self::PowerCapW,
    ];

    /// The key in plans, columns and JSON; numbers carry their unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Model => "model",
            Self::Precision => "precision",
            Self::Quantisation => "quantisation",
            Self::Batch => "batch",
            Self::PromptTokens => "prompt_tokens",
            Self::DecodeTokens => "decode_tokens",
            Self::Phase => "phase",
            Self::ResolutionPx => "resolution_px",
            Self::Steps => "steps",
            Self::Scheduler => "scheduler",
            Self::Guidance => "guidance",
            Self::Implementation => "implementation",
            Self::Attention => "attention",
            Self::Graph => "graph",
            Self::Sampling => "sampling",
            Self::Head => "head",
            Self::Weights => "weights",
            Self::SmClockMhz => "sm_clock_mhz",
            Self::PowerCapW => "power_cap_w",
        }
    }

    /// What the axis means, in one sentence for people who read the data dictionary.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Engine => "program that does the work, a key of the plan's [engines]",
            Self::Model => "model that runs",
            Self::Precision => "number format of weights and activations",
            Self::Quantisation => "block format of quantised weights",
            Self::Batch => "sequences or images processed together",
            Self::PromptTokens => "prompt length of each sequence",
            Self::DecodeTokens => "tokens decoded for each sequence",
            Self::Phase => {
                "the one phase of an iteration that is repeated; absent, the whole iteration is"
            }
            Self::ResolutionPx => "edge of a square image",
            Self::Steps => "denoising steps",
            Self::Scheduler => "sampler of a diffusion model",
            Self::Guidance => {
                "weight of the caption in a diffusion model; up to 1 its network runs once a step, above twice"
            }
            Self::Implementation => "composition of the model that runs; absent, the fast one",
            Self::Attention => {
                "how attention is computed; absent, in one kernel where the model has one"
            }
            Self::Graph => {
                "whether steps are replayed as a CUDA graph; absent, they are where the model can"
            }
            Self::Sampling => "how the next token is picked; absent, the most likely one",
            Self::Head => {
                "what an encoder of text computes from its last states; absent, scores of classes"
            }
            Self::Weights => {
                "where the weights come from; absent, the seed or the folder that the worker was given"
            }
            Self::SmClockMhz => "locked streaming-multiprocessor clock",
            Self::PowerCapW => "board power limit",
        }
    }

    /// Unit of the axis for metadata; `1` for counts and words.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::PromptTokens | Self::DecodeTokens => "token",
            Self::ResolutionPx => "px",
            Self::SmClockMhz => "MHz",
            Self::PowerCapW => "W",
            _ => "1",
        }
    }

    /// The values the axis accepts.
    pub const fn domain(self) -> Domain {
        match self {
            Self::Engine => Domain::Engines,
            Self::Model => Domain::Models,
            Self::Precision => Domain::Words(workload::PRECISIONS),
            Self::Quantisation => Domain::Words(workload::QUANTISATIONS),
            Self::Scheduler => Domain::Words(workload::SCHEDULERS),
            Self::Phase => Domain::Words(workload::PHASES),
            Self::Implementation => Domain::Words(workload::IMPLEMENTATIONS),
            Self::Attention => Domain::Words(workload::ATTENTIONS),
            Self::Graph => Domain::Words(workload::GRAPHS),
            Self::Sampling => Domain::Words(workload::SAMPLINGS),
            Self::Head => Domain::Words(workload::HEADS),
            Self::Weights => Domain::Words(workload::WEIGHTS),
            Self::Batch => Domain::Integers(1, 65_536),
            Self::PromptTokens | Self::DecodeTokens => Domain::Integers(1, 1_048_576),
            Self::ResolutionPx => Domain::Integers(8, 16_384),
            Self::Steps => Domain::Integers(1, 10_000),
            Self::Guidance => Domain::Decimals(0, 50),
            Self::SmClockMhz => Domain::Integers(100, 5_000),
            Self::PowerCapW => Domain::Integers(10, 5_000),
        }
    }

    /// Whether the axis says how the work is done, not what or how much it is: it means something
    /// to an engine that computes, and nothing to an emulated board.
    pub const fn is_variant(self) -> bool {
        matches!(
            self,
            Self::Implementation | Self::Attention | Self::Graph | Self::Sampling | Self::Weights
        )
    }

    /// Whether the harness has to change a setting of the device to reach a value.
    pub const fn needs_control(self) -> bool {
        matches!(self, Self::SmClockMhz | Self::PowerCapW)
    }

    /// The axis of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.name() == name)
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => write!(f, "one of {}", words.join(", ")),
            Self::Integers(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Decimals(low, high) => {
                write!(f, "a number from {low} to {high} with up to three decimals")
            }
            Self::Engines => f.write_str("a key of the [engines] table"),
            Self::Models => write!(
                f,
                "one of {}; or a model of your own engine, in lower-case letters, digits, dots, hyphens and underscores",
                workload::MODELS.join(", ")
            ),
        }
    }
}

/// One value of an axis: a number or a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AxisValue {
    /// A count or a number in the unit of the axis.
    Integer(u64),
    /// A number that is no whole one: whole ones are [`AxisValue::Integer`], however they were
    /// written, so that each value has one form.
    Decimal(Decimal),
    /// A word.
    Text(String),
}

impl AxisValue {
    /// The value of a number.
    pub fn number(number: Decimal) -> Self {
        number
            .as_whole()
            .map_or(Self::Decimal(number), Self::Integer)
    }

    /// The number, where it is a whole one.
    pub const fn as_integer(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Decimal(_) | Self::Text(_) => None,
        }
    }

    /// The number, where it is one.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Integer(value) => u32::try_from(*value).ok().map(Decimal::whole),
            Self::Decimal(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// The word, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Integer(_) | Self::Decimal(_) => None,
            Self::Text(value) => Some(value),
        }
    }
}

impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl Serialize for AxisValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(value) => serializer.serialize_u64(*value),
            Self::Decimal(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for AxisValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrNumber;

        impl Visitor<'_> for WordOrNumber {
            type Value = AxisValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a number")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<AxisValue, E> {
                Ok(AxisValue::Integer(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<AxisValue, E> {
                u64::try_from(value)
                    .map(AxisValue::Integer)
                    .map_err(|_| E::custom(format!("{value} is negative, expected 0 or more")))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<AxisValue, E> {
                Decimal::from_float(value)
                    .map(AxisValue::number)
                    .map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<AxisValue, E> {
                Ok(AxisValue::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(WordOrNumber)
    }
}
