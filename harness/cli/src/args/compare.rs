//! The command line of `joulebench compare`.

use clap::Args;

use super::measure::{BenchArguments, ExportArguments};

/// Say which of several commands takes less energy, and whether that is certain
///
/// The commands run in blocks: each once in every block, in random order, so that warming up and
/// other drift fall on all alike. Energies are compared within a block, so that whatever the sensor
/// is wrong by, the same for all, cancels. The first command is the reference. With three or more
/// commands the intervals are widened so that all of them hold together with 95 %.
#[derive(Args, Debug)]
#[command(after_long_help = COMPARE_EXAMPLES)]
pub(crate) struct CompareArguments {
    /// Lines of shell, each in quotes; the first is the reference
    #[arg(required = true, num_args = 2.., value_name = "COMMAND")]
    pub(crate) commands: Vec<String>,
    /// Blocks: runs of each command
    #[arg(short = 'n', long, value_name = "BLOCKS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub(crate) runs: u32,
    /// Runs of each before them that do not count
    #[arg(long, value_name = "RUNS", default_value_t = 0)]
    pub(crate) warmup: u32,
    /// Decides the order; the same seed gives the same order [default: drawn, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Names for tables, in the order of the commands
    #[arg(long = "name", value_name = "TEXT")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) bench: BenchArguments,
    #[command(flatten)]
    pub(crate) export: ExportArguments,
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  joulebench compare './infer --precision bf16' './infer --precision fp8'
      ten blocks; the ratio of energy and of time, with interval and verdict

  joulebench compare -n 20 --warmup 1 --name before --name after './old' './new'
      twenty blocks, named in the tables

  joulebench compare --seed 7 --json result.json 'A' 'B' 'C'
      B and C against A, in an order that can be repeated

Exit codes:
  0 compared, whatever the verdict; 2 bad command line: nothing was run; 3 no such device;
  5 a command failed; 6 times were compared, energies could not be";
