//! What sampling needs of all logits at once.

use zeroize::Zeroizing;

use super::attention::fold;
use super::elementwise::{Plainly, exp};
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
