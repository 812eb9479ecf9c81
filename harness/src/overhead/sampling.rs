//! Processor time and punctuality of the sampler at one rate.

use model::units::{Nanos, Seconds};
use serde::{Deserialize, Serialize};

use super::clocks::thread_time;
use crate::device::{DeviceError, Instrument};
use crate::session::SampleSink;

/// What it costs to read every sensor of a device so many times a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingCost {
    /// Readings of all sensors that were asked for, per second.
    pub rate_hz: u32,
    /// Readings taken.
    pub samples: u64,
    /// Deadlines that passed while a reading before them was still going on, or nobody ran.
    pub missed: u64,
    /// Processor time of the sampling thread per reading, in µs.
    pub cpu_us_per_sample: f64,
    /// Processor time of the sampling thread over the time that passed, in percent of one core.
    pub core_pct: f64,
    /// Lateness of a reading after its deadline, in µs: the median …
    pub late_median_us: f64,
    /// … the 99th percentile …
    pub late_p99_us: f64,
    /// … and the worst.
    pub late_max_us: f64,
    /// Duration of a reading in µs, median.
    pub read_median_us: f64,
}

/// Keeps lateness and duration of each sample, and lets the rest go.
struct Stamps {
    late_ns: Vec<u64>,
    read_ns: Vec<u64>,
}

/// Reads a device for a while. Waits, reads and keeps each sample as the sampler of a session does.
///
/// # Errors
/// Where the device stops answering.
pub fn sampling_cost(
    instrument: &mut dyn Instrument,
    rate_hz: u32,
    duration: Seconds,
) -> Result<SamplingCost, DeviceError> {
    let period = Nanos::new(1_000_000_000 / u64::from(rate_hz.max(1)));
    let begin = instrument.clock().now();
    let end = begin + Nanos::from_seconds(duration.get());
    let mut deadline = begin;
    let mut missed = 0;
    // Kept as the session keeps them, in room that is there already.
    let mut samples = Vec::with_capacity(BATCH_SAMPLES);
    let mut stamps = Stamps {
        late_ns: Vec::new(),
        read_ns: Vec::new(),
    };
    let cpu_before = thread_time();
    let mut bookkeeping = Nanos::new(0);
    while deadline < end {
        instrument.clock().sleep_until(deadline);
        let mut sample = instrument.sense().sample()?;
        sample.late_ns = sample.at_ns.saturating_sub(deadline);
        let passed = sample.late_ns.get() / period.get();
        missed += passed.min(deadlines_between(deadline, end, period));
        deadline = deadline + Nanos::new((passed + 1) * period.get());
        // Memory takes every sample.
        let _ = samples.take(sample);
        if samples.len() == BATCH_SAMPLES {
            let before = thread_time();
            stamps.note(&samples);
            samples.clear();
            bookkeeping = bookkeeping + thread_time().saturating_sub(before);
        }
    }
    let cpu = thread_time()
        .saturating_sub(cpu_before)
        .saturating_sub(bookkeeping);
    let passed = instrument.clock().now().saturating_sub(begin);
    stamps.note(&samples);
    Ok(stamps.cost(rate_hz, missed, cpu, passed))
}

/// Deadlines after this one and before the end: a last sample that is late has missed no others.
fn deadlines_between(deadline: Nanos, end: Nanos, period: Nanos) -> u64 {
    end.saturating_sub(deadline).get().saturating_sub(1) / period.get()
}

/// Samples that are kept until their stamps are taken.
const BATCH_SAMPLES: usize = 1_024;

impl Stamps {
    fn note(&mut self, samples: &[model::sample::Sample]) {
        self.late_ns.extend(samples.iter().map(|s| s.late_ns.get()));
        self.read_ns.extend(samples.iter().map(|s| s.read_ns.get()));
    }

    fn cost(mut self, rate_hz: u32, missed: u64, cpu: Nanos, passed: Nanos) -> SamplingCost {
        self.late_ns.sort_unstable();
        self.read_ns.sort_unstable();
        let count = self.late_ns.len();
        let cpu_s = Seconds::from(cpu).get();
        SamplingCost {
            rate_hz,
            samples: count as u64,
            missed,
            cpu_us_per_sample: cpu_s * 1e6 / as_float(count as u64).max(1.0),
            core_pct: cpu_s / Seconds::from(passed).get() * 100.0,
            late_median_us: quantile_us(&self.late_ns, 50),
            late_p99_us: quantile_us(&self.late_ns, 99),
            late_max_us: quantile_us(&self.late_ns, 100),
            read_median_us: quantile_us(&self.read_ns, 50),
        }
    }
}

/// The smallest value that so many percent of the sorted values do not exceed, in µs.
fn quantile_us(sorted_ns: &[u64], percent: usize) -> f64 {
    let rank = (sorted_ns.len() * percent).div_ceil(100).max(1);
    sorted_ns
        .get(rank - 1)
        .map_or(0.0, |ns| as_float(*ns) / 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "counts and times below 2^53")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_deadlines_after_the_end() {
        let ms = Nanos::from_millis;
        let after = |deadline: u64| deadlines_between(ms(deadline), ms(300), ms(1));
        assert_eq!(after(0), 299);
        assert_eq!(after(298), 1);
        // However late the sample of 299 ms is.
        assert_eq!(after(299), 0);
        assert_eq!(after(300), 0);
        assert_eq!(deadlines_between(ms(290), ms(300), ms(7)), 1);
    }
}
