//! Forged vendor hierarchies: everything that makes evidence look genuine, under roots that nobody trusts.
//!
//! The encoders here are independent of the decoders they are tested with: no constant is shared, so that a
//! decoder's mistake about an offset or a name is not repeated by the forge. The RSA keys are published in this
//! repository, and the other keys follow from a seed; whoever accepts a root made from them accepts everybody.

mod certificate;
mod crl;
mod der;
mod keys;
pub mod snp;
pub mod tdx;

pub use certificate::{CertificateSpec, ExtensionSpec, pss};
pub use crl::CrlSpec;
pub use keys::{Role, Vendor};
pub use snp::{FakeSnp, Generation, SnpEvidence};
pub use tdx::{Body, FakeTdx, TdxEvidence};

/// Where every forged hierarchy begins.
///
/// ```
/// use sealroom_forge::{Body, Fake, Generation};
/// let evidence = Fake::snp([1; 32]).generation(Generation::Turin).measurement([7; 48]).sign();
/// assert_eq!(evidence.report.len(), 1184);
/// let evidence = Fake::tdx([1; 32]).quote(5, Body::Td15).report_data([9; 64]).sign();
/// assert_eq!(evidence.quote[574..638], [9; 64]);
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

    /// A genuine-looking trust domain on an up-to-date platform, with keys and a root that follow from the seed.
    /// The same seed gives the same bytes.
    #[must_use]
    pub fn tdx(seed: [u8; 32]) -> FakeTdx {
        FakeTdx::new(seed)
    }
}
