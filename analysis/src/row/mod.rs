//! A row: one run, summarised. [`ROW_COLUMNS`] is the dictionary that the CSV, the dataset and
//! its documentation share.

mod columns;
mod csv;

use model::point::Point;
use model::provenance::Provenance;
use model::reason::RunFault;
use model::run::Role;
use model::trace::{Fault, Flag};
use model::units::{Joules, Seconds, Watts};

use crate::quantity::{JoulesPerUnit, Percent, UnitsPerSecond};

pub use columns::{Cell, CellKind, ROW_COLUMNS, RowColumn};
pub use csv::rows_to_csv;

/// One run. What could not be read or computed is `None`; [`Row::energy_absence`] says why for
/// energies, the faults for the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name of the sweep.
    pub sweep: String,
    /// Content hash of the run.
    pub run_id: String,
    /// Block, from 0.
    pub block: u32,
    /// Place in the sweep, from 0.
    pub order: u32,
    /// Why it was taken. Only points are pooled into estimates.
    pub role: Role,
    /// Whether it stands for its point in ratios by block: the points, or in their place the
    /// sentinels of the reference where the plan says so.
    pub enters_ratios: bool,
    /// Where the number of blocks was decided by the scatter of the first ones.
    pub two_stage: Option<TwoStageRow>,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// Product name of the measured device.
    pub device: String,
    /// Which board, without naming its serial.
    pub board_id: Option<String>,
    /// Driver version.
    pub driver: Option<String>,
    /// Library that computed, with its version, as the worker said.
    pub engine_name: Option<String>,
    /// Where the weights came from, as the worker said.
    pub weights: Option<String>,
    /// What tells these weights from others, as the worker said.
    pub weights_id: Option<String>,
    /// What tells these inputs from others, as the worker said.
    pub inputs_id: Option<String>,
    /// The axis values.
    pub point: Point,
    /// Unit of the output, singular.
    pub unit: Option<String>,
    /// From the first `begin` to the last `end`.
    pub window_s: Option<Seconds>,
    /// From the last `end` to the tick that closed the window; the device was idle.
    pub tail_s: Option<Seconds>,
    /// How often the output phase ended.
    pub iterations: Option<u64>,
    /// Units of output.
    pub work: Option<u64>,
    /// Energy of the window, tick to tick, as the counter gives it.
    pub energy_counter_j: Option<Joules>,
    /// Energy of the work: the counter's, less idle power over the tail. Gross, and primary.
    pub energy_j: Option<Joules>,
    /// Trapezoid of the instant power over the tick window.
    pub energy_integrated_instant_j: Option<Joules>,
    /// Trapezoid of the averaged power over the tick window.
    pub energy_integrated_average_j: Option<Joules>,
    /// How far the integral of instant power is from the counter.
    pub disagreement_instant_pct: Option<Percent>,
    /// How far the integral of averaged power is from the counter.
    pub disagreement_average_pct: Option<Percent>,
    /// Half of the 95 % interval of `energy_counter_j` by the instrument, its scale left out: what
    /// matters in ratios on one board.
    pub instrument_pct: Option<Percent>,
    /// The same with the unknown scale and zero of the board's sensor.
    pub instrument_scale_pct: Option<Percent>,
    /// Whether counter and integrated power agree: open, untested or closed, with the reason.
    pub power_gate: Option<String>,
    /// Mean power of both idle baselines, by counter.
    pub idle_power_w: Option<Watts>,
    /// Energy of the work less idle power over its time.
    pub energy_net_j: Option<Joules>,
    /// Gross energy for one unit of output.
    pub energy_per_unit_j: Option<JoulesPerUnit>,
    /// Net energy for one unit of output.
    pub energy_net_per_unit_j: Option<JoulesPerUnit>,
    /// Gross energy for one sequence, picture or sound: one of the batch in one iteration.
    pub energy_per_request_j: Option<JoulesPerUnit>,
    /// Gross energy for one second of sound that was listened to.
    pub energy_per_sound_second_j: Option<JoulesPerUnit>,
    /// Energy of the processor packages over the tick window.
    pub package_energy_j: Option<Joules>,
    /// Gross energy by the time in which it was spent.
    pub mean_power_w: Option<Watts>,
    /// Units of output per second.
    pub throughput_per_s: Option<UnitsPerSecond>,
    /// Mean time of one iteration.
    pub iteration_s: Option<Seconds>,
    /// Mean time of one pass of a model that answers in one.
    pub infer_s: Option<Seconds>,
    /// Mean time of one pass of an encoder whose states a decoder reads.
    pub encode_s: Option<Seconds>,
    /// Mean time of one prefill phase.
    pub prefill_s: Option<Seconds>,
    /// Mean time of one decode phase.
    pub decode_s: Option<Seconds>,
    /// Mean time of one decode step.
    pub decode_step_s: Option<Seconds>,
    /// Share of the hardware floor that was reached, 1 at the floor.
    pub floor_share: Option<f64>,
    /// Mean clock of the multiprocessors, weighted by time.
    pub sm_clock_mean_mhz: Option<f64>,
    /// Lowest clock seen.
    pub sm_clock_min_mhz: Option<u32>,
    /// Highest clock seen.
    pub sm_clock_max_mhz: Option<u32>,
    /// Share of time within one step of the clock that was asked for, or of the highest.
    pub clock_residency_pct: Option<Percent>,
    /// Temperature at the first reading of the window.
    pub temperature_start_c: Option<i64>,
    /// Temperature at the last reading of the window.
    pub temperature_end_c: Option<i64>,
    /// Highest temperature of the window.
    pub temperature_max_c: Option<i64>,
    /// All clock event reasons seen in the window.
    pub event_reasons: Option<u64>,
    /// Mean share of time in which the multiprocessors were busy.
    pub sm_util_mean_pct: Option<Percent>,
    /// Mean share of time in which a tensor pipe was busy.
    pub tensor_util_mean_pct: Option<Percent>,
    /// Mean share of the memory bandwidth in use.
    pub dram_util_mean_pct: Option<Percent>,
    /// Samples in the window.
    pub samples: u64,
    /// Samples that began more than one period after their deadline.
    pub late_samples: u64,
    /// Median duration of a read.
    pub read_median_ms: Option<f64>,
    /// SHA-256 of the outputs of one iteration.
    pub digest: Option<String>,
    /// What is wrong with the run; a run with any fault enters no estimate.
    pub faults: Vec<Fault>,
    /// What a reader must know of a good run.
    pub flags: Vec<Flag>,
    /// Why the energies are missing, where they are.
    pub energy_absence: Option<String>,
}

