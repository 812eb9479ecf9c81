//! The verb `kernels`: are the fused operations right, and how far are they from the hardware?

use std::process::ExitCode;

use anyhow::{Result, bail};
use ops::bench::Timed;
use ops::check::Checked;
use ops::{bench, check};
use workloads::device;

use crate::args::{KernelsArguments, KernelsVerb};

/// Checks or times the operations and prints a line for each.
pub(crate) fn kernels(arguments: &KernelsArguments, wanted: Option<String>) -> Result<ExitCode> {
    let selection = arguments.verb.selection();
    let device = device::choose(selection.device.clone().or(wanted).as_deref())?;
    let (mut shown, mut failed) = (0_usize, 0_usize);
    let mut show = |line: String, good: bool| {
        println!("{line}");
        shown += 1;
        failed += usize::from(!good);
    };
    match &arguments.verb {
        KernelsVerb::Check(_) => {
            for checked in check::run(&device, &selection.filter) {
                let line = if selection.json {
                    serde_json::to_string(&checked)?
                } else {
                    check_line(&checked)
                };
                show(line, checked.passed());
            }
        }
        KernelsVerb::Bench(_) => {
            for timed in bench::run(&device, &selection.filter) {
                let line = if selection.json {
                    serde_json::to_string(&timed)?
                } else {
                    bench_line(&timed)
                };
                show(line, timed.error.is_none());
            }
        }
    }
    if shown == 0 {
        bail!(
            "no operation has '{}' in its name; try --filter rms_norm, or none",
            selection.filter
        );
    }
    if failed > 0 {
        bail!(
            "{failed} of {shown} operations failed on {}",
            device::name(&device)
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn check_line(checked: &Checked) -> String {
    let Checked {
        case,
        difference,
        tolerance,
        repeats,
        error,
        ..
    } = checked;
    let verdict = if checked.passed() { "ok  " } else { "FAIL" };
    let found = match (difference, error) {
        (_, Some(error)) => error.clone(),
        (Some(difference), None) => format!("off by {difference:.1e}, allowed {tolerance:.1e}"),
        (None, None) => "not a number".into(),
    };
    let again = if *repeats || error.is_some() {
        ""
    } else {
        ", and differs from call to call"
    };
    format!("{verdict} {case:<52} {found}{again}")
}

fn bench_line(timed: &Timed) -> String {
    let case = &timed.case;
    let (Some(seconds), Some(bytes), Some(flops)) = (timed.seconds, timed.bytes_per_s, timed.flops)
    else {
        let reason = timed.error.as_deref().unwrap_or("no time");
        return format!("FAIL {case:<52} {reason}");
    };
    let share = timed
        .floor_share
        .map_or_else(|| "-".into(), |share| format!("{:.0} %", 100.0 * share));
    format!(
        "{case:<52} {:>10.2} us {:>8.1} GB/s {:>8.2} TFLOP/s  {share:>5} of the floor",
        1e6 * seconds,
        bytes / 1e9,
        flops / 1e12
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(difference: Option<f64>, error: Option<&str>) -> Checked {
        Checked {
            case: "rms_norm bf16 1x4096".into(),
            difference,
            tolerance: 8e-3,
            reason: "a test",
            repeats: true,
            error: error.map(Into::into),
        }
    }

    #[test]
    fn a_line_says_what_was_found() {
        let line = check_line(&checked(Some(1e-3), None));
        assert!(
            line.starts_with("ok") && line.ends_with("off by 1.0e-3, allowed 8.0e-3"),
            "{line}"
        );
        let line = check_line(&checked(Some(1e-2), None));
        assert!(line.starts_with("FAIL"), "{line}");
        let line = check_line(&checked(None, Some("no such kernel")));
        assert!(
            line.starts_with("FAIL") && line.ends_with("no such kernel"),
            "{line}"
        );
    }

    #[test]
    fn a_time_stands_beside_its_floor() {
        let mut timed = Timed {
            case: "rms_norm bf16 2048x4096".into(),
            seconds: Some(1e-5),
            range_s: Some((1e-5, 1e-5)),
            bytes_per_s: Some(3.4e12),
            flops: Some(0.0),
            floor_s: 8e-6,
            floor_share: Some(0.8),
            recorded: true,
            working_set_bytes: 1,
            error: None,
        };
        let line = bench_line(&timed);
        assert!(
            line.contains("10.00 us") && line.ends_with("80 % of the floor"),
            "{line}"
        );
        timed.seconds = None;
        timed.error = Some("refused".into());
        assert!(bench_line(&timed).starts_with("FAIL"));
    }
}
