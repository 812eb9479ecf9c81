//! Runs on a real device, one after the other. A run with a fault is kept as a failed attempt and
//! tried again at the end of its block, as often as the plan allows.

use std::collections::BTreeMap;

use model::mark::Mark;
use model::point::Point;
use model::reason::RunFault;
use model::run::Run;
use model::trace::{Fault, Stage, TraceHeader};
use model::units::Seconds;

use super::{Left, Streak, Sweep, SweepEnd, SweepError, SweepObserver, end_with};
use crate::clock::monotonic_now;
use crate::session::{self, Circumstances, SessionObserver};
use crate::store::read_trace;

/// Loading of a model is not in the plan; until a run shows it, this much is added.
const EXPECTED_LOADING_S: f64 = 5.0;

/// Takes those of the runs that are left.
pub(super) fn take(
    sweep: &Sweep<'_>,
    runs: &[Run],
    left: &[Left<'_>],
    observer: &mut dyn SweepObserver,
) -> Result<SweepEnd, SweepError> {
    let mut progress = Progress {
        sweep,
        runs,
        not_sealed: left.len(),
        longest: None,
        streak: Streak::default(),
        block_c: BTreeMap::new(),
        digests: BTreeMap::new(),
    };
    for block in left.chunk_by(|(_, a), (_, b)| a.block == b.block) {
        let mut waiting = block.to_vec();
        for _attempt in 0..=sweep.plan.retries {
            let mut failed = Vec::new();
            for (index, run) in waiting {
                if !progress.fits() {
                    return Ok(SweepEnd::BudgetSpent {
                        left: progress.not_sealed,
                    });
                }
                if !progress.take_one(index, run, observer)? {
                    failed.push((index, run));
                }
            }
            waiting = failed;
        }
    }
    Ok(end_with(progress.not_sealed))
}

/// How far the sweep is, and what the next run has to know of those before it.
struct Progress<'a> {
    sweep: &'a Sweep<'a>,
    runs: &'a [Run],
    not_sealed: usize,
    longest: Option<Seconds>,
    streak: Streak,
    /// Temperature of each block, in °C: where the pre-soak of its first good run ended.
    block_c: BTreeMap<u32, i64>,
    /// Digest of the outputs of each point, by its first good run.
    digests: BTreeMap<Point, String>,
}

impl Progress<'_> {
    fn fits(&self) -> bool {
        let session = &self.sweep.plan.session;
        let planned = Seconds::new(session.planned_s() + EXPECTED_LOADING_S);
        self.sweep.budget.allows(self.longest.unwrap_or(planned))
    }

    /// Takes a run; says whether it is sealed.
    fn take_one(
        &mut self,
        index: usize,
        run: &Run,
        observer: &mut dyn SweepObserver,
    ) -> Result<bool, SweepError> {
        let begin = monotonic_now();
        observer.run_begins(run, index + 1);
        let circumstances = Circumstances {
            started_unix_s: (self.sweep.started_unix_s)(),
            block_c: self.temperature_of_block(run)?,
        };
        let mut instrument = self.sweep.backend.open_for(run)?;
        let mut recording = self.sweep.store.record(run.id.clone());
        let mut header = session::record_into(
            instrument.as_mut(),
            run,
            circumstances,
            &mut recording,
            &mut Stages(observer),
        )?;
        if header.faults.is_empty() {
            header.faults.extend(self.inconsistent(&header)?);
        }
        recording.seal(&header)?;
        observer.run_ended(run, &header.faults);
        self.streak.count(run, header.faults.first())?;
        if !header.faults.is_empty() {
            return Ok(false);
        }
        self.not_sealed -= 1;
        self.learn(&header);
        // The longest good run so far is the careful guess for the next one.
        let took = Seconds::from(monotonic_now().saturating_sub(begin));
        self.longest = Some(match self.longest {
            Some(longest) if longest > took => longest,
            _ => took,
        });
        Ok(true)
    }

    /// The temperature of the run's block, also where it was set before the sweep was ended: every
    /// sealed run of the block knows it.
    fn temperature_of_block(&mut self, run: &Run) -> Result<Option<i64>, SweepError> {
        if run.soaking().is_none() || self.block_c.contains_key(&run.block) {
            return Ok(self.block_c.get(&run.block).copied());
        }
        for earlier in self
            .runs
            .iter()
            .filter(|earlier| earlier.block == run.block)
        {
            let file = self.sweep.store.path_of(&earlier.id);
            if file.exists() {
                self.learn(&read_trace(&file)?.header);
                break;
            }
        }
        Ok(self.block_c.get(&run.block).copied())
    }

    /// The same point has the same inputs and weights, so its outputs are the same. Another digest
    /// means other work, whatever the count says. Only plans with a tier judge it.
    fn inconsistent(&mut self, header: &TraceHeader) -> Result<Option<Fault>, SweepError> {
        let run = &header.run;
        let (Some(_), Some(digest)) = (&run.rules, digest_of(header)) else {
            return Ok(None);
        };
        if !self.digests.contains_key(&run.point) {
            let earlier = self
                .runs
                .iter()
                .filter(|earlier| earlier.point == run.point);
            let mut files = earlier.map(|earlier| self.sweep.store.path_of(&earlier.id));
            if let Some(file) = files.find(|file| file.exists()) {
                self.learn(&read_trace(&file)?.header);
            }
        }
        let known = self.digests.get(&run.point);
        Ok(known.filter(|known| *known != digest).map(|known| Fault {
            fault: RunFault::WorkInconsistent,
            detail: format!(
                "the outputs have the digest {digest}, those of an earlier run of this point {known}"
            ),
        }))
    }

    fn learn(&mut self, header: &TraceHeader) {
        if let Some(digest) = digest_of(header) {
            let point = header.run.point.clone();
            self.digests
                .entry(point)
                .or_insert_with(|| digest.to_owned());
        }
        let soaked = header.pre_soak.as_ref().filter(|soak| soak.is_settled);
        if let Some(block_c) = soaked.and_then(|soak| soak.target_c.or(soak.reached_c)) {
            self.block_c.entry(header.run.block).or_insert(block_c);
        }
    }
}