/// A row of a plan with two stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoStageRow {
    /// Blocks of the first stage.
    pub pilot_blocks: u32,
    /// Whether it is one of the point whose ratios decided.
    pub is_reference: bool,
}

impl Row {
    /// A row that says nothing yet; the tidying fills what the trace holds.
    pub(crate) fn blank(provenance: Provenance) -> Self {
        Self {
            sweep: String::new(),
            run_id: String::new(),
            block: 0,
            order: 0,
            role: Role::Point,
            enters_ratios: true,
            two_stage: None,
            provenance,
            device: String::new(),
            board_id: None,
            driver: None,
            engine_name: None,
            weights: None,
            weights_id: None,
            inputs_id: None,
            point: Point::default(),
            unit: None,
            window_s: None,
            tail_s: None,
            iterations: None,
            work: None,
            energy_counter_j: None,
            energy_j: None,
            energy_integrated_instant_j: None,
            energy_integrated_average_j: None,
            disagreement_instant_pct: None,
            disagreement_average_pct: None,
            instrument_pct: None,
            instrument_scale_pct: None,
            power_gate: None,
            idle_power_w: None,
            energy_net_j: None,
            energy_per_unit_j: None,
            energy_net_per_unit_j: None,
            energy_per_request_j: None,
            energy_per_sound_second_j: None,
            package_energy_j: None,
            mean_power_w: None,
            throughput_per_s: None,
            iteration_s: None,
            infer_s: None,
            encode_s: None,
            prefill_s: None,
            decode_s: None,
            decode_step_s: None,
            floor_share: None,
            sm_clock_mean_mhz: None,
            sm_clock_min_mhz: None,
            sm_clock_max_mhz: None,
            clock_residency_pct: None,
            temperature_start_c: None,
            temperature_end_c: None,
            temperature_max_c: None,
            event_reasons: None,
            sm_util_mean_pct: None,
            tensor_util_mean_pct: None,
            dram_util_mean_pct: None,
            samples: 0,
            late_samples: 0,
            read_median_ms: None,
            digest: None,
            faults: Vec::new(),
            flags: Vec::new(),
            energy_absence: None,
        }
    }

    /// The codes of the faults, each once, joined by `;`. Empty for a good run.
    pub fn fault_codes(&self) -> String {
        let codes: std::collections::BTreeSet<RunFault> =
            self.faults.iter().map(|fault| fault.fault).collect();
        let codes: Vec<&str> = codes.into_iter().map(RunFault::code).collect();
        codes.join(";")
    }

    /// Whether the run may enter an estimate.
    pub fn is_faultless(&self) -> bool {
        self.faults.is_empty()
    }
}
