use model::mark::Mark;
use model::plan::Tier;
use model::reason::{Absence, RunFault, RunFlag};
use model::run::RunRules;
use model::trace::Trace;
use model::units::Millijoules;

use super::*;
use crate::synthetic::{self, Load};

fn trace_of(load: Load) -> Trace {
    synthetic::trace(synthetic::llama_point("candle", 2, 512), 0, load)
}

fn plain() -> Trace {
    trace_of(Load::PLAIN)
}

fn assert_close(found: Option<f64>, expected: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what} is absent"));
    assert!(
        (found - expected).abs() < 1e-9,
        "{what} is {found}, expected {expected}"
    );
}

fn codes(row: &Row) -> Vec<RunFault> {
    row.faults.iter().map(|fault| fault.fault).collect()
}

#[test]
fn the_instrument_says_how_well_it_knows_the_energy() {
    let row = tidy(&plain());
    let share = row.instrument_pct.map(Percent::get).unwrap();
    let with_scale = row.instrument_scale_pct.map(Percent::get).unwrap();
    // A window of ticks has no edges: drift and delay are left, far below the scale of the sensor.
    assert!(share > 0.0 && share < 1.0, "{share}");
    assert!(with_scale > 5.0 && with_scale < 15.0, "{with_scale}");
    assert!(row.power_gate.is_some());
}

#[test]
fn an_energy_without_readings_has_a_reason_and_no_budget() {
    let mut trace = plain();
    trace.samples.clear();
    let row = tidy(&trace);
    assert_eq!(row.instrument_pct, None);
    assert!(row.energy_counter_j.is_none());
}

#[test]
fn a_hundred_watts_for_two_seconds_are_two_hundred_joules() {
    let row = tidy(&plain());
    assert_eq!(codes(&row), []);
    assert_close(
        row.energy_counter_j.map(Joules::get),
        200.0,
        "energy_counter_j",
    );
    assert_close(row.energy_j.map(Joules::get), 200.0, "energy_j");
    assert_close(row.tail_s.map(Seconds::get), 0.0, "tail_s");
    assert_close(
        row.idle_power_w.map(|power| power.get()),
        40.0,
        "idle_power_w",
    );
    assert_close(row.energy_net_j.map(Joules::get), 120.0, "energy_net_j");
    assert_close(
        row.mean_power_w.map(|power| power.get()),
        100.0,
        "mean_power_w",
    );
    // Two sequences of 128 tokens.
    assert_eq!(row.work, Some(256));
    assert_close(
        row.energy_per_unit_j.map(|e| e.get()),
        200.0 / 256.0,
        "energy_per_unit_j",
    );
    assert_close(
        row.throughput_per_s.map(|rate| rate.get()),
        128.0,
        "throughput_per_s",
    );
    assert_close(row.prefill_s.map(Seconds::get), 0.8, "prefill_s");
    assert_close(row.decode_s.map(Seconds::get), 1.2, "decode_s");
    assert_close(
        row.decode_step_s.map(Seconds::get),
        1.2 / 128.0,
        "decode_step_s",
    );
    assert_close(
        row.clock_residency_pct.map(Percent::get),
        100.0,
        "clock_residency_pct",
    );
    assert_close(
        row.tensor_util_mean_pct.map(Percent::get),
        10.0,
        "tensor_util_mean_pct",
    );
    assert_close(row.read_median_ms, 1.5, "read_median_ms");
    assert_eq!((row.samples, row.late_samples), (201, 0));
    assert_eq!(row.energy_absence, None);
}

#[test]
fn the_idle_tail_up_to_the_closing_tick_is_taken_off() {
    let row = tidy(&trace_of(Load {
        busy_ms: 1_960,
        ..Load::PLAIN
    }));
    assert_close(row.tail_s.map(Seconds::get), 0.04, "tail_s");
    assert_close(
        row.energy_counter_j.map(Joules::get),
        196.0 + 1.6,
        "energy_counter_j",
    );
    assert_close(row.energy_j.map(Joules::get), 196.0, "energy_j");
    assert_close(
        row.mean_power_w.map(|power| power.get()),
        100.0,
        "mean_power_w",
    );
}

