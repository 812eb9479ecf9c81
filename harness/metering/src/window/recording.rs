//! A recording that is asked for the energy of windows.

use model::sample::Sample;
use model::units::{Nanos, Seconds};

use super::integral::{Integral, Integrated};
use super::spread::Spread;
use super::{
    Agreement, Budget, BudgetLine, Distribution, Kind, Method, Source, Ticks, Window, WindowEnergy,
    WindowError,
};
use crate::instrument::Instrument;
use crate::series::{Field, seconds_since};

/// A counter that misses this many ticks has stopped.
const FROZEN_TICKS: f64 = 5.0;

/// A recording, made ready for questions about any number of windows.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Mean time between two samples, in seconds.
    spacing_s: f64,
    origin: Nanos,
    instrument: Instrument,
    ticks: Option<Ticks>,
    integral: Option<Integral>,
    /// Where the counter fell: seconds, and by how many mJ.
    falls: Vec<(f64, i64)>,
}

fn mean_spacing_s(samples: &[Sample]) -> f64 {
    match samples {
        [first, .., last] => {
            let length = last.at_ns.saturating_sub(first.at_ns);
            Seconds::from(length).get() / crate::series::count(samples.len() - 1)
        }
        _ => 0.0,
    }
}

impl Recording {
    /// Reads a recording with an instrument. Samples are in the order of time.
    ///
    /// # Errors
    /// [`WindowError::NoReadings`].
    pub fn new(samples: &[Sample], instrument: &Instrument) -> Result<Self, WindowError> {
        let origin = samples.first().ok_or(WindowError::NoReadings)?.at_ns;
        let ticks = Ticks::of(samples, instrument, origin);
        let integral = instrument
            .power
            .and_then(|power| Integral::of(samples, &power, origin));
        if ticks.is_none() && integral.is_none() {
            return Err(WindowError::NoReadings);
        }
        Ok(Self {
            origin,
            spacing_s: mean_spacing_s(samples),
            instrument: instrument.clone(),
            ticks,
            integral,
            falls: falls(samples, origin),
        })
    }

    /// The energy of a window.
    ///
    /// # Errors
    /// [`WindowError`]; never an energy of zero for want of readings.
    pub fn energy(&self, window: &Window) -> Result<WindowEnergy, WindowError> {
        let (begin_s, end_s) = (
            seconds_since(self.origin, window.begin.at_ns),
            seconds_since(self.origin, window.end.at_ns),
        );
        if end_s <= begin_s {
            return Err(WindowError::Empty {
                length_s: end_s - begin_s,
            });
        }
        let integrated = self
            .integral
            .as_ref()
            .and_then(|integral| integral.between(begin_s, end_s));
        let Some(ticks) = &self.ticks else {
            return self.without_counter(window, begin_s, end_s, integrated);
        };
        if let Some((at_s, by_mj)) = self
            .falls
            .iter()
            .find(|(at_s, _)| (begin_s..=end_s).contains(at_s))
        {
            return Err(WindowError::CounterBackwards {
                at_s: *at_s,
                by_mj: *by_mj,
            });
        }
        let (Some(begin), Some(end)) = (ticks.partial(begin_s), ticks.partial(end_s)) else {
            return Err(outside(ticks, begin_s, end_s));
        };
        let longest_s = ticks.nodes[begin.tick..=end.tick + 1]
            .windows(2)
            .map(|pair| pair[1].at_s - pair[0].at_s)
            .fold(0.0, f64::max);
        if self.spacing_s > ticks.period_s {
            return Err(WindowError::SampledTooSlowly {
                spacing_s: self.spacing_s,
                period_s: ticks.period_s,
            });
        }
        if longest_s > FROZEN_TICKS * ticks.period_s {
            return Err(WindowError::CounterFrozen {
                for_s: longest_s,
                period_s: ticks.period_s,
            });
        }
        let counter_j = ticks.nodes[end.tick].energy_j + end.energy_j
            - ticks.nodes[begin.tick].energy_j
            - begin.energy_j;
        let edges = if begin.tick == end.tick {
            ticks.spread_within(begin.tick, begin_s, end_s)
        } else {
            begin.spread.and(end.spread)
        };
        let edge_j = edges.uncertainty_j();
        let mut lines = self.lines_of_the_counter(edges, end.power_w - begin.power_w);
        lines.push(edge_time_line(window, begin.power_w, end.power_w));
        let agreement = Agreement::of(counter_j, edge_j, integrated);
        Ok(self.reported(
            Method::Counter,
            counter_j,
            end_s - begin_s,
            lines,
            integrated,
            agreement,
        ))
    }

    /// The ticks next to two moments, outwards: a window from tick to tick that holds them both.
    /// `None` where the recording does not reach that far.
    pub fn around(&self, begin_ns: Nanos, end_ns: Nanos) -> Option<Window> {
        let ticks = self.ticks.as_ref()?;
        let begin = ticks.tick_at(seconds_since(self.origin, begin_ns))?;
        let end = ticks.tick_at(seconds_since(self.origin, end_ns))? + 1;
        let moment = |index: usize| {
            let at_s = ticks.nodes[index].at_s;
            self.origin + Nanos::from_seconds(at_s)
        };
        Some(Window::exact(moment(begin), moment(end)))
    }

