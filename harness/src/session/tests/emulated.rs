//! Sessions on the emulated GPU, whose true energy is known.

use model::mark::Mark;
use model::provenance::Provenance;
use model::reason::RunFault;
use model::sample::Sample;
use model::units::{Megahertz, Millijoules};

use super::super::*;
use crate::device::{DEFAULT_BOARD, ideal_card};
use crate::fixture::{EMULATED_AXES, emulated, emulated_plan, emulated_trace, plan, plan_text};

/// One tick of 100 ms at the idle power of some 125 W with a context: what may pass between the tick
/// that the counter shows and the sample that saw it.
const TICK_AT_IDLE_MJ: f64 = 13_000.0;

/// Where the default board idles without a context once nothing is locked.
const IDLE_CLOCK: Megahertz = Megahertz::new(345);

/// The clock that is shown a second later, when every switch is over.
fn clock_later(instrument: &mut dyn Instrument) -> Option<Megahertz> {
    let later = instrument.clock().now() + Nanos::from_millis(1_000);
    instrument.clock().sleep_until(later);
    instrument
        .sense()
        .sample()
        .expect("still there")
        .sm_clock_mhz
}

#[derive(Default)]
struct Stages(Vec<Stage>);

impl SessionObserver for Stages {
    fn stage(&mut self, stage: Stage) {
        self.0.push(stage);
    }
}

fn energy_at(trace: &Trace, moment: Nanos) -> Millijoules {
    let sample = trace.samples.iter().find(|sample| sample.at_ns == moment);
    sample
        .expect("the window's bounds are samples")
        .energy_mj
        .expect("the counter is there")
}

#[test]
fn stages_follow_one_another_without_gaps_of_order() {
    let run = emulated_plan().runs().swap_remove(0);
    let backend = emulated();
    let mut instrument = backend.open_for(&run).expect("always there");
    let mut stages = Stages::default();
    let trace = record(instrument.as_mut(), &run, None, &mut stages).expect("recorded");
    let expected = [
        Stage::IdleBefore,
        Stage::WarmUp,
        Stage::Window,
        Stage::CoolDown,
        Stage::IdleAfter,
    ];
    assert_eq!(stages.0, expected);
    assert_eq!(
        trace
            .header
            .spans
            .iter()
            .map(|span| span.stage)
            .collect::<Vec<_>>(),
        expected
    );
    for span in &trace.header.spans {
        assert!(span.begin_ns < span.end_ns, "{span:?}");
    }
    for pair in trace.header.spans.windows(2) {
        assert!(pair[0].end_ns <= pair[1].begin_ns, "{pair:?}");
    }
    let window = trace.header.span(Stage::Window).expect("the run is good");
    assert!(window.end_ns.saturating_sub(window.begin_ns) >= Nanos::from_millis(500));
    assert_eq!(trace.header.faults, []);
    assert_eq!(trace.header.provenance, Provenance::Emulated);
    assert_eq!(trace.header.run, run);
}

#[test]
fn the_counter_over_the_window_is_the_true_energy_within_a_tick_of_idle() {
    for period_ms in [1, 7, 10, 33] {
        for mut run in emulated_plan().runs() {
            run.session.sample_period_ms = period_ms;
            // A card with perfect scales: what is left is what the session itself gets wrong.
            let mut instrument = ideal_card(DEFAULT_BOARD);
            let trace =
                record(instrument.as_mut(), &run, None, &mut ()).expect("accepted settings");
            let window = trace.header.span(Stage::Window).expect("the run is good");
            let [begin, end] = [window.begin_ns, window.end_ns].map(|at| energy_at(&trace, at));
            #[expect(clippy::cast_precision_loss, reason = "a few hundred joules")]
            let counted = end.checked_sub(begin).expect("never backwards").get() as f64;
            let truth = trace
                .header
                .machine
                .device
                .true_window_energy_mj
                .expect("emulated");
            assert!(truth > 75.0 * 500.0, "the window is longer than 0.5 s");
            assert!(
                (counted - truth).abs() <= TICK_AT_IDLE_MJ,
                "period {period_ms} ms, {}: counted {counted} mJ, true {truth} mJ",
                run.point
            );
        }
    }
}

