//! The dictionary of the columns of a row.

use model::axis::{Axis, AxisValue};
use model::decimal::Decimal;

use super::Row;
use crate::quantity::Quantity;

/// The value of a row in one column; absent is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A word.
    Text(Option<String>),
    /// A whole number.
    Integer(Option<i64>),
    /// A real number.
    Float(Option<f64>),
}

/// The kind of every cell of a column, known without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// A word.
    Text,
    /// A whole number.
    Integer,
    /// A real number.
    Float,
}

impl Cell {
    /// The kind of the cell, present or absent.
    pub const fn kind(&self) -> CellKind {
        match self {
            Self::Text(_) => CellKind::Text,
            Self::Integer(_) => CellKind::Integer,
            Self::Float(_) => CellKind::Float,
        }
    }
}

/// A column of the rows table.
#[derive(Clone, Copy, Debug)]
pub struct RowColumn {
    /// Name with its unit.
    pub name: &'static str,
    /// Unit; `1` for counts, words and ratios, `unit` for the unit of output in the `unit` column.
    pub unit: &'static str,
    /// One sentence for the data dictionary.
    pub description: &'static str,
    /// The kind of its cells.
    pub kind: CellKind,
    /// Takes the value out of a row. The variant is the one of `kind` for every row.
    pub cell: fn(&Row) -> Cell,
}

fn text(value: impl Into<String>) -> Cell {
    Cell::Text(Some(value.into()))
}

fn integer(value: impl TryInto<i64>) -> Cell {
    Cell::Integer(value.try_into().ok())
}

fn quantity(value: Option<impl Quantity>) -> Cell {
    Cell::Float(value.map(Quantity::number))
}

fn word(row: &Row, axis: Axis) -> Cell {
    Cell::Text(
        row.point
            .get(axis)
            .and_then(AxisValue::as_text)
            .map(str::to_owned),
    )
}

fn number(row: &Row, axis: Axis) -> Cell {
    let value = row.point.get(axis).and_then(AxisValue::as_integer);
    Cell::Integer(value.and_then(|value| value.try_into().ok()))
}

fn decimal(row: &Row, axis: Axis) -> Cell {
    let value = row.point.get(axis).and_then(AxisValue::as_decimal);
    Cell::Float(value.map(Decimal::get))
}

/// The kind of cell that each of the functions above makes.
macro_rules! kind_of {
    (text) => {
        CellKind::Text
    };
    (word) => {
        CellKind::Text
    };
    (integer) => {
        CellKind::Integer
    };
    (number) => {
        CellKind::Integer
    };
    (decimal) => {
        CellKind::Float
    };
}

macro_rules! quantity_column {
    ($field:ident, $unit:literal, $description:literal) => {
        RowColumn {
            name: stringify!($field),
            unit: $unit,
            description: $description,
            kind: CellKind::Float,
            cell: |row| quantity(row.$field),
        }
    };
}

macro_rules! axis_column {
    ($axis:ident, $read:tt) => {
        RowColumn {
            name: Axis::$axis.name(),
            unit: Axis::$axis.unit(),
            description: Axis::$axis.description(),
            kind: kind_of!($read),
            cell: |row| $read(row, Axis::$axis),
        }
    };
}

macro_rules! column {
    ($field:ident as $kind:ident, $unit:literal, $description:literal) => {
        RowColumn {
            name: stringify!($field),
            unit: $unit,
            description: $description,
            kind: CellKind::$kind,
            cell: |row| Cell::$kind(row.$field.clone().and_then(|value| value.try_into().ok())),
        }
    };
    ($field:ident: $make:tt, $unit:literal, $description:literal) => {
        RowColumn {
            name: stringify!($field),
            unit: $unit,
            description: $description,
            kind: kind_of!($make),
            cell: |row| $make(row.$field.clone()),
        }
    };
}

