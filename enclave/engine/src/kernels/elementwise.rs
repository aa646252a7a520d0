//! Functions of single values, in plain Rust: the compiler makes vectors of them for each form, and
//! every operation rounds as IEEE 754 says.

use super::form::{Form, Work};
use super::vector::Vector;

const LANES: usize = 16;

/// Divides a row by its root mean square and multiplies it with `weight`.
pub(crate) fn rms_norm(form: Form, row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    form.run(Plainly(
        #[inline(always)]
        || {
            let mean = sum_of_squares(row) / row.len() as f32;
            let scale = (mean + epsilon).sqrt().recip();
            for (out, (value, weight)) in out.iter_mut().zip(row.iter().zip(weight)) {
                *out = value * scale * weight;
            }
        },
    ));
}

/// SiLU of each value, times the value of `up`.
pub(crate) fn gate_silu(form: Form, gate: &mut [f32], up: &[f32]) {
    form.run(Plainly(
        #[inline(always)]
        || {
            for (gate, up) in gate.iter_mut().zip(up) {
                *gate = *gate / (1.0 + exponential(-*gate)) * up;
            }
        },
    ));
}

/// Replaces each value by its exponential.
pub(crate) fn exp(form: Form, values: &mut [f32]) {
    form.run(Plainly(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = exponential(*value)),
    ));
}

/// Work that is the same text for every form.
pub(super) struct Plainly<F>(pub(super) F);

// `FnMut`, because `FnOnce` is called through a function that does not inherit `#[inline(always)]`.
impl<F: FnMut()> Work for Plainly<F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        (self.0)();
    }
}

/// In lanes, so that the order of additions is fixed and vectors fit it.
#[inline(always)]
fn sum_of_squares(values: &[f32]) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, value)| *lane = value.mul_add(*value, *lane));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane = value.mul_add(*value, *lane));
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        half /= 2;
    }
    lanes[0]
}

/// e^x within 2 units in the last place; zero and infinity where f32 ends.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2: a polynomial for e^r, and 2^n in two steps because n may go
/// beyond the exponents of normal numbers.
#[inline(always)]
pub(super) fn exponential(x: f32) -> f32 {
    // ln 2 in two parts: n times the first is exact.
    const HIGH: f32 = 0.693_145_75;
    const LOW: f32 = 1.428_606_8e-6;
    // 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let r = (rounded - ROUND).mul_add(-HIGH, x);
    let r = (rounded - ROUND).mul_add(-LOW, r);
    // Taylor's coefficients: the next term is below 2^-27 of the value.
    let mut power = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        power = r.mul_add(power, coefficient);
    }
    let half = n >> 1;
    power * power_of_two(half) * power_of_two(n - half)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(n.wrapping_add(127).wrapping_shl(23).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn values(seed: u64, size: f64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..1003).map(|_| ((random.fraction() * 2.0 - 1.0) * size) as f32).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// The distance of two floats, in units of the last place of the second.
    fn ulps(found: f32, expected: f64) -> f64 {
        let place = f64::from((expected as f32).abs().max(f32::MIN_POSITIVE));
        let unit = 2.0_f64.powi(place.log2().floor() as i32 - 23);
        (f64::from(found) - expected).abs() / unit
    }

    #[test]
    fn exponentials_are_right_within_two_units_over_the_whole_range() {
        for form in Form::available() {
            let mut found: Vec<f32> = (-8700..=8870).map(|x| x as f32 / 100.0).collect();
            let expected: Vec<f64> = found.iter().map(|x| f64::from(*x).exp()).collect();
            exp(form, &mut found);
            for (found, expected) in found.iter().zip(expected) {
                assert!(ulps(*found, expected) < 2.0, "{form:?}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn exponentials_end_in_zero_and_infinity_and_keep_nan() {
        for form in Form::available() {
            let mut found = [0.0, -104.0, -1e30, f32::NEG_INFINITY, 89.0, f32::INFINITY, f32::NAN];
            exp(form, &mut found);
            assert_eq!(found[..4], [1.0, 0.0, 0.0, 0.0], "{form:?}");
            assert_eq!(found[4..6], [f32::INFINITY; 2], "{form:?}");
            assert!(found[6].is_nan(), "{form:?}");
        }
    }

    #[test]
    fn a_gate_agrees_with_f64_and_in_every_form() {
        let (gate, up) = (values(1, 12.0), values(2, 3.0));
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let mut forms = Form::available().map(|form| {
            let mut found = gate.clone();
            gate_silu(form, &mut found, &up);
            found
        });
        let first = forms.next().unwrap();
        assert!(forms.all(|found| bits(&found) == bits(&first)));
        for ((found, gate), up) in first.iter().zip(&gate).zip(&up) {
            // Half a unit of the argument of the exponential is multiplied by that argument.
            let expected = silu(f64::from(*gate)) * f64::from(*up);
            let bound = 1e-5 * expected.abs() + 1e-12;
            assert!((f64::from(*found) - expected).abs() < bound, "{found} for {expected}");
        }
    }

    #[test]
    fn a_normed_row_agrees_with_f64_and_in_every_form() {
        let (row, weight) = (values(3, 2.0), values(4, 1.0));
        let square = |value: &f32| f64::from(*value).powi(2);
        let mean = row.iter().map(square).sum::<f64>() / row.len() as f64;
        let scale = (mean + 1e-5).sqrt().recip();
        let mut forms = Form::available().map(|form| {
            let mut out = vec![f32::NAN; row.len()];
            rms_norm(form, &row, &weight, 1e-5, &mut out);
            out
        });
        let first = forms.next().unwrap();
        assert!(forms.all(|found| bits(&found) == bits(&first)));
        for (found, (value, weight)) in first.iter().zip(row.iter().zip(&weight)) {
            let expected = f64::from(*value) * scale * f64::from(*weight);
            // 63 additions in each lane, of positive terms, and a few operations on the result.
            assert!((f64::from(*found) - expected).abs() <= 80.0 * 6e-8 * expected.abs());
        }
    }
}
