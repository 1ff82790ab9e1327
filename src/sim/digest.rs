//! The running hash that identifies a run: equal digests mean equal runs.

use std::fmt::{self, Write as _};

/// A 128-bit hash over dispatched events and node state changes, in order.
///
/// Two lanes of folded multiplication, as in wyhash; not resistant to attacks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Digest {
    a: u64,
    b: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { a: 0x243F_6A88_85A3_08D3, b: 0x1319_8A2E_0370_7344 }
    }
}

impl Digest {
    /// Takes in two words.
    #[inline]
    pub fn absorb(&mut self, x: u64, y: u64) {
        self.a = fold(self.a ^ x, 0xA076_1D64_78BD_642F ^ y.rotate_left(32));
        self.b = fold(self.b ^ y, 0xE703_7ED1_A0B4_28DB ^ x.rotate_left(17));
    }
}

impl Digest {
    /// Folds a sequence of words into one word.
    pub(super) fn of(words: impl IntoIterator<Item = u64>) -> u64 {
        let mut whole = Self::default();
        words.into_iter().for_each(|word| whole.absorb(word, 0));
        whole.a ^ whole.b
    }

    /// Folds a text into a word; for the reasons that are constants in the code.
    pub(super) fn of_text(text: &str) -> u64 {
        Self::of(text.bytes().map(u64::from))
    }

    /// As 32 hexadecimal digits.
    pub fn hex(&self) -> [u8; 32] {
        // A final fold, so that the lanes depend on each other.
        let mut last = *self;
        last.absorb(self.b, self.a);
        let bytes = (u128::from(last.a) << 64 | u128::from(last.b)).to_be_bytes();
        // Computed rather than looked up, since this is vectorized.
        let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
        let mut text = [0; 32];
        for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
            digits[0] = digit(byte >> 4);
            digits[1] = digit(byte & 15);
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hex().iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

#[inline]
fn fold(x: u64, y: u64) -> u64 {
    let product = u128::from(x | 1) * u128::from(y | 1);
    (product as u64) ^ (product >> 64) as u64 ^ x.rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_matter() {
        let run = |words: &[(u64, u64)]| {
            let mut digest = Digest::default();
            words.iter().for_each(|&(x, y)| digest.absorb(x, y));
            digest.to_string()
        };
        let base = run(&[(1, 2), (3, 4)]);
        assert_eq!(base, run(&[(1, 2), (3, 4)]));
        assert_eq!(base.len(), 32);
        for other in [&[(3, 4), (1, 2)][..], &[(1, 2)], &[(2, 1), (3, 4)], &[(1, 2), (3, 5)]] {
            assert_ne!(base, run(other));
        }
    }
}
