//! Writing the prior state. Always the whole of it, and always, whether it seems needed or not: the
//! lock of the clock cannot be read, and who puts back twice does no harm.

use model::units::Milliwatts;

use super::{ControlError, KnobError, Knobs, Ledger, Setting, missing_right};

/// What was not given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The setting.
    pub(super) setting: Setting,
    /// Why.
    pub(super) reason: KnobError,
}

impl Kept {
    /// As an error for people.
    pub(super) fn into_error(self, gpu: &str) -> ControlError {
        match self.reason {
            reason @ KnobError::NoPermission { .. } => not_done(self.setting, gpu, reason),
            KnobError::Refused { .. } => ControlError::NotGivenBack {
                setting: self.setting,
                gpu: gpu.to_owned(),
                reason: self.reason.to_string(),
            },
        }
    }
}

/// A change that the driver refused, as an error for people.
pub(super) fn not_done(setting: Setting, gpu: &str, reason: KnobError) -> ControlError {
    let gpu = gpu.to_owned();
    match reason {
        KnobError::NoPermission { .. } => ControlError::Permission {
            setting,
            gpu,
            right: missing_right(),
        },
        reason @ KnobError::Refused { .. } => ControlError::Refused {
            setting,
            gpu,
            reason,
        },
    }
}

/// Puts every setting that the ledger names back to its prior state and reads it again where it can
/// be read. A setting that fails does not keep the others from being given back; the first failure
/// is returned.
pub(super) fn give_back(knobs: &mut dyn Knobs, ledger: &Ledger) -> Result<(), Kept> {
    let mut first = Ok(());
    for &setting in &ledger.touches {
        let given = match setting {
            Setting::SmClock => give_back_sm_clock(knobs, ledger),
            Setting::PowerLimit => give_back_power_limit(knobs, ledger),
        };
        first = first.and(given.map_err(|reason| Kept { setting, reason }));
    }
    first
}

fn give_back_sm_clock(knobs: &mut dyn Knobs, ledger: &Ledger) -> Result<(), KnobError> {
    match ledger.prior.sm_clock_lock {
        Some(range) => knobs.lock_sm_clock(range),
        None => knobs.free_sm_clock(),
    }
}

fn give_back_power_limit(knobs: &mut dyn Knobs, ledger: &Ledger) -> Result<(), KnobError> {
    let Some(prior) = ledger.prior.power_limit_mw.map(Milliwatts::new) else {
        return Err(KnobError::Refused {
            call: "ledger",
            reason: "has no power limit".to_owned(),
        });
    };
    knobs.set_power_limit(prior)?;
    match knobs.read()?.power_limit {
        Some(now) if now == prior => Ok(()),
        now => Err(KnobError::Refused {
            call: "power limit",
            reason: format!("was set to {prior} and reads {now:?}"),
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ledger::tests::ledger;
    use super::super::{ClockRange, LockEvidence, Readable};
    use super::*;

    /// A board that does what it is told, except for what it is told to refuse.
    #[derive(Default)]
    pub(in super::super) struct Board {
        pub(in super::super) lock: Option<ClockRange>,
        pub(in super::super) limit_mw: u64,
        pub(in super::super) refuses_clocks: bool,
        pub(in super::super) ignores_limits: bool,
    }

    impl Knobs for Board {
        fn read(&mut self) -> Result<Readable, KnobError> {
            Ok(Readable {
                power_limit: Some(Milliwatts::new(self.limit_mw)),
                ..Readable::default()
            })
        }

        fn lock_evidence(&mut self) -> Result<LockEvidence, KnobError> {
            Ok(LockEvidence::default())
        }

        fn lock_sm_clock(&mut self, range: ClockRange) -> Result<(), KnobError> {
            if self.refuses_clocks {
                return Err(KnobError::NoPermission { call: "lock" });
            }
            self.lock = Some(range);
            Ok(())
        }

        fn free_sm_clock(&mut self) -> Result<(), KnobError> {
            self.lock = None;
            Ok(())
        }

        fn set_power_limit(&mut self, limit: Milliwatts) -> Result<(), KnobError> {
            if !self.ignores_limits {
                self.limit_mw = limit.get();
            }
            Ok(())
        }
    }

    #[test]
    fn everything_comes_back_to_what_the_ledger_says() {
        let ledger = ledger();
        let mut board = Board {
            limit_mw: 300_000,
            ..Board::default()
        };
        give_back(&mut board, &ledger).unwrap();
        assert_eq!(board.lock, ledger.prior.sm_clock_lock);
        assert_eq!(Some(board.limit_mw), ledger.prior.power_limit_mw);

        let mut free = ledger;
        free.prior.sm_clock_lock = None;
        give_back(&mut board, &free).unwrap();
        assert_eq!(board.lock, None);
    }

    #[test]
    fn one_failure_is_told_and_does_not_stop_the_rest() {
        let ledger = ledger();
        let mut board = Board {
            refuses_clocks: true,
            ..Board::default()
        };
        let kept = give_back(&mut board, &ledger).unwrap_err();
        assert_eq!(kept.setting, Setting::SmClock);
        assert_eq!(Some(board.limit_mw), ledger.prior.power_limit_mw);
    }

    #[test]
    fn a_limit_that_does_not_take_is_noticed() {
        let mut board = Board {
            ignores_limits: true,
            ..Board::default()
        };
        let kept = give_back(&mut board, &ledger()).unwrap_err();
        assert_eq!(kept.setting, Setting::PowerLimit);
    }

    #[test]
    fn what_the_ledger_does_not_name_is_left_alone() {
        let mut ledger = ledger();
        ledger.touches.remove(&Setting::PowerLimit);
        let mut board = Board::default();
        give_back(&mut board, &ledger).unwrap();
        assert_eq!(board.limit_mw, 0);
    }
}
