//! No byte of a ledger may be missing or altered without notice.

use proptest::prelude::*;

use super::super::{ApplicationClocks, ClockRange};
use super::*;

pub(in super::super) fn ledger() -> Ledger {
    Ledger::new(
        "GPU-1",
        [Setting::SmClock, Setting::PowerLimit].into(),
        Prior {
            sm_clock_lock: Some("1005,1500".parse().unwrap()),
            power_limit_mw: Some(600_000),
            application_clocks: Some(ApplicationClocks {
                memory_mhz: 3_201,
                sm_mhz: 1_980,
            }),
            persistence: Some(true),
        },
    )
}

fn priors() -> impl Strategy<Value = Prior> {
    let ranges = (1..5_000_u32, 0..5_000_u32)
        .prop_map(|(low, more)| ClockRange::try_from([low, low + more]).unwrap());
    (
        proptest::option::of(ranges),
        proptest::option::of(0..2_000_000_u64),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(sm_clock_lock, power_limit_mw, persistence)| Prior {
            sm_clock_lock,
            power_limit_mw,
            application_clocks: None,
            persistence,
        })
}

proptest! {
    #[test]
    fn what_was_written_is_read(prior in priors()) {
        let ledger = Ledger { prior, ..ledger() };
        prop_assert_eq!(Ledger::parse(&ledger.to_bytes()).unwrap(), ledger);
    }

    #[test]
    fn every_altered_byte_is_noticed(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = ledger().to_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(Ledger::parse(&bytes).is_err());
    }

    #[test]
    fn several_altered_bytes_are_noticed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let good = ledger().to_bytes();
        let mut bytes = good.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert!(bytes == good || Ledger::parse(&bytes).is_err());
    }

    #[test]
    fn more_is_as_bad_as_less(tail in prop::collection::vec(any::<u8>(), 1..40)) {
        let mut bytes = ledger().to_bytes();
        bytes.extend(tail);
        prop_assert!(Ledger::parse(&bytes).is_err());
    }

    #[test]
    fn anything_at_all_gives_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Ledger::parse(&bytes).is_err());
    }

    /// A checksum that holds does not make sense of nonsense.
    #[test]
    fn a_sealed_line_must_still_be_a_ledger(line in "[ -~]{0,200}") {
        let bytes = format!("{line}\n{SEAL}{}\n", seal(line.as_bytes()));
        prop_assert!(Ledger::parse(bytes.as_bytes()).is_err());
    }
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = ledger().to_bytes();
    for length in 0..bytes.len() {
        assert!(
            matches!(
                Ledger::parse(&bytes[..length]),
                Err(LedgerError::Damaged { .. })
            ),
            "{length} of {} bytes were taken for a ledger",
            bytes.len()
        );
    }
}

#[test]
fn another_version_is_not_guessed_at() {
    let line = r#"{"format":2,"mystery":true}"#;
    let bytes = format!("{line}\n{SEAL}{}\n", seal(line.as_bytes()));
    assert!(matches!(
        Ledger::parse(bytes.as_bytes()),
        Err(LedgerError::Version { found: 2 })
    ));
}

#[test]
fn files_are_saved_loaded_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("GPU-1.ledger");
    assert!(Ledger::load(&file).unwrap().is_none());
    ledger().save(&file).unwrap();
    assert_eq!(Ledger::load(&file).unwrap(), Some(ledger()));
    assert!(!temporary(&file).exists());
    fs_err::write(&file, vec![b'x'; 1 << 20]).unwrap();
    assert!(matches!(
        Ledger::load(&file),
        Err(LedgerError::Damaged { .. })
    ));
    remove(&file).unwrap();
    remove(&file).unwrap();
    assert!(!file.exists());
}

#[test]
fn a_start_of_the_machine_is_told_from_another() {
    let mut ledger = ledger();
    assert!(!ledger.is_of_an_earlier_start());
    assert_eq!(ledger.boot_id.len(), 36);
    ledger.boot_id = "another".to_owned();
    assert!(ledger.is_of_an_earlier_start());
}
