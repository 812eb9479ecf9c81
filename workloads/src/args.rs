//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use model::axis::{Axis, AxisValue, Domain};
use model::decimal::Decimal;
use model::point::Point;

const AFTER_HELP: &str = "\
Without a command the program speaks the worker protocol: it reads what to do from JOULEBENCH_RUN, \
prints a `ready` mark once it is warm, works from {\"command\":\"go\"} to {\"command\":\"stop\"} on \
standard input, and ends with a `done` mark. `joulebench run` starts it that way; \
docs/worker-protocol.md has every line.

Environment:
  JOULEBENCH_RUN      the run request, as JSON (set by the harness)
  JOULEBENCH_DEVICE   cpu or cuda; otherwise the GPU where there is one, and else the CPU
  JOULEBENCH_WEIGHTS  folder with config.json and safetensors, or a GGUF file: weights `file`
  JOULEBENCH_MODELS   folder of the weights `tiny`; otherwise artifacts/models of the repository
  JOULEBENCH_TEXT     text that models with weights `file` read and are judged on, a document a line

Examples:
  joulebench-worker list
  joulebench-worker list llama-7b --batch 8 --prompt-tokens 2048 --json
  joulebench-worker demo --model llama-tiny --prompt-tokens 16 --decode-tokens 8
  joulebench-worker kernels check --filter rms_norm";

const POINT_HELP: &str = "\
Axes are those of a plan, docs/plans.md; `joulebench-worker list MODEL` shows which a model takes.";

/// Runs a model for joulebench and marks what it does.
#[derive(Debug, Parser)]
#[command(name = "joulebench-worker", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to do; nothing means: speak the worker protocol.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// What to do by hand.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List models with variants, parameters, memory, arithmetic and quality metrics, without
    /// running them.
    List(ListArguments),
    /// Run a model once by hand and print its outputs and times as JSON.
    Demo(DemoArguments),
    /// Check the fused operations against plain ones, or time them against the hardware.
    Kernels(KernelsArguments),
    /// Train one of the project's own tiny models on generated text or drawn shapes, in minutes on
    /// two cores.
    Train(TrainArguments),
    /// Run the project's own tiny models on this processor in every number format, on documents
    /// that they never saw, and write what came out for each of them.
    Quality(QualityArguments),
}

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub(crate) struct KernelsArguments {
    /// What to do with them.
    #[command(subcommand)]
    pub(crate) verb: KernelsVerb,
}

/// What to do with the operations.
#[derive(Debug, Subcommand)]
pub(crate) enum KernelsVerb {
    /// Compare each with its plain version in f32 on the CPU; fails where one is too far off.
    Check(SelectionArguments),
    /// Time each, beside the least time that an H200 allows.
    Bench(SelectionArguments),
}

impl KernelsVerb {
    /// Which operations, where, and how to print them.
    pub(crate) const fn selection(&self) -> &SelectionArguments {
        match self {
            Self::Check(selection) | Self::Bench(selection) => selection,
        }
    }
}

/// Which operations.
#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Only operations with this in their name, which is: operation, format, shape.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    pub(crate) filter: String,
    /// Device: cpu or cuda.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Print a JSON object for each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
#[command(after_help = POINT_HELP)]
pub(crate) struct ListArguments {
    /// One model; otherwise all. Values that a model of the whole list does not take are left out.
    pub(crate) model: Option<String>,
    /// At which point.
    #[command(flatten)]
    pub(crate) point: PointArguments,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = POINT_HELP)]
pub(crate) struct DemoArguments {
    /// Model, for example llama-tiny.
    #[arg(long, default_value = "llama-tiny")]
    pub(crate) model: String,
    /// At which point; precision f32 on the CPU and bf16 on a GPU, and small lengths, where
    /// nothing is said.
    #[command(flatten)]
    pub(crate) point: PointArguments,
    /// Folder with config.json and safetensors, or a GGUF file; otherwise that of the environment.
    #[arg(long, value_name = "PATH")]
    pub(crate) weights: Option<PathBuf>,
    /// Device: cpu or cuda.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Warm iterations; the last one is shown.
    #[arg(long, default_value_t = 1)]
    pub(crate) iterations: u32,
    /// Seed of the weights.
    #[arg(long, default_value_t = 1)]
    pub(crate) weights_seed: u64,
    /// Seed of the inputs.
    #[arg(long, default_value_t = 2)]
    pub(crate) input_seed: u64,
}

const TRAIN_HELP: &str = "\
Models:
  gpt2-tiny       goes on with a review, character by character
  bert-tiny       classes reviews and guesses hidden words
  lstm-sentiment  classes reviews
  shapes-net      says what is in a picture: its features compare sets of pictures
  shapes-clip     tells how well a picture fits a caption
  shapes-detector, shapes-segmenter, shapes-upscaler
                  find shapes, mask them, double the pixels of a picture
  shapes-diffusion
                  draws captioned shapes

The text is generated by a grammar from a fixed seed; one review in five is held out and only judges. \
The same seed gives the same weights on the same kind of processor, and others elsewhere, so the \
weights in artifacts/models are what tests and measurements use; they are never trained anew there.

