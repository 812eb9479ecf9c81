//! Opaque handles: numbers dressed as pointers, never followed.
//!
//! They are the same in every process and survive a fork; anything else that a caller passes is
//! recognised as no handle.

use std::ffi::c_void;

use nvml_wrapper_sys::bindings::nvmlDevice_t;

/// Handle of the first GPU; the value is no address that a process can have mapped.
const FIRST_DEVICE: usize = 0x4A42_0010;
/// From one handle to the next.
const STEP: usize = 0x10;
/// More GPUs than any emulated machine has.
const MAX_DEVICES: usize = 64;

/// The handle of a GPU.
pub fn of_device(gpu: u32) -> nvmlDevice_t {
    std::ptr::without_provenance_mut(FIRST_DEVICE + gpu as usize * STEP)
}

/// The GPU of a handle, if it is one.
pub(super) fn device(handle: nvmlDevice_t) -> Option<u32> {
    let offset = handle.addr().checked_sub(FIRST_DEVICE)?;
    let gpu = offset / STEP;
    if offset % STEP != 0 || gpu >= MAX_DEVICES {
        return None;
    }
    u32::try_from(gpu).ok()
}

/// Things that a caller makes and frees; a handle is used once only, so that a stale one is
/// recognised.
#[derive(Debug)]
pub(super) struct Handles<T> {
    next: usize,
    live: std::collections::BTreeMap<usize, T>,
}

impl<T> Handles<T> {
    /// No handles; those of this kind will begin at `first`.
    pub(super) const fn beginning_at(first: usize) -> Self {
        Self {
            next: first,
            live: std::collections::BTreeMap::new(),
        }
    }

    /// Keeps a thing and gives its handle.
    pub(super) fn insert(&mut self, thing: T) -> *mut c_void {
        let handle = self.next;
        self.next += STEP;
        self.live.insert(handle, thing);
        std::ptr::without_provenance_mut(handle)
    }

    /// The thing of a live handle.
    pub(super) fn get_mut<H>(&mut self, handle: *mut H) -> Option<&mut T> {
        self.live.get_mut(&handle.addr())
    }

    /// Frees a handle; `None` where it is not live.
    pub(super) fn remove<H>(&mut self, handle: *mut H) -> Option<T> {
        self.live.remove(&handle.addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_lead_back_and_nothing_else_does() {
        for gpu in [0, 1, 15] {
            assert_eq!(device(of_device(gpu)), Some(gpu));
        }
        let bad = [0, 1, FIRST_DEVICE - STEP, FIRST_DEVICE + 1, usize::MAX];
        for address in bad {
            assert_eq!(device(std::ptr::without_provenance_mut(address)), None);
        }
    }

    #[test]
    fn a_freed_handle_is_not_given_again() {
        let mut handles = Handles::beginning_at(0x100);
        let first = handles.insert("a");
        assert_eq!(handles.remove(first), Some("a"));
        assert_eq!(handles.remove(first), None);
        let second = handles.insert("b");
        assert_ne!(first, second);
        assert_eq!(handles.get_mut(second), Some(&mut "b"));
    }
}
