//! What the other sensors showed in the window.

use metering::validity::is_held;
use model::sample::Sample;
use model::trace::Span;
use model::units::{Joules, Milliwatts, Nanos, Seconds, Watts};

use crate::quantity::Percent;
use statistics::sum::Sum;

/// The samples of a window. A reading holds until the next one.
#[derive(Debug)]
pub(super) struct WindowSamples<'a> {
    samples: &'a [Sample],
    window: Span,
}

impl<'a> WindowSamples<'a> {
    pub(super) fn of(samples: &'a [Sample], window: Span) -> Self {
        let from = samples.partition_point(|sample| sample.at_ns < window.begin_ns);
        let to = samples.partition_point(|sample| sample.at_ns <= window.end_ns);
        Self {
            samples: &samples[from.min(to)..to],
            window,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.samples.len() as u64
    }

    /// The readings that could be taken, in order.
    pub(super) fn readings<T: 'a>(
        &self,
        get: impl Fn(&Sample) -> Option<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        self.samples.iter().filter_map(get)
    }

    /// Each sample and how long it was the newest.
    fn held(&self) -> impl Iterator<Item = (&Sample, f64)> {
        let ends = self.samples.iter().skip(1).map(|next| next.at_ns);
        self.samples
            .iter()
            .zip(ends.chain([self.window.end_ns]))
            .map(|(sample, end)| {
                (
                    sample,
                    Seconds::from(end.saturating_sub(sample.at_ns)).get(),
                )
            })
    }

    /// Mean weighted by time; the plain mean where no time passed.
    pub(super) fn mean(&self, get: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let (mut weighted, mut time, mut plain, mut count) =
            (Sum::default(), Sum::default(), Sum::default(), 0.0);
        for (sample, held_s) in self.held() {
            if let Some(value) = get(sample) {
                weighted.add(value * held_s);
                time.add(held_s);
                plain.add(value);
                count += 1.0;
            }
        }
        if time.value() > 0.0 {
            Some(weighted.value() / time.value())
        } else {
            (count > 0.0).then(|| plain.value() / count)
        }
    }

    /// Share of the time with the clock within one step of the target.
    pub(super) fn clock_residency(&self, target_mhz: u64) -> Option<Percent> {
        self.mean(|sample| {
            Some(if is_held(sample.sm_clock_mhz?.get(), target_mhz) {
                100.0
            } else {
                0.0
            })
        })
        .map(Percent::new)
    }

    /// Samples that began later than this after their deadline.
    pub(super) fn later_than(&self, period: Nanos) -> u64 {
        self.samples
            .iter()
            .filter(|sample| sample.late_ns > period)
            .count() as u64
    }

    /// Median duration of a read; the mean of the two middle ones for an even number.
    pub(super) fn read_median_ms(&self) -> Option<f64> {
        let mut reads: Vec<Nanos> = self.samples.iter().map(|sample| sample.read_ns).collect();
        reads.sort_unstable();
        let upper = *reads.get(reads.len() / 2)?;
        let lower = reads[(reads.len() - 1) / 2];
        Some((Seconds::from(lower) + Seconds::from(upper)).get() / 2.0 * 1e3)
    }

    /// Trapezoid of sampled power over the window; the first and the last reading are held to its
    /// bounds. `None` with fewer than two readings.
    pub(super) fn integral(&self, get: impl Fn(&Sample) -> Option<Milliwatts>) -> Option<Joules> {
        let mut readings = self
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at_ns, Watts::from(get(sample)?))));
        let first = readings.next()?;
        let mut previous = first;
        let mut energy = Sum::default();
        let mut count = 1;
        let mut hold = |power: Watts, from: Nanos, to: Nanos| {
            energy.add((power * Seconds::from(to.saturating_sub(from))).get());
        };
        hold(first.1, self.window.begin_ns, first.0);
        for next in readings {
            hold((previous.1 + next.1) / 2.0, previous.0, next.0);
            previous = next;
            count += 1;
        }
        hold(previous.1, previous.0, self.window.end_ns);
        (count >= 2).then(|| Joules::new(energy.value()))
    }
}
