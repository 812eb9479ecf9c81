//! The command line of `joulebench workloads`.

use clap::Args;

/// List the models that can be measured: variants, weights, memory, arithmetic, quality metrics
///
/// Models come from the worker, which is asked, and from the cost model, which counts the work of
/// more than the worker runs; those run on emulated boards. Numbers hold for one point: batch 1, a
/// prompt of 512 tokens, 128 decoded, in bf16, or less where a model has no room for these; the
/// options change it. `floor` is the least time that an H200 allows for it.
///
/// The name of a variant is an axis of a plan, and its values are those that the axis takes, the
/// default first: with both values of attention in [axes], both are measured in one sweep.
///
/// Examples:
///   joulebench workloads                                    everything
///   joulebench workloads llama-7b                           one model, with its metrics explained
///   joulebench workloads llama-7b --batch 8 --precision f16
///   joulebench workloads --worker "bash workloads/cuda/run.sh target-cuda/joulebench-worker-cuda"
///   joulebench workloads --json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct WorkloadsArguments {
    /// One model; otherwise all. Values that a model of the whole list does not take are left out
    pub(crate) model: Option<String>,
    /// Number format: f32, tf32, f16 or bf16
    #[arg(long)]
    pub(crate) precision: Option<String>,
    /// Block format of the weights: none, or one that the list shows
    #[arg(long)]
    pub(crate) quantisation: Option<String>,
    /// Sequences processed together
    #[arg(long)]
    pub(crate) batch: Option<u64>,
    /// Prompt length of each sequence
    #[arg(long)]
    pub(crate) prompt_tokens: Option<u64>,
    /// Decode steps after the prompt
    #[arg(long)]
    pub(crate) decode_tokens: Option<u64>,
    /// The worker to ask: program and arguments, separated by spaces; without it the one beside
    /// this program, or on the search path
    #[arg(long, value_name = "COMMAND")]
    pub(crate) worker: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl WorkloadsArguments {
    /// The arguments that go on to the worker.
    pub(crate) fn words(&self) -> Vec<String> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let options = [
            ("--precision", self.precision.clone()),
            ("--quantisation", self.quantisation.clone()),
            ("--batch", number(self.batch)),
            ("--prompt-tokens", number(self.prompt_tokens)),
            ("--decode-tokens", number(self.decode_tokens)),
        ];
        self.model
            .iter()
            .cloned()
            .chain(
                options
                    .into_iter()
                    .filter_map(|(name, value)| Some([name.to_owned(), value?]))
                    .flatten(),
            )
            .collect()
    }
}
