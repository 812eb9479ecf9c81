//! Every error of NVML at every call of the harness: from the start, after a while for good, and
//! after a while once. No energy may be zero, or a part of the truth without saying so. What happens
//! instead is `docs/nvml-errors.md`, which this test writes and compares.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use model::format::HEADER_KEY;
use model::trace::{Stage, TraceHeader};
use model::units::Seconds;
use tests::program::{Outcome, joulebench};
use tests::{repository, tree};

/// Codes of `nvmlReturn_t` that are errors.
fn codes() -> impl Iterator<Item = u32> {
    (1..=33).chain([999])
}

/// A call that the harness makes, and how many of it are answered before the one that fails late.
struct Site {
    call: &'static str,
    /// Opening a device takes some; `run` opens it twice, and then reads on and on.
    late: u64,
    /// Whether it is made for every sample, so that one failure is one among many.
    is_sampled: bool,
}

const fn opening(call: &'static str) -> Site {
    Site {
        call,
        late: 1,
        is_sampled: false,
    }
}

const fn sampled(call: &'static str, late: u64) -> Site {
    Site {
        call,
        late,
        is_sampled: true,
    }
}

/// Every call below `harness/src/device/nvml`, in the order in which a run makes them.
const SITES: [Site; 27] = [
    opening("nvmlInit_v2"),
    opening("nvmlDeviceGetCount_v2"),
    opening("nvmlDeviceGetHandleByIndex_v2"),
    opening("nvmlGpmQueryDeviceSupport"),
    sampled("nvmlGpmSampleAlloc", 5),
    sampled("nvmlGpmSampleGet", 5),
    sampled("nvmlGpmSampleFree", 5),
    sampled("nvmlGpmMetricsGet", 3),
    sampled("nvmlDeviceGetFieldValues", 25),
    sampled("nvmlDeviceGetCurrentClocksThrottleReasons", 25),
    sampled("nvmlDeviceGetTotalEnergyConsumption", 25),
    sampled("nvmlDeviceGetPowerUsage", 25),
    sampled("nvmlDeviceGetClockInfo", 40),
    sampled("nvmlDeviceGetTemperature", 25),
    // Asked at each opening, and once more before the worker is started.
    Site {
        call: "nvmlDeviceGetComputeRunningProcesses_v3",
        late: 2,
        is_sampled: false,
    },
    opening("nvmlDeviceGetName"),
    opening("nvmlSystemGetCudaDriverVersion_v2"),
    opening("nvmlDeviceGetEccMode"),
    opening("nvmlDeviceGetUUID"),
    opening("nvmlSystemGetDriverVersion"),
    opening("nvmlDeviceGetVbiosVersion"),
    opening("nvmlDeviceGetMemoryInfo_v2"),
    opening("nvmlDeviceGetEnforcedPowerLimit"),
    opening("nvmlDeviceGetMaxClockInfo"),
    opening("nvmlDeviceGetMigMode"),
    opening("nvmlDeviceGetPersistenceMode"),
    opening("nvmlShutdown"),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    FromTheStart,
    LateForGood,
    LateOnce,
}

impl When {
    const fn text(self) -> &'static str {
        match self {
            Self::FromTheStart => "from the start",
            Self::LateForGood => "later, for good",
            Self::LateOnce => "later, once",
        }
    }
}

struct Case {
    site: usize,
    when: When,
    code: u32,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (site, Site { is_sampled, .. }) in SITES.iter().enumerate() {
        for when in [When::FromTheStart, When::LateForGood, When::LateOnce] {
            if when == When::LateOnce && !is_sampled {
                continue;
            }
            cases.extend(codes().map(|code| Case { site, when, code }));
        }
    }
    cases
}

/// The board that is measured: one with every sensor.
const BOARD: &str = "h100-nvl";
/// Its idle power lies between these, in watts, whatever card is drawn. Energy by time beyond them
/// would be partial.
const IDLE_W: (f64, f64) = (50.0, 80.0);
/// Time between two ticks of its energy counter, in seconds.
const TICK_S: f64 = 0.1;
/// Runs at the same time: they sleep nearly always.
const AT_ONCE: usize = 40;
/// What is absent on this board without any fault.
const ALWAYS_ABSENT: &str = "package_energy_uj";

fn plan(name: &str) -> String {
    format!(
        "name = \"{name}\"\ntitle = \"t\"\nseed = 1\nblocks = 1\n\
         [session]\ndevice = \"nvml\"\nsample_period_ms = 10\nidle_s = 0.25\nwarmup_s = 0.0\n\
         window_s = 0.1\ncooldown_s = 0.0\ntimeout_s = 10.0\n\
         [engines.sleep]\ncommand = [\"sleep\", \"0.15\"]\nprotocol = \"none\"\n\
         [axes]\nbatch = [1]\n"
    )
}