#[test]
fn sampled_power_is_integrated_over_the_same_window() {
    let row = tidy(&plain());
    // The last 10 ms ramp from 100 W to 40 W in the trapezoid: 0.3 J less.
    let integral = row.energy_integrated_instant_j.map(Joules::get);
    assert_close(integral, 199.7, "energy_integrated_instant_j");
    assert_close(
        row.disagreement_instant_pct.map(Percent::get),
        (199.7 / 200.0 - 1.0) * 100.0,
        "disagreement_instant_pct",
    );
    // Without field 185 the plain power reading stands for the average.
    assert_eq!(
        row.energy_integrated_average_j,
        row.energy_integrated_instant_j
    );
}

#[test]
fn without_a_counter_there_is_a_reason_and_no_energy() {
    let mut trace = plain();
    for sample in &mut trace.samples {
        sample.energy_mj = None;
    }
    trace
        .header
        .machine
        .absent
        .insert("energy_mj".into(), Absence::NotSupported);
    let row = tidy(&trace);
    assert_eq!(
        (row.energy_counter_j, row.energy_j, row.energy_per_unit_j),
        (None, None, None)
    );
    let absence = row.energy_absence.expect("a reason");
    assert!(absence.starts_with("energy_mj not_supported"), "{absence}");
    assert_close(
        row.throughput_per_s.map(|rate| rate.get()),
        128.0,
        "throughput_per_s",
    );
    assert_eq!(row.faults, []);
}

#[test]
fn a_counter_that_stands_still_or_runs_back_is_a_fault() {
    let mut frozen = plain();
    for sample in &mut frozen.samples {
        sample.energy_mj = Some(Millijoules::new(5));
    }
    let row = tidy(&frozen);
    assert_eq!(codes(&row), [RunFault::CounterFrozen]);
    assert!(row.energy_absence.is_some() && row.energy_j.is_none());

    let mut backwards = plain();
    backwards.samples[400].energy_mj = Some(Millijoules::new(5));
    let row = tidy(&backwards);
    assert_eq!(codes(&row), [RunFault::CounterBackwards]);
    assert!(
        row.faults[0].detail.contains("to 5000 µJ"),
        "{}",
        row.faults[0].detail
    );
}

#[test]
fn packages_of_a_processor_wrap_at_their_range() {
    use model::plan::DeviceKind;
    use model::units::Microjoules;
    let mut trace = plain();
    let range_uj = 262_143_328_850;
    trace.header.machine.device.kind = DeviceKind::Cpu;
    trace.header.machine.device.package_energy_range_uj = Some(range_uj);
    let start_uj = range_uj - 200_000_000;
    for sample in &mut trace.samples {
        let spent_uj = sample
            .energy_mj
            .take()
            .expect("the synthetic counter")
            .get()
            * 1_000;
        sample.package_energy_uj = Some(Microjoules::new((start_uj + spent_uj) % range_uj));
    }
    let row = tidy(&trace);
    assert_eq!(row.faults, []);
    assert_close(
        row.package_energy_j.map(Joules::get),
        200.0,
        "package_energy_j",
    );
    assert_close(row.energy_j.map(Joules::get), 200.0, "energy_j");
}

#[test]
fn a_window_between_two_readings_of_a_steady_counter_loses_nothing() {
    use model::plan::DeviceKind;
    use model::trace::Stage;
    use model::units::Microjoules;
    let mut trace = plain();
    trace.header.machine.device.kind = DeviceKind::Cpu;
    for sample in &mut trace.samples {
        // 50 W without a visible tick.
        sample.energy_mj = None;
        sample.package_energy_uj = Some(Microjoules::new(sample.at_ns.get() / 20));
    }
    for span in &mut trace.header.spans {
        if span.stage == Stage::Window {
            span.begin_ns = Nanos::new(span.begin_ns.get() - 4_000_000);
            span.end_ns = Nanos::new(span.end_ns.get() + 7_000_000);
        }
    }
    let row = tidy(&trace);
    let expected_j = 50.0 * 2.011;
    let found_j = row.energy_counter_j.map(Joules::get);
    assert!(
        found_j.is_some_and(|found| (found - expected_j).abs() < 1e-5),
        "{found_j:?}, expected {expected_j}"
    );
}

