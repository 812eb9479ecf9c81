//! Findings from what surrounds the samples: driver counters, processes, clocks of the machine.

use std::collections::BTreeSet;

use model::units::{Nanos, Seconds};

use super::{Finding, Judged, Limits, RunFacts, note, quarantine};

pub(super) fn violations(facts: &RunFacts, judged: &mut Vec<Judged>) {
    let Some([before, after]) = facts.violations else {
        return;
    };
    let seconds = |from: Nanos, to: Nanos| Seconds::from(to.saturating_sub(from)).get();
    let power_s = seconds(before.power_ns, after.power_ns);
    let thermal_s = seconds(before.thermal_ns, after.thermal_ns);
    let finding = Finding::ViolationTime { power_s, thermal_s };
    if thermal_s > 0.0 {
        judged.push(quarantine(finding));
    } else if power_s > 0.0 {
        judged.push(note(finding));
    }
}

/// Processes on the measured device that are not ours, each once.
pub(super) fn processes(facts: &RunFacts, judged: &mut Vec<Judged>) {
    let foreign: BTreeSet<u32> = facts
        .processes
        .iter()
        .filter(|seen| seen.device_uuid == facts.device_uuid && !facts.own_pids.contains(&seen.pid))
        .map(|seen| seen.pid)
        .collect();
    judged.extend(foreign.into_iter().map(|pid| {
        quarantine(Finding::ForeignProcess {
            pid,
            device_uuid: facts.device_uuid.clone(),
        })
    }));
}

/// A wall clock that is disciplined may run this much faster or slower (`adjtimex`: 500 ppm).
const SLEW: f64 = 500e-6;

/// Sleep shows as boot time that the monotonic clock lacks; a set wall clock as real time that boot
/// time lacks.
pub(super) fn clocks(facts: &RunFacts, limits: &Limits, judged: &mut Vec<Judged>) {
    let between = |from: Nanos, to: Nanos| {
        if to >= from {
            Seconds::from(to.saturating_sub(from)).get()
        } else {
            -Seconds::from(from.saturating_sub(to)).get()
        }
    };
    let (mut slept_s, mut stepped) = (0.0, Vec::new());
    for pair in facts.clocks.windows(2) {
        let monotonic_s = between(pair[0].monotonic_ns, pair[1].monotonic_ns);
        let boot_s = between(pair[0].boot_ns, pair[1].boot_ns);
        let real_s = between(pair[0].real_ns, pair[1].real_ns);
        if boot_s - monotonic_s > limits.clock_s {
            slept_s += boot_s - monotonic_s;
        }
        let by_s = real_s - boot_s;
        if by_s.abs() > limits.clock_s + SLEW * boot_s.abs() {
            stepped.push(by_s);
        }
    }
    if slept_s > 0.0 {
        judged.push(quarantine(Finding::HostSuspended { for_s: slept_s }));
    }
    // Nothing here is timed by the wall clock, so that is only worth a note.
    judged.extend(
        stepped
            .into_iter()
            .map(|by_s| note(Finding::ClockStepped { by_s })),
    );
}
