//! `joulebench run`

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use harness::control::signals::give_back_on_signals;
use harness::control::{ControlError, Lease, PriorLock, Wish};
use harness::device::Backend;
use harness::plan_file;
use harness::store::{Durability, Store};
use harness::sweep::{self, Budget, Outlook, SweepEnd};
use harness::worker::offer;
use model::plan::{DeviceKind, Plan};

use crate::args::RunArguments;
use crate::exit::Exit;
use crate::output::say;
use crate::progress::SweepBar;

pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    let plan = plan_file::read(&arguments.file)?;
    let text = fs_err::read_to_string(&arguments.file)?;
    // Everything that can refuse does so before the store is made.
    offer::check(&plan)?;
    let wish = allowed_wish(&plan, arguments)?;
    let mut backend = Backend::load(&plan.session)?;
    drop(backend.open(plan.session.device_index)?);
    let stated = arguments.prior_sm_clock_lock.unwrap_or(PriorLock::Unstated);
    let wish = wish.as_ref().map(|wish| (wish, stated));
    let lease = backend.lease(plan.session.device_index, wish)?;
    if let Some(lease) = &lease {
        give_back_on_signals(lease, tell)?;
    }
    let taken = take(&plan, &backend, arguments, &text);
    // What was changed comes back whatever the sweep came to.
    let given_back = lease.as_deref().map_or(Ok(()), Lease::end);
    if let (Err(_), Err(error)) = (&taken, &given_back) {
        tell(error);
    }
    let exit = taken?;
    given_back?;
    Ok(exit)
}

/// What the plan changes on a GPU, where the user allowed it. An emulated card in virtual time is
/// changed without asking.
fn allowed_wish(plan: &Plan, arguments: &RunArguments) -> Result<Option<Wish>, ControlError> {
    let wish = Wish::of(plan).filter(|_| plan.session.device == DeviceKind::Nvml);
    match wish {
        Some(wish) if !arguments.allow_control => Err(ControlError::NotAllowed {
            asks: wish.in_words(),
        }),
        wish => Ok(wish),
    }
}

fn tell(error: &ControlError) {
    eprintln!("error: {error}");
}

fn take(
    plan: &Plan,
    backend: &Backend,
    arguments: &RunArguments,
    text: &str,
) -> anyhow::Result<Exit> {
    let root = arguments.store.join(&plan.name);
    let store = Store::open(&root, text, Durability::of(plan.session.device))
        .with_context(|| format!("store {}", root.display()))?;

    let before = Outlook::of(plan, &root)?;
    let mut bar = SweepBar::new(before.runs.len(), before.sealed.len());
    let clock = match plan.session.device {
        DeviceKind::Emulated => no_wall_time,
        DeviceKind::Nvml | DeviceKind::Cpu => wall_time,
    };
    let budget = Budget::starting_now(arguments.budget);
    let end = sweep::run(plan, backend, &store, budget, clock, &mut bar);
    bar.finish();
    let end = end?;
    // The first stage may have decided for more.
    let total = Outlook::of(plan, &root)?.runs.len();
    say!("{}", summary(&end, total, &root.display().to_string()));
    Ok(match end {
        SweepEnd::Complete => Exit::Success,
        SweepEnd::BudgetSpent { .. } => Exit::MoreToDo,
        SweepEnd::Failures { .. } => Exit::RunsFailed,
    })
}

fn summary(end: &SweepEnd, total: usize, root: &str) -> String {
    match end {
        SweepEnd::Complete => format!("all {total} runs are sealed in {root}"),
        SweepEnd::BudgetSpent { left } => {
            format!("budget spent: {left} of {total} runs are left; the same command goes on")
        }
        SweepEnd::Failures { failed } => format!(
            "{failed} of {total} runs failed, see {root}/failed; the same command tries them again"
        ),
    }
}

/// A note for people in the trace; no result depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "the date of a measurement, for people only"
)]
fn wall_time() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Emulated traces are the same bytes whenever they are made.
const fn no_wall_time() -> Option<u64> {
    None
}
