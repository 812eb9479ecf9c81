//! Giving back what an earlier harness left, from its ledger. Whoever does it holds the lock of the
//! GPU, so that nobody else does the same.

use std::path::Path;

use super::give_back::give_back;
use super::{ControlError, Knobs, Ledger, LedgerError, ledger};

/// What became of the ledger of an earlier harness.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// There was none.
    Nothing,
    /// The machine was started since, and the settings went with that.
    Outlived,
    /// Everything in it was given back.
    Done(Ledger),
}

/// Gives back what a ledger says and removes it.
pub(super) fn replay(knobs: &mut dyn Knobs, file: &Path) -> Result<Replay, ControlError> {
    let of_ledger = |reason: LedgerError| ControlError::Ledger {
        file: file.to_owned(),
        reason,
    };
    let Some(ledger) = Ledger::load(file).map_err(of_ledger)? else {
        return Ok(Replay::Nothing);
    };
    let replay = if ledger.is_of_an_earlier_start() {
        Replay::Outlived
    } else {
        give_back(knobs, &ledger).map_err(|kept| kept.into_error(&ledger.gpu))?;
        Replay::Done(ledger)
    };
    ledger::remove(file).map_err(of_ledger)?;
    Ok(replay)
}

#[cfg(test)]
mod tests {
    use super::super::give_back::tests::Board;
    use super::super::ledger::tests::ledger;
    use super::*;

    #[test]
    fn what_was_left_is_given_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.ledger");
        let mut board = Board::default();
        assert_eq!(replay(&mut board, &file).unwrap(), Replay::Nothing);
        ledger().save(&file).unwrap();
        assert_eq!(replay(&mut board, &file).unwrap(), Replay::Done(ledger()));
        assert_eq!(board.lock, ledger().prior.sm_clock_lock);
        assert_eq!(replay(&mut board, &file).unwrap(), Replay::Nothing);
    }

    #[test]
    fn a_restart_of_the_machine_has_given_back_already() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.ledger");
        let mut earlier = ledger();
        earlier.boot_id = "an earlier start".to_owned();
        earlier.save(&file).unwrap();
        let mut board = Board::default();
        assert_eq!(replay(&mut board, &file).unwrap(), Replay::Outlived);
        assert_eq!(board.lock, None, "nothing is set");
        assert!(!file.exists());
    }

    #[test]
    fn what_fails_keeps_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.ledger");
        ledger().save(&file).unwrap();
        let mut board = Board {
            refuses_clocks: true,
            ..Board::default()
        };
        let error = replay(&mut board, &file).unwrap_err();
        assert!(matches!(error, ControlError::Permission { .. }), "{error}");
        assert!(file.exists());

        fs_err::write(&file, b"half a led").unwrap();
        let error = replay(&mut Board::default(), &file).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        assert!(file.exists());
    }
}
