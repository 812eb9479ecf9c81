//! Bar 12: intervals of quantiles.

use statistics::distribution::normal_quantile;
use statistics::interval::Level;
use statistics::quantile;

use super::cell::{Cell, CellDraft};
use super::coverage::Coverage;
use super::{Bar, BarId, Target};

/// Standard deviation of the latency on the log scale.
const LOG_DEVIATION: f64 = 0.2;

pub(super) fn bar() -> Bar {
    let cells = [
        (0.5, 6),
        (0.5, 10),
        (0.5, 30),
        (0.9, 100),
        (0.95, 200),
        (0.99, 400),
        (0.99, 2_000),
    ];
    Bar {
        id: BarId::Quantile,
        title: "binomial intervals cover at least 95 % and at most 99 %",
        calls: &["quantile::quantile_interval"],
        note: Some(
            "Independent latencies of a lognormal law. Ranks are whole numbers, so the coverage is \
             above 95 % by what the next narrower pair of ranks would lack.",
        ),
        cells: cells.map(|(p, n)| cell(p, n)).into(),
    }
}

fn cell(p: f64, n: usize) -> Cell {
    let mut draft = CellDraft::new(format!("p{} of {n}", 100.0 * p));
    let coverage = Coverage::ask(&mut draft, "order statistics", Target::Other, |question| {
        question.within(0.95, 0.99)
    });
    let truth = libm::exp(LOG_DEVIATION * normal_quantile(p));
    draft.experiment(move |stream, answers| {
        let latencies: Vec<f64> = (0..n)
            .map(|_| libm::exp(LOG_DEVIATION * stream.normal()))
            .collect();
        let interval = quantile::quantile_interval(&latencies, p, Level::P95)?;
        coverage.answer(answers, &interval, truth);
        Ok(())
    })
}
