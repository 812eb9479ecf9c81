//! What the square wave says: periods of the sensors, rise of the average, agreement.

use std::path::Path;

use model::provenance::Provenance;
use model::units::{Seconds, Watts};

use super::anatomy::single;
use super::sensor::{PowerPoint, SensorQuantity, SensorSeries};
use super::square_wave::{Change, SOURCE, SquareWave};
use crate::Error;
use crate::estimate::{Estimate, Unusable, line_slope, mean, round_for_record};
use crate::quantity::{Percent, Quantity, Ratio};
use statistics::sum::Sum;

/// After this long under a steady load the 1 s average shows nothing else.
const SETTLED_S: f64 = 1.2;
/// How well the edge of a load is known: one row of the recording, at worst.
const EDGE_S: f64 = 0.033;
/// Length of the stretches that are kept for figures, and how much of it lies before the event.
const SERIES_S: f64 = 6.0;
const SERIES_LEAD_S: f64 = 1.0;

/// A stretch between two ticks, with a name.
struct Part {
    key: &'static str,
    description: &'static str,
    begin_s: f64,
    end_s: f64,
}

/// The names of the trains of the schedule.
const TRAINS: [(&str, &str); 4] = [
    ("busy_6s", "6 s of load"),
    ("pulses_200ms", "20 pulses of 200 ms every 400 ms"),
    ("pulses_30ms", "50 pulses of 30 ms every 80 ms"),
    ("pulses_7ms", "100 pulses of 7 ms every 14 ms"),
];

impl SquareWave {
    /// Every number of the recording.
    ///
    /// # Errors
    /// [`Error::Content`] where the recording is too short for one of them.
    pub fn quantities(&self, path: &Path) -> Result<Vec<SensorQuantity>, Error> {
        let too_short = |what: &str| {
            Error::content(
                path,
                format!("is too short: {what}; restore it from its source"),
            )
        };
        if self.trains.len() != TRAINS.len() {
            return Err(too_short(&format!(
                "it has {} trains of pulses, expected {}",
                self.trains.len(),
                TRAINS.len()
            )));
        }
        let mut quantities = self
            .timing()
            .map_err(|_| too_short("the sensors never change"))?;
        for part in self.parts() {
            let facts = self.agreement(&part);
            quantities.extend(facts.map_err(|_| too_short(&format!("no ticks in {}", part.key)))?);
        }
        Ok(quantities)
    }

    fn timing(&self) -> Result<Vec<SensorQuantity>, Unusable> {
        let quantity = |key: &str, unit: &str, description: &str, estimate: &Estimate<Seconds>| {
            SensorQuantity::new(SOURCE, key, unit, description, estimate)
        };
        let load = &self.trains[0];
        let idle_w = self.mean_average(load.begin_s() - 1.0, load.begin_s());
        let busy_w = self.mean_average(load.begin_s() + SETTLED_S, load.end_s());
        let after_s = load.end_s() + SETTLED_S;
        let idle_after_w = self.mean_average(after_s, after_s + 1.0);
        Ok(vec![
            SensorQuantity::new(
                SOURCE,
                "counter_period",
                "ms",
                "time between ticks of the energy counter, by a line through all ticks",
                &tick_period_ms(&self.ticks)?,
            ),
            SensorQuantity::new(
                SOURCE,
                "average_refresh_period",
                "ms",
                "mean time between two refreshes of the power fields",
                &mean_gap_ms(&self.average)?,
            ),
            quantity(
                "average_rise_time",
                "s",
                "time of the averaged power from 10 to 90 % of a step up, by a line through its ramp",
                &self.ramp_time(load.begin_s(), idle_w, busy_w)?,
            ),
            quantity(
                "average_fall_time",
                "s",
                "time of the averaged power from 90 to 10 % of a step down, by a line through its ramp",
                &self.ramp_time(load.end_s(), busy_w, idle_after_w)?,
            ),
        ])
    }

