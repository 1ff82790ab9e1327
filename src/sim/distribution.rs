//! Distributions of times, as inverse transforms of one uniform draw.
//!
//! Computed with `libm` instead of the platform's functions, and rounded to nanoseconds, so that
//! they are the same on every machine. Negative values become 0, and values above 100 days become
//! 100 days.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::luck::{below, unit};
use super::time::millis;
use super::weighted::WeightedSample;
use crate::protocol::{Fingerprint, Span};

/// A distribution of a time, with its parameters in milliseconds. In JSON a number alone is a
/// constant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "Written", into = "Written")]
pub enum Distribution {
    /// A constant.
    Constant {
        /// The value.
        value: f64,
    },
    /// Uniform on [low, high).
    Uniform {
        /// The minimum.
        low: f64,
        /// The upper bound (excluded).
        high: f64,
    },
    /// Normal, with negative values set to 0.
    Normal {
        /// Mean before the cut.
        mean: f64,
        /// Standard deviation before the cut.
        std: f64,
    },
    /// Log-normal.
    Lognormal {
        /// The median.
        median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Exponential.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Pareto of type I.
    Pareto {
        /// The minimum.
        scale: f64,
        /// The tail index; the mean is infinite up to 1.
        shape: f64,
    },
    /// One of the values of a sample, with equal probabilities.
    Empirical {
        /// The sample.
        values: Arc<[f64]>,
    },
    /// One of the values of a sample, with probabilities in proportion to their weights.
    Weighted(Arc<WeightedSample>),
}

impl Fingerprint for Distribution {
    fn fingerprint(&self) -> u64 {
        let bits = |kind: u64, parameters: &[f64]| {
            Digest::of([kind].into_iter().chain(parameters.iter().map(|value| value.to_bits())))
        };
        match self {
            Self::Constant { value } => bits(0, &[*value]),
            Self::Uniform { low, high } => bits(1, &[*low, *high]),
            Self::Normal { mean, std } => bits(2, &[*mean, *std]),
            Self::Lognormal { median, sigma } => bits(3, &[*median, *sigma]),
            Self::Exponential { mean } => bits(4, &[*mean]),
            Self::Pareto { scale, shape } => bits(5, &[*scale, *shape]),
            Self::Empirical { values } => bits(6, values),
            Self::Weighted(sample) => bits(7, &[sample.values(), sample.weights()].concat()),
        }
    }
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected milliseconds, or a distribution: constant, uniform, normal, lognormal, exponential, \
                 pareto or empirical with its parameters"
)]
enum Written {
    Number(f64),
    Named(Named),
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "distribution", rename_all = "lowercase", deny_unknown_fields)]
enum Named {
    Constant {
        value: f64,
    },
    Uniform {
        low: f64,
        high: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    Lognormal {
        median: f64,
        sigma: f64,
    },
    Exponential {
        mean: f64,
    },
    Pareto {
        scale: f64,
        shape: f64,
    },
    Empirical {
        values: Arc<[f64]>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<Vec<f64>>,
    },
}

impl From<Written> for Distribution {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(value) | Written::Named(Named::Constant { value }) => {
                Self::Constant { value }
            }
            Written::Named(Named::Uniform { low, high }) => Self::Uniform { low, high },
            Written::Named(Named::Normal { mean, std }) => Self::Normal { mean, std },
            Written::Named(Named::Lognormal { median, sigma }) => Self::Lognormal { median, sigma },
            Written::Named(Named::Exponential { mean }) => Self::Exponential { mean },
            Written::Named(Named::Pareto { scale, shape }) => Self::Pareto { scale, shape },
            Written::Named(Named::Empirical { values, weights: None }) => {
                Self::Empirical { values }
            }
            Written::Named(Named::Empirical { values, weights: Some(weights) }) => {
                Self::Weighted(Arc::new(WeightedSample::new(values.to_vec(), weights)))
            }
        }
    }
}

impl From<Distribution> for Written {
    fn from(distribution: Distribution) -> Self {
        Written::Named(match distribution {
            Distribution::Constant { value } => return Written::Number(value),
            Distribution::Uniform { low, high } => Named::Uniform { low, high },
            Distribution::Normal { mean, std } => Named::Normal { mean, std },
            Distribution::Lognormal { median, sigma } => Named::Lognormal { median, sigma },
            Distribution::Exponential { mean } => Named::Exponential { mean },
            Distribution::Pareto { scale, shape } => Named::Pareto { scale, shape },
            Distribution::Empirical { values } => Named::Empirical { values, weights: None },
            Distribution::Weighted(sample) => Named::Empirical {
                values: sample.values().into(),
                weights: Some(sample.weights().to_vec()),
            },
        })
    }
}

impl Distribution {
    /// A constant.
    pub fn constant(value: Span) -> Self {
        Self::Constant { value: value.as_ms() }
    }

    /// The value, if it is a constant.
    pub fn as_constant(&self) -> Option<Span> {
        match self {
            Self::Constant { value } => Some(to_span(*value)),
            Self::Uniform { low, high } if low == high => Some(to_span(*low)),
            _ => None,
        }
    }

