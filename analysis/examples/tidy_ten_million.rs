//! How long it takes to turn ten million readings into rows, and how much memory.
//!
//! ```text
//! tidy_ten_million generate FOLDER [RUNS SAMPLES_PER_RUN]    (1000 and 10000 where not given)
//! tidy_ten_million tidy FOLDER
//! ```
//!
//! `tidy` opens the campaign, checks the seal of every trace, summarises it with the code of the
//! crate, and prints seconds, processor seconds, peak memory, samples, rows and energy as JSON.
//! Generating is a process of its own, so that its memory does not count.

#[path = "../benches/recording/mod.rs"]
mod recording;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use analysis::read::Campaign;
use analysis::tidy::tidy;

const RUNS: u64 = 1_000;
const SAMPLES_PER_RUN: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", folder] => generate(Path::new(folder), RUNS, SAMPLES_PER_RUN),
        ["generate", folder, runs, samples] => {
            generate(Path::new(folder), runs.parse()?, samples.parse()?)
        }
        ["tidy", folder] => measure(Path::new(folder)),
        _ => Err(
            "usage: tidy_ten_million generate FOLDER [RUNS SAMPLES_PER_RUN] | tidy FOLDER".into(),
        ),
    }
}

fn generate(folder: &Path, runs: u64, samples: u64) -> Result<(), Box<dyn Error>> {
    fs_err::create_dir_all(folder)?;
    fs_err::write(folder.join("plan.toml"), "name = \"benchmark\"\n")?;
    for index in 0..runs {
        let trace = recording::recording(index, samples);
        recording::write(
            &folder.join(format!("{}.parquet", trace.header.run.id)),
            &trace,
        );
    }
    Ok(())
}

fn measure(folder: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let campaign = Campaign::open(folder)?;
    let (mut samples, mut rows) = (0, Vec::new());
    for file in &campaign.sealed {
        let trace = campaign.read_sealed(file)?;
        samples += trace.samples.len();
        rows.push(tidy(&trace));
    }
    let seconds = start.elapsed().as_secs_f64();
    let energy_j: f64 = rows
        .iter()
        .filter_map(|row| row.energy_counter_j)
        .map(model::units::Joules::get)
        .sum();
    let result = serde_json::json!({
        "tool": "joulebench",
        "seconds": (seconds * 1e3).round() / 1e3,
        "cpu_seconds": cpu_seconds()?,
        "peak_rss_mib": peak_rss_mib()?,
        "samples": samples,
        "rows": rows.len(),
        "energy_j": (energy_j * 1e3).round() / 1e3,
    });
    println!("{result}");
    Ok(())
}

/// Processor time of all threads of this process so far; unlike elapsed time it hardly depends on
/// what else the machine does.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    // Linux reports in ticks of a hundredth of a second to every program (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs_err::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    // utime and stime are the fields 14 and 15; the state after the name is field 3.
    let ticks: Vec<f64> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Highest resident memory of this process so far.
fn peak_rss_mib() -> Result<f64, Box<dyn Error>> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmHWM in /proc/self/status; this needs Linux")?
        .parse()?;
    Ok((kib / 1024.0 * 10.0).round() / 10.0)
}
