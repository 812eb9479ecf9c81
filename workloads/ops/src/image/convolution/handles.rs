//! What cuDNN hands out, given back when it is dropped.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use candle_core::Result;

use super::symbols::{Opaque, Symbols};

type Destroy = unsafe extern "C" fn(Opaque) -> c_int;

/// The library's state on a GPU. It is never given back: that would wait for the GPU at the end of
/// the process, when the driver may have gone.
pub(super) struct Handle {
    raw: Opaque,
    stream: *mut c_void,
}

// SAFETY: the library allows a handle to be used from any thread, one at a time; it is under a lock.
unsafe impl Send for Handle {}

impl Handle {
    pub(super) fn new(symbols: &Symbols) -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the handle is written before the call returns; a context is bound to this thread.
        symbols.check("a handle", unsafe { (symbols.create)(&raw mut raw) })?;
        Ok(Self {
            raw,
            stream: null_mut(),
        })
    }

    /// Puts what follows on a stream.
    pub(super) fn use_stream(&mut self, symbols: &Symbols, stream: *mut c_void) -> Result<()> {
        if self.stream != stream {
            // SAFETY: handle and stream are alive.
            let status = unsafe { (symbols.set_stream)(self.raw, stream) };
            symbols.check("a stream", status)?;
            self.stream = stream;
        }
        Ok(())
    }

    pub(super) const fn raw(&self) -> Opaque {
        self.raw
    }
}

/// A description of any kind.
pub(super) struct Description {
    raw: Opaque,
    destroy: Destroy,
}

// SAFETY: a description is plain memory of the library; it is used under a lock.
unsafe impl Send for Description {}

impl Description {
    pub(super) fn new(
        symbols: &Symbols,
        create: unsafe extern "C" fn(*mut Opaque) -> c_int,
        destroy: Destroy,
    ) -> Result<Self> {
        let mut raw = null_mut();
        // SAFETY: the description is written before the call returns.
        symbols.check("a description", unsafe { create(&raw mut raw) })?;
        Ok(Self { raw, destroy })
    }

    pub(super) const fn raw(&self) -> Opaque {
        self.raw
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once. There is nothing to do about a failure.
        let _ = unsafe { (self.destroy)(self.raw) };
    }
}
