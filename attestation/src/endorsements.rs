//! What vendors sign, and the roots that are trusted, for every platform at once.

mod superseded;

use crate::{gpu, snp, tdx};

/// Endorsements of every platform. Nothing is trusted for where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsements {
    /// AMD's.
    pub snp: snp::Endorsements,
    /// Intel's.
    pub tdx: tdx::Endorsements,
    /// NVIDIA's.
    pub gpu: gpu::Endorsements,
}

/// Which roots anchor a chain. A value of this type always holds the vendors' own; nothing can remove them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    /// AMD's.
    pub snp: snp::Anchors,
    /// Intel's.
    pub tdx: tdx::Anchors,
    /// NVIDIA's.
    pub gpu: gpu::Anchors,
}

/// What is known before evidence arrives: roots, endorsements decoded once, and what was verified before. A verdict is
/// the same whatever is remembered.
#[derive(Debug)]
pub struct Known {
    /// Of AMD's machines.
    pub snp: snp::Known,
    /// Of Intel's.
    pub tdx: tdx::Known,
    /// Of NVIDIA's devices.
    pub gpu: gpu::Known,
}

/// Why a file holds no endorsements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Not PEM, nor DER, nor a certificate table.
    #[error(transparent)]
    Certificates(#[from] snp::FileError),
    /// JSON, and none of Intel's documents.
    #[error(transparent)]
    Documents(#[from] tdx::CollateralError),
    /// A reference manifest, a response or a token, and not as NVIDIA writes it.
    #[error(transparent)]
    Gpu(#[from] gpu::FileError),
}

impl Endorsements {
    /// Adds another set.
    pub fn extend(&mut self, other: Self) {
        self.snp.extend(other.snp);
        self.tdx.extend(other.tdx);
        self.gpu.extend(other.gpu);
    }

    /// Adds what a file holds, recognised by content: certificates and revocation lists in PEM or DER, AMD's
    /// certificate table, Intel's documents in JSON, or NVIDIA's RIMs, OCSP responses, tokens and key sets. Certificates
    /// and lists go to the vendor who signs that way.
    ///
    /// # Errors
    /// When the file is none of these. Nothing is added then.
    pub fn add_file(&mut self, file: &[u8]) -> Result<(), FileError> {
        if let Some(text) =
            std::str::from_utf8(file).ok().filter(|text| text.trim_start().starts_with('{'))
        {
            let found = tdx::Endorsements::from_json(text);
            // What is neither Intel's nor NVIDIA's is told as none of Intel's.
            if found.is_err() && self.gpu.add_file(file).is_ok() {
                return Ok(());
            }
            self.tdx.extend(found?);
            return Ok(());
        }
        if file.trim_ascii_start().starts_with(b"<") || file.trim_ascii_start().starts_with(b"[") {
            return Ok(self.gpu.add_file(file)?);
        }
        let mut found = snp::Endorsements::default();
        if let Err(error) = found.add_file(file) {
            return self.gpu.add_file(file).map_err(|_| error.into());
        }
        let snp::Endorsements { certificates, crls } = found;
        // NVIDIA's certificates are those that are signed with SHA-384 on a curve.
        let (nvidia, certificates): (Vec<_>, Vec<_>) =
            certificates.into_iter().partition(|der| gpu::Endorsements::signs(der));
        self.gpu.certificates.extend(nvidia);
        let rest = |tdx: &mut tdx::Endorsements, files: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
            files.into_iter().filter(|der| !tdx.add_der(der)).collect()
        };
        self.snp.certificates.extend(rest(&mut self.tdx, certificates));
        self.snp.crls.extend(rest(&mut self.tdx, crls));
        Ok(())
    }
}

impl Known {
    /// Decodes the endorsements. One that cannot be read refuses all evidence of its platform.
    #[must_use]
    pub fn new(endorsements: &Endorsements, anchors: &Anchors) -> Self {
        Self {
            snp: snp::Known::new(&endorsements.snp, anchors.snp.clone()),
            tdx: tdx::Known::new(&endorsements.tdx, anchors.tdx.clone()),
            gpu: gpu::Known::new(&endorsements.gpu, anchors.gpu.clone()),
        }
    }
}

impl From<snp::Endorsements> for Endorsements {
    fn from(snp: snp::Endorsements) -> Self {
        Self { snp, ..Self::default() }
    }
}

impl From<tdx::Endorsements> for Endorsements {
    fn from(tdx: tdx::Endorsements) -> Self {
        Self { tdx, ..Self::default() }
    }
}

impl Anchors {
    /// The vendors' roots and no others.
    #[must_use]
    pub const fn production() -> Self {
        Self {
            snp: snp::Anchors::production(),
            tdx: tdx::Anchors::production(),
            gpu: gpu::Anchors::production(),
        }
    }

    /// SHA-256 of each simulated root that is accepted, in the order in which they were named.
    #[must_use]
    pub fn simulated(&self) -> &[[u8; 32]] {
        self.snp.simulated()
    }

    /// Adds a simulated root, the one whose certificate has this SHA-256, of whichever vendor. Whatever it anchors is
    /// simulated hardware, and every claim says so.
    #[must_use]
    pub fn danger_accept_simulated(self, root_sha256: [u8; 32]) -> Self {
        Self {
            snp: self.snp.danger_accept_simulated(root_sha256),
            tdx: self.tdx.danger_accept_simulated(root_sha256),
            gpu: self.gpu.danger_accept_simulated(root_sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMD: &[u8] = include_bytes!("../testdata/roots/amd_genoa_ask_ark_asvk.pem");
    const INTEL: &[u8] = include_bytes!("tdx/roots/intel_sgx_root_ca.der");
    const COLLATERAL: &[u8] = include_bytes!("../testdata/tdx/v4_td10_uptodate_collateral.json");

    const RIM: &[u8] = include_bytes!("../testdata/gpu/hopper_driver_545_00_rim.xml");

    #[test]
    fn files_go_to_the_vendor_whose_they_are() {
        let mut given = Endorsements::default();
        for file in [AMD, INTEL, COLLATERAL, RIM, br#"{"keys":[]}"#] {
            given.add_file(file).expect("endorsements");
        }
        assert_eq!((given.snp.certificates.len(), given.snp.crls.len()), (3, 0));
        assert_eq!((given.tdx.certificates.len(), given.tdx.crls.len()), (4, 2));
        assert_eq!((given.tdx.tcb_infos.len(), given.tdx.qe_identities.len()), (1, 1));
        assert_eq!((given.gpu.rims.len(), given.gpu.key_sets.len()), (1, 1));
    }

    #[test]
    fn a_file_that_holds_nothing_adds_nothing() {
        let mut given = Endorsements::default();
        let refused = given.add_file(b"hello").expect_err("no endorsements");
        assert_eq!(refused, FileError::Certificates(snp::FileError::Unknown));
        let refused = given.add_file(b" {}").expect_err("no endorsements");
        assert!(matches!(refused, FileError::Documents(tdx::CollateralError::Json(_))));
        assert_eq!(given, Endorsements::default());
    }
}
