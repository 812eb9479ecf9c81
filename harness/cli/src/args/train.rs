//! Arguments of `joulebench train`.

use std::path::PathBuf;

use clap::Args;

/// Train one of the project's own tiny models on generated text
///
/// Takes minutes on two cores. `gpt2-tiny` goes on with a review, character by character;
/// `bert-tiny` classes reviews and guesses hidden words; `lstm-sentiment` classes reviews. The text
/// comes from a seeded grammar, and one review in five only judges. The folder OUT/NAME gets what
/// the loader of a user's weights reads, with the log and checksums. The weights in artifacts/models
/// are what tests and measurements use; nothing there is ever trained anew.
#[derive(Args, Debug)]
pub(crate) struct TrainArguments {
    /// Model: gpt2-tiny, bert-tiny or lstm-sentiment
    pub(crate) name: String,
    /// Folder that the model's folder is written to
    #[arg(long, value_name = "DIR", default_value = "artifacts/models")]
    pub(crate) out: PathBuf,
    /// Steps of the optimiser; otherwise those of the recipe
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) steps: Option<u32>,
    /// Seed of the variables and of the order of the documents
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}
