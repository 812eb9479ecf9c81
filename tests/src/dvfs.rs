//! A small sweep of clocks and power caps through the emulated driver.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{Outcome, built, joulebench};

/// A plan for an emulated H200 with short windows.
#[derive(Clone, Debug)]
pub struct DvfsPlan {
    /// SM clocks in MHz; none where empty.
    pub clocks: Vec<u32>,
    /// Power caps in W; none where empty.
    pub caps: Vec<u32>,
    /// Runs of each point.
    pub blocks: u32,
    /// Shortest window in seconds.
    pub window_s: f64,
}

impl DvfsPlan {
    /// Three clocks, two caps, two blocks: twelve runs.
    pub fn small() -> Self {
        Self {
            clocks: vec![990, 1_305, 1_980],
            caps: vec![400, 600],
            blocks: 2,
            window_s: 0.3,
        }
    }

    /// One run.
    pub fn single() -> Self {
        Self {
            clocks: vec![990],
            caps: vec![400],
            blocks: 1,
            window_s: 0.3,
        }
    }

    /// Writes it into a folder. Each worker adds its process id to the file `starts` there.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("dvfs.toml");
        let script = format!(
            "echo $$ >> '{}'; exec '{}'",
            folder.join("starts").display(),
            built("joulebench-emulated-worker").display()
        );
        let axis = |name: &str, values: &[u32]| {
            if values.is_empty() {
                String::new()
            } else {
                format!("{name} = {values:?}\n")
            }
        };
        let text = format!(
            r#"name = "dvfs"
title = "A small sweep of clocks and caps"
seed = 5
blocks = {blocks}

[session]
device = "nvml"
sample_period_ms = 20
idle_s = 0.02
warmup_s = 0.0
window_s = {window_s:?}
cooldown_s = 0.02
timeout_s = 30.0

[engines.emulated]
command = ["sh", "-c", {script:?}]

[axes]
model = ["llama-7b"]
precision = ["bf16"]
batch = [1]
prompt_tokens = [128]
decode_tokens = [16]
{clocks}{caps}"#,
            blocks = self.blocks,
            window_s = self.window_s,
            clocks = axis("sm_clock_mhz", &self.clocks),
            caps = axis("power_cap_w", &self.caps),
        );
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        file
    }
}

/// The ids of the runs of a plan, sorted, as `joulebench plan` tells them.
///
/// # Panics
/// Where the plan is refused.
pub fn run_ids(plan: &Path) -> Vec<String> {
    let said = Outcome::of(joulebench(["plan", "--json"]).arg(plan)).expect_code(0);
    let plan: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    let runs = plan["runs"].as_array().expect("every run is listed");
    let mut ids: Vec<String> = runs
        .iter()
        .map(|run| run["id"].as_str().expect("a run has an id").to_owned())
        .collect();
    ids.sort();
    ids
}