    /// The longest value, if there is one.
    pub fn longest(&self) -> Option<Span> {
        match self {
            Self::Constant { value } => Some(to_span(*value)),
            Self::Uniform { high, .. } => Some(to_span(*high)),
            Self::Empirical { values } => values.iter().map(|value| to_span(*value)).max(),
            Self::Weighted(sample) => sample.values().iter().map(|value| to_span(*value)).max(),
            Self::Normal { .. }
            | Self::Lognormal { .. }
            | Self::Exponential { .. }
            | Self::Pareto { .. } => None,
        }
    }

    /// The value for a draw.
    #[inline]
    pub fn sample(&self, draw: u64) -> Span {
        match self {
            Self::Constant { value } => to_span(*value),
            Self::Uniform { low, high } => {
                let (low, high) = (to_span(*low).0, to_span(*high).0);
                Span(low + below(draw, high - low))
            }
            Self::Normal { mean, std } => to_span(mean + std * normal_quantile(open_unit(draw))),
            Self::Lognormal { median, sigma } => {
                to_span(median * libm::exp(sigma * normal_quantile(open_unit(draw))))
            }
            Self::Exponential { mean } => to_span(-mean * libm::log(1.0 - unit(draw))),
            Self::Pareto { scale, shape } => {
                to_span(scale * libm::pow(1.0 - unit(draw), -1.0 / shape))
            }
            Self::Empirical { values } => {
                to_span(values[below(draw, values.len() as u64) as usize])
            }
            Self::Weighted(sample) => to_span(sample.at(draw)),
        }
    }

    /// The value for a draw, conditional on being longer than `least`; `None` if no value is.
    ///
    /// Higher draws give longer values, except for samples, whose values are in any order.
    pub fn sample_beyond(&self, draw: u64, least: Span) -> Option<Span> {
        if let Self::Empirical { values } = self {
            let longer: Vec<Span> =
                values.iter().map(|value| to_span(*value)).filter(|value| *value > least).collect();
            return (!longer.is_empty()).then(|| longer[below(draw, longer.len() as u64) as usize]);
        }
        if let Self::Weighted(sample) = self {
            return sample
                .only(|value| to_span(value) > least)
                .map(|longer| to_span(longer.at(draw)));
        }
        if self.sample(u64::MAX) <= least {
            return None;
        }
        // The first draw with a longer value is in (low, high].
        let (mut low, mut high) = (0, u64::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.sample(middle) > least { high = middle } else { low = middle + 1 }
        }
        let room = u64::MAX - high;
        Some(self.sample(high + if room == u64::MAX { draw } else { below(draw, room + 1) }))
    }

    /// Checks that the parameters are valid.
    pub fn validate(&self) -> Result<(), String> {
        let time = |name: &str, value: f64| {
            millis::to_ns(value).map(|_| ()).map_err(|why| format!("{name}: {why}"))
        };
        let positive = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(format!("{name} must be a finite number above 0, not {value}"))
            }
        };
        match self {
            Self::Constant { value } => time("value", *value),
            Self::Uniform { low, high } => {
                time("low", *low)?;
                time("high", *high)?;
                if low <= high {
                    Ok(())
                } else {
                    Err(format!("low ({low}) must not be above high ({high})"))
                }
            }
            Self::Normal { mean, std } => {
                time("mean", *mean)?;
                time("std", *std)
            }
            Self::Lognormal { median, sigma } => {
                time("median", *median)?;
                if sigma.is_finite() && *sigma >= 0.0 {
                    Ok(())
                } else {
                    Err(format!("sigma must be a finite number of at least 0, not {sigma}"))
                }
            }
            Self::Exponential { mean } => time("mean", *mean),
            Self::Pareto { scale, shape } => {
                time("scale", *scale)?;
                positive("shape", *shape)
            }
            Self::Empirical { values } => {
                if values.is_empty() {
                    return Err("values must hold at least one time".into());
                }
                values.iter().try_for_each(|value| time("values", *value))
            }
            Self::Weighted(sample) => {
                sample.values().iter().try_for_each(|value| time("values", *value))?;
                sample.validate()
            }
        }
    }
}

fn to_span(ms: f64) -> Span {
    Span((ms.clamp(0.0, millis::LONGEST_MS) * 1e6).round() as u64)
}

/// A draw as a number in (0, 1), where quantile functions are finite.
fn open_unit(draw: u64) -> f64 {
    ((draw >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// The quantile function of the standard normal distribution: Wichura's algorithm AS 241 (1988),
/// PPND16, accurate to about 1 part in 10^16.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE_NUM, &CENTRE_DEN);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = libm::sqrt(-libm::log(tail));
    let x = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE_NUM, &MIDDLE_DEN)
    } else {
        ratio(r - 5.0, &FAR_NUM, &FAR_DEN)
    };
    if q < 0.0 { -x } else { x }
}

fn ratio(r: f64, num: &[f64; 8], den: &[f64; 8]) -> f64 {
    let poly = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    poly(num) / poly(den)
}

