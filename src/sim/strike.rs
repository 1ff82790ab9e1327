//! Strikes: the effects of faults on a world are identified by the strike that began them.

/// One strike of a fault. Its effects end with it, independently of other strikes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Strike {
    /// The fault's handle.
    pub handle: u32,
    /// The number of the strike, counted from 0.
    pub ordinal: u32,
}

impl Strike {
    /// The entity of random draws about a link: every strike has its own.
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
