//! When a device is warm: the temperature stands still, near that of the block.

use model::reason::{RunFault, RunFlag};
use model::trace::{Fault, Flag, PreSoakRecord};
use model::units::{Nanos, Seconds};

use super::fault;

/// Time between two readings while the device warms up.
pub(super) const READING_PERIOD: Nanos = Nanos::from_millis(1_000);
/// Readings over which the slope is taken: two minutes. Thermometers show whole degrees, and only
/// one degree in two minutes tells a slope of the limit from none.
const SLOPE_READINGS: usize = 120;
/// A warm device needs this long to show that it is, in seconds.
pub const SHORTEST_SOAK_S: f64 = 120.0;
/// Slope below which the temperature stands still, in °C a minute.
const STILL_C_PER_MIN: f64 = 0.5;
/// How far from the temperature of the block a run may begin, in °C.
const BAND_C: i64 = 2;

/// The temperature of a device under the reference workload.
#[derive(Debug)]
pub(super) struct Soak {
    target_c: Option<i64>,
    /// The last two minutes: seconds and °C.
    readings: Vec<(f64, i64)>,
    begin: Option<Nanos>,
    last: Nanos,
}

impl Soak {
    /// A pre-soak towards the temperature of the block, where it has one.
    pub(super) const fn towards(target_c: Option<i64>) -> Self {
        Self {
            target_c,
            readings: Vec::new(),
            begin: None,
            last: Nanos::new(0),
        }
    }

    /// Sees the next reading.
    pub(super) fn see(&mut self, at: Nanos, temperature_c: Option<i64>) {
        self.begin.get_or_insert(at);
        self.last = at;
        if let Some(temperature_c) = temperature_c {
            self.readings.push((Seconds::from(at).get(), temperature_c));
        }
        if self.readings.len() > SLOPE_READINGS + 1 {
            self.readings.remove(0);
        }
    }

    /// Whether the device has no thermometer, so that waiting is of no use.
    pub(super) const fn is_blind(&self) -> bool {
        self.begin.is_some() && self.readings.is_empty()
    }

    /// Whether the temperature stands still, in the band of the block where there is one.
    pub(super) fn is_over(&self) -> bool {
        self.is_still() && self.is_in_band()
    }

    fn is_still(&self) -> bool {
        self.readings.len() > SLOPE_READINGS
            && self
                .slope_c_per_min()
                .is_some_and(|slope| slope.abs() < STILL_C_PER_MIN)
    }

    fn is_in_band(&self) -> bool {
        match (self.target_c, self.readings.last()) {
            (Some(target_c), Some((_, reached_c))) => {
                reached_c.abs_diff(target_c) <= BAND_C.unsigned_abs()
            }
            _ => true,
        }
    }

