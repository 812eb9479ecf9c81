//! How long a window the instrument needs, and how often at most the work of each point has to be
//! repeated in it.

use analysis::floor;
use harness::device::{DEFAULT_BOARD, board};
use harness::measure::energy::least_package_window_s;
use metering::class::BoardClass;
use metering::instrument::{Basis, Instrument};
use metering::profile::SensorProfile;
use metering::window::{Edges, Foreseen, PlanError, repetitions};
use model::cost::workload::phases;
use model::plan::{DeviceKind, Plan};
use model::point::Point;
use model::run::Protocol;
use serde::Serialize;

/// What is asked of the instrument where the plan's tier aims at nothing.
const USUAL_TARGET: f64 = 0.01;
/// Less than any GPU draws while it works. Of windows between ticks only the resolution of the
/// counter hangs on the power, and that is of no weight.
const LEAST_W: f64 = 50.0;

/// The instrument's part of the uncertainty of one run: half of the 95 % interval of its energy, by
/// the energy, without the scale of the board, which no window makes smaller.
#[derive(Serialize)]
pub(super) struct InstrumentPromise<'a> {
    /// What it is to be at most: the width that the tier aims at, unless another one is asked for.
    pub(super) target: f64,
    /// Whose numbers they are: those of a calibration, or of the class of the board; absent for the
    /// processor.
    pub(super) basis: Option<Basis>,
    /// Least window for it, in seconds.
    pub(super) needed_window_s: f64,
    /// Window of the plan, in seconds.
    pub(super) window_s: f64,
    /// What the plan's window leaves to the instrument.
    pub(super) half_width: f64,
    /// Whether some engine is a command that says no marks. It is run once in each window.
    pub(super) has_single_runs: bool,
    pub(super) points: Vec<PointWindow<'a>>,
}

/// The needed window in iterations of a point.
#[derive(Serialize)]
pub(super) struct PointWindow<'a> {
    pub(super) point: &'a Point,
    /// Time of an iteration at the floor of an H200, which no other board here is below; absent where
    /// the work cannot be counted, and on a processor.
    pub(super) least_iteration_s: Option<f64>,
    /// Iterations at that time that the needed window holds: slower ones are fewer.
    pub(super) most_repetitions: Option<u64>,
}

/// For the points of a plan; `asked` in place of what its tier aims at.
pub(super) fn instrument<'a>(
    plan: &'a Plan,
    profile: Option<&SensorProfile>,
    asked: Option<f64>,
) -> Result<InstrumentPromise<'a>, PlanError> {
    let aim = plan.rules().and_then(|rules| rules.second_stage);
    let target = asked.unwrap_or(aim.map_or(USUAL_TARGET, |stage| stage.half_width));
    let window_s = plan.session.window_s;
    let (basis, needed_window_s, half_width) = if plan.session.device == DeviceKind::Cpu {
        let needed_s = least_package_window_s(target);
        (None, needed_s, target * needed_s / window_s)
    } else {
        let instrument = of_board(plan, profile);
        let foreseen = Foreseen::of(&instrument, LEAST_W, Edges::AtTicks);
        let tick_s = instrument.counter.period_s.value;
        (
            Some(instrument.basis),
            (foreseen.least_energy_j(target)? / LEAST_W).max(tick_s),
            foreseen.relative_half_width(LEAST_W * window_s),
        )
    };
    Ok(InstrumentPromise {
        target,
        basis,
        needed_window_s,
        window_s,
        half_width,
        has_single_runs: plan
            .engines
            .values()
            .any(|engine| engine.protocol == Protocol::None),
        points: plan
            .points
            .iter()
            .map(|point| {
                let is_gpu = basis.is_some();
                let least_iteration_s = is_gpu.then(|| floor_s(point)).flatten();
                PointWindow {
                    point,
                    least_iteration_s,
                    most_repetitions: least_iteration_s
                        .map(|iteration_s| repetitions(needed_window_s, iteration_s)),
                }
            })
            .collect(),
    })
}

/// The board of an emulated device is known; of any other, what all boards have in common.
fn of_board(plan: &Plan, profile: Option<&SensorProfile>) -> Instrument {
    let class = match plan.session.device {
        DeviceKind::Emulated => board(plan.session.board.as_deref().unwrap_or(DEFAULT_BOARD))
            .map_or(BoardClass::Other, |board| {
                BoardClass::of_product(&board.product_name)
            }),
        DeviceKind::Nvml | DeviceKind::Cpu => BoardClass::Other,
    };
    profile.map_or_else(
        || Instrument::of_class(class),
        |profile| profile.instrument(class),
    )
}

fn floor_s(point: &Point) -> Option<f64> {
    let floor = floor::h200().floor_of_all(&phases(point).ok()?)?;
    (floor.get() > 0.0).then_some(floor.get())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn plan(session: &str, axes: &str, engines: &str) -> Plan {
        let text = format!(
            r#"
name = "fixture"
title = "Windows"
seed = 1
blocks = 2

[session]
{session}
sample_period_ms = 10
idle_s = 0.5
warmup_s = 0.5
window_s = 8.0
cooldown_s = 0.2
timeout_s = 60.0

[axes]
{axes}

{engines}
"#
        );
        harness::plan_file::parse(Path::new("fixture.toml"), &text).expect("a good plan")
    }

    const LLAMA: &str = "model = [\"llama-7b\"]\nprecision = [\"bf16\"]\nbatch = [1]\nprompt_tokens = [512]\ndecode_tokens = [1, 128]";

    #[test]
    fn a_percent_takes_half_a_second_and_short_work_is_repeated_for_it() {
        let plan = plan("device = \"emulated\"", LLAMA, "");
        let promise = instrument(&plan, None, None).expect("above the drift");
        assert_eq!((promise.target, promise.basis), (0.01, Some(Basis::Class)));
        assert!((0.49..0.50).contains(&promise.needed_window_s));
        // 2.5 ms of lateness in 8 s, and the drift of 0.055 %: 1.96 · 0.063 %.
        assert!((promise.half_width - 0.001_24).abs() < 1e-5);
        let [short, long] = promise.points.as_slice() else {
            panic!("two points")
        };
        // A prefill of 512 tokens (8.7 ms) and a step (3.1 ms); 127 steps more.
        assert!((0.010..0.014).contains(&short.least_iteration_s.unwrap()));
        assert!((35..50).contains(&short.most_repetitions.unwrap()));
        assert_eq!(long.most_repetitions, Some(2));
        assert!(!promise.has_single_runs);
    }

    #[test]
    fn what_is_asked_for_goes_before_what_the_tier_aims_at() {
        let plan = plan("device = \"emulated\"", LLAMA, "");
        let of = |asked| instrument(&plan, None, Some(asked));
        let (loose, strict) = (of(0.02).unwrap(), of(0.005).unwrap());
        assert!(loose.needed_window_s < strict.needed_window_s);
        assert!(matches!(of(0.001), Err(PlanError::BelowFloor { .. })));
    }

    #[test]
    fn a_processor_needs_a_window_of_its_own_and_its_work_is_not_timed() {
        let engine = "[engines.sh]\ncommand = [\"/bin/true\"]\nprotocol = \"none\"";
        let plan = plan("device = \"cpu\"", "batch = [1]", engine);
        let promise = instrument(&plan, None, None).expect("sound");
        assert_eq!(promise.basis, None);
        assert!((0.05..0.1).contains(&promise.needed_window_s));
        assert!(promise.half_width < 0.000_2);
        assert_eq!(promise.points[0].most_repetitions, None);
        assert!(promise.has_single_runs);
    }
}
