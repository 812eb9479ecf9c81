//! One trace in, one [`Row`] out. Pure: no file, no clock, nothing dropped.
//!
//! The window runs from the tick of the energy counter at which the worker was told to go to the
//! first tick after it said `done`, so the counter's difference is exact. Between the last `end`
//! mark and that closing tick the device has nothing to do: this *tail* lasts as long as the worker
//! takes to say `done`, plus at most one counter period (0.1 s on an H200). Its energy, idle power
//! times its length, is taken off. The baseline is idle without the worker's context, which draws
//! some 30 W less than idle with it; over a tail of 0.15 s that leaves about 5 J, below 0.5 % of the
//! smallest window so far.

mod budget;
mod counter;
mod sensor;
mod validity;
mod work;

use metering::validity::requested_mhz;
use model::axis::{Axis, AxisValue};
use model::mark::Mark;
use model::point::Point;
use model::reason::RunFault;
use model::trace::{Fault, Span, Stage, Trace, TraceHeader};
use model::units::{Joules, Megahertz, Nanos, Seconds};

use crate::floor::floor_share;
use crate::quantity::{JoulesPerUnit, Percent, UnitsPerSecond};
use crate::row::Row;

use counter::EnergyCounter;
use sensor::WindowSamples;
use work::Work;

/// Summarises a run. Faults that the analysis finds are added to those of the harness.
pub fn tidy(trace: &Trace) -> Row {
    let mut row = identity(&trace.header);
    let Some(window) = trace.header.span(Stage::Window) else {
        row.energy_absence = Some("the run ended before its window".to_owned());
        return row;
    };
    let work = Work::of(&trace.header, window);
    describe_work(&mut row, &trace.header, &work);
    describe_sensors(&mut row, trace, window);
    describe_energy(&mut row, trace, window, &work);
    validity::describe(&mut row, trace, window);
    row.floor_share = row
        .iteration_s
        .and_then(|time| floor_share(&row.point, &row.device, time));
    row
}

fn identity(header: &TraceHeader) -> Row {
    let worker = header
        .marks
        .iter()
        .find_map(|received| match &received.mark {
            Mark::Ready { worker, .. } => Some(worker),
            _ => None,
        });
    let device = &header.machine.device;
    Row {
        sweep: header.run.sweep.clone(),
        run_id: header.run.id.to_string(),
        block: header.run.block,
        order: header.run.order,
        provenance: header.provenance,
        device: device.name.clone(),
        board_id: device.board_id.clone(),
        driver: device.driver.clone(),
        engine_name: worker.map(|worker| worker.engine.clone()),
        weights: worker.map(|worker| worker.weights.clone()),
        weights_id: worker.and_then(|worker| worker.weights_id.clone()),
        inputs_id: worker.and_then(|worker| worker.inputs_id.clone()),
        point: header.run.point.clone(),
        role: header.run.role,
        enters_ratios: header.run.role.is_point(),
        faults: header.faults.clone(),
        flags: header.flags.clone(),
        ..Row::blank(header.provenance)
    }
}

fn describe_work(row: &mut Row, header: &TraceHeader, work: &Work) {
    row.unit.clone_from(&work.unit);
    row.window_s = work.duration();
    row.iterations = work.iterations;
    row.work = work.output;
    row.digest.clone_from(&work.digest);
    row.iteration_s = ratio_of(row.window_s, row.iterations);
    row.throughput_per_s = match (row.work, row.window_s) {
        (Some(work), Some(time)) if time.get() > 0.0 => {
            Some(UnitsPerSecond::new(count(work) / time.get()))
        }
        _ => None,
    };
    row.infer_s = work.mean_phase("infer");
    row.encode_s = work.mean_phase("encode");
    row.prefill_s = work.mean_phase("prefill");
    row.decode_s = work.mean_phase("decode");
    let decode_tokens = row
        .point
        .get(Axis::DecodeTokens)
        .and_then(AxisValue::as_integer);
    row.decode_step_s = ratio_of(row.decode_s, decode_tokens);
    for fault in work.faults(&header.run.point) {
        add_fault(row, fault);
    }
}

fn describe_sensors(row: &mut Row, trace: &Trace, window: Span) {
    let device = &trace.header.machine.device;
    let samples = WindowSamples::of(&trace.samples, window);
    let clock = |sample: &model::sample::Sample| sample.sm_clock_mhz.map(|c| f64::from(c.get()));
    row.sm_clock_mean_mhz = samples.mean(clock);
    row.sm_clock_min_mhz = samples
        .readings(|s| s.sm_clock_mhz)
        .min()
        .map(Megahertz::get);
    row.sm_clock_max_mhz = samples
        .readings(|s| s.sm_clock_mhz)
        .max()
        .map(Megahertz::get);
    let target = requested_mhz(&row.point).or(device.max_sm_clock_mhz.map(u64::from));
    row.clock_residency_pct = target.and_then(|target| samples.clock_residency(target));
    row.temperature_start_c = samples.readings(|s| s.temperature_c).next();
    row.temperature_end_c = samples.readings(|s| s.temperature_c).last();
    row.temperature_max_c = samples.readings(|s| s.temperature_c).max();
    row.event_reasons = samples
        .readings(|s| s.event_reasons)
        .reduce(|all, bits| all | bits);
    row.sm_util_mean_pct = samples.mean(|s| s.sm_util_pct).map(Percent::new);
    row.tensor_util_mean_pct = samples.mean(|s| s.tensor_util_pct).map(Percent::new);
    row.dram_util_mean_pct = samples.mean(|s| s.dram_util_pct).map(Percent::new);
    row.samples = samples.len();
    let period = Nanos::from_millis(u64::from(trace.header.run.session.sample_period_ms));
    row.late_samples = samples.later_than(period);
    row.read_median_ms = samples.read_median_ms();
    row.energy_integrated_instant_j = samples.integral(|s| s.power_instant_mw);
    row.energy_integrated_average_j = samples.integral(|s| s.power_average_mw.or(s.power_mw));
}

