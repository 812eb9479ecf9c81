//! Pointers of the C interface, each with its contract in the type.
//!
//! The header of NVML promises for every pointer argument: it is null, or it points to memory of
//! the stated type that is ours for the length of the call. Nothing but a caller across the C
//! interface (or the `to` functions, which borrow) makes these types, so that promise is their
//! invariant and the unsafe code stays in this file.
#![expect(
    unsafe_code,
    reason = "this file alone touches memory of the caller, under the contract stated above"
)]

use std::ffi::{CStr, c_char, c_uint};

use super::refusal::{Answer, Refusal};

/// Where the caller wants a value.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// A place in Rust; it must outlive the call.
    pub fn to(value: &mut T) -> Self {
        Self(value)
    }

    /// A place in Rust that holds nothing yet; it must outlive the call.
    pub fn into(value: &mut std::mem::MaybeUninit<T>) -> Self {
        Self(value.as_mut_ptr())
    }

    /// A null pointer.
    pub fn null() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Refuses a null pointer, for calls that must not do half their work.
    pub(super) fn given(&self) -> Answer {
        if self.0.is_null() {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        Ok(())
    }

    /// Writes the value.
    pub(super) fn put(self, value: T) -> Answer {
        self.given()?;
        // SAFETY: not null, so by the contract valid for a write of `T`.
        unsafe { self.0.write(value) };
        Ok(())
    }
}

/// A value that the caller gives and may get back changed.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct InOut<T: Copy>(*mut T);

impl<T: Copy> InOut<T> {
    /// A place in Rust; it must outlive the call.
    pub fn to(value: &mut T) -> Self {
        Self(value)
    }

    /// A null pointer.
    pub fn null() -> Self {
        Self(std::ptr::null_mut())
    }

    /// The value that the caller gave.
    pub(super) fn get(self) -> Answer<T> {
        if self.0.is_null() {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        // SAFETY: not null, so by the contract it holds a `T`.
        Ok(unsafe { self.0.read() })
    }

    /// The structure that the caller gave, whose first word must be `size | version << 24`.
    pub(super) fn versioned(self, version: u32) -> Answer<T> {
        if InOut(self.0.cast::<c_uint>()).get()? != struct_version::<T>(version) {
            return Err(Refusal::ARGUMENT_VERSION_MISMATCH);
        }
        self.get()
    }

    /// Writes the value back.
    pub(super) fn put(self, value: T) -> Answer {
        Out(self.0).put(value)
    }

    /// The first part of a larger structure in Rust, which must outlive the call.
    pub fn to_first<Whole>(whole: &mut Whole) -> Self {
        Self(std::ptr::from_mut(whole).cast())
    }

    /// What follows the value in the caller's memory.
    pub(super) fn behind(self) -> *mut std::ffi::c_void {
        self.0.wrapping_add(1).cast()
    }
}

/// `NVML_STRUCT_VERSION` of the header: size of the structure, and its version in the top byte.
pub const fn struct_version<T>(version: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "structures of NVML are far smaller than 16 MiB"
    )]
    let size = size_of::<T>() as u32;
    size | version << 24
}

/// A list of the caller, whose length stands in another argument.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct List<T>(*mut T);

