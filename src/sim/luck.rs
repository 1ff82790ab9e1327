//! Randomness: every draw is a function of (seed, purpose, entity, ordinal).
//!
//! The k-th message of a link and the k-th timer of a node have the same draws in every
//! configuration: an additional fault, node or observer does not change any other draw. There is no
//! state, so a draw can be made late, twice, or not at all.

use std::convert::Infallible;

use rand::TryRng;

/// The purpose of a draw. Changing the numbers changes every run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// A message's latency.
    Latency = 1,
    /// Whether a message is lost.
    Loss = 2,
    /// Whether a message is duplicated.
    Duplicate = 3,
    /// The latency of the second copy.
    DuplicateLatency = 4,
    /// A node's timers.
    Timer = 5,
    /// A node's disk.
    Disk = 6,
    /// A load generator's request.
    Request = 7,
    /// The time of a load generator's request.
    Pace = 8,
    /// The time, duration and target of a fault.
    Fault = 9,
    /// The number of unsynced writes that survive a crash.
    Tear = 10,
    /// The additional delay of a faulty link.
    FaultDelay = 11,
    /// Random scenarios.
    Nemesis = 12,
    /// The starting states of a multilevel splitting.
    Splitting = 13,
    /// The phase of a node's ticks.
    Phase = 14,
    /// The nodes whose messages an interceptor sees.
    Interceptor = 16,
    /// The draws of a future.
    Future = 17,
}

/// The random draws of one run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Luck {
    seed: u64,
    /// The seed hashed for timers, the most frequent draws of a short run.
    timers: u64,
}

impl Luck {
    /// The draws of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, timers: mixed(seed, Purpose::Timer) }
    }

    /// The draws of one of this run's futures. They are independent of futures of other runs, even
    /// with the same seed.
    #[must_use]
    pub fn future(self, seed: u64) -> Self {
        Self::new(self.draw(Purpose::Future, seed, 0))
    }

    /// The seed.
    pub fn seed(self) -> u64 {
        self.seed
    }

    /// One draw, uniform over all 64-bit words.
    #[inline]
    pub fn draw(self, purpose: Purpose, entity: u64, ordinal: u64) -> u64 {
        Stream { key: self.key(purpose, entity), ordinal }.at(ordinal)
    }

    /// A generator over the ordinals 0, 1, 2 …, for rand's distributions and shuffles.
    pub fn stream(self, purpose: Purpose, entity: u64) -> Stream {
        Stream { key: self.key(purpose, entity), ordinal: 0 }
    }

    #[inline]
    fn key(self, purpose: Purpose, entity: u64) -> u64 {
        let seed = if purpose == Purpose::Timer { self.timers } else { mixed(self.seed, purpose) };
        mix(seed.wrapping_add(entity.wrapping_mul(ODD)))
    }
}

/// The draws of one purpose and entity. `SplitMix64` from a hashed key: at ordinal k the state is
/// key + k γ.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    ordinal: u64,
}

impl Stream {
    /// The draw with this ordinal.
    #[inline]
    pub fn at(&self, ordinal: u64) -> u64 {
        mix(self.key.wrapping_add(ordinal.wrapping_mul(GAMMA)))
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = self.at(self.ordinal);
        self.ordinal = self.ordinal.wrapping_add(1);
        Ok(word)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
const ODD: u64 = 0xD6E8_FEB8_6659_FD93;

#[inline]
fn mixed(seed: u64, purpose: Purpose) -> u64 {
    mix(seed ^ (purpose as u64).wrapping_mul(GAMMA))
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood 2014; variant 13 of Stafford).
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A draw as a number in [0, 1), in steps of 2^-53.
#[inline]
pub fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

/// A draw as a number below `bound`, without division; the bias is below bound / 2^64.
#[inline]
pub fn below(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn golden_draws() {
        let luck = Luck::new(7);
        let draws: Vec<u64> = (0..3).map(|k| luck.draw(Purpose::Latency, 1, k)).collect();
        assert_eq!(draws, GOLDEN);
        let mut stream = luck.stream(Purpose::Latency, 1);
        assert_eq!([stream.random::<u64>(), stream.random(), stream.random()], GOLDEN);
    }

    const GOLDEN: [u64; 3] =
        [5_236_746_476_154_693_905, 8_449_740_702_173_236_024, 475_938_205_099_446_076];

    #[test]
    fn purposes_entities_ordinals_and_seeds_are_independent() {
        let base = Luck::new(1).draw(Purpose::Timer, 2, 3);
        assert_ne!(base, Luck::new(2).draw(Purpose::Timer, 2, 3));
        assert_ne!(base, Luck::new(1).draw(Purpose::Loss, 2, 3));
        assert_ne!(base, Luck::new(1).draw(Purpose::Timer, 3, 3));
        assert_ne!(base, Luck::new(1).draw(Purpose::Timer, 2, 4));
    }

    #[test]
    fn draws_are_uniform_over_entities_as_over_ordinals() {
        let luck = Luck::new(3);
        for by_entity in [true, false] {
            let mut bins = [0u32; 16];
            for i in 0..16_000 {
                let draw = if by_entity {
                    luck.draw(Purpose::Timer, i, 0)
                } else {
                    luck.draw(Purpose::Timer, 0, i)
                };
                bins[below(draw, 16) as usize] += 1;
            }
            // Chi-square with 15 degrees of freedom: 37.7 is exceeded with probability 0.001.
            let chi: f64 = bins.iter().map(|&b| (f64::from(b) - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi < 37.7, "{chi} for {bins:?}");
        }
    }
}