    /// Least-squares slope over the last two minutes.
    fn slope_c_per_min(&self) -> Option<f64> {
        if self.readings.len() < 2 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "sixty readings of some tens of degrees"
        )]
        let (count, temperature) = (self.readings.len() as f64, |reading: &(f64, i64)| {
            reading.1 as f64
        });
        let mean_s = self.readings.iter().map(|(at_s, _)| at_s).sum::<f64>() / count;
        let mean_c = self.readings.iter().map(temperature).sum::<f64>() / count;
        let (mut product, mut square) = (0.0, 0.0);
        for reading in &self.readings {
            let from_mean_s = reading.0 - mean_s;
            product += from_mean_s * (temperature(reading) - mean_c);
            square += from_mean_s * from_mean_s;
        }
        (square > 0.0).then(|| product / square * 60.0)
    }

    /// What the trace keeps of it.
    pub(super) fn record(&self) -> PreSoakRecord {
        let worked = self
            .begin
            .map_or(Nanos::new(0), |begin| self.last.saturating_sub(begin));
        PreSoakRecord {
            target_c: self.target_c,
            reached_c: self.readings.last().map(|(_, reached_c)| *reached_c),
            slope_c_per_min: self.slope_c_per_min(),
            worked_s: Seconds::from(worked).get(),
            is_settled: self.is_over(),
        }
    }

    /// A run that begins outside the band of its block is no replicate of it.
    pub(super) fn fault(&self) -> Option<Fault> {
        let (target_c, (_, reached_c)) = (self.target_c?, self.readings.last()?);
        (!self.is_in_band()).then(|| {
            fault(
                RunFault::TemperatureOutOfBand,
                format!(
                    "{reached_c} °C after {:.0} s of the reference workload, expected {target_c} ± {BAND_C} °C, \
                     the temperature of the block",
                    self.record().worked_s
                ),
            )
        })
    }

    /// What a reader must know where it did not end as it should.
    pub(super) fn flag(&self) -> Option<Flag> {
        let detail = match (self.is_still(), self.slope_c_per_min()) {
            (true, _) => return None,
            (false, Some(slope)) => format!(
                "{slope:+.2} °C/min after {:.0} s of the reference workload, expected less than \
                 {STILL_C_PER_MIN}",
                self.record().worked_s
            ),
            (false, None) => "the device gives no temperature".to_owned(),
        };
        Some(Flag {
            flag: RunFlag::NotSoaked,
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a curve once a second until the soak is over, for at most ten minutes.
    fn soak(target_c: Option<i64>, curve: impl Fn(f64) -> f64) -> Soak {
        let mut soak = Soak::towards(target_c);
        for second in 0..=600_u32 {
            #[expect(clippy::cast_possible_truncation, reason = "some tens of degrees")]
            let shown_c = curve(f64::from(second)).round() as i64;
            soak.see(
                Nanos::from_seconds(100.0 + f64::from(second)),
                Some(shown_c),
            );
            if soak.is_over() {
                break;
            }
        }
        soak
    }

    fn exponential(at_s: f64) -> f64 {
        60.0 - 25.0 * (-at_s / 40.0).exp()
    }

    #[test]
    fn a_device_that_warms_up_is_waited_for_until_it_stands_still() {
        let record = soak(None, exponential).record();
        assert!(
            record.is_settled && record.reached_c == Some(60),
            "{record:?}"
        );
        // 25 °C of warming with 40 s: the last degree passes between two and five minutes.
        assert!((120.0..360.0).contains(&record.worked_s), "{record:?}");
        assert_eq!(soak(None, exponential).flag(), None);
    }

    #[test]
    fn a_warm_device_needs_two_minutes() {
        let record = soak(Some(61), |_| 60.0).record();
        assert_eq!(
            (record.worked_s, record.is_settled),
            (SHORTEST_SOAK_S, true)
        );
    }

    #[test]
    fn another_temperature_than_the_blocks_is_a_fault() {
        let cold = soak(Some(63), |_| 60.0);
        assert!(!cold.record().is_settled);
        assert_eq!(
            cold.fault().expect("out of band").detail,
            "60 °C after 600 s of the reference workload, expected 63 ± 2 °C, the temperature of the block"
        );
        assert_eq!(soak(Some(62), |_| 60.0).fault(), None);
    }

    #[test]
    fn a_device_that_never_stands_still_is_flagged_with_its_slope() {
        let drifting = soak(None, |at_s| 30.0 + at_s / 60.0);
        let flag = drifting.flag().expect("one degree a minute");
        assert!(
            flag.detail
                .ends_with("after 600 s of the reference workload, expected less than 0.5")
        );
        let slope = drifting.record().slope_c_per_min.expect("two readings");
        assert!(
            (slope - 1.0).abs() < 0.25,
            "whole degrees blur a slope of 1 to {slope}"
        );
        assert!(drifting.record().worked_s > 599.0);
    }

    #[test]
    fn without_a_thermometer_there_is_nothing_to_wait_for() {
        let mut soak = Soak::towards(Some(40));
        assert!(!soak.is_blind());
        soak.see(Nanos::from_millis(5), None);
        assert!(soak.is_blind());
        assert_eq!(soak.fault(), None);
        assert_eq!(
            soak.flag().expect("flagged").detail,
            "the device gives no temperature"
        );
    }
}