const CENTRE_NUM: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const CENTRE_DEN: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_854,
];
const MIDDLE_NUM: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    7.745_450_142_783_414e-4,
];
const MIDDLE_DEN: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const FAR_NUM: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const FAR_DEN: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::luck::{Luck, Purpose};

    fn quantile_of(distribution: &Distribution, p: f64) -> f64 {
        let n = 20_000;
        let mut values: Vec<f64> = (0..n)
            .map(|k| distribution.sample(Luck::new(5).draw(Purpose::Latency, 0, k)).as_ms())
            .collect();
        values.sort_by(f64::total_cmp);
        values[(p * n as f64) as usize]
    }

    #[test]
    fn normal_quantiles_agree_with_tables() {
        // Quantiles from Wichura's paper and standard tables.
        for (p, z) in [(0.5, 0.0), (0.25, -0.674_489_750_196_081_7), (0.975, 1.959_963_984_540_054)]
        {
            assert!((normal_quantile(p) - z).abs() < 1e-14, "{p}");
        }
        assert!((normal_quantile(1e-20) + 9.262_340_089_798_408).abs() < 1e-13);
        assert!((normal_quantile(0.001) + 3.090_232_306_167_813).abs() < 1e-13);
    }

    #[test]
    fn what_is_beyond_is_what_rejection_leaves() {
        let all = [
            Distribution::Uniform { low: 10.0, high: 30.0 },
            Distribution::Normal { mean: 20.0, std: 8.0 },
            Distribution::Lognormal { median: 18.0, sigma: 0.5 },
            Distribution::Exponential { mean: 20.0 },
            Distribution::Pareto { scale: 10.0, shape: 1.5 },
            Distribution::Empirical { values: Arc::from([40.0, 5.0, 22.0, 31.0]) },
            Distribution::Weighted(Arc::new(WeightedSample::new(
                vec![40.0, 5.0, 22.0, 31.0],
                vec![1.0, 5.0, 0.5, 2.0],
            ))),
        ];
        let (least, n) = (Span::from_ms(21), 20_000);
        for distribution in all {
            let draw = |k| Luck::new(9).draw(Purpose::Fault, 1, k);
            let sorted = |mut values: Vec<Span>| {
                values.sort_unstable();
                values
            };
            let kept = (0..8 * n).map(|k| distribution.sample(draw(k))).filter(|s| *s > least);
            let kept = sorted(kept.take(n as usize).collect());
            let beyond = (0..n).filter_map(|k| distribution.sample_beyond(draw(k), least));
            let beyond = sorted(beyond.collect());
            assert_eq!(beyond.len(), n as usize);
            assert!(beyond[0] > least, "{distribution:?}");
            for share in [0.1, 0.5, 0.9] {
                let at = |values: &[Span]| values[(share * values.len() as f64) as usize].as_ms();
                let (want, got) = (at(&kept), at(&beyond));
                assert!((got / want - 1.0).abs() < 0.05, "{distribution:?}: {got} vs {want}");
            }
        }
        let never = Distribution::Uniform { low: 1.0, high: 2.0 };
        assert_eq!(never.sample_beyond(7, Span::from_ms(2)), None);
        assert_eq!(Distribution::Constant { value: 3.0 }.sample_beyond(7, Span::from_ms(3)), None);
    }

    #[test]
    fn medians_and_tails_are_where_theory_puts_them() {
        let near =
            |got: f64, want: f64| assert!((got / want - 1.0).abs() < 0.04, "{got} vs {want}");
        near(quantile_of(&Distribution::Uniform { low: 10.0, high: 30.0 }, 0.5), 20.0);
        near(quantile_of(&Distribution::Lognormal { median: 2.0, sigma: 0.5 }, 0.5), 2.0);
        near(quantile_of(&Distribution::Lognormal { median: 2.0, sigma: 0.5 }, 0.9), 3.796);
        near(quantile_of(&Distribution::Exponential { mean: 4.0 }, 0.5), 2.7726);
        near(quantile_of(&Distribution::Pareto { scale: 1.0, shape: 2.0 }, 0.75), 2.0);
        near(quantile_of(&Distribution::Normal { mean: 8.0, std: 1.0 }, 0.975), 9.96);
    }

    #[test]
    fn impossible_values_are_cut() {
        assert_eq!(quantile_of(&Distribution::Normal { mean: 0.0, std: 1.0 }, 0.3), 0.0);
        let heavy = Distribution::Pareto { scale: 1.0, shape: 0.01 };
        assert_eq!(quantile_of(&heavy, 0.99), millis::LONGEST_MS);
    }

    #[test]
    fn bad_parameters_are_named() {
        let bad = Distribution::Uniform { low: 2.0, high: 1.0 };
        assert_eq!(bad.validate().unwrap_err(), "low (2) must not be above high (1)");
        assert!(Distribution::Constant { value: f64::NAN }.validate().is_err());
        assert!(Distribution::Empirical { values: [].into() }.validate().is_err());
    }
}
