//! The calibration schedule on emulated boards: what is identified is what was injected, within the
//! uncertainties that are stated.

use std::fmt::Write;
use std::sync::Arc;

use gpu_sim::{Board, Seeds, Work, kernels};
use metering::coverage::calibrated_profile;
use metering::profile::SensorProfile;
use metering::schedule::CalibrationSchedule;
use metering::series::Field;
use metering::{Identified, Quantity};

/// The standard schedule on a card of its own scale, zero, silicon and sensor phases.
fn calibrated(board: &Arc<Board>, seed: u64) -> SensorProfile {
    let seeds = Seeds {
        card: seed,
        run: seed,
    };
    let load = Work::endless(kernels::named("copy").expect("a kernel"));
    calibrated_profile(board, seeds, &CalibrationSchedule::standard(), load)
        .expect("the schedule is long enough")
}

/// Distances of identified values from injected ones, in standard uncertainties.
#[derive(Default)]
struct Distances {
    all: Vec<f64>,
    report: String,
}

impl Distances {
    fn hold(&mut self, what: &str, found: &Identified<Quantity>, injected: f64) {
        let Identified::Known(found) = found else {
            panic!("{what}: {found:?}, injected {injected}");
        };
        let z = found.distance(injected);
        writeln!(self.report, "{what:58} {injected:9.3}  {found}  {z:.2} u")
            .expect("a string takes all");
        assert!(
            z <= 3.5,
            "{what}: {found:?} against {injected}, {z:.1} standard uncertainties"
        );
        self.all.push(z);
    }
}

#[test]
fn six_boards_and_several_cards_give_back_what_was_injected() {
    let mut distances = Distances::default();
    for slug in Board::slugs() {
        let board = Board::named(slug).unwrap();
        let sensors = &board.sensors;
        for seed in 0..4 {
            let profile = calibrated(&board, 100 + seed);
            let mut hold = |what: &str, found: &Identified<Quantity>, injected: f64| {
                distances.hold(&format!("{slug} {seed} {what}"), found, injected);
            };
            hold(
                "tick ms",
                &profile.counter.period_ms,
                sensors.energy_tick_ms.value,
            );
            hold("latency ms", &profile.counter.latency_ms, 0.0);
            let step_j = profile.counter.resolution_j.known().unwrap().value;
            assert!((step_j - 0.001).abs() < 1e-12);
            let instant = profile.field(Field::PowerInstant).unwrap();
            hold(
                "instant period ms",
                &instant.update_period_ms,
                sensors.power_period_ms.value,
            );
            hold(
                "instant window ms",
                &instant.window_ms,
                sensors.power_window_ms.value,
            );
            hold("instant lag ms", &instant.lag_ms, 0.0);
            let duty = sensors.power_window_ms.value / sensors.power_period_ms.value;
            hold("instant duty", &instant.duty, duty);
            let step = instant.resolution.known().unwrap().value;
            assert!(
                (step - sensors.instant_step_w.value).abs() < 1e-9,
                "{slug}: {step} W"
            );
            match &sensors.average_window_ms {
                Some(window) => {
                    let average = profile.field(Field::PowerAverage).unwrap();
                    hold("average window ms", &average.window_ms, window.value);
                    hold("average lag ms", &average.lag_ms, 0.0);
                    let step = average.resolution.known().unwrap().value;
                    assert!(
                        (step - sensors.average_step_w.value).abs() < 1e-9,
                        "{slug}: {step} W"
                    );
                }
                None => assert!(profile.field(Field::PowerAverage).is_none()),
            }
            let temperature = profile.field(Field::Temperature).unwrap();
            hold(
                "temperature period ms",
                &temperature.update_period_ms,
                sensors.slow_period_ms.value,
            );
            let quickest = profile.quickest_power().unwrap().field;
            assert_eq!(quickest, Field::PowerInstant, "{slug}");
            for agreement in &profile.agreement {
                let z = agreement.difference_percent.distance(0.0);
                assert!(z < 4.0, "{slug} {seed}: {agreement:?}");
            }
        }
    }
    let squares: f64 = distances.all.iter().map(|z| z * z).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let rms = (squares / distances.all.len() as f64).sqrt();
    // Stated uncertainties are neither hopes nor excuses: identified values scatter by about one.
    assert!((0.3..=1.5).contains(&rms), "{rms:.2}\n{}", distances.report);
}

/// Poles that 100 ms readings can see are found; the faster ones are counted as unresolved.
#[test]
fn cooling_finds_a_pole_near_each_that_the_recording_resolves() {
    for slug in Board::slugs() {
        let board = Board::named(slug).unwrap();
        let profile = calibrated(&board, 7);
        let cooling = profile.cooling.known().unwrap();
        assert!(cooling.rms_k < 0.5, "{slug}: {cooling:?}");
        let slow = cooling.poles.last().unwrap();
        // The third pole of every board lies between a refresh and the length of the recording.
        let injected_s = board.thermal.poles.value[2][0];
        let ratio = slow.tau_s.value / injected_s;
        assert!(
            (0.5..=2.0).contains(&ratio),
            "{slug}: {slow:?} against {injected_s} s"
        );
    }
}
