//! The result as people read it.

use std::fmt;

use super::{BAR_CORE_PCT, BAR_HZ, Overhead, RecordingCost, SamplingCost, Slowdown};

impl fmt::Display for Overhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.device, self.provenance)?;
        if !self.sampling.is_empty() {
            writeln!(f)?;
            writeln!(
                f,
                "{:>8} {:>9} {:>7} {:>12} {:>11} {:>26} {:>10}",
                "rate",
                "readings",
                "missed",
                "CPU/reading",
                "of a core",
                "late: median / p99 / max",
                "read"
            )?;
            for cost in &self.sampling {
                line(f, cost)?;
            }
        }
        if let Some(meets) = self.meets_bar() {
            let word = if meets { "met" } else { "missed" };
            writeln!(
                f,
                "bar: every sensor at {BAR_HZ} Hz in less than {BAR_CORE_PCT} % of a core: {word}"
            )?;
        }
        if let Some(slowdown) = &self.slowdown {
            write!(f, "\n{slowdown}")?;
        }
        if let Some(recording) = &self.recording {
            write!(f, "\n{recording}")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, cost: &SamplingCost) -> fmt::Result {
    let late = format!(
        "{:.0} / {:.0} / {:.0} µs",
        cost.late_median_us, cost.late_p99_us, cost.late_max_us
    );
    writeln!(
        f,
        "{:>5} Hz {:>9} {:>7} {:>9.1} µs {:>9.3} % {late:>26} {:>7.0} µs",
        cost.rate_hz,
        cost.samples,
        cost.missed,
        cost.cpu_us_per_sample,
        cost.core_pct,
        cost.read_median_us
    )
}

impl fmt::Display for Slowdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        writeln!(
            f,
            "slowdown of work on every core by sampling at {} Hz: {:+.2} % ({:+.2} to {:+.2} %, {} pairs)",
            self.rate_hz,
            percent(self.ratio.value),
            percent(self.ratio.low),
            percent(self.ratio.high),
            self.ratio.n
        )
    }
}

impl fmt::Display for RecordingCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory_kib.map_or_else(
            || "unknown".to_owned(),
            |kib| format!("{} MiB", kib.div_ceil(1_024)),
        );
        let predicted = self
            .predicted_bytes_per_sample
            .map_or_else(String::new, |bytes| format!(", predicted {bytes:.2}"));
        writeln!(
            f,
            "recording of {:.1} h at {} Hz, emulated: {} readings, {memory} of memory, {:.1} MiB on \
             the disk ({:.2} bytes a reading{predicted}), simulated in {:.1} s",
            self.hours,
            self.rate_hz,
            self.samples,
            mebibytes(self.file_bytes),
            self.bytes_per_sample,
            self.took_s
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a file, for people")]
const fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
