//! Who else uses the device while a window is taken: everybody but the worker and its children.
//!
//! A driver inside a container may give the process numbers of the host, which nobody here knows. So
//! whoever is there when the worker is ready counts as the worker's, where none of the numbers is
//! known to descend from this process: before the worker was started the device had no user.

use std::collections::BTreeSet;

use model::reason::RunFault;
use model::trace::Fault;
use model::units::Nanos;

use super::fault;

/// Time between two looks.
const LOOK_PERIOD: Nanos = Nanos::from_millis(1_000);
/// More generations than anybody starts workers through.
const MOST_GENERATIONS: usize = 64;

/// Whom the device belongs to.
#[derive(Debug, Default)]
pub(super) struct Company {
    own: Option<BTreeSet<u32>>,
    next_look: Nanos,
}

impl Company {
    /// Whether it is time to look again.
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        now >= self.next_look
    }

    /// Looks at who uses the device now; `is_own` says whether a process descends from this one.
    /// Without numbers from the driver nothing can be said.
    pub(super) fn look(
        &mut self,
        now: Nanos,
        users: Option<Vec<u32>>,
        is_own: impl Fn(u32) -> bool,
    ) -> Result<(), Fault> {
        self.next_look = now + LOOK_PERIOD;
        let Some(users) = users else { return Ok(()) };
        if self.own.is_none() && !users.iter().any(|user| is_own(*user)) {
            self.own = Some(users.into_iter().collect());
            return Ok(());
        }
        let own = self.own.get_or_insert_default();
        let strangers: Vec<String> = users
            .iter()
            .filter(|user| !own.contains(user) && !is_own(**user))
            .map(u32::to_string)
            .collect();
        if strangers.is_empty() {
            return Ok(());
        }
        Err(fault(
            RunFault::ForeignProcess,
            format!(
                "process {} used the device while the worker did; the window was given up",
                strangers.join(", ")
            ),
        ))
    }
}

/// Whether a process descends from this one, by the process table of this machine.
pub(super) fn descends_from_us(process: u32) -> bool {
    let us = std::process::id();
    let mut current = process;
    for _ in 0..MOST_GENERATIONS {
        match parent_of(current) {
            Some(parent) if parent == us => return true,
            Some(parent) if parent > 1 => current = parent,
            _ => return false,
        }
    }
    false
}

fn parent_of(process: u32) -> Option<u32> {
    let line = fs_err::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything, so the last one counts.
    let (_, after_name) = line.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const NOW: Nanos = Nanos::from_millis(5_000);

    fn look(company: &mut Company, users: &[u32], own: &[u32]) -> Option<String> {
        company
            .look(NOW, Some(users.to_vec()), |user| own.contains(&user))
            .err()
            .map(|fault| fault.detail)
    }

    #[test]
    fn the_worker_and_its_children_are_no_strangers() {
        let mut company = Company::default();
        assert_eq!(look(&mut company, &[70], &[70]), None);
        assert_eq!(look(&mut company, &[70, 71], &[70, 71]), None);
        assert_eq!(
            look(&mut company, &[9, 70], &[70]).as_deref(),
            Some("process 9 used the device while the worker did; the window was given up")
        );
    }

    #[test]
    fn a_stranger_beside_the_worker_is_seen_at_the_first_look() {
        assert!(look(&mut Company::default(), &[9, 70], &[70]).is_some());
    }

    #[test]
    fn numbers_of_another_namespace_are_learnt_and_then_held_to() {
        let mut company = Company::default();
        assert_eq!(look(&mut company, &[40_001], &[]), None);
        assert_eq!(look(&mut company, &[40_001], &[]), None);
        assert!(look(&mut company, &[40_001, 40_002], &[]).is_some());
    }

    #[test]
    fn without_numbers_nothing_is_said_and_looks_are_a_second_apart() {
        let mut company = Company::default();
        assert!(company.is_due(NOW));
        company.look(NOW, None, |_| false).unwrap();
        assert!(!company.is_due(NOW + Nanos::from_millis(999)));
        assert!(company.is_due(NOW + LOOK_PERIOD));
    }

    #[test]
    fn the_process_table_knows_our_children() {
        let mut child = Command::new("/bin/cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("every system has it");
        let id = child.id();
        let is_ours = descends_from_us(id);
        drop(child.stdin.take());
        child.wait().expect("it ends with its input");
        assert!(is_ours);
        assert!(!descends_from_us(1));
        assert!(!descends_from_us(std::process::id()));
    }
}
