//! Buffers that leave nothing behind: what may hold a secret is overwritten before its memory is
//! given back.
//!
//! [`zeroize`] does the same for a `Vec` or a `String` byte by byte. A request takes kilobytes of
//! such buffers, and here they are filled at once, with its barrier behind.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// What can be overwritten as a whole.
pub trait Wipe {
    /// Overwrites the content and the spare room behind it.
    fn wipe(&mut self);
}

/// Afterwards the vector is full of zeroes, up to its capacity.
impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        self.fill(0);
        // What was cut off stands in the spare room.
        self.resize(self.capacity(), 0);
        // Nobody reads the zeroes, so without this the compiler might leave them out.
        zeroize::optimization_barrier(self.as_slice());
    }
}

/// Afterwards the text is empty, without a buffer.
impl Wipe for String {
    fn wipe(&mut self) {
        std::mem::take(self).into_bytes().wipe();
    }
}

/// A buffer that is overwritten when it is dropped. It must have its capacity beforehand: one that
/// grows leaves its bytes in the memory that it had.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped<T: Wipe>(T);

impl<T: Wipe> Wiped<T> {
    /// Takes charge of `buffer`.
    pub const fn new(buffer: T) -> Self {
        Self(buffer)
    }
}

impl<T: Wipe + Default> Wiped<T> {
    /// The buffer itself, which from now on nobody overwrites.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl<T: Wipe> From<T> for Wiped<T> {
    fn from(buffer: T) -> Self {
        Self(buffer)
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Wipe + AsRef<[u8]>> AsRef<[u8]> for Wiped<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl<T: Wipe> fmt::Debug for Wiped<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Wiped(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_buffer_is_left_up_to_its_capacity() {
        let mut bytes = Vec::with_capacity(100);
        bytes.extend_from_slice(b"hunter2 and what comes behind it");
        bytes.truncate(7);
        let (room, place) = (bytes.capacity(), bytes.as_ptr());
        bytes.wipe();
        assert_eq!(bytes, vec![0; room]);
        assert_eq!(bytes.as_ptr(), place, "overwritten in its place");
    }

    #[test]
    fn a_text_is_empty_afterwards() {
        let mut text = "hunter2".to_owned();
        text.wipe();
        assert_eq!((text.as_str(), text.capacity()), ("", 0));
    }

    #[test]
    fn a_buffer_is_overwritten_when_it_is_dropped() {
        use std::cell::Cell;

        struct Witness<'a>(&'a Cell<bool>);
        impl Wipe for Witness<'_> {
            fn wipe(&mut self) {
                self.0.set(true);
            }
        }
        let wiped = Cell::new(false);
        drop(Wiped::new(Witness(&wiped)));
        assert!(wiped.get());
    }

    #[test]
    fn a_buffer_can_be_had_back_and_is_not_shown() {
        let mut buffer = Wiped::new(b"hunter2".to_vec());
        buffer.extend_from_slice(b"!");
        assert_eq!(format!("{buffer:?}"), "Wiped(***)");
        assert_eq!(buffer.as_ref(), b"hunter2!");
        assert_eq!(buffer.into_inner(), b"hunter2!");
    }
}
