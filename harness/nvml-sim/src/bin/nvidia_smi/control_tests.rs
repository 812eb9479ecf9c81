//! What the tool says, and with which exit code it ends, for each way a setting can go.

use super::*;
use crate::item::{ClockOf, Domain};
use crate::synthetic::Synthetic;

fn apply_once(setting: Setting, card: &mut Synthetic) -> Outcome {
    apply(setting, &mut [card], false)
}

#[test]
fn a_lock_is_confirmed_with_its_range_and_the_bus() {
    let mut card = Synthetic::v100();
    let outcome = apply_once(
        Setting::LockGraphicsClocks {
            min_mhz: 1200,
            max_mhz: 1200,
        },
        &mut card,
    );
    assert_eq!(
        outcome.text,
        "GPU clocks set to \"(gpuClkMin 1200, gpuClkMax 1200)\" for GPU 00000000:3B:00.0\n\
         All done.\n"
    );
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(card.settings.len(), 1);
}

#[test]
fn application_clocks_and_memory_clocks_are_confirmed() {
    let mut card = Synthetic::v100();
    let outcome = apply_once(
        Setting::ApplicationClocks {
            memory_mhz: 877,
            graphics_mhz: 1380,
        },
        &mut card,
    );
    assert_eq!(
        outcome.text,
        "Applications clocks set to \"(MEM 877, SM 1380)\" for GPU 00000000:3B:00.0\nAll done.\n"
    );
    let outcome = apply_once(
        Setting::LockMemoryClocks {
            min_mhz: 877,
            max_mhz: 877,
        },
        &mut card,
    );
    assert!(
        outcome
            .text
            .starts_with("Memory clocks set to \"(memClkMin 877, memClkMax 877)\"")
    );
    assert_eq!(
        apply_once(Setting::ResetGraphicsClocks, &mut card).text,
        "All done.\n"
    );
}

#[test]
fn without_permission_the_exit_code_is_four_and_later_cards_are_left_alone() {
    let mut first = Synthetic::v100();
    first.refusal = Some(Failure::NoPermission);
    let mut second = Synthetic::h100();
    let outcome = apply(
        Setting::LockGraphicsClocks {
            min_mhz: 1200,
            max_mhz: 1200,
        },
        &mut [&mut first, &mut second],
        false,
    );
    assert_eq!(
        outcome.text,
        "The current user does not have permission to change clocks for GPU 00000000:3B:00.0.\n\
         Terminating early due to previous errors.\n"
    );
    assert_eq!(outcome.exit_code, 4);
    assert!(second.settings.is_empty());

    let mut card = Synthetic::v100();
    card.refusal = Some(Failure::NoPermission);
    let outcome = apply_once(
        Setting::PowerLimit {
            milliwatts: 200_000,
        },
        &mut card,
    );
    assert_eq!(
        outcome.text,
        "Failed to set power management limit for GPU 00000000:3B:00.0: Insufficient Permissions\n\
         Terminating early due to previous errors.\n"
    );
    assert_eq!(outcome.exit_code, 4);
    let outcome = apply_once(Setting::Persistence(true), &mut card);
    assert_eq!(
        outcome.text,
        "Unable to set persistence mode for GPU 00000000:3B:00.0: Insufficient Permissions\n\
         Terminating early due to previous errors.\n"
    );
}

#[test]
fn a_setting_that_the_card_lacks_is_a_warning_unless_warnings_are_errors() {
    let mut card = Synthetic::v100();
    card.refusal = Some(Failure::NotSupported);
    let setting = Setting::LockMemoryClocks {
        min_mhz: 877,
        max_mhz: 877,
    };
    let outcome = apply_once(setting, &mut card);
    assert_eq!(
        outcome.text,
        "Setting locked Memory clocks is not supported for GPU 00000000:3B:00.0.\n\
         Treating as warning and moving on.\n\
         All done.\n"
    );
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(apply(setting, &mut [&mut card], true).exit_code, 3);
}

#[test]
fn a_pair_of_clocks_that_does_not_exist_points_to_the_list() {
    let mut card = Synthetic::v100();
    card.refusal = Some(Failure::InvalidArgument);
    let outcome = apply_once(
        Setting::ApplicationClocks {
            memory_mhz: 877,
            graphics_mhz: 1,
        },
        &mut card,
    );
    assert!(outcome.text.starts_with(
        "Specified clock combination \"(MEM 877, SM 1)\" is not supported for GPU \
         00000000:3B:00.0. Run 'nvidia-smi -q -d SUPPORTED_CLOCKS'"
    ));
    assert_eq!(outcome.exit_code, 0);
}

#[test]
fn a_power_limit_tells_what_it_was_and_warns_without_persistence() {
    let mut card = Synthetic::v100();
    let outcome = apply_once(
        Setting::PowerLimit {
            milliwatts: 200_000,
        },
        &mut card,
    );
    assert!(outcome.text.starts_with(
        "Power limit for GPU 00000000:3B:00.0 was set to 200.00 W from 250.00 W.\n\
         \nWarning: persistence mode is disabled on device 00000000:3B:00.0."
    ));
    assert!(outcome.text.ends_with("All done.\n"));

    let mut card = Synthetic::h100();
    let outcome = apply_once(
        Setting::PowerLimit {
            milliwatts: 300_000,
        },
        &mut card,
    );
    assert_eq!(
        outcome.text,
        "Power limit for GPU 00000000:E1:00.0 was set to 300.00 W from 400.00 W.\nAll done.\n"
    );
}

#[test]
fn a_power_limit_out_of_range_is_refused_before_the_driver_is_asked() {
    let mut card = Synthetic::v100();
    let outcome = apply_once(Setting::PowerLimit { milliwatts: 10_000 }, &mut card);
    assert_eq!(
        outcome.text,
        "Provided power limit 10.00 W is not a valid power limit which should be between \
         100.00 W and 250.00 W for GPU 00000000:3B:00.0\n\
         Terminating early due to previous errors.\n"
    );
    assert_eq!(outcome.exit_code, 2);
    assert!(card.settings.is_empty());
}

#[test]
fn persistence_is_only_set_where_it_differs() {
    let mut card = Synthetic::h100();
    let outcome = apply_once(Setting::Persistence(true), &mut card);
    assert_eq!(
        outcome.text,
        "Persistence mode is already Enabled for GPU 00000000:E1:00.0.\nAll done.\n"
    );
    assert!(card.settings.is_empty());
    let outcome = apply_once(Setting::Persistence(false), &mut card);
    assert_eq!(
        outcome.text,
        "Disabled persistence mode for GPU 00000000:E1:00.0.\nAll done.\n"
    );
}

#[test]
fn a_lost_card_ends_with_fifteen() {
    let mut card = Synthetic::v100();
    card.refusal = Some(Failure::GpuLost);
    let outcome = apply_once(Setting::ResetApplicationClocks, &mut card);
    assert_eq!(outcome.exit_code, 15);
    assert!(outcome.text.contains("GPU is lost"));
    assert!(card.read(Item::Clock(ClockOf::Current, Domain::Sm)).is_ok());
}
