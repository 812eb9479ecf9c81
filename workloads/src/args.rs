//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use workloads::llama::generate::Extent;

/// Environment variable that names a Hugging Face folder to take weights from.
pub(crate) const WEIGHTS_VARIABLE: &str = "JOULEBENCH_WEIGHTS";

const AFTER_HELP: &str = "\
Without a command the program speaks the worker protocol: it reads what to do from JOULEBENCH_RUN, \
prints a `ready` mark once it is warm, works from {\"command\":\"go\"} to {\"command\":\"stop\"} on \
standard input, and ends with a `done` mark. `joulebench run` starts it that way; \
docs/worker-protocol.md has every line.

Environment:
  JOULEBENCH_RUN      the run request, as JSON (set by the harness)
  JOULEBENCH_DEVICE   cpu or cuda; otherwise the GPU where there is one, and else the CPU
  JOULEBENCH_WEIGHTS  folder with config.json and safetensors; otherwise weights are seeded

Examples:
  joulebench-worker demo --model llama-tiny --prompt-tokens 16 --decode-tokens 8
  joulebench-worker describe --model llama-7b --batch 8 --prompt-tokens 2048 --json
  joulebench-worker kernels check --filter rms_norm";

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
    /// Print shape, parameters, arithmetic and memory traffic of a model, without running it.
    Describe(DescribeArguments),
    /// Run a model once by hand and print its tokens and times as JSON.
    Demo(DemoArguments),
    /// Check the fused operations against plain ones, or time them against the hardware.
    Kernels(KernelsArguments),
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

/// Arguments of `describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    /// Model: llama-tiny or llama-7b.
    #[arg(long, default_value = "llama-tiny")]
    pub(crate) model: String,
    /// Number format: f32, f16 or bf16.
    #[arg(long, default_value = "bf16")]
    pub(crate) precision: String,
    /// Sequences and lengths.
    #[command(flatten)]
    pub(crate) extent: ExtentArguments,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Model: llama-tiny or llama-7b.
    #[arg(long, default_value = "llama-tiny")]
    pub(crate) model: String,
    /// Number format: f32, f16 or bf16 [default: f32 on the CPU, bf16 on a GPU].
    #[arg(long)]
    pub(crate) precision: Option<String>,
    /// Sequences and lengths.
    #[command(flatten)]
    pub(crate) extent: ExtentArguments,
    /// Folder with config.json and safetensors; otherwise weights are seeded.
    #[arg(long, value_name = "DIR")]
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
    /// Seed of the prompt.
    #[arg(long, default_value_t = 2)]
    pub(crate) input_seed: u64,
}

/// Sequences and lengths.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ExtentArguments {
    /// Sequences processed together.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) batch: usize,
    /// Prompt length of each sequence.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub(crate) prompt_tokens: usize,
    /// Decode steps after the prefill.
    #[arg(long, default_value_t = 8, value_parser = positive)]
    pub(crate) decode_tokens: usize,
}

impl From<ExtentArguments> for Extent {
    fn from(arguments: ExtentArguments) -> Self {
        Self {
            batch: arguments.batch,
            prompt_tokens: arguments.prompt_tokens,
            decode_tokens: arguments.decode_tokens,
        }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of 1 or more".into()),
        Ok(count) => Ok(count),
    }
}