    /// Time from 10 to 90 % of a step: 0.8 of the step by the slope of the readings between.
    fn ramp_time(&self, at_s: f64, from_w: f64, to_w: f64) -> Result<Estimate<Seconds>, Unusable> {
        let step_w = to_w - from_w;
        let ramp: Vec<(f64, f64)> = self
            .average
            .iter()
            .filter(|change| (at_s..at_s + SETTLED_S).contains(&change.time_s))
            .map(|change| (change.time_s - at_s, (change.value - from_w) / step_w))
            .filter(|(_, share)| (0.1..=0.9).contains(share))
            .collect();
        let slope = line_slope::<Ratio>(&ramp)?;
        // A slope is a share per second; its inverse exchanges the bounds.
        let time = |slope: Ratio| Seconds::new(0.8 / slope.get());
        Ok(Estimate {
            value: time(slope.value),
            interval: slope.interval.map(|interval| crate::estimate::Interval {
                low: time(interval.high),
                high: time(interval.low),
            }),
            n: slope.n,
            method: slope.method,
        })
    }

    fn mean_average(&self, begin_s: f64, end_s: f64) -> f64 {
        held_mean(&self.average, begin_s, end_s)
    }

    /// The parts of the schedule that are compared, each between two ticks.
    fn parts(&self) -> Vec<Part> {
        let load = &self.trains[0];
        let mut parts = vec![
            Part {
                key: "idle",
                description: "idle after the 6 s load",
                begin_s: load.end_s() + 2.0,
                end_s: self.trains[1].begin_s() - EDGE_S,
            },
            Part {
                key: "steady",
                description: "the 6 s load once its power has settled",
                begin_s: load.begin_s() + SETTLED_S,
                end_s: load.end_s(),
            },
        ];
        for (train, (key, description)) in self.trains.iter().zip(TRAINS) {
            parts.push(Part {
                key,
                description,
                begin_s: train.begin_s(),
                end_s: train.end_s(),
            });
        }
        parts
    }

    /// Counter and polled power of a part. The interval of a polled mean is that of its refreshes:
    /// polling faster gives no new readings.
    fn agreement(&self, part: &Part) -> Result<Vec<SensorQuantity>, Unusable> {
        let ticks: Vec<Change> = inside(&self.ticks, part.begin_s, part.end_s);
        let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
            return Err(Unusable::Empty);
        };
        let span_s = last.time_s - first.time_s;
        if span_s <= 0.0 {
            return Err(Unusable::Empty);
        }
        let counter_w = (last.value - first.value) / span_s;
        let refreshes: Vec<Watts> = inside(&self.instant, first.time_s, last.time_s)
            .iter()
            .map(|change| Watts::new(change.value))
            .collect();
        let instant = mean(&refreshes)?;
        let relative: Vec<Percent> = refreshes
            .iter()
            .map(|power| Percent::new((power.get() / counter_w - 1.0) * 100.0))
            .collect();
        let errors: Vec<Percent> = ticks
            .windows(2)
            .map(|step| {
                let step_s = step[1].time_s - step[0].time_s;
                let step_w = (step[1].value - step[0].value) / step_s;
                let polled_w = held_mean(&self.instant, step[0].time_s, step[1].time_s);
                Percent::new((polled_w / step_w - 1.0).abs() * 100.0)
            })
            .collect();
        let average_w = self.mean_average(first.time_s, last.time_s);
        let (key, what) = (part.key, part.description);
        let number = |name: &str, unit: &str, text: String, estimate: &Estimate<Watts>| {
            SensorQuantity::new(SOURCE, format!("{key}.{name}"), unit, text, estimate)
        };
        Ok(vec![
            number(
                "counter_power",
                "W",
                format!("mean power by energy counter: {what}"),
                &single(Watts::new(counter_w)),
            ),
            number(
                "instant_power",
                "W",
                format!("mean of field 186: {what}"),
                &instant,
            ),
            number(
                "average_power",
                "W",
                format!("mean of field 185: {what}"),
                &single(Watts::new(average_w)),
            ),
            SensorQuantity::new(
                SOURCE,
                format!("{key}.instant_vs_counter"),
                "%",
                format!("mean of field 186 relative to the counter: {what}"),
                &mean(&relative)?,
            ),
            SensorQuantity::new(
                SOURCE,
                format!("{key}.instant_step_error"),
                "%",
                format!("mean distance of field 186 from the counter over single ticks: {what}"),
                &mean(&errors)?,
            ),
        ])
    }

    /// Two stretches for the figure: around the step up, and around the pulses of 30 ms.
    pub fn series(&self) -> Vec<SensorSeries> {
        [("step", 0), ("pulses", 2)]
            .into_iter()
            .filter_map(|(key, train)| {
                let begin_s = self.trains.get(train)?.begin_s() - SERIES_LEAD_S;
                Some(self.stretch(key, begin_s, (begin_s + SERIES_S).min(self.end_s)))
            })
            .collect()
    }

    fn stretch(&self, key: &str, begin_s: f64, end_s: f64) -> SensorSeries {
        let points = |changes: &[Change]| -> Vec<PowerPoint> {
            inside(changes, begin_s, end_s)
                .iter()
                .map(|c| point(c.time_s, c.value))
                .collect()
        };
        let counter = self
            .ticks
            .windows(2)
            .filter(|step| step[0].time_s >= begin_s && step[1].time_s <= end_s)
            .map(|step| {
                let power_w = (step[1].value - step[0].value) / (step[1].time_s - step[0].time_s);
                point(step[1].time_s, power_w)
            })
            .collect();
        let busy_s = self
            .trains
            .iter()
            .flat_map(|train| &train.pulses)
            .filter(|pulse| pulse[1] > begin_s && pulse[0] < end_s)
            .map(|pulse| {
                [
                    round_for_record(pulse[0].max(begin_s)),
                    round_for_record(pulse[1].min(end_s)),
                ]
            })
            .collect();
        SensorSeries {
            key: key.to_owned(),
            source: SOURCE.to_owned(),
            provenance: Provenance::Imported,
            span_s: [round_for_record(begin_s), round_for_record(end_s)],
            instant: points(&self.instant),
            average: points(&self.average),
            counter,
            busy_s,
        }
    }
}

