//! What sampling needs of all logits at once.

use zeroize::Zeroizing;

use super::attention::{PAGE, fold};
use super::elementwise::{Plainly, exp, exponential};
use super::form::Form;

/// The greatest number; minus infinity of none.
pub(crate) fn greatest(numbers: &[f32]) -> f32 {
    let mut greatest = f32::NEG_INFINITY;
    Form::best().run(Plainly(|| {
        greatest = fold(numbers, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    }));
    greatest
}

/// e^((logit - greatest) * sharpness) of each logit: 1 for the greatest, 0 for minus infinity.
pub(crate) fn weights(logits: &[f32], sharpness: f32) -> Zeroizing<Vec<f32>> {
    let greatest = greatest(logits);
    let mut weights = Zeroizing::new(logits.to_vec());
    weights.iter_mut().for_each(|one| *one = (*one - greatest) * sharpness);
    exp(Form::best(), &mut weights);
    weights
}

/// The natural logarithm of the sum of e^logit: in lanes of f64, in one fixed order.
pub(crate) fn log_sum_exp(logits: &[f32]) -> f32 {
    let greatest = greatest(logits);
    let mut lanes = [0.0_f64; PAGE];
    Form::best().run(Plainly(|| {
        let (chunks, rest) = logits.as_chunks::<PAGE>();
        for chunk in chunks {
            let weights = chunk.map(|logit| exponential(logit - greatest));
            lanes.iter_mut().zip(weights).for_each(|(lane, weight)| *lane += f64::from(weight));
        }
        for (lane, logit) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(exponential(logit - greatest));
        }
    }));
    greatest + lanes.iter().sum::<f64>().ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn weights_and_their_sum_agree_with_f64() {
        let mut random = Random::new(9);
        for count in [1, 15, 16, 17, 1003] {
            let logits: Vec<f32> =
                (0..count).map(|_| (random.fraction() * 40.0 - 20.0) as f32).collect();
            let most = greatest(&logits);
            assert_eq!(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max), most);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            assert!((f64::from(log_sum_exp(&logits)) - sum.ln()).abs() < 1e-5, "seed 9");
            for (weight, logit) in weights(&logits, 0.5).iter().zip(&logits) {
                let exact = (f64::from(logit - most) * 0.5).exp();
                assert!((f64::from(*weight) - exact).abs() < 1e-6, "seed 9");
            }
        }
    }

    #[test]
    fn a_token_that_cannot_come_has_no_weight() {
        assert_eq!(**weights(&[0.0, f32::NEG_INFINITY, 0.0], 1.0), [1.0, 0.0, 1.0]);
        assert_eq!(log_sum_exp(&[0.0, f32::NEG_INFINITY]), 0.0);
    }
}
