use model::units::Seconds;

use super::*;
use crate::device::Backend;
use crate::fixture::emulated;
use crate::overhead::recording::{TOLERANCE_PCT, recording_cost};
use crate::overhead::sampling::sampling_cost;
use crate::overhead::slowdown::{arithmetic, slowdown};
use model::units::Nanos;

#[test]
fn every_reading_is_counted_and_costs_something() {
    let backend = emulated();
    let mut card = backend.open(0).expect("compiled in");
    let cost = sampling_cost(card.as_mut(), 100, Seconds::new(20.0)).expect("it answers");
    assert_eq!((cost.samples, cost.missed), (2_000, 0));
    assert!(cost.cpu_us_per_sample > 0.0);
    // Nobody is late in virtual time.
    assert!(cost.late_max_us <= 0.0 && cost.read_median_us > 0.0);
}

#[test]
fn a_real_device_misses_no_more_deadlines_than_there_are() {
    let mut processor = Backend::Cpu.open(0).expect("always there");
    let cost = sampling_cost(processor.as_mut(), 1_000, Seconds::new(0.3)).expect("it answers");
    assert!(
        (299..=301).contains(&(cost.samples + cost.missed)),
        "{cost:?}"
    );
    assert!(cost.late_median_us <= cost.late_p99_us && cost.late_p99_us <= cost.late_max_us);
    assert!(cost.late_max_us > 0.0);
}

#[test]
fn work_beside_a_sampler_is_paired_with_work_alone() {
    let mut work = arithmetic(Nanos::from_millis(3));
    let cost = slowdown(&Backend::Cpu, 0, 100, 12, &mut work).expect("an interval");
    assert_eq!(cost.ratio.n, 12);
    assert!(cost.ratio.low <= cost.ratio.value && cost.ratio.value <= cost.ratio.high);
    assert!((0.2..5.0).contains(&cost.ratio.value), "{cost:?}");
}

/// An hour is what the prediction was found on; a day is looked at in the suite `recording`.
#[test]
fn an_hour_takes_the_bytes_that_were_predicted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cost = recording_cost(folder.path(), 1.0, 10).expect("it can be written");
    assert!(cost.hours > 1.0 && cost.samples > 36_000);
    let predicted = cost.predicted_bytes_per_sample.expect("10 Hz is known");
    let error_pct = (cost.bytes_per_sample / predicted - 1.0).abs() * 100.0;
    assert!(error_pct < TOLERANCE_PCT, "{cost:#?}");
}

#[test]
fn the_report_is_readable() {
    let cost = |rate_hz, core_pct| SamplingCost {
        rate_hz,
        samples: u64::from(rate_hz) * 10,
        missed: 0,
        cpu_us_per_sample: 12.5,
        core_pct,
        late_median_us: 55.0,
        late_p99_us: 90.0,
        late_max_us: 1_250.0,
        read_median_us: 9.0,
    };
    let mut overhead = Overhead {
        device: "NVIDIA H200".to_owned(),
        provenance: "emulated".to_owned(),
        sampling: vec![cost(10, 0.02), cost(100, 0.125), cost(1_000, 1.25)],
        slowdown: None,
        recording: Some(RecordingCost {
            hours: 24.0,
            rate_hz: 10,
            samples: 864_000,
            memory_kib: Some(12_288),
            file_bytes: 3 << 20,
            column_bytes_per_sample: Vec::new(),
            bytes_per_sample: 3.5,
            predicted_bytes_per_sample: Some(3.6),
            took_s: 1.0,
        }),
    };
    assert_eq!(overhead.meets_bar(), Some(true));
    insta::assert_snapshot!(overhead.to_string());
    overhead.sampling[1].core_pct = 0.5;
    assert_eq!(overhead.meets_bar(), Some(false));
}
