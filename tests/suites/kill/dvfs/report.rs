//! What was killed, what came of it, and the figures of many kills.

use std::fmt::Write as _;

use rustix::process::Signal;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    /// The harness, SIGKILL.
    Harness,
    /// The process group of the harness, SIGKILL: what a batch system or a shell does.
    Group,
    /// The watchdog, and the harness up to half a second later.
    WatchdogFirst,
    /// Both at the same moment: nobody is left to give back until the next start.
    Both,
    /// The harness, by a signal that it can catch.
    Caught(i32),
}

impl Victim {
    /// What is killed in each of a hundred cases.
    pub(super) fn of_a_hundred(number: u64) -> Self {
        match number {
            0..65 => Self::Harness,
            65..75 => Self::Group,
            75..83 => Self::WatchdogFirst,
            83..90 => Self::Both,
            90..96 => Self::Caught(Signal::TERM.as_raw()),
            96..98 => Self::Caught(Signal::INT.as_raw()),
            _ => Self::Caught(Signal::HUP.as_raw()),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Harness => "harness",
            Self::Group => "process group",
            Self::WatchdogFirst => "watchdog, then harness",
            Self::Both => "harness and watchdog",
            Self::Caught(_) => "SIGTERM, SIGINT, SIGHUP",
        }
    }
}

/// One kill and what came of it.
pub(super) struct Round {
    pub(super) lane: usize,
    pub(super) victim: Victim,
    pub(super) after_ms: u64,
    /// From the kill to the moment at which the last setting was back; `None` where nothing was
    /// changed at the kill, or nobody was left to give back.
    pub(super) restored_ns: Option<u64>,
    pub(super) sealed: usize,
}

/// What a lane saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) rounds: Vec<Round>,
    pub(super) losses: Vec<String>,
    pub(super) sweeps: usize,
}

/// One line for each kill.
pub(super) fn log(seen: &[Seen]) -> String {
    let mut text = "lane,victim,after_ms,restored_ms,sealed_before\n".to_owned();
    for round in seen.iter().flat_map(|seen| &seen.rounds) {
        let restored = round.restored_ns.map_or(String::new(), in_ms);
        writeln!(
            text,
            "{},\"{}\",{},{restored},{}",
            round.lane,
            round.victim.name(),
            round.after_ms,
            round.sealed
        )
        .unwrap();
    }
    text
}

pub(super) fn summary(seen: &[Seen]) -> String {
    let rounds: Vec<&Round> = seen.iter().flat_map(|seen| &seen.rounds).collect();
    let losses: usize = seen.iter().map(|seen| seen.losses.len()).sum();
    let sweeps: usize = seen.iter().map(|seen| seen.sweeps).sum();
    let mut text = format!(
        "{} kills, {losses} losses, {sweeps} sweeps completed\n",
        rounds.len()
    );
    let mut names: Vec<&str> = rounds.iter().map(|round| round.victim.name()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().chain(["all"]) {
        let of_name: Vec<&&Round> = rounds
            .iter()
            .filter(|round| name == "all" || round.victim.name() == name)
            .collect();
        let mut times: Vec<u64> = of_name
            .iter()
            .filter_map(|round| round.restored_ns)
            .collect();
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get((times.len() * share / 100).min(times.len().saturating_sub(1)))
                .copied()
                .map_or("-".to_owned(), in_ms)
        };
        writeln!(
            text,
            "{name}: {} kills, {} while something was changed; given back after median {} ms, p99 {} ms, longest {} ms",
            of_name.len(),
            times.len(),
            at(50),
            at(99),
            at(100)
        )
        .unwrap();
    }
    text
}

fn in_ms(ns: u64) -> String {
    format!("{}.{}", ns / 1_000_000, ns / 100_000 % 10)
}
