//! Hides lengths: Padmé for what is sent as one, buckets for streamed events (wire specification §9).

use super::Plaintext;

/// The smallest padded message.
const FLOOR: usize = 1_024;

/// The Padmé length of `length`, at least 1,024: the sizes reveal O(log log) bits and cost under 12 %
/// (Nikitin and others, "Reducing Metadata Leakage from Encrypted Files", PETS 2019).
///
/// ```
/// use sealroom_attestation::seal::padding::padme;
/// assert_eq!((padme(1), padme(1_025), padme(100_000)), (1_024, 1_088, 100_352));
/// ```
#[must_use]
pub const fn padme(length: usize) -> usize {
    let length = if length < FLOOR { FLOOR } else { length };
    let exponent = length.ilog2();
    let mantissa = exponent.ilog2().saturating_add(1);
    let mask = (1_usize << exponent.saturating_sub(mantissa)).saturating_sub(1);
    length.saturating_add(mask) & !mask
}

/// Adds zero bytes to `out` until it is `length` long.
pub(super) fn pad_to(length: usize, out: &mut Plaintext) {
    out.fill(0, length.saturating_sub(out.len()));
}
