//! Forged vendor hierarchies: everything that makes evidence look genuine, under roots that nobody trusts.
//!
//! The encoders here are independent of the decoders they are tested with: no constant is shared, so that a
//! decoder's mistake about an offset or a name is not repeated by the forge. The RSA keys are published in this
//! repository, and the other keys follow from a seed; whoever accepts a root made from them accepts everybody.

mod certificate;
mod crl;
mod der;
pub mod gpu;
mod keys;
pub mod snp;
pub mod tdx;

pub use certificate::{CertificateSpec, ExtensionSpec, pss};
pub use crl::CrlSpec;
pub use gpu::{
    FakeGpu, FakeHgx, FakeRim, GpuClass, GpuEvidence, GpuPublished, RimEvidence, RimKind,
};
pub use keys::{Role, Vendor};
pub use snp::{FakeSnp, Generation, SnpEvidence, SnpSpecs};
pub use tdx::{Body, FakeTdx, TdxEvidence, TdxSpecs};

/// Where every forged hierarchy begins.
///
/// ```
/// use sealroom_forge::{Body, Fake, Generation, RimKind};
/// let evidence = Fake::snp([1; 32]).generation(Generation::Turin).measurement([7; 48]).sign();
/// assert_eq!(evidence.report.len(), 1184);
/// let evidence = Fake::tdx([1; 32]).quote(5, Body::Td15).report_data([9; 64]).sign();
/// assert_eq!(evidence.quote[574..638], [9; 64]);
/// let evidence = Fake::gpu([1; 32]).nonce([8; 32]).sign();
/// assert_eq!(evidence.report[4..36], [8; 32]);
/// let evidence = Fake::rim([1; 32], RimKind::Vbios).sign();
/// assert!(evidence.xml.starts_with(b"<SoftwareIdentity"));
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

    /// A genuine-looking Hopper GPU, with keys and a root that follow from the seed. The same seed gives the same
    /// bytes.
    #[must_use]
    pub fn gpu(seed: [u8; 32]) -> FakeGpu {
        FakeGpu::new(seed)
    }

    /// A genuine-looking HGX board: eight Hopper GPUs behind four switches, all under one root. The same seed gives
    /// the same bytes.
    #[must_use]
    pub fn hgx(seed: [u8; 32]) -> FakeHgx {
        FakeHgx::new(seed)
    }

    /// A genuine-looking RIM for what a forged Hopper GPU or switch runs, under the root of the forged devices of this
    /// seed. The same seed gives the same bytes.
    #[must_use]
    pub fn rim(seed: [u8; 32], kind: RimKind) -> FakeRim {
        FakeRim::new(seed, kind)
    }
}