fn point(time_s: f64, power_w: f64) -> PowerPoint {
    PowerPoint {
        time_s: round_for_record(time_s),
        power_w: round_for_record(power_w),
    }
}

/// Slope of tick times over tick numbers. A gap of about two periods counts as two, so that a tick
/// that polling missed does not bend the line.
fn tick_period_ms(ticks: &[Change]) -> Result<Estimate<Milliseconds>, Unusable> {
    let mut gaps: Vec<f64> = gaps(ticks);
    gaps.sort_by(f64::total_cmp);
    let typical_s = *gaps.get(gaps.len() / 2).ok_or(Unusable::Empty)?;
    let origin_s = ticks[0].time_s;
    let mut number = 0.0;
    let mut previous_s = origin_s;
    let points: Vec<(f64, f64)> = ticks
        .iter()
        .map(|tick| {
            number += ((tick.time_s - previous_s) / typical_s).round();
            previous_s = tick.time_s;
            (number, (tick.time_s - origin_s) * 1e3)
        })
        .collect();
    line_slope(&points)
}

fn mean_gap_ms(changes: &[Change]) -> Result<Estimate<Milliseconds>, Unusable> {
    let gaps: Vec<Milliseconds> = gaps(changes)
        .into_iter()
        .map(|gap_s| Milliseconds::of(gap_s * 1e3))
        .collect();
    mean(&gaps)
}

fn gaps(changes: &[Change]) -> Vec<f64> {
    changes
        .windows(2)
        .map(|pair| pair[1].time_s - pair[0].time_s)
        .collect()
}

/// Periods of sensors are quoted in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Milliseconds(f64);

impl Quantity for Milliseconds {
    const SYMBOL: &'static str = "ms";
    fn of(value: f64) -> Self {
        Self(value)
    }
    fn number(self) -> f64 {
        self.0
    }
}

fn inside(changes: &[Change], begin_s: f64, end_s: f64) -> Vec<Change> {
    let within = |change: &&Change| (begin_s..=end_s).contains(&change.time_s);
    changes.iter().filter(within).copied().collect()
}

/// Mean over a stretch of a value that holds until its next change.
fn held_mean(changes: &[Change], begin_s: f64, end_s: f64) -> f64 {
    let mut weighted = Sum::default();
    let mut time = Sum::default();
    for (index, change) in changes.iter().enumerate() {
        let until_s = changes.get(index + 1).map_or(end_s, |next| next.time_s);
        let held_s = until_s.min(end_s) - change.time_s.max(begin_s);
        if held_s > 0.0 {
            weighted.add(change.value * held_s);
            time.add(held_s);
        }
    }
    weighted.value() / time.value()
}