#[test]
fn work_that_does_not_add_up_is_a_fault() {
    let with = |change: fn(&mut Mark)| {
        let mut trace = plain();
        for received in &mut trace.header.marks {
            change(&mut received.mark);
        }
        tidy(&trace)
    };
    let claimed = with(|mark| {
        if let Mark::Done { work, .. } = mark {
            *work += 1;
        }
    });
    assert_eq!(codes(&claimed), [RunFault::WorkMismatch]);
    assert!(
        claimed.faults[0].detail.contains("done says 257"),
        "{}",
        claimed.faults[0].detail
    );
    let short_prefill = with(|mark| match mark {
        Mark::End { phase, work, .. } if phase == "prefill" => *work = 512,
        _ => {}
    });
    assert!(
        short_prefill.faults[0]
            .detail
            .contains("prefill phase did 512 units, expected"),
        "{}",
        short_prefill.faults[0].detail
    );
}

/// The plain trace of a batch of two with other names and counts of its phases.
fn with_phases(model: &str, first: Option<&str>, output: (&str, &str, u64)) -> Trace {
    let point =
        synthetic::llama_point("candle", 2, 512).with(Axis::Model, AxisValue::Text(model.into()));
    let mut trace = synthetic::trace(point, 0, Load::PLAIN);
    let (output_phase, output_unit, output_work) = output;
    for received in &mut trace.header.marks {
        match &mut received.mark {
            Mark::Ready { worker, .. } => {
                worker.output_phase = output_phase.into();
                worker.unit = output_unit.into();
            }
            Mark::Begin { phase, .. } => {
                *phase = if phase == "prefill" {
                    first.unwrap_or("")
                } else {
                    output_phase
                }
                .into();
            }
            Mark::End { phase, work, .. } if phase == "prefill" => {
                *phase = first.unwrap_or("").into();
                *work = 2;
            }
            Mark::End { phase, work, .. } => {
                *phase = output_phase.into();
                *work = output_work;
            }
            Mark::Done { work, .. } => *work = output_work,
            Mark::Failed { .. } => {}
        }
    }
    trace.header.marks.retain(|received| match &received.mark {
        Mark::Begin { phase, .. } | Mark::End { phase, .. } => !phase.is_empty(),
        _ => true,
    });
    trace
}

#[test]
fn a_pass_counts_sequences_and_knows_no_prompt_or_step() {
    let row = tidy(&with_phases("bert-large", None, ("infer", "request", 2)));
    assert_eq!(codes(&row), []);
    assert_eq!(
        (row.prefill_s, row.decode_s, row.decode_step_s),
        (None, None, None)
    );
    assert_close(row.infer_s.map(Seconds::get), 1.2, "infer_s");
    assert_close(
        row.energy_per_unit_j.map(|e| e.get()),
        100.0,
        "energy_per_unit_j",
    );
    assert_close(
        row.energy_per_request_j.map(|e| e.get()),
        100.0,
        "energy_per_request_j",
    );
    assert_eq!(row.energy_per_sound_second_j, None);
    let wrong = tidy(&with_phases("bert-large", None, ("infer", "request", 3)));
    assert_eq!(codes(&wrong), [RunFault::WorkMismatch]);
    assert!(
        wrong.faults[0].detail.ends_with("expected batch = 2"),
        "{}",
        wrong.faults[0].detail
    );
}

#[test]
fn sound_is_paid_for_by_the_second() {
    let trace = |model: &str| with_phases(model, Some("encode"), ("decode", "token", 256));
    let row = tidy(&trace("whisper-large-v3"));
    assert_eq!(codes(&row), []);
    assert_close(row.encode_s.map(Seconds::get), 0.8, "encode_s");
    assert_close(
        row.decode_step_s.map(Seconds::get),
        1.2 / 128.0,
        "decode_step_s",
    );
    let of_sound = |row: &Row| row.energy_per_sound_second_j.map(|e| e.get());
    // Two windows of 30 s for 200 J.
    assert_close(of_sound(&row), 200.0 / 60.0, "energy_per_sound_second_j");
    let micro = tidy(&trace("whisper-micro"));
    assert_close(of_sound(&micro), 200.0 / 6.0, "energy_per_sound_second_j");
}

