//! Windows of random loads on many emulated H200 cards: do stated intervals hold the truth?

use std::sync::Arc;

use gpu_sim::{Board, Seeds, Work, kernels};
use metering::class::BoardClass;
use metering::coverage::{
    LengthSummary, Meter, SAMPLE_PERIOD, Study, Summary, calibrated_profile, coverage_study,
};
use metering::instrument::Instrument;
use metering::schedule::CalibrationSchedule;

const LENGTHS_S: [f64; 5] = [0.2, 0.5, 1.0, 2.0, 10.0];

/// The instrument that a calibration of one card gives; the study's cards are others.
fn instrument(board: &Arc<Board>, class: BoardClass) -> Instrument {
    let load = Work::endless(kernels::named("copy").expect("a kernel"));
    let seeds = Seeds {
        card: 9_999,
        run: 9_999,
    };
    let profile = calibrated_profile(board, seeds, &CalibrationSchedule::standard(), load)
        .expect("long enough");
    profile.instrument(class)
}

fn study(board: &Arc<Board>, instrument: &Instrument, meter: Option<Meter>, cards: u64) -> Summary {
    of_lengths(board, instrument, meter, cards, &LENGTHS_S)
}

fn of_lengths(
    board: &Arc<Board>,
    instrument: &Instrument,
    meter: Option<Meter>,
    cards: u64,
    lengths_s: &[f64],
) -> Summary {
    let study = Study {
        board,
        instrument,
        sample_period: SAMPLE_PERIOD,
        meter,
        lengths_s,
        cards,
        windows_per_card: 3,
        seed: 20_260,
    };
    Summary::of(&coverage_study(&study).expect("sound recordings"))
}

fn of(summary: &Summary, length_s: f64) -> &LengthSummary {
    summary
        .0
        .iter()
        .find(|s| (s.length_s - length_s).abs() < 1e-9)
        .expect("a length of the study")
}

#[test]
fn ninety_five_percent_of_intervals_hold_the_truth() {
    let board = Board::named("h200").unwrap();
    let instrument = instrument(&board, BoardClass::Hopper);
    let summary = study(&board, &instrument, None, 800);
    for s in &summary.0 {
        assert!(s.trials >= 2_000);
        assert!(
            (0.93..=0.97).contains(&s.sensed_coverage),
            "sensed, {} s\n{summary}",
            s.length_s
        );
        assert!(
            (0.93..=0.97).contains(&s.true_coverage),
            "true, {} s\n{summary}",
            s.length_s
        );
    }
    let second = of(&summary, 1.0);
    assert!(second.sensed_median_error < 0.005, "{second:?}");
    // The others miss the same windows by more.
    for peer in second.peer_errors {
        assert!(peer[1] > 2.0 * second.sensed_p95_error, "{second:?}");
    }
}

#[test]
fn with_a_meter_beside_each_card_the_true_energy_is_as_well_known() {
    let board = Board::named("h200").unwrap();
    let instrument = instrument(&board, BoardClass::Hopper);
    let meter = Meter {
        gain_u: 0.002,
        offset_u_w: 0.3,
    };
    let summary = study(&board, &instrument, Some(meter), 700);
    for s in &summary.0 {
        assert!(
            (0.93..=0.97).contains(&s.true_coverage),
            "true, {} s\n{summary}",
            s.length_s
        );
    }
    assert!(of(&summary, 1.0).true_median_error < 0.005);
}

/// A window that is a whole number of ticks long flatters a bare difference of the counter: it has the
/// right number of ticks whatever its phase. Windows of any other length show what it is worth.
#[test]
fn windows_that_are_no_multiple_of_a_tick_are_held_as_well() {
    let board = Board::named("h200").unwrap();
    let instrument = instrument(&board, BoardClass::Hopper);
    let summary = of_lengths(&board, &instrument, None, 300, &[0.08, 0.25, 1.05]);
    for s in &summary.0 {
        assert!(
            (0.93..=0.98).contains(&s.sensed_coverage),
            "sensed, {} s\n{summary}",
            s.length_s
        );
    }
    let second = of(&summary, 1.05);
    assert!(second.sensed_median_error < 0.005, "{summary}");
    assert!(
        second.peer_errors[0][0] > 10.0 * second.sensed_median_error,
        "{summary}"
    );
}

#[test]
fn class_defaults_are_wider_and_hold_the_truth_at_least_as_often() {
    let board = Board::named("h200").unwrap();
    let summary = study(&board, &Instrument::of_class(BoardClass::Hopper), None, 200);
    for s in &summary.0 {
        assert!(
            s.sensed_coverage > 0.93,
            "{} s: {}",
            s.length_s,
            s.sensed_coverage
        );
    }
}

#[test]
fn a_study_is_a_function_of_its_seed() {
    let board = Board::named("h200").unwrap();
    let instrument = Instrument::of_class(BoardClass::Hopper);
    let summary = || study(&board, &instrument, None, 2);
    assert_eq!(summary(), summary());
}