impl<T: Copy> List<T> {
    /// A list in Rust; it must outlive the call and be as long as the count says.
    pub fn to(values: &mut [T]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// A null pointer: the caller asks for the count only.
    pub fn null() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Whether the caller gave a list.
    pub(super) fn is_given(self) -> bool {
        !self.0.is_null()
    }

    /// The list that a structure holds by plain pointer.
    ///
    /// # Safety
    /// As for an argument: null, or valid for as many values as the count beside it says.
    pub(super) unsafe fn of_structure(list: *mut T) -> Self {
        Self(list)
    }

    /// The two-call protocol: the needed count is always written; where the given one is smaller,
    /// or no list is there, the answer is `INSUFFICIENT_SIZE`.
    pub(super) fn fill(self, count: InOut<c_uint>, values: &[T]) -> Answer {
        let room = count.get()?;
        let needed = c_uint::try_from(values.len()).map_err(|_| Refusal::UNKNOWN)?;
        count.put(needed)?;
        if values.is_empty() {
            return Ok(());
        }
        if room < needed || !self.is_given() {
            return Err(Refusal::INSUFFICIENT_SIZE);
        }
        self.write(values);
        Ok(())
    }

    /// As many of the values as there is room for; the count written is that number. Without a
    /// list the count of all is written.
    pub(super) fn fill_some(self, count: InOut<c_uint>, values: &[T]) -> Answer {
        let room = count.get()? as usize;
        let values = if self.is_given() {
            let values = &values[..values.len().min(room)];
            self.write(values);
            values
        } else {
            values
        };
        count.put(c_uint::try_from(values.len()).map_err(|_| Refusal::UNKNOWN)?)
    }

    /// Changes each of the caller's values.
    pub(super) fn each(self, count: usize, mut change: impl FnMut(&mut T)) -> Answer {
        if !self.is_given() {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        for place in 0..count {
            // SAFETY: not null, so by the contract valid for `count` values, each of which is a
            // plain C structure that the caller filled.
            let value = unsafe { &mut *self.0.add(place) };
            change(value);
        }
        Ok(())
    }

    fn write(self, values: &[T]) {
        // SAFETY: the callers checked that the list is given and has room for the values.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.0, values.len()) };
    }
}

/// A text of the caller.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct TextIn(*const c_char);

impl TextIn {
    /// A text in Rust; it must outlive the call.
    pub fn to(text: &CStr) -> Self {
        Self(text.as_ptr())
    }

    /// A null pointer.
    pub fn null() -> Self {
        Self(std::ptr::null())
    }

    /// The text; what is no UTF-8 names nothing here.
    pub(super) fn get(&self) -> Answer<&str> {
        if self.0.is_null() {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        // SAFETY: not null, so by the contract a text that ends with a zero.
        unsafe { CStr::from_ptr(self.0) }
            .to_str()
            .map_err(|_| Refusal::NOT_FOUND)
    }
}

/// A buffer of the caller for a text; its length stands in another argument.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct TextOut(*mut c_char);

impl TextOut {
    /// A buffer in Rust; it must outlive the call and be as long as the length says.
    pub fn to(buffer: &mut [c_char]) -> Self {
        Self(buffer.as_mut_ptr())
    }

    /// A null pointer.
    pub fn null() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Writes the text and the zero behind it, or says that there is no room.
    pub(super) fn put(self, length: c_uint, text: &str) -> Answer {
        if self.0.is_null() {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        if (length as usize) <= text.len() {
            return Err(Refusal::INSUFFICIENT_SIZE);
        }
        // SAFETY: not null, so by the contract valid for `length` bytes, which are more than the
        // text has.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), self.0, text.len());
            self.0.add(text.len()).write(0);
        }
        Ok(())
    }
}

/// A text as a field of fixed size, cut where it does not fit, with a zero at the end.
pub(super) fn field<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    for (place, byte) in field.iter_mut().take(N - 1).zip(text.bytes()) {
        *place = c_char::from_ne_bytes([byte]);
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_calls_give_the_count_and_then_the_values() {
        let mut count = 0;
        let asked = List::<u32>::null().fill(InOut::to(&mut count), &[1, 2, 3]);
        assert_eq!((asked, count), (Err(Refusal::INSUFFICIENT_SIZE), 3));
        let (mut count, mut room) = (5, [0; 5]);
        let filled = List::to(&mut room).fill(InOut::to(&mut count), &[1, 2, 3]);
        assert_eq!((filled, count, room), (Ok(()), 3, [1, 2, 3, 0, 0]));
        let mut count = 2;
        let short = List::to(&mut room).fill(InOut::to(&mut count), &[7, 8, 9]);
        assert_eq!((short, count), (Err(Refusal::INSUFFICIENT_SIZE), 3));
        assert_eq!(
            room,
            [1, 2, 3, 0, 0],
            "nothing is written without room for all"
        );
    }

    #[test]
    fn samples_come_as_far_as_there_is_room() {
        let (mut count, mut room) = (2, [0; 2]);
        List::to(&mut room)
            .fill_some(InOut::to(&mut count), &[1, 2, 3])
            .unwrap();
        assert_eq!((count, room), (2, [1, 2]));
        List::<u32>::null()
            .fill_some(InOut::to(&mut count), &[1, 2, 3])
            .unwrap();
        assert_eq!(count, 3);
    }

    #[test]
    fn a_text_needs_room_for_its_zero() {
        let mut buffer = [1; 4];
        assert_eq!(
            TextOut::to(&mut buffer).put(4, "H100"),
            Err(Refusal::INSUFFICIENT_SIZE)
        );
        TextOut::to(&mut buffer).put(4, "H20").unwrap();
        assert_eq!(buffer.map(|c| c.to_ne_bytes()[0]), *b"H20\0");
        assert_eq!(field::<3>("H100").map(|c| c.to_ne_bytes()[0]), *b"H1\0");
    }

    #[test]
    fn null_pointers_are_refused() {
        let refused = Err(Refusal::INVALID_ARGUMENT);
        assert_eq!(Out::null().put(1), refused);
        assert_eq!(InOut::<u32>::null().get(), Err(Refusal::INVALID_ARGUMENT));
        assert_eq!(List::null().fill(InOut::null(), &[1]), refused);
        assert_eq!(TextOut::null().put(8, "x"), refused);
        assert_eq!(TextIn::null().get(), Err(Refusal::INVALID_ARGUMENT));
    }

    #[test]
    fn a_structure_of_another_version_is_refused() {
        #[derive(Clone, Copy)]
        #[repr(C)]
        struct Pair {
            version: u32,
            value: u32,
        }
        let mut pair = Pair {
            version: 0x0100_0008,
            value: 4,
        };
        assert_eq!(InOut::to(&mut pair).versioned(1).unwrap().value, 4);
        pair.version = 0x0200_0008;
        assert_eq!(
            InOut::to(&mut pair).versioned(1).err(),
            Some(Refusal::ARGUMENT_VERSION_MISMATCH)
        );
    }
}
