//! Giving back what nobody gave back: the harness and its watchdog died together, or the power
//! failed.

use super::replay::{Replay, replay};
use super::{ControlError, Folder, GpuLock, Knobs};

/// What became of one ledger.
#[derive(Debug)]
pub enum Repaired {
    /// Everything in it was given back.
    GivenBack,
    /// The machine was started since: the driver forgot the settings by itself.
    ForgottenByRestart,
    /// Whoever wrote it gave it back in the meantime.
    AlreadyGone,
    /// It could not be given back, and is kept.
    Kept(ControlError),
}

/// Gives back every ledger of a folder, with the UUID of its GPU. `open` finds the GPU of a UUID.
///
/// # Errors
/// Where the folder cannot be read.
pub fn repair(
    folder: &Folder,
    open: impl Fn(&str) -> Result<Box<dyn Knobs>, ControlError>,
) -> Result<Vec<(String, Repaired)>, ControlError> {
    let repaired = folder
        .ledgers()?
        .into_iter()
        .map(|(gpu, file)| {
            let outcome = (|| {
                folder.make_for_locks()?;
                let _lock = GpuLock::take(&folder.lock_of(&gpu), &gpu)?;
                replay(open(&gpu)?.as_mut(), &file)
            })();
            let repaired = match outcome {
                Ok(Replay::Done(_)) => Repaired::GivenBack,
                Ok(Replay::Outlived) => Repaired::ForgottenByRestart,
                Ok(Replay::Nothing) => Repaired::AlreadyGone,
                Err(error) => Repaired::Kept(error),
            };
            (gpu, repaired)
        })
        .collect();
    Ok(repaired)
}
