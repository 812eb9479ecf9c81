//! The columns of measured tables that hold estimates.

use super::{Bounded, Cell, Column};
use crate::estimate::{ComparisonRecord, EstimateRecord, Metric};
use crate::number::print_estimate;

/// A metric with its columns: value, lower and upper bound.
pub(super) struct MetricColumn {
    pub(super) metric: Metric,
    keys: [&'static str; 3],
    title: &'static str,
    /// Whether the print shows the bounds too.
    prints_interval: bool,
    /// Whether the tables of one sweep print it. The others hold it for machines.
    in_sweeps: bool,
}

impl MetricColumn {
    const fn new(metric: Metric, keys: [&'static str; 3], title: &'static str) -> Self {
        Self {
            metric,
            keys,
            title,
            prints_interval: false,
            in_sweeps: true,
        }
    }

    const fn with_interval(self) -> Self {
        Self {
            prints_interval: true,
            ..self
        }
    }

    const fn left_out_of_sweeps(self) -> Self {
        Self {
            in_sweeps: false,
            ..self
        }
    }

    /// The columns, titled where they are to be printed.
    pub(super) fn columns(&self, unit: &str, of_one_sweep: bool) -> [Column; 3] {
        let [value, low, high] = self.keys;
        let shown = match (of_one_sweep, self.metric) {
            (false, metric) => metric.is_of_every_table(),
            // Where one request is one unit, the two energies are the same number.
            (true, Metric::EnergyPerRequest) => unit != "request",
            (true, _) => self.in_sweeps,
        };
        let value = if shown {
            Column::number(value, self.heading(unit))
        } else {
            Column::data(value)
        };
        [value, Column::data(low), Column::data(high)]
    }

    /// The heading, with the unit of output where it is a known one.
    fn heading(&self, unit: &str) -> &'static str {
        match (self.metric, unit) {
            (Metric::EnergyPerUnit, "token") => "Energy (J/token)",
            (Metric::EnergyPerUnit, "request") => "Energy (J/sequence)",
            (Metric::EnergyPerUnit, "image") => "Energy (J/image)",
            (Metric::EnergyNetPerUnit, "token") => "Above idle (J/token)",
            (Metric::Throughput, "token") => "Rate (token/s)",
            _ => self.title,
        }
    }

    /// The cells of an estimate, or of its absence.
    pub(super) fn cells(&self, record: Option<&EstimateRecord>) -> [Cell; 3] {
        let Some(record) = record else {
            return [Cell::word(None), Cell::word(None), Cell::word(None)];
        };
        let scale = print_scale(self.metric);
        let scaled = |bound: Option<f64>| bound.map(|bound| bound * scale);
        let printed = print_estimate(
            record.value * scale,
            scaled(record.low),
            scaled(record.high),
        );
        let text = if self.prints_interval {
            printed.with_interval()
        } else {
            printed.value
        };
        let bounded = Bounded {
            value: Some(record.value),
            low: record.low,
            high: record.high,
        };
        Cell::estimate(bounded, text)
    }
}

/// Times are printed in milliseconds and shares in percent.
const fn print_scale(metric: Metric) -> f64 {
    match metric {
        Metric::InferTime | Metric::EncodeTime | Metric::PrefillTime | Metric::DecodeStepTime => {
            1e3
        }
        Metric::FloorShare => 1e2,
        _ => 1.0,
    }
}

impl Metric {
    /// Whether the table of all sweeps prints it: it must mean something to every kind of work.
    const fn is_of_every_table(self) -> bool {
        matches!(
            self,
            Self::EnergyPerUnit
                | Self::EnergyNetPerUnit
                | Self::Throughput
                | Self::MeanPower
                | Self::InferTime
                | Self::PrefillTime
                | Self::DecodeStepTime
                | Self::FloorShare
        )
    }
}

/// The cells of a ratio with its number of blocks.
pub(super) fn ratio_cells(ratio: Option<&ComparisonRecord>) -> [Cell; 4] {
    let Some(ratio) = ratio else {
        return [(); 4].map(|()| Cell::word(None));
    };
    let printed = print_estimate(ratio.value, ratio.low, ratio.high);
    let bounded = Bounded {
        value: Some(ratio.value),
        low: ratio.low,
        high: ratio.high,
    };
    let [value, low, high] = Cell::estimate(bounded, printed.with_interval());
    [value, low, high, Cell::same(ratio.n.to_string())]
}

/// The metrics of measured tables, in their order.
pub(super) const COLUMNS: [MetricColumn; 11] = [
    MetricColumn::new(
        Metric::EnergyPerUnit,
        [
            "energy_per_unit_j",
            "energy_per_unit_low_j",
            "energy_per_unit_high_j",
        ],
        "Energy (J/unit)",
    )
    .with_interval(),
    MetricColumn::new(
        Metric::EnergyNetPerUnit,
        [
            "energy_net_per_unit_j",
            "energy_net_per_unit_low_j",
            "energy_net_per_unit_high_j",
        ],
        "Above idle (J/unit)",
    )
    .left_out_of_sweeps(),
    MetricColumn::new(
        Metric::EnergyPerRequest,
        [
            "energy_per_request_j",
            "energy_per_request_low_j",
            "energy_per_request_high_j",
        ],
        "Energy (J/request)",
    )
    .with_interval(),
    MetricColumn::new(
        Metric::EnergyPerSoundSecond,
        [
            "energy_per_sound_second_j",
            "energy_per_sound_second_low_j",
            "energy_per_sound_second_high_j",
        ],
        "Of sound (J/s)",
    )
    .with_interval(),
    MetricColumn::new(
        Metric::Throughput,
        [
            "throughput_per_s",
            "throughput_low_per_s",
            "throughput_high_per_s",
        ],
        "Rate (unit/s)",
    )
    .left_out_of_sweeps(),
    MetricColumn::new(
        Metric::MeanPower,
        ["mean_power_w", "mean_power_low_w", "mean_power_high_w"],
        "Power (W)",
    ),
    MetricColumn::new(
        Metric::InferTime,
        ["infer_s", "infer_low_s", "infer_high_s"],
        "Pass (ms)",
    ),
    MetricColumn::new(
        Metric::EncodeTime,
        ["encode_s", "encode_low_s", "encode_high_s"],
        "Encode (ms)",
    ),
    MetricColumn::new(
        Metric::PrefillTime,
        ["prefill_s", "prefill_low_s", "prefill_high_s"],
        "Prefill (ms)",
    ),
    MetricColumn::new(
        Metric::DecodeStepTime,
        ["decode_step_s", "decode_step_low_s", "decode_step_high_s"],
        "Step (ms)",
    ),
    MetricColumn::new(
        Metric::FloorShare,
        ["floor_share", "floor_share_low", "floor_share_high"],
        "Of floor (%)",
    ),
];
