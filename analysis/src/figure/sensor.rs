//! Figure 2: what three readings of one board say while its load is switched on and off.

use super::chart::{Axis, Chart, Mark, Panel, Point, ScaleKind, Series, Stretch, Ticks, Width};
use crate::imported::{PowerPoint, SensorReport, SensorSeries};

/// The figure of the recorded stretches, or nothing where the report has none.
pub fn figure(report: &SensorReport) -> Option<Chart> {
    let first = report.series.first()?;
    Some(Chart {
        slug: "sensor".to_owned(),
        title: "Three readings of board power under a switched load".to_owned(),
        description: describe(&report.series),
        provenance: first.provenance,
        width: Width::Page,
        x: Axis {
            label: "Time",
            unit: Some("s"),
            column: "time_s",
            scale: ScaleKind::Linear,
            ticks: Ticks::Round,
        },
        y: Axis {
            label: "Power",
            unit: Some("W"),
            column: "power_w",
            scale: ScaleKind::Linear,
            ticks: Ticks::Round,
        },
        panels: report
            .series
            .iter()
            .filter(|series| series.provenance == first.provenance)
            .map(panel)
            .collect(),
    })
}

fn panel(stretch: &SensorSeries) -> Panel {
    let [begin_s, end_s] = stretch.span_s;
    let since = |time_s: f64| time_s - begin_s;
    Panel {
        title: title(&stretch.key).to_owned(),
        span: Some(Stretch {
            from: 0.0,
            to: end_s - begin_s,
        }),
        shades: stretch
            .busy_s
            .iter()
            .map(|[on, off]| Stretch {
                from: since(on.max(begin_s)),
                to: since(off.min(end_s)),
            })
            .filter(|shade| shade.to > shade.from)
            .collect(),
        series: vec![
            line("instant field", 1, held(&stretch.instant, begin_s, end_s)),
            line("average field", 2, held(&stretch.average, begin_s, end_s)),
            line(
                "energy counter",
                0,
                between_ticks(&stretch.counter, begin_s),
            ),
        ],
    }
}

fn title(key: &str) -> &str {
    match key {
        "step" => "A long load",
        "pulses" => "Short pulses",
        other => other,
    }
}

fn line(label: &str, look: usize, points: Vec<Point>) -> Series {
    Series {
        label: label.to_owned(),
        look,
        mark: Mark::Steps,
        points,
    }
}

/// A reading holds from its refresh to the next, the last one to the end of the stretch.
fn held(readings: &[PowerPoint], begin_s: f64, end_s: f64) -> Vec<Point> {
    let point = |time_s: f64, power_w: f64| Point {
        x: time_s - begin_s,
        y: power_w,
        interval: None,
    };
    let refreshes = readings
        .iter()
        .map(|reading| point(reading.time_s.max(begin_s), reading.power_w));
    let last = readings.last().map(|reading| point(end_s, reading.power_w));
    refreshes.chain(last).collect()
}

/// A mean of the counter is stamped at its later tick: it holds from the tick before.
fn between_ticks(means: &[PowerPoint], begin_s: f64) -> Vec<Point> {
    let point = |time_s: f64, power_w: f64| Point {
        x: time_s - begin_s,
        y: power_w,
        interval: None,
    };
    let starts = means
        .windows(2)
        .map(|pair| point(pair[0].time_s, pair[1].power_w));
    let last = means.last().map(|mean| point(mean.time_s, mean.power_w));
    starts.chain(last).collect()
}

fn describe(stretches: &[SensorSeries]) -> String {
    let mut sentences =
        vec!["Board power in watts against time, as the instant field, the average field and the energy counter show it; shaded while the load was on.".to_owned()];
    for stretch in stretches {
        let range = |readings: &[PowerPoint]| {
            let powers = || readings.iter().map(|reading| reading.power_w);
            let low = powers().reduce(f64::min).unwrap_or(f64::NAN);
            let high = powers().reduce(f64::max).unwrap_or(f64::NAN);
            format!("{low:.0} to {high:.0} W")
        };
        sentences.push(format!(
            "{}: the instant field ranges from {}, the average field from {}, the counter from {}.",
            title(&stretch.key),
            range(&stretch.instant),
            range(&stretch.average),
            range(&stretch.counter),
        ));
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_s: f64, power_w: f64) -> PowerPoint {
        PowerPoint { time_s, power_w }
    }

    fn places(points: &[Point]) -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.x, point.y)).collect()
    }

    #[test]
    fn a_reading_holds_until_the_end() {
        let points = held(&[at(4.0, 100.0), at(4.5, 600.0)], 4.0, 6.0);
        assert_eq!(places(&points), [(0.0, 100.0), (0.5, 600.0), (2.0, 600.0)]);
    }

    #[test]
    fn a_mean_of_the_counter_starts_at_the_tick_before() {
        let points = between_ticks(&[at(4.1, 100.0), at(4.2, 600.0), at(4.3, 700.0)], 4.1);
        let rounded: Vec<_> = points
            .iter()
            .map(|point| ((point.x * 10.0).round(), point.y))
            .collect();
        assert_eq!(rounded, [(0.0, 600.0), (1.0, 700.0), (2.0, 700.0)]);
    }
}