#[test]
fn a_window_without_work_is_a_fault_and_its_energy_is_not_shared_out() {
    let mut trace = plain();
    trace.header.marks.truncate(1);
    let row = tidy(&trace);
    assert_eq!(codes(&row), [RunFault::NoWork]);
    assert_close(
        row.energy_counter_j.map(Joules::get),
        200.0,
        "energy_counter_j",
    );
    assert_eq!((row.energy_j, row.energy_per_unit_j), (None, None));
}

#[test]
fn faults_of_the_harness_stay_and_come_first() {
    let mut trace = plain();
    trace
        .header
        .faults
        .push(fault(RunFault::ForeignProcess, "process 7".into()));
    trace.header.marks.truncate(1);
    let row = tidy(&trace);
    assert_eq!(codes(&row), [RunFault::ForeignProcess, RunFault::NoWork]);
    assert_eq!(row.fault_codes(), "no_work;foreign_process");
}

#[test]
fn a_run_that_never_reached_its_window_says_so() {
    let mut trace = plain();
    trace.header.spans.truncate(2);
    let row = tidy(&trace);
    assert_eq!(
        row.energy_absence.as_deref(),
        Some("the run ended before its window")
    );
    assert_eq!(row.samples, 0);
}

proptest::proptest! {
    #[test]
    fn energy_is_power_times_time_whatever_the_load(
        idle_w in 1_u64..200, above_w in 1_u64..600, busy_centis in 20_u64..400,
    ) {
        let busy_w = idle_w + above_w;
        let row = tidy(&trace_of(Load {
            idle_mw: idle_w * 1_000,
            busy_mw: busy_w * 1_000,
            busy_ms: busy_centis * 10,
        }));
        let expected_j = (busy_w * busy_centis) as f64 / 100.0;
        let found_j = row.energy_j.expect("a counter").get();
        proptest::prop_assert!((found_j / expected_j - 1.0).abs() < 1e-9, "{} J", found_j);
        let net_j = row.energy_net_j.expect("a baseline").get();
        let net_expected_j = (above_w * busy_centis) as f64 / 100.0;
        proptest::prop_assert!((net_j / net_expected_j - 1.0).abs() < 1e-6, "{} J", net_j);
    }
}

/// The same under a plan with a tier.
fn strict(trace: &mut Trace) {
    trace.header.run.rules = Some(RunRules {
        tier: Tier::Screen,
        pre_soak: None,
    });
}

#[test]
fn readings_are_judged_again_by_the_rules_of_the_harness() {
    let mut trace = plain();
    let window = trace.header.span(Stage::Window).unwrap();
    let from = trace
        .samples
        .partition_point(|sample| sample.at_ns < window.begin_ns);
    // Heat and the power limit, for 30 ms each, that whoever wrote the trace did not look for.
    for sample in &mut trace.samples[from + 50..from + 53] {
        sample.event_reasons = Some(0x20 | 0x4);
    }
    let row = tidy(&trace);
    assert_eq!((codes(&row), row.flags.len()), (vec![], 0), "no tier");
    strict(&mut trace);
    let row = tidy(&trace);
    assert_eq!(codes(&row), [RunFault::Throttled]);
    assert_eq!(row.faults[0].detail, "heat for 0.03 s of 2.00 s");
    assert_eq!(row.flags[0].flag, RunFlag::PowerCapped);
    // What the harness said stands, once.
    trace.header.faults.clone_from(&row.faults);
    trace.header.faults[0].detail = "as the harness saw it".to_owned();
    trace.header.flags.clone_from(&row.flags);
    let again = tidy(&trace);
    assert_eq!(again.faults, trace.header.faults);
    assert_eq!(again.flags, trace.header.flags);
}