fn describe_energy(row: &mut Row, trace: &Trace, window: Span, work: &Work) {
    row.package_energy_j = EnergyCounter::packages(trace)
        .ok()
        .and_then(|c| c.energy(window).ok());
    let counter = match EnergyCounter::of_device(trace) {
        Ok(counter) => counter,
        Err(absence) => {
            row.energy_absence = Some(absence);
            return;
        }
    };
    let energy = match counter.energy(window) {
        Ok(energy) => energy,
        Err(fault) => {
            row.energy_absence = Some(fault.detail.clone());
            add_fault(row, fault);
            return;
        }
    };
    row.energy_counter_j = Some(energy);
    row.disagreement_instant_pct = row
        .energy_integrated_instant_j
        .and_then(|integral| disagreement(integral, energy));
    budget::describe(row, trace, window);
    row.disagreement_average_pct = row
        .energy_integrated_average_j
        .and_then(|integral| disagreement(integral, energy));

    let Some(last_end) = work.last_end else {
        row.energy_absence = Some("no phase of work ended inside the window".to_owned());
        return;
    };
    let tail = Seconds::from(window.end_ns.saturating_sub(last_end));
    row.tail_s = Some(tail);
    let idle_spans = [Stage::IdleBefore, Stage::IdleAfter]
        .into_iter()
        .filter_map(|stage| trace.header.span(stage));
    row.idle_power_w = counter.mean_power(idle_spans);
    let gross = match row.idle_power_w {
        Some(idle) => energy - idle * tail,
        None if tail.get() <= 0.0 => energy,
        None => {
            row.energy_absence = Some(
                "no idle baseline with two ticks of the counter, so the tail cannot be taken off"
                    .to_owned(),
            );
            return;
        }
    };
    let spent = Seconds::from(last_end.saturating_sub(window.begin_ns));
    row.energy_j = Some(gross);
    row.energy_net_j = row.idle_power_w.map(|idle| gross - idle * spent);
    row.mean_power_w = (spent.get() > 0.0).then(|| gross / spent);
    if let Some(work) = row.work.filter(|work| *work > 0) {
        let per_unit = |energy: Joules| JoulesPerUnit::new(energy.get() / count(work));
        row.energy_per_unit_j = row.energy_j.map(per_unit);
        row.energy_net_per_unit_j = row.energy_net_j.map(per_unit);
    }
    if let Some(requests) = requests(row) {
        let per_request = JoulesPerUnit::new(gross.get() / count(requests));
        row.energy_per_request_j = Some(per_request);
        row.energy_per_sound_second_j =
            sound_s(&row.point).map(|seconds| JoulesPerUnit::new(per_request.get() / seconds));
    }
}

/// Sequences, pictures or sounds that were answered: the batch in every iteration.
fn requests(row: &Row) -> Option<u64> {
    let batch = row.point.get(Axis::Batch).and_then(AxisValue::as_integer)?;
    Some(batch * row.iterations?).filter(|requests| *requests > 0)
}

/// Seconds of sound in one request: Whisper listens to windows of 30 s, the model that this project
/// trains to 3 s. `None` for models that do not listen.
fn sound_s(point: &Point) -> Option<f64> {
    let model = point.get(Axis::Model).and_then(AxisValue::as_text)?;
    match model.strip_prefix("whisper-")? {
        "micro" => Some(3.0),
        _ => Some(30.0),
    }
}

/// Keeps the first fault of a kind: the harness saw it with more circumstances.
fn add_fault(row: &mut Row, fault: Fault) {
    if !row.faults.iter().any(|known| known.fault == fault.fault) {
        row.faults.push(fault);
    }
}

fn disagreement(integral: Joules, counter: Joules) -> Option<Percent> {
    (counter.get() > 0.0).then(|| Percent::new((integral / counter - 1.0) * 100.0))
}

fn ratio_of(time: Option<Seconds>, parts: Option<u64>) -> Option<Seconds> {
    match (time, parts) {
        (Some(time), Some(parts)) if parts > 0 => Some(time / count(parts)),
        _ => None,
    }
}

/// A count as a factor.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of work are far below 2^53"
)]
fn count(value: u64) -> f64 {
    value as f64
}

fn fault(fault: RunFault, detail: String) -> Fault {
    Fault { fault, detail }
}

#[cfg(test)]
mod tests;