/// What became of a case, in words that do not depend on time.
fn outcome(case: &Case, name: &str, folder: &Path) -> String {
    let site = &SITES[case.site];
    let after = match case.when {
        When::FromTheStart => 0,
        When::LateForGood | When::LateOnce => site.late,
    };
    let for_calls = match case.when {
        When::LateOnce => "for_calls = 1\n",
        When::FromTheStart | When::LateForGood => "",
    };
    let [plan_file, faults] = ["toml", "faults"].map(|end| folder.join(format!("{name}.{end}")));
    fs::write(&plan_file, plan(name)).unwrap();
    fs::write(
        &faults,
        format!(
            "[[fault]]\nat_s = 0.0\nkind = \"error\"\ncall = \"{}\"\ncode = {}\n\
             after_calls = {after}\n{for_calls}",
            site.call, case.code
        ),
    )
    .unwrap();
    let program = tests::program::built("joulebench");
    let said = Outcome::of(
        joulebench(["emulate", "--gpu", BOARD, "--faults"])
            .arg(&faults)
            .arg("--")
            .arg(program)
            .arg("run")
            .arg(&plan_file)
            .arg("--store")
            .arg(folder),
    );
    let store = folder.join(name);
    match said.code {
        Some(3) => {
            assert!(tree::traces(&store).is_empty(), "refused and sealed");
            assert!(said.stderr.contains("error: "), "{}", said.stderr);
            "refused".to_owned()
        }
        Some(5) => {
            let header = header(&store.join("failed"));
            let faults: Vec<&str> = header.faults.iter().map(|f| f.fault.code()).collect();
            assert!(!faults.is_empty(), "a failed attempt without a fault");
            format!("fault `{}`", faults.join("`, `"))
        }
        Some(0) => {
            let absent = header(&store).machine.absent;
            let absent: Vec<String> = absent
                .iter()
                .filter(|(column, _)| *column != ALWAYS_ABSENT)
                .map(|(column, reason)| format!("`{column}` {reason}"))
                .collect();
            if absent.is_empty() {
                "whole".to_owned()
            } else {
                format!("absent: {}", absent.join(", "))
            }
        }
        code => panic!(
            "{} with {}: exit code {code:?}\n{}\n{}",
            site.call, case.code, said.stdout, said.stderr
        ),
    }
}

/// The header of the one trace in a folder. It stands as JSON in the footer of the file.
fn header(folder: &Path) -> TraceHeader {
    let [file] = &tree::traces(folder)[..] else {
        panic!("{}: expected one trace", folder.display());
    };
    let bytes = fs::read(file).unwrap();
    let found = |what: &[u8], from: usize| {
        let at = bytes[from..].windows(what.len()).position(|w| w == what);
        from + at.expect("a footer with a header")
    };
    let begin = found(b"{", found(HEADER_KEY.as_bytes(), 0));
    let mut values = serde_json::Deserializer::from_slice(&bytes[begin..]).into_iter();
    values.next().expect("a header").expect("a whole header")
}

fn take_all(cases: &[Case], folder: &Path) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    let outcome = outcome(case, &name(index), folder);
                    sender.send((index, outcome)).expect("somebody listens");
                }
            });
        }
    });
    drop(sender);
    let outcomes: BTreeMap<usize, String> = receiver.into_iter().collect();
    outcomes.into_values().collect()
}

fn name(index: usize) -> String {
    format!("case-{index}")
}

