use std::path::{Path, PathBuf};

use super::square_wave::{ProbeRow, SquareWave};
use super::*;

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/imported")
}

fn report() -> SensorReport {
    sensor_report(&recordings()).expect("the recordings of this repository")
}

fn value(report: &SensorReport, key: &str) -> f64 {
    report.get(key).unwrap_or_else(|| panic!("no {key}")).value
}

#[test]
fn the_recordings_are_what_their_checksums_say() {
    for source in [square_wave::SOURCE, anatomy::SOURCE] {
        crate::verify_checksums(&recordings().join(source)).expect("an unchanged recording");
    }
}

/// The expected values were derived from the same recording by another program.
#[test]
fn the_square_wave_gives_the_known_figures() {
    let report = report();
    let near = |key: &str, expected: f64, tolerance: f64| {
        let found = value(&report, key);
        assert!(
            (found - expected).abs() <= tolerance,
            "{key} is {found}, expected {expected}"
        );
    };
    near("counter_period", 100.000_4, 0.001);
    near("average_rise_time", 0.8, 0.1);
    near("average_fall_time", 0.8, 0.05);
    near("steady.counter_power", 693.0, 2.0);
    near("steady.instant_power", 693.2, 3.0);
    near("idle.counter_power", 124.5, 0.3);
    near("idle.instant_vs_counter", 0.23, 0.1);
    // Counter steps of 101 to 102 ms, and 296 of about 342 refreshes visible.
    near("average_refresh_period", 102.0, 1.5);
}

#[test]
fn single_steps_of_pulsed_power_are_far_off_and_steady_ones_are_not() {
    let report = report();
    assert!(value(&report, "pulses_30ms.instant_step_error") > 20.0);
    assert!(value(&report, "idle.instant_step_error") < 2.0);
}

#[test]
fn the_series_cover_the_step_and_the_pulses() {
    let report = report();
    let keys: Vec<&str> = report
        .series
        .iter()
        .map(|series| series.key.as_str())
        .collect();
    assert_eq!(keys, ["step", "pulses"]);
    for series in &report.series {
        for points in [&series.instant, &series.average, &series.counter] {
            assert!(points.len() > 40, "{}: {} points", series.key, points.len());
            assert!(points.is_sorted_by(|a, b| a.time_s < b.time_s));
            let [begin_s, end_s] = series.span_s;
            assert!(points.iter().all(|p| (begin_s..=end_s).contains(&p.time_s)));
        }
    }
    assert!(report.series[1].busy_s.len() > 40);
}

#[test]
fn sampled_power_of_one_kernel_is_far_below_the_counter() {
    let report = report();
    let difference_pct = value(&report, "anatomy.gemm_duty50_100ms.instant_vs_counter");
    assert!((difference_pct - (298.21 / 504.6 - 1.0) * 100.0).abs() < 1e-9);
    let quantity = report
        .get("anatomy.gemm_duty50_100ms.instant_vs_counter")
        .expect("present");
    assert_eq!((quantity.low, quantity.n), (None, 1));
}

#[test]
fn absent_recordings_are_listed_and_damaged_ones_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = sensor_report(folder.path()).expect("nothing to read");
    let unread: Vec<&str> = empty
        .unread
        .iter()
        .map(|source| source.source.as_str())
        .collect();
    assert_eq!(unread, [square_wave::SOURCE, anatomy::SOURCE]);

    let path = folder.path().join(anatomy::FILE);
    fs_err::create_dir_all(path.parent().expect("a parent")).expect("a fresh folder");
    fs_err::write(&path, "kernel,power_w,inst_power_w\ncopy,x,1\n").expect("a file");
    let error = sensor_report(folder.path())
        .expect_err("x is no number")
        .to_string();
    assert!(
        error.contains("anatomy.csv") && error.contains("line: 2"),
        "{error}"
    );
    fs_err::write(&path, "kernel,power_w,inst_power_w\ncopy,0,1\n").expect("a file");
    let error = sensor_report(folder.path()).expect_err("0 W").to_string();
    assert!(error.contains("power_w of copy is 0"), "{error}");

    let path = folder.path().join(square_wave::FILE);
    fs_err::create_dir_all(path.parent().expect("a parent")).expect("a fresh folder");
    let bytes = fs_err::read(recordings().join(square_wave::FILE)).expect("the recording");
    fs_err::write(&path, &bytes[..bytes.len() / 2]).expect("a file");
    let error = sensor_report(folder.path())
        .expect_err("half a file")
        .to_string();
    assert!(error.contains("probe.csv.gz"), "{error}");
}

#[test]
fn a_recording_that_goes_back_in_time_or_energy_names_its_line() {
    let row = |t_ns, energy_mj| ProbeRow::new(t_ns, energy_mj, [1, 1], 0);
    let time = SquareWave::of(&[row(1, 1), row(1, 1)]).expect_err("time stands still");
    assert!(time.starts_with("line 3: t_ns"), "{time}");
    let energy = SquareWave::of(&[row(1, 2), row(2, 1)]).expect_err("energy falls");
    assert!(energy.starts_with("line 3: energy_mj"), "{energy}");
}
