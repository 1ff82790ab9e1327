//! What acts on a world from outside is known by the strike that began it.

/// One strike of a fault. What began with it ends with it, and with no other strike.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Strike {
    /// The fault's handle.
    pub handle: u32,
    /// Which of its strikes, counted from 0.
    pub ordinal: u32,
}

impl Strike {
    /// What is drawn about a link while it lasts: its own luck for every strike.
    pub(super) fn luck_of(self, link: u64) -> u64 {
        (u64::from(self.handle) << 32) ^ (u64::from(self.ordinal) << 16) ^ link
    }
}

impl From<u32> for Strike {
    /// The first, or only, strike of the fault with this handle.
    fn from(handle: u32) -> Self {
        Self { handle, ordinal: 0 }
    }
}