/// Energies of all runs that were sealed or kept: absent with a reason, or the whole truth.
fn assert_no_energy_is_partial(folder: &Path, cases: usize) {
    let stores: Vec<PathBuf> = (0..cases)
        .map(|index| folder.join(name(index)))
        .filter(|store| !tree::files(store).iter().all(|file| !is_trace(file)))
        .collect();
    let out = folder.join("out");
    let mut analyze = joulebench(["analyze"]);
    analyze.args(&stores).arg("--out").arg(&out);
    Outcome::of(&mut analyze).expect_code(0);
    let mut rows = csv::Reader::from_path(out.join("rows.csv")).unwrap();
    let columns = rows.headers().unwrap().clone();
    let (mut count, mut punctual) = (0, 0);
    for row in rows.records() {
        let row = row.unwrap();
        let cell = |name: &str| &row[columns.iter().position(|c| c == name).unwrap()];
        let sweep = cell("sweep").to_owned();
        let number = |name: &str| cell(name).parse::<f64>().ok();
        match number("energy_counter_j") {
            Some(energy_j) => {
                let window_s = window_s(&folder.join(&sweep));
                // A sample that came late saw its tick late: then the bounds are that uncertain.
                let is_punctual = number("late_samples") == Some(0.0);
                let edge_s = if is_punctual { 0.0 } else { TICK_S };
                let (low_j, high_j) = (
                    IDLE_W.0 * (window_s - edge_s),
                    IDLE_W.1 * (window_s + edge_s),
                );
                assert!(
                    (low_j..high_j).contains(&energy_j),
                    "{sweep}: {energy_j} J in {window_s} s, expected {low_j} to {high_j} J"
                );
                punctual += u32::from(is_punctual);
            }
            None => assert!(!cell("energy_absence").is_empty(), "{sweep}: no reason"),
        }
        if number("energy_j").is_none() {
            assert!(!cell("energy_absence").is_empty(), "{sweep}: no reason");
        }
        for integral in ["energy_integrated_instant_j", "energy_integrated_average_j"] {
            assert_ne!(number(integral), Some(0.0), "{sweep}: {integral}");
        }
        count += 1;
    }
    assert!(
        punctual > 100,
        "this machine is too busy: {punctual} of {count} runs were punctual"
    );
    assert!(count > cases / 2, "only {count} of {cases} runs have rows");
}

/// The time between the ticks that the energy of a sealed run is counted between.
fn window_s(store: &Path) -> f64 {
    let window = header(store).span(Stage::Window).expect("it has energy");
    Seconds::from(window.end_ns.saturating_sub(window.begin_ns)).get()
}

fn is_trace(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "parquet")
}

/// Codes as ranges, such as `1–3, 15`.
fn ranges(codes: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for code in codes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *code => *last = *code,
            _ => ranges.push((*code, *code)),
        }
    }
    let texts: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        })
        .collect();
    texts.join(", ")
}

const PREFACE: &str = "# What becomes of errors of NVML

Every code of `nvmlReturn_t` (1 to 33, and 999) was injected at every call that the harness makes to
the driver, on an emulated H100 NVL: from the start; later, for good; and, for calls that are made for
every sample, later and once. The test `nvml_errors` takes these runs, writes this table, and fails
where it differs. It also looks at every energy: none may be zero, and none may be a part of the truth.

- **refused**: `joulebench run` ends with exit code 3 and an error that names call and reason; nothing
  is sealed.
- **fault**: the run is kept as a failed attempt with this code, enters no estimate, and is tried again.
- **absent**: the run is good; these columns have gaps or nothing, and the trace lists them with their
  reason. The energy counter is whole, or the run has no energy and says why.
- **whole**: nothing of the measurement is missing. A fact about the board, such as its firmware, may
  be empty in the header.

";

fn table(cases: &[Case], outcomes: &[String]) -> String {
    let mut text = PREFACE.to_owned();
    text.push_str("| call | when | codes | outcome |\n|---|---|---|---|\n");
    let mut groups: BTreeMap<(usize, When), BTreeMap<&str, Vec<u32>>> = BTreeMap::new();
    for (case, outcome) in cases.iter().zip(outcomes) {
        let group = groups.entry((case.site, case.when)).or_default();
        group.entry(outcome).or_default().push(case.code);
    }
    for ((site, when), outcomes) in groups {
        let mut outcomes: Vec<(&str, Vec<u32>)> = outcomes.into_iter().collect();
        outcomes.sort_by_key(|(_, codes)| codes[0]);
        for (outcome, codes) in outcomes {
            let (call, when, codes) = (SITES[site].call, when.text(), ranges(&codes));
            writeln!(text, "| `{call}` | {when} | {codes} | {outcome} |").unwrap();
        }
    }
    text
}

#[test]
fn every_error_at_every_call_is_a_refusal_a_fault_or_an_absence() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let outcomes = take_all(&cases, folder.path());
    assert_eq!(outcomes.len(), cases.len(), "a thread gave up");
    assert_no_energy_is_partial(folder.path(), cases.len());

    let found = table(&cases, &outcomes);
    let file = repository::root().join("docs/nvml-errors.md");
    if fs::read_to_string(&file).ok().as_deref() != Some(&found) {
        let new = file.with_extension("md.new");
        fs::write(&new, &found).unwrap();
        panic!(
            "the outcomes differ from {}; compare with {} and move it there if it is right",
            file.display(),
            new.display()
        );
    }
}