/// Every column of the rows table, in its order.
pub const ROW_COLUMNS: &[RowColumn] = &[
    column!(sweep: text, "1", "name of the sweep"),
    column!(run_id: text, "1", "content hash of the run"),
    column!(block: integer, "1", "block of the sweep, from 0; every block holds each point once"),
    column!(order: integer, "1", "place of the run in the sweep, from 0"),
    RowColumn {
        name: "role",
        unit: "1",
        description: "why the run was taken: point; sentinel_first, sentinel_middle or sentinel_last (the reference once more in its block); confirmation (one long run); only points are pooled into estimates",
        kind: CellKind::Text,
        cell: |row| text(row.role.name()),
    },
    RowColumn {
        name: "provenance",
        unit: "1",
        description: "measured (real hardware), emulated or imported",
        kind: CellKind::Text,
        cell: |row| text(row.provenance.name()),
    },
    column!(device: text, "1", "product name of the measured device"),
    column!(
        board_id as Text,
        "1",
        "hash that tells boards apart without naming them"
    ),
    column!(driver as Text, "1", "version of the device's driver"),
    column!(
        engine_name as Text,
        "1",
        "library that computed, with its version, as the worker said"
    ),
    column!(
        weights as Text,
        "1",
        "where the weights came from, as the worker said"
    ),
    column!(
        weights_id as Text,
        "1",
        "seed:N of random weights, or sha256:HASH of their files, as the worker said"
    ),
    column!(
        inputs_id as Text,
        "1",
        "seed:N of drawn inputs, or sha256:HASH of the documents that were read, as the worker said"
    ),
    axis_column!(Engine, word),
    axis_column!(Model, word),
    axis_column!(Precision, word),
    axis_column!(Quantisation, word),
    axis_column!(Batch, number),
    axis_column!(PromptTokens, number),
    axis_column!(DecodeTokens, number),
    axis_column!(Phase, word),
    axis_column!(ResolutionPx, number),
    axis_column!(Steps, number),
    axis_column!(Scheduler, word),
    axis_column!(Guidance, decimal),
    axis_column!(Implementation, word),
    axis_column!(Attention, word),
    axis_column!(Graph, word),
    axis_column!(Sampling, word),
    axis_column!(Head, word),
    axis_column!(SmClockMhz, number),
    axis_column!(PowerCapW, number),
    column!(unit as Text, "1", "unit of the output, singular"),
    quantity_column!(
        window_s,
        "s",
        "time of the work: from the first begin mark to the last end mark"
    ),
    quantity_column!(
        tail_s,
        "s",
        "idle time from the last end mark to the tick that closed the window"
    ),
    column!(
        iterations as Integer,
        "1",
        "how often the output phase ended in the window"
    ),
    column!(work as Integer, "unit", "units of output in the window"),
    quantity_column!(
        energy_counter_j,
        "J",
        "energy of the window from tick to tick of the energy counter, exact"
    ),
    quantity_column!(
        energy_j,
        "J",
        "gross energy of the work: energy_counter_j less idle_power_w over tail_s; the primary energy"
    ),
    quantity_column!(
        energy_integrated_instant_j,
        "J",
        "trapezoid of the sampled instant power over the same ticks, for comparison"
    ),
    quantity_column!(
        energy_integrated_average_j,
        "J",
        "trapezoid of the sampled averaged power over the same ticks, for comparison"
    ),
    quantity_column!(
        disagreement_instant_pct,
        "%",
        "energy_integrated_instant_j relative to energy_counter_j, less 100"
    ),
    quantity_column!(
        disagreement_average_pct,
        "%",
        "energy_integrated_average_j relative to energy_counter_j, less 100"
    ),
    quantity_column!(
        instrument_pct,
        "%",
        "half of the 95 % interval of energy_counter_j by the error budget of the instrument, its scale left out; holds for ratios on one board"
    ),
    quantity_column!(
        instrument_scale_pct,
        "%",
        "the same with the unknown scale and zero of the board's sensor"
    ),
    column!(
        power_gate as Text,
        "1",
        "whether the counter and integrated power agree within 2 % and their uncertainties: open, untested or closed, with the reason"
    ),
    quantity_column!(
        idle_power_w,
        "W",
        "mean power of the idle baselines before and after, by the energy counter"
    ),
    quantity_column!(
        energy_net_j,
        "J",
        "energy_j less idle_power_w over the time of the work"
    ),
    quantity_column!(
        energy_per_unit_j,
        "J/unit",
        "energy_j for one unit of output"
    ),
    quantity_column!(
        energy_net_per_unit_j,
        "J/unit",
        "energy_net_j for one unit of output"
    ),
    quantity_column!(
        energy_per_request_j,
        "J/request",
        "energy_j for one sequence, picture or sound: one of the batch in one iteration"
    ),
    quantity_column!(
        energy_per_sound_second_j,
        "J/s",
        "energy_j for one second of sound that was listened to"
    ),
    quantity_column!(
        package_energy_j,
        "J",
        "energy of the processor packages (RAPL) over the window"
    ),
    quantity_column!(
        mean_power_w,
        "W",
        "energy_j by the time in which it was spent"
    ),
    quantity_column!(
        throughput_per_s,
        "unit/s",
        "units of output per second of window_s"
    ),
    quantity_column!(iteration_s, "s", "mean time of one iteration"),
    quantity_column!(
        infer_s,
        "s",
        "mean time of one pass of a model that answers in one (phase infer)"
    ),
    quantity_column!(
        encode_s,
        "s",
        "mean time of one pass of an encoder whose states a decoder reads (phase encode)"
    ),
    quantity_column!(prefill_s, "s", "mean time of a prefill phase"),
    quantity_column!(decode_s, "s", "mean time of a decode phase"),
    quantity_column!(
        decode_step_s,
        "s",
        "decode_s by the tokens decoded for each sequence"
    ),
    column!(
        floor_share as Float,
        "1",
        "least time that the hardware allows for an iteration by iteration_s; 1 is the floor"
    ),
    column!(
        sm_clock_mean_mhz as Float,
        "MHz",
        "mean clock of the multiprocessors in the window, weighted by time"
    ),
    column!(
        sm_clock_min_mhz as Integer,
        "MHz",
        "lowest clock of the multiprocessors in the window"
    ),
    column!(
        sm_clock_max_mhz as Integer,
        "MHz",
        "highest clock of the multiprocessors in the window"
    ),
    quantity_column!(
        clock_residency_pct,
        "%",
        "share of the window within 15 MHz of the clock asked for, or of the device's highest"
    ),
    column!(
        temperature_start_c as Integer,
        "Cel",
        "temperature of the chip at the first sample of the window"
    ),
    column!(
        temperature_end_c as Integer,
        "Cel",
        "temperature of the chip at the last sample of the window"
    ),
    column!(
        temperature_max_c as Integer,
        "Cel",
        "highest temperature of the chip in the window"
    ),
    column!(
        event_reasons as Integer,
        "1",
        "bits of nvmlClocksEventReasons seen in the window, or-ed"
    ),
    quantity_column!(
        sm_util_mean_pct,
        "%",
        "mean share of time in which the multiprocessors were busy (GPM metric 2)"
    ),
    quantity_column!(
        tensor_util_mean_pct,
        "%",
        "mean share of time in which a tensor pipe was busy (GPM metric 5)"
    ),
    quantity_column!(
        dram_util_mean_pct,
        "%",
        "mean share of the memory bandwidth in use (GPM metric 10)"
    ),
    column!(samples: integer, "1", "samples in the window"),
    column!(late_samples: integer, "1", "samples of the window that began more than one period late"),
    column!(
        read_median_ms as Float,
        "ms",
        "median duration of a read in the window"
    ),
    column!(
        digest as Text,
        "1",
        "SHA-256 of the outputs of one iteration, as the worker said"
    ),
    RowColumn {
        name: "faults",
        unit: "1",
        description: "codes of what is wrong with the run, joined by ';'; such a run enters no estimate",
        kind: CellKind::Text,
        cell: |row| text(row.fault_codes()),
    },
    column!(
        energy_absence as Text,
        "1",
        "why the energies are missing, where they are"
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn names_are_unique_and_carry_their_unit() {
        let mut names: Vec<&str> = ROW_COLUMNS.iter().map(|column| column.name).collect();
        for column in ROW_COLUMNS {
            let ending = match column.unit {
                "J" => "_j",
                "W" => "_w",
                "MHz" => "_mhz",
                "%" => "_pct",
                "Cel" => "_c",
                "ms" => "_ms",
                _ => "",
            };
            assert!(
                column.name.ends_with(ending),
                "{} in {}",
                column.name,
                column.unit
            );
            assert!(!column.description.is_empty());
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// An axis without a column would be lost to everybody who reads the tables. Where weights
    /// came from, the worker says in `weights`, whether or not the plan asked for it.
    #[test]
    fn every_axis_has_a_column() {
        for axis in Axis::ALL {
            let has_name = |column: &RowColumn| column.name == axis.name();
            assert!(ROW_COLUMNS.iter().any(has_name), "{axis}");
        }
    }

    #[test]
    fn an_empty_row_keeps_the_type_of_every_column() {
        let full = synthetic::row();
        let empty = synthetic::empty_row();
        for column in ROW_COLUMNS {
            assert_eq!((column.cell)(&full).kind(), column.kind, "{}", column.name);
            assert_eq!((column.cell)(&empty).kind(), column.kind, "{}", column.name);
        }
    }
}
