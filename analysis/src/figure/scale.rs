//! From values to lengths, and round values for ticks.

use super::chart::{ScaleKind, Ticks};

/// Share of the span left free at each end, so that no marker touches the frame.
const MARGIN: f64 = 0.07;

/// A range of values on a linear or logarithmic scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    kind: ScaleKind,
    low: f64,
    high: f64,
}

impl Scale {
    /// The scale that holds all `values` with a margin. Values that the scale cannot show (not
    /// finite, or not above zero on a logarithmic scale) are left out; without any value left the
    /// range is 1 to 10.
    pub fn holding(kind: ScaleKind, values: impl Iterator<Item = f64>) -> Self {
        let positions: Vec<f64> = values
            .filter(|value| value.is_finite() && (kind == ScaleKind::Linear || *value > 0.0))
            .map(|value| forward(kind, value))
            .collect();
        let Some(low) = positions.iter().copied().reduce(f64::min) else {
            return Self {
                kind,
                low: forward(kind, 1.0),
                high: forward(kind, 10.0),
            };
        };
        let high = positions.iter().copied().fold(low, f64::max);
        let margin = if high > low {
            (high - low) * MARGIN
        } else {
            0.5
        };
        Self {
            kind,
            low: low - margin,
            high: high + margin,
        }
    }

    /// A linear scale from zero to a little above the largest value.
    pub fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let scale = Self::holding(ScaleKind::Linear, values.chain(std::iter::once(0.0)));
        Self { low: 0.0, ..scale }
    }

    /// A linear scale from exactly `low` to `high`, which must lie above it.
    pub fn exact(low: f64, high: f64) -> Self {
        Self {
            kind: ScaleKind::Linear,
            low,
            high,
        }
    }

    /// Position of a value: 0 at the low end, 1 at the high end.
    pub fn position(&self, value: f64) -> f64 {
        (forward(self.kind, value) - self.low) / (self.high - self.low)
    }

    /// The ticks inside the range, in rising order.
    pub fn ticks(&self, ticks: &Ticks) -> Vec<f64> {
        let candidates = match (ticks, self.kind) {
            (Ticks::At(values), _) => values.clone(),
            (Ticks::Round, ScaleKind::Linear) => self.linear_ticks(),
            (Ticks::Round, ScaleKind::Log) => self.log_ticks(),
        };
        candidates
            .into_iter()
            .filter(|value| self.contains(*value))
            .collect()
    }

    fn contains(&self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.position(value))
    }

    /// Steps of 1, 2 or 5 times a power of ten that give three to seven ticks.
    fn linear_ticks(&self) -> Vec<f64> {
        let span = self.high - self.low;
        let power = libm::floor(libm::log10(span / 5.0));
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|mantissa| mantissa * libm::pow(10.0, power))
            .find(|step| span / step <= 6.5)
            .unwrap_or(span);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a range holds at most seven steps, so both are small"
        )]
        let [first, last] = [
            (self.low / step - 1e-9).ceil() as i64,
            (self.high / step + 1e-9).floor() as i64,
        ];
        (first..=last)
            .map(|index| round_to(index as f64 * step, power))
            .collect()
    }

    /// The sparsest set of mantissas that still puts at least three ticks into the range.
    fn log_ticks(&self) -> Vec<f64> {
        const SETS: [&[f64]; 4] = [
            &[1.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            &[
                1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0,
            ],
        ];
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the bounds are decimal logarithms of floats, within 308 of zero"
        )]
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let at = |set: &[f64]| -> Vec<f64> {
            decades
                .clone()
                .flat_map(|decade| set.iter().map(move |mantissa| decimal(*mantissa, decade)))
                .filter(|value| self.contains(*value))
                .collect()
        };
        let enough = SETS
            .iter()
            .map(|&set| at(set))
            .find(|ticks| ticks.len() >= 3);
        enough.unwrap_or_else(|| at(SETS[SETS.len() - 1]))
    }
}

fn forward(kind: ScaleKind, value: f64) -> f64 {
    match kind {
        ScaleKind::Linear => value,
        ScaleKind::Log => libm::log10(value),
    }
}

/// `mantissa * 10^decade`, as the nearest float to its decimal text, so that 0.3 is 0.3.
fn decimal(mantissa: f64, decade: i32) -> f64 {
    format!("{mantissa}e{decade}")
        .parse()
        .expect("a mantissa and an exponent are a number")
}

fn round_to(value: f64, power: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and at most the decimals of a float"
    )]
    let digits = (1.0 - power).max(0.0) as usize;
    format!("{value:.digits$}")
        .parse()
        .expect("a fixed-point text is a number")
}

/// A tick as a reader writes it: `0.5`, `2`, `20`, `500`, `2000`.
pub fn tick_text(value: f64) -> String {
    let rounded = format!("{value:.6}");
    let text = rounded.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale
            .ticks(&Ticks::Round)
            .into_iter()
            .map(tick_text)
            .collect()
    }

    #[test]
    fn log_ticks_are_written_as_people_write_them() {
        let scale = Scale::holding(ScaleKind::Log, [0.3, 4.0].into_iter());
        assert_eq!(texts(&scale), ["0.5", "1", "2"]);
        let scale = Scale::holding(ScaleKind::Log, [0.3, 400.0].into_iter());
        assert_eq!(texts(&scale), ["1", "10", "100"]);
    }

    #[test]
    fn a_narrow_log_range_still_has_three_ticks() {
        let scale = Scale::holding(ScaleKind::Log, [2.1, 4.4].into_iter());
        assert_eq!(texts(&scale), ["2", "2.5", "3", "3.5", "4"]);
    }

    #[test]
    fn linear_ticks_are_round_and_start_at_zero() {
        let scale = Scale::from_zero([612.0, 75.0].into_iter());
        assert_eq!(texts(&scale), ["0", "200", "400", "600"]);
    }

    #[test]
    fn given_ticks_outside_the_range_are_left_out() {
        let scale = Scale::holding(ScaleKind::Log, [1.0, 32.0].into_iter());
        assert_eq!(
            scale.ticks(&Ticks::At(vec![0.1, 1.0, 8.0, 32.0, 128.0])),
            [1.0, 8.0, 32.0]
        );
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        let scale = Scale::holding(ScaleKind::Log, [3.0].into_iter());
        assert!((scale.position(3.0) - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn every_value_lies_inside_its_scale(values in prop::collection::vec(1e-6f64..1e6, 1..20)) {
            for kind in [ScaleKind::Linear, ScaleKind::Log] {
                let scale = Scale::holding(kind, values.iter().copied());
                for value in &values {
                    prop_assert!((0.0..=1.0).contains(&scale.position(*value)));
                }
            }
        }

        #[test]
        fn ticks_rise_and_are_few(low in 1e-6f64..1e6, ratio in 1.05f64..1e6) {
            for kind in [ScaleKind::Linear, ScaleKind::Log] {
                let scale = Scale::holding(kind, [low, low * ratio].into_iter());
                let ticks = scale.ticks(&Ticks::Round);
                prop_assert!((1..=16).contains(&ticks.len()), "{ticks:?}");
                prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
            }
        }
    }
}
