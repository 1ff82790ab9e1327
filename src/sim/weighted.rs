//! A sample whose values have weights, such as the buckets of a histogram.

/// Values with their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSample {
    values: Vec<f64>,
    weights: Vec<f64>,
    /// The values that can be drawn, each with the last draw that gives it; the last value has all
    /// further draws.
    shares: Vec<(u64, f64)>,
}

impl WeightedSample {
    /// A sample, to be checked by [`WeightedSample::validate`].
    pub fn new(values: Vec<f64>, weights: Vec<f64>) -> Self {
        let total: f64 = weights.iter().sum();
        let mut reached = 0.0;
        let drawn = values.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
        let share = |(value, weight): (&f64, &f64)| {
            reached += weight;
            ((reached / total * DRAWS) as u64, *value) // the cast saturates at the last draw
        };
        let shares = drawn.map(share).collect();
        Self { values, weights, shares }
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Their weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The value for a draw.
    pub fn at(&self, draw: u64) -> f64 {
        let at = self.shares.partition_point(|(upto, _)| *upto <= draw);
        self.shares[at.min(self.shares.len() - 1)].1
    }

    /// The sample without values that are not wanted; `None` if no value can be drawn then.
    pub fn only(&self, wanted: impl Fn(f64) -> bool) -> Option<Self> {
        let pairs = self.values.iter().copied().zip(self.weights.iter().copied());
        let (values, weights) = pairs.filter(|(value, _)| wanted(*value)).unzip();
        let kept = Self::new(values, weights);
        (!kept.shares.is_empty()).then_some(kept)
    }

    /// Checks that the weights are valid.
    pub fn validate(&self) -> Result<(), String> {
        if self.values.len() != self.weights.len() {
            return Err(format!(
                "weights must be as many as values, {}, not {}",
                self.values.len(),
                self.weights.len()
            ));
        }
        if let Some(weight) =
            self.weights.iter().find(|weight| !(0.0..f64::INFINITY).contains(*weight))
        {
            return Err(format!("weights must be finite numbers of at least 0, not {weight}"));
        }
        let total: f64 = self.weights.iter().sum();
        if total > 0.0 && total.is_finite() {
            Ok(())
        } else {
            Err(format!("weights must add up to a finite number above 0, not {total}"))
        }
    }
}

/// The number of possible draws.
const DRAWS: f64 = 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_as_often_as_their_weights_say() {
        let sample = WeightedSample::new(vec![1.0, 9.0, 3000.0, 7.0], vec![990.0, 0.0, 10.0, 0.0]);
        let draw = |share: f64| (share * DRAWS) as u64;
        assert_eq!(sample.at(0), 1.0);
        assert_eq!(sample.at(draw(0.989_999)), 1.0);
        assert_eq!(sample.at(draw(0.990_001)), 3000.0);
        assert_eq!(sample.at(u64::MAX), 3000.0);
    }

    #[test]
    fn equal_weights_are_no_weights() {
        let values = vec![5.0, 1.0, 3.0];
        let sample = WeightedSample::new(values.clone(), vec![0.5; 3]);
        for draw in (0..1000).map(|k: u64| k.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            assert_eq!(sample.at(draw), values[super::super::luck::below(draw, 3) as usize]);
        }
    }

    #[test]
    fn weights_that_make_no_sense_are_named() {
        let why = |weights: &[f64]| {
            WeightedSample::new(vec![1.0, 2.0], weights.to_vec()).validate().unwrap_err()
        };
        assert!(why(&[1.0]).contains("as many as values, 2, not 1"));
        assert!(why(&[1.0, -1.0]).contains("not -1"));
        assert!(why(&[1.0, f64::NAN]).contains("not NaN"));
        assert!(why(&[0.0, 0.0]).contains("above 0, not 0"));
        assert!(why(&[f64::MAX, f64::MAX]).contains("not inf"));
    }
}