    fn lines_of_the_counter(&self, edges: Spread, power_change_w: f64) -> Vec<BudgetLine> {
        let counter = &self.instrument.counter;
        let ticks_s = self
            .ticks
            .as_ref()
            .map_or(0.0, |ticks| ticks.time_uncertainty_s);
        let change_w = power_change_w.abs();
        vec![
            BudgetLine {
                source: Source::Edge,
                kind: Kind::TypeA,
                standard_uncertainty_j: edges.uncertainty_j(),
                distribution: Distribution::Normal,
                degrees_of_freedom: edges.degrees_of_freedom(),
                why: "parts of the outer ticks: scatter of the power field around the curve between ticks".to_owned(),
            },
            BudgetLine {
                source: Source::TickTime,
                kind: Kind::TypeA,
                standard_uncertainty_j: ticks_s * change_w,
                distribution: Distribution::Rectangular,
                degrees_of_freedom: None,
                why: format!("ticks known to {:.2} ms, times the difference of power at the edges", ticks_s * 1e3),
            },
            BudgetLine {
                source: Source::Latency,
                kind: Kind::TypeB,
                standard_uncertainty_j: counter.latency_s.standard_uncertainty * change_w,
                distribution: Distribution::Normal,
                degrees_of_freedom: None,
                why: format!("counter late by {} ms, times the difference of power at the edges", counter.latency_s.scaled(1e3)),
            },
            BudgetLine {
                source: Source::Resolution,
                kind: Kind::TypeB,
                standard_uncertainty_j: counter.resolution_j / 6_f64.sqrt(),
                distribution: Distribution::Triangular,
                degrees_of_freedom: None,
                why: format!("two readings rounded to {} J", counter.resolution_j),
            },
        ]
    }

    fn without_counter(
        &self,
        window: &Window,
        begin_s: f64,
        end_s: f64,
        integrated: Option<Integrated>,
    ) -> Result<WindowEnergy, WindowError> {
        let Integrated {
            energy_j,
            uncertainty_j,
            ..
        } = integrated.ok_or(WindowError::OutsideRecording {
            begin_s,
            end_s,
            first_s: 0.0,
            last_s: self.integral.as_ref().map_or(0.0, Integral::end_s),
        })?;
        let mean_w = energy_j / (end_s - begin_s);
        let lines = vec![
            BudgetLine {
                source: Source::Integration,
                kind: Kind::TypeA,
                standard_uncertainty_j: uncertainty_j,
                distribution: Distribution::Normal,
                degrees_of_freedom: None,
                why: "gaps between the windows of the power field, by the differences of successive readings".to_owned(),
            },
            edge_time_line(window, mean_w, mean_w),
        ];
        let agreement = Agreement::without_counter();
        Ok(self.reported(
            Method::IntegratedPower,
            energy_j,
            end_s - begin_s,
            lines,
            integrated,
            agreement,
        ))
    }

    fn reported(
        &self,
        method: Method,
        energy_j: f64,
        duration_s: f64,
        mut lines: Vec<BudgetLine>,
        integrated: Option<Integrated>,
        agreement: Agreement,
    ) -> WindowEnergy {
        let Instrument {
            drift, transfer, ..
        } = &self.instrument;
        let gain = transfer.gain.value;
        lines.push(BudgetLine {
            source: Source::Drift,
            kind: Kind::TypeB,
            standard_uncertainty_j: drift.standard_uncertainty * energy_j,
            distribution: Distribution::Normal,
            degrees_of_freedom: None,
            why: format!(
                "scale moves by {:.3} % within a run (under {:.3} % cannot be seen)",
                drift.standard_uncertainty * 100.0,
                drift.unseen * 100.0
            ),
        });
        lines.push(BudgetLine {
            source: Source::Gain,
            kind: Kind::TypeB,
            standard_uncertainty_j: transfer.gain.standard_uncertainty / gain * energy_j,
            distribution: Distribution::Normal,
            degrees_of_freedom: None,
            why: format!("scale {}: {}", transfer.gain, transfer.source),
        });
        lines.push(BudgetLine {
            source: Source::Offset,
            kind: Kind::TypeB,
            standard_uncertainty_j: transfer.offset_w.standard_uncertainty * duration_s,
            distribution: Distribution::Normal,
            degrees_of_freedom: None,
            why: format!("zero {} W: {}", transfer.offset_w, transfer.source),
        });
        let true_j = (energy_j - transfer.offset_w.value * duration_s) / gain;
        WindowEnergy {
            method,
            energy_j,
            duration_s,
            budget: Budget::new(lines, energy_j, true_j, gain),
            counter_j: (method == Method::Counter).then_some(energy_j),
            integrated_j: integrated.map(|integrated| integrated.energy_j),
            agreement,
        }
    }
}

fn edge_time_line(window: &Window, begin_w: f64, end_w: f64) -> BudgetLine {
    BudgetLine {
        source: Source::EdgeTime,
        kind: Kind::TypeB,
        standard_uncertainty_j: libm::hypot(
            window.begin.standard_uncertainty_s * begin_w,
            window.end.standard_uncertainty_s * end_w,
        ),
        distribution: Distribution::Normal,
        degrees_of_freedom: None,
        why: "stamps of begin and end, each times the power there".to_owned(),
    }
}

fn outside(ticks: &Ticks, begin_s: f64, end_s: f64) -> WindowError {
    WindowError::OutsideRecording {
        begin_s,
        end_s,
        first_s: ticks.nodes.first().map_or(0.0, |node| node.at_s),
        last_s: ticks.nodes.last().map_or(0.0, |node| node.at_s),
    }
}

fn falls(samples: &[Sample], origin: Nanos) -> Vec<(f64, i64)> {
    let mut found = Vec::new();
    let mut previous: Option<i64> = None;
    for sample in samples {
        let Some(now) = Field::Energy.raw(sample) else {
            continue;
        };
        if let Some(before) = previous
            && now < before
        {
            found.push((seconds_since(origin, sample.at_ns), before - now));
        }
        previous = Some(now);
    }
    found
}
