//! Plans for this machine's processor, as short as plans may be.

use std::fs;
use std::path::{Path, PathBuf};

/// A plan whose one engine is the given command.
#[derive(Clone, Debug)]
pub struct CpuPlan {
    /// Program and arguments of the engine.
    pub command: Vec<String>,
    /// `marks` or `none`.
    pub protocol: &'static str,
    /// How many batch sizes, from 1: one point each.
    pub points: u32,
    /// Runs of each point.
    pub blocks: u32,
    /// Shortest window, in seconds.
    pub window_s: f64,
    /// Longest silence of the worker, in seconds.
    pub timeout_s: f64,
}

/// Tokens of the prompt of each sequence.
pub const PROMPT_TOKENS: u64 = 4;
/// Tokens to be decoded for each sequence.
pub const DECODE_TOKENS: u64 = 2;

impl CpuPlan {
    /// One run of a command.
    pub fn new<I, S>(command: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            protocol: "marks",
            points: 1,
            blocks: 1,
            window_s: 0.1,
            timeout_s: 10.0,
        }
    }

    /// Its text. The name is `quick`.
    pub fn to_toml(&self) -> String {
        let batches: Vec<String> = (1..=self.points).map(|batch| batch.to_string()).collect();
        format!(
            r#"name = "quick"
title = "A short plan of the tests"
seed = 1
blocks = {blocks}

[session]
device = "cpu"
sample_period_ms = 5
idle_s = 0.0
warmup_s = 0.0
window_s = {window_s:?}
cooldown_s = 0.0
timeout_s = {timeout_s:?}

[engines.fake]
command = {command:?}
protocol = "{protocol}"

[axes]
batch = [{batches}]
prompt_tokens = [{PROMPT_TOKENS}]
decode_tokens = [{DECODE_TOKENS}]
"#,
            blocks = self.blocks,
            window_s = self.window_s,
            timeout_s = self.timeout_s,
            command = self.command,
            protocol = self.protocol,
            batches = batches.join(", "),
        )
    }

    /// Writes it into a folder.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("quick.toml");
        fs::write(&file, self.to_toml()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        file
    }
}