#[test]
fn the_window_holds_every_phase_and_the_marks_are_complete() {
    let trace = emulated_trace();
    let window = trace.header.span(Stage::Window).expect("the run is good");
    let marks: Vec<&Mark> = trace
        .header
        .marks
        .iter()
        .map(|received| &received.mark)
        .collect();
    assert!(matches!(marks[0], Mark::Ready { .. }));
    let Some(Mark::Done { work: claimed, .. }) = marks.last() else {
        panic!("the last mark is done: {marks:?}")
    };
    let mut decoded = 0;
    for pair in marks[1..marks.len() - 1].chunks(2) {
        let [
            Mark::Begin {
                at_ns,
                phase: begun,
            },
            Mark::End {
                at_ns: end_ns,
                phase,
                work,
            },
        ] = pair
        else {
            panic!("phases begin and end in turn: {pair:?}")
        };
        assert_eq!(begun, phase);
        assert!(window.begin_ns <= *at_ns && at_ns < end_ns && *end_ns <= window.end_ns);
        if phase == "decode" {
            decoded += work;
        }
    }
    assert!(decoded > 0);
    assert_eq!(decoded, *claimed);
}

#[test]
fn virtual_time_is_never_late_and_samples_keep_their_grid() {
    let trace = emulated_trace();
    assert!(
        trace
            .samples
            .iter()
            .all(|sample| sample.late_ns == Nanos::new(0))
    );
    for pair in trace.samples.windows(2) {
        assert_eq!(
            pair[1].at_ns.saturating_sub(pair[0].at_ns),
            Nanos::from_millis(10)
        );
    }
}

#[test]
fn a_session_is_a_function_of_its_run() {
    assert_eq!(emulated_trace(), emulated_trace());
}

#[test]
fn a_locked_clock_holds_for_the_run_and_is_given_back() {
    let axes = format!("{EMULATED_AXES}\nsm_clock_mhz = [990]\npower_cap_w = [600]");
    let run = plan(&plan_text("emulated", &axes, ""))
        .runs()
        .swap_remove(0);
    let backend = emulated();
    let mut instrument = backend.open_for(&run).expect("always there");
    let trace = record(instrument.as_mut(), &run, None, &mut ()).expect("in range");
    let locked = Some(Megahertz::new(990));
    let window = trace.header.span(Stage::Window).expect("the run is good");
    let inside = |sample: &&Sample| (window.begin_ns..window.end_ns).contains(&sample.at_ns);
    assert!(trace.samples.iter().any(|sample| inside(&sample)));
    for sample in trace.samples.iter().filter(inside) {
        assert_eq!(sample.sm_clock_mhz, locked);
    }
    assert_eq!(trace.header.machine.device.power_limit_mw, Some(600_000));
    assert_eq!(clock_later(instrument.as_mut()), Some(IDLE_CLOCK));
    assert_eq!(
        instrument.sense().machine().device.power_limit_mw,
        Some(700_000)
    );
}

#[test]
fn a_locked_clock_is_given_back_after_a_fault() {
    let axes = "model = [\"llama-7b\"]\nprecision = [\"bf16\"]\nbatch = [1]\nsm_clock_mhz = [990]";
    let run = plan(&plan_text("emulated", axes, "")).runs().swap_remove(0);
    let backend = emulated();
    let mut instrument = backend.open_for(&run).expect("always there");
    let trace = record(instrument.as_mut(), &run, None, &mut ()).expect("in range");
    assert_eq!(trace.header.faults[0].fault, RunFault::WorkerNotStarted);
    assert!(
        trace.header.faults[0]
            .detail
            .contains("axis 'prompt_tokens' is missing")
    );
    assert_eq!(clock_later(instrument.as_mut()), Some(IDLE_CLOCK));
}
