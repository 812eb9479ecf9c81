//! Whether stated intervals of windows hold the truth, and what other tools make of the same windows.

use metering::coverage::{LengthSummary, Peer, Published};

use super::{Cell, Column, Table};

/// One row for each length of window.
pub fn windows_table(published: &Published) -> Table {
    let metered = &published.with_meter.0;
    let rows = published.uncalibrated.0.iter().zip(metered);
    Table {
        name: "windows".into(),
        columns: vec![
            Column::number("length_s", "Window (s)"),
            Column::number("windows", "n"),
            Column::number("sensed_coverage_pct", "Sensed: held (%)"),
            Column::number("sensed_median_error_pct", "Median error (%)"),
            Column::data("sensed_p95_error_pct"),
            Column::number("sensed_median_half_width_pct", "Half width (%)"),
            Column::number("true_coverage_pct", "True: held (%)"),
            Column::number("true_median_error_pct", "Median error (%)"),
            Column::number("true_metered_coverage_pct", "True, metered: held (%)"),
            Column::number("true_metered_median_error_pct", "Median error (%)"),
            Column::number("zeus_median_error_pct", "Zeus (%)"),
            Column::data("zeus_p95_error_pct"),
            Column::number("codecarbon_median_error_pct", "CodeCarbon (%)"),
            Column::data("codecarbon_p95_error_pct"),
            Column::number("power_sampler_median_error_pct", "Sampler (%)"),
            Column::data("power_sampler_p95_error_pct"),
            Column::data("false_alarms_pct"),
        ],
        rows: rows.map(|(alone, metered)| row(alone, metered)).collect(),
        notes: vec![
            "Held: intervals that contain the energy, of nominal 95 %. Sensed energy: what an ideal \
             counter with the scale of this card would show; it is what ratios on one card rest on. \
             True energy: what the board used. Metered: an external meter found the scale of the \
             card to 0.2 % and its zero to 0.3 W."
                .to_owned(),
            "Zeus, CodeCarbon and a sampler of power every 100 ms: the median error of their \
             published algorithms against the sensed energy of the same windows."
                .to_owned(),
        ],
    }
}

fn row(alone: &LengthSummary, metered: &LengthSummary) -> Vec<Cell> {
    let percent = |share: f64, decimals: usize| {
        let percent = share * 100.0;
        Cell::number(Some(round(percent)), format!("{percent:.decimals$}"))
    };
    let peer = |peer: Peer, which: usize| {
        let index = Peer::ALL.iter().position(|other| *other == peer);
        percent(
            alone.peer_errors[index.expect("a peer of the list")][which],
            2,
        )
    };
    vec![
        Cell::same(alone.length_s.to_string()),
        Cell::same(alone.trials.to_string()),
        percent(alone.sensed_coverage, 1),
        percent(alone.sensed_median_error, 2),
        percent(alone.sensed_p95_error, 2),
        percent(alone.sensed_median_half_width, 2),
        percent(alone.true_coverage, 1),
        percent(alone.true_median_error, 2),
        percent(metered.true_coverage, 1),
        percent(metered.true_median_error, 2),
        peer(Peer::Zeus, 0),
        peer(Peer::Zeus, 1),
        peer(Peer::CodeCarbon, 0),
        peer(Peer::CodeCarbon, 1),
        peer(Peer::PowerSampler, 0),
        peer(Peer::PowerSampler, 1),
        percent(alone.false_alarms, 1),
    ]
}

/// Ten significant digits: enough for any reader, and the same on every processor.
fn round(value: f64) -> f64 {
    format!("{value:.9e}")
        .parse()
        .expect("a number that was just printed can be read")
}