The folder OUT/NAME gets config.json, model.safetensors, tokenizer.json (the layout of Hugging Face; \
none where no text is read), \
training.json (recipe, loss curve, held-out metrics, digests), README.md and SHA256SUMS.

Examples:
  joulebench train gpt2-tiny
  joulebench train bert-tiny --steps 20 --out /tmp/models";

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_HELP)]
pub(crate) struct TrainArguments {
    /// Model, for example gpt2-tiny.
    pub(crate) name: String,
    /// Folder that the model's folder is written to.
    #[arg(long, value_name = "DIR", default_value = "artifacts/models")]
    pub(crate) out: PathBuf,
    /// Steps of the optimiser; otherwise those of the recipe.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) steps: Option<u32>,
    /// Seed of the variables and of the order of the documents.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

const QUALITY_HELP: &str = "\
The outcomes are raw: a list by document. `joulebench reproduce` computes intervals from those in \
artifacts/quality; docs/quality.md says what the metrics mean. Half a minute on two cores.

Examples:
  joulebench-worker quality --out artifacts/quality/tiny-cpu.json
  joulebench-worker quality --shapes --out artifacts/quality/shapes-cpu.json
  joulebench-worker quality --check artifacts/quality/tiny-cpu.json";

/// Arguments of `quality`.
#[derive(Debug, Args)]
#[command(after_help = QUALITY_HELP)]
pub(crate) struct QualityArguments {
    /// The models that see and draw shapes instead of those of language; contact sheets are written
    /// beside the outcomes.
    #[arg(long, requires = "out", conflicts_with = "check")]
    pub(crate) shapes: bool,
    /// File for the outcomes; otherwise standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) out: Option<PathBuf>,
    /// Compare with recorded outcomes: other processors give other bits, but no other results.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// Values of axes.
#[derive(Clone, Debug, Args)]
pub(crate) struct PointArguments {
    /// Number format: f32, tf32, f16 or bf16.
    #[arg(long)]
    pub(crate) precision: Option<String>,
    /// Block format of the weights: none, or one that the list shows.
    #[arg(long)]
    pub(crate) quantisation: Option<String>,
    /// Sequences processed together.
    #[arg(long, value_parser = positive)]
    pub(crate) batch: Option<u64>,
    /// Prompt length of each sequence.
    #[arg(long, value_parser = positive)]
    pub(crate) prompt_tokens: Option<u64>,
    /// Decode steps after the prompt.
    #[arg(long, value_parser = positive)]
    pub(crate) decode_tokens: Option<u64>,
    /// Edge of a square picture; otherwise the model's native one.
    #[arg(long, value_parser = positive)]
    pub(crate) resolution_px: Option<u64>,
    /// Denoising steps.
    #[arg(long, value_parser = positive)]
    pub(crate) steps: Option<u64>,
    /// Sampler of a diffusion model.
    #[arg(long)]
    pub(crate) scheduler: Option<String>,
    /// Weight of the caption in a diffusion model, 0 to 50; otherwise the model's native one.
    #[arg(long, value_parser = number)]
    pub(crate) guidance: Option<Decimal>,
    /// Another axis, for example attention=naive or phase=decode; may be repeated.
    #[arg(long = "axis", value_name = "AXIS=WORD", value_parser = axis)]
    pub(crate) axes: Vec<(Axis, AxisValue)>,
}

impl PointArguments {
    /// The values that were given.
    pub(crate) fn point(&self) -> Point {
        let text = |axis, word: &Option<String>| word.clone().map(|w| (axis, AxisValue::Text(w)));
        let count = |axis, count: Option<u64>| count.map(|c| (axis, AxisValue::Integer(c)));
        [
            text(Axis::Precision, &self.precision),
            text(Axis::Quantisation, &self.quantisation),
            count(Axis::Batch, self.batch),
            count(Axis::PromptTokens, self.prompt_tokens),
            count(Axis::DecodeTokens, self.decode_tokens),
            count(Axis::ResolutionPx, self.resolution_px),
            count(Axis::Steps, self.steps),
            text(Axis::Scheduler, &self.scheduler),
            self.guidance
                .map(|number| (Axis::Guidance, AxisValue::number(number))),
        ]
        .into_iter()
        .flatten()
        .chain(self.axes.iter().cloned())
        .collect()
    }
}

fn positive(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of 1 or more".into()),
        Ok(count) => Ok(count),
    }
}

fn number(text: &str) -> Result<Decimal, String> {
    let number = text
        .parse()
        .map_err(|_| "expected a number from 0 with up to three decimals".to_owned())?;
    Decimal::from_float(number)
}

fn axis(text: &str) -> Result<(Axis, AxisValue), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(name, word)| Some((Axis::parse(name)?, word)));
    match parsed {
        Some((axis, word)) if matches!(axis.domain(), Domain::Words(_)) => {
            Ok((axis, AxisValue::Text(word.to_owned())))
        }
        _ => Err("expected an axis of words and its value, as attention=naive".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_axis_is_a_name_and_a_word() {
        let naive = (Axis::Attention, AxisValue::Text("naive".into()));
        assert_eq!(axis("attention=naive"), Ok(naive));
        for bad in ["attention", "size=7", "batch=2", "=x"] {
            assert!(axis(bad).is_err(), "{bad}");
        }
    }
}
