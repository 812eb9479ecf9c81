//! One harness for one GPU: a lock on a file that the kernel lets go when the last holder ends.
//!
//! The harness and its watchdog hold it together, so a lock that is free means more than that the
//! harness is gone: nobody is putting settings back either, and a ledger that is still there is left
//! for whoever took the lock.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use model::units::Nanos;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::{FdFlags, fcntl_setfd};

use super::ControlError;
use crate::clock::{Clock as _, MonotonicClock};
use crate::process::is_alive;

/// How long a watchdog may take to put everything back after its harness has died.
const PATIENCE: Nanos = Nanos::from_millis(10_000);
/// Time between two looks.
const LOOK_EVERY: Nanos = Nanos::from_millis(5);
/// Everybody may open the lock, for it says nothing but who has it.
const FOR_EVERYBODY: u32 = 0o666;

/// The lock of a GPU, held until this and every copy in a child process is gone.
#[derive(Debug)]
pub struct GpuLock(File);

impl GpuLock {
    /// Takes the lock, or names who has it. Where the holder is dead and its watchdog still works,
    /// waits for that.
    ///
    /// # Errors
    /// [`ControlError::InUse`], or where the file cannot be made.
    pub fn take(file: &Path, gpu: &str) -> Result<Self, ControlError> {
        let mut lock = open(file)?;
        let give_up = MonotonicClock.now() + PATIENCE;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let pid = holder(&mut lock);
            if pid.is_some_and(is_alive) || MonotonicClock.now() > give_up {
                return Err(ControlError::InUse {
                    gpu: gpu.to_owned(),
                    pid,
                });
            }
            MonotonicClock.sleep_until(MonotonicClock.now() + LOOK_EVERY);
        }
        // Only a message depends on it: a lock of another user may be taken and not written.
        let _ = name_holder(&mut lock);
        Ok(Self(lock))
    }

    /// Starts a child that holds the lock as well.
    pub(super) fn share_with<T>(
        &self,
        start: impl FnOnce() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        fcntl_setfd(self.0.as_fd(), FdFlags::empty())?;
        let started = start();
        fcntl_setfd(self.0.as_fd(), FdFlags::CLOEXEC)?;
        started
    }
}

fn open(file: &Path) -> std::io::Result<File> {
    let options = |create: bool, write: bool| {
        let mut options = File::options();
        options
            .read(true)
            .write(write)
            .create_new(create)
            // The folder is shared: a link put there by somebody else is not followed.
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        options
    };
    let named = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", file.display()))
    };
    loop {
        match options(false, true).open(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // A lock of another user: what can be read can be locked.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return options(false, false).open(file).map_err(named);
            }
            other => return other.map_err(named),
        }
        match options(true, true).open(file) {
            // Somebody else was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(error)),
            Ok(made) => {
                made.set_permissions(std::fs::Permissions::from_mode(FOR_EVERYBODY))?;
                return Ok(made);
            }
        }
    }
}

fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn name_holder(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.lock");
        let first = GpuLock::take(&file, "GPU-1").unwrap();
        let refused = GpuLock::take(&file, "GPU-1").unwrap_err().to_string();
        let own = format!(
            "GPU-1 is in use by another joulebench, pid {}",
            std::process::id()
        );
        assert!(refused.starts_with(&own), "{refused}");
        drop(first);
        GpuLock::take(&file, "GPU-1").unwrap();
    }

    #[test]
    fn what_a_dead_process_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.lock");
        fs_err::write(&file, "999999999\n").unwrap();
        GpuLock::take(&file, "GPU-1").unwrap();
        assert_eq!(
            fs_err::read_to_string(&file).unwrap(),
            format!("{}\n", std::process::id())
        );
    }

    #[test]
    fn a_child_holds_it_on_and_a_stranger_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("GPU-1.lock");
        let sleep = || std::process::Command::new("sleep").arg("30").spawn();
        let lock = GpuLock::take(&file, "GPU-1").unwrap();
        let mut heir = lock.share_with(sleep).unwrap();
        let mut stranger = sleep().unwrap();
        // As a harness that was killed: its number is on the file and nobody has it.
        fs_err::write(&file, "999999999\n").unwrap();
        drop(lock);
        let is_free = || {
            flock(
                open(&file).unwrap(),
                FlockOperation::NonBlockingLockExclusive,
            )
            .is_ok()
        };
        assert!(!is_free(), "the heir holds it");
        heir.kill().unwrap();
        heir.wait().unwrap();
        assert!(is_free(), "the stranger does not");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, file) = (
            folder.path().join("target"),
            folder.path().join("GPU-1.lock"),
        );
        fs_err::write(&target, "precious").unwrap();
        fs_err::os::unix::fs::symlink(&target, &file).unwrap();
        GpuLock::take(&file, "GPU-1").unwrap_err();
        assert_eq!(fs_err::read_to_string(&target).unwrap(), "precious");
    }
}