/// The digest that the worker gave, where it gave one.
fn digest_of(header: &TraceHeader) -> Option<&str> {
    let mut marks = header.marks.iter();
    marks.find_map(|received| match &received.mark {
        Mark::Done { digest, .. } if !digest.is_empty() => Some(digest.as_str()),
        _ => None,
    })
}

/// Passes the stages of a session on to the observer of the sweep.
struct Stages<'a>(&'a mut dyn SweepObserver);

impl SessionObserver for Stages<'_> {
    fn stage(&mut self, stage: Stage) {
        self.0.stage(stage);
    }

    fn sampled(&mut self) {
        self.0.sampled();
    }
}

#[cfg(test)]
mod tests {
    use model::plan::{Plan, Tier};
    use model::run::RunRules;
    use model::trace::{PreSoakRecord, Trace};

    use super::*;
    use crate::device::Backend;
    use crate::fixture::{EMULATED_AXES, emulated_plan, emulated_trace, plan, plan_text};
    use crate::store::{Durability, Store};
    use crate::sweep::Budget;

    /// The header of a good run under a tier whose outputs have this digest.
    fn header(digest: &str) -> TraceHeader {
        let mut header = emulated_trace().header;
        header.run.rules = Some(RunRules {
            tier: Tier::Screen,
            pre_soak: None,
        });
        for received in &mut header.marks {
            if let Mark::Done { digest: given, .. } = &mut received.mark {
                digest.clone_into(given);
            }
        }
        header
    }

    /// What the closure sees: a sweep of a plan with a store.
    fn with_progress(plan: &Plan, store: &Store, look: impl FnOnce(Progress<'_>)) {
        let runs = plan.runs();
        let sweep = Sweep {
            plan,
            backend: &Backend::Cpu,
            store,
            budget: Budget::starting_now(None),
            started_unix_s: || None,
        };
        look(Progress {
            sweep: &sweep,
            runs: &runs,
            not_sealed: 0,
            longest: None,
            streak: Streak::default(),
            block_c: BTreeMap::new(),
            digests: BTreeMap::new(),
        });
    }

    #[test]
    fn a_block_has_the_temperature_of_its_first_good_run_also_after_a_break() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path(), "a plan", Durability::Kill).expect("a store");
        let text = plan_text("emulated", EMULATED_AXES, "")
            .replace(
                "blocks = 2",
                "protocol = \"confirm\"\nreference = { batch = 8 }",
            )
            .lines()
            .filter(|line| {
                !["idle_s", "warmup_s", "window_s", "cooldown_s"]
                    .iter()
                    .any(|key| line.starts_with(key))
            })
            .collect::<Vec<_>>()
            .join("\n");
        let plan = plan(&text);
        let runs = plan.runs();
        let mut header = emulated_trace().header;
        header.run = runs[0].clone();
        header.pre_soak = Some(PreSoakRecord {
            target_c: None,
            reached_c: Some(61),
            slope_c_per_min: Some(0.1),
            worked_s: 130.0,
            is_settled: true,
        });
        let next_block = runs.iter().find(|run| run.block == 1).expect("ten blocks");
        with_progress(&plan, &store, |mut progress| {
            assert_eq!(
                progress.temperature_of_block(&runs[0]).expect("readable"),
                None
            );
            progress.learn(&header);
            assert_eq!(
                progress.temperature_of_block(&runs[1]).expect("readable"),
                Some(61)
            );
            assert_eq!(
                progress.temperature_of_block(next_block).expect("readable"),
                None
            );
        });
        let samples = emulated_trace().samples;
        store.seal(&Trace { header, samples }).expect("sealed");
        with_progress(&plan, &store, |mut progress| {
            assert_eq!(
                progress.temperature_of_block(&runs[1]).expect("readable"),
                Some(61)
            );
        });
    }

    #[test]
    fn another_output_for_the_same_work_is_a_fault_also_after_a_break() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path(), "a plan", Durability::Kill).expect("a store");
        let plan = emulated_plan();
        with_progress(&plan, &store, |mut first| {
            assert_eq!(first.inconsistent(&header("one")).expect("readable"), None);
            first.learn(&header("one"));
            assert_eq!(first.inconsistent(&header("one")).expect("readable"), None);
            let fault = first.inconsistent(&header("two")).expect("readable");
            let fault = fault.expect("another digest");
            assert_eq!(fault.fault, RunFault::WorkInconsistent);
            assert!(
                fault.detail.contains("digest two") && fault.detail.ends_with("one"),
                "{}",
                fault.detail
            );
            assert_eq!(
                first.inconsistent(&header("")).expect("readable"),
                None,
                "none was given"
            );
        });
        // A sweep that goes on learns from what is sealed.
        let trace = Trace {
            header: header("one"),
            samples: emulated_trace().samples,
        };
        store.seal(&trace).expect("sealed");
        with_progress(&plan, &store, |mut later| {
            let fault = later.inconsistent(&header("two")).expect("readable");
            assert!(fault.is_some());
            let mut free = header("two");
            free.run.rules = None;
            assert_eq!(later.inconsistent(&free).expect("readable"), None);
        });
    }
}
