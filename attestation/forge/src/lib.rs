//! Forged vendor hierarchies: everything that makes evidence look genuine, under roots that nobody trusts.
//!
//! The encoders here are independent of the decoders they are tested with: no constant is shared, so that a
//! decoder's mistake about an offset or a name is not repeated by the forge. The RSA keys are published in this
//! repository; whoever accepts a root made from them accepts everybody.

mod certificate;
mod crl;
mod der;
mod keys;
pub mod snp;

pub use certificate::{CertificateSpec, ExtensionSpec, pss};
pub use crl::CrlSpec;
pub use keys::{Role, Vendor};
pub use snp::{FakeSnp, Generation, SnpEvidence};

/// Where every forged hierarchy begins.
///
/// ```
/// use sealroom_forge::{Fake, Generation};
/// let evidence = Fake::snp([1; 32]).generation(Generation::Turin).measurement([7; 48]).sign();
/// assert_eq!(evidence.report.len(), 1184);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fake;

impl Fake {
    /// A genuine-looking Genoa machine with a chip, keys and roots that follow from the seed. The same seed gives
    /// the same bytes.
    #[must_use]
    pub fn snp(seed: [u8; 32]) -> FakeSnp {
        FakeSnp::new(seed)
    }
}
