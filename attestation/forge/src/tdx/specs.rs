//! What a forged Intel says of a platform, before it is signed.

use super::{FakeTdx, QeIdentitySpec, SgxSpec, TcbInfoSpec, chain, changed};
use crate::certificate::CertificateSpec;
use crate::crl::CrlSpec;

/// Certificates, lists and documents of one platform, with every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxSpecs {
    /// What the platform's certificate says about the platform.
    pub sgx: SgxSpec,
    /// The platform's certificate.
    pub pck: CertificateSpec,
    /// Platform or Processor CA.
    pub authority: CertificateSpec,
    /// SGX Root CA.
    pub root: CertificateSpec,
    /// Who signs TCB information.
    pub tcb_signer: CertificateSpec,
    /// Revocation list of the root.
    pub root_crl: CrlSpec,
    /// Revocation list of the authority.
    pub pck_crl: CrlSpec,
    /// TCB information.
    pub tcb_info: TcbInfoSpec,
    /// The quoting enclave's identity.
    pub qe_identity: QeIdentitySpec,
}

impl FakeTdx {
    /// What the vendor says, with every change, before it is signed.
    #[must_use]
    pub fn specs(&self) -> TdxSpecs {
        let sgx = changed(self.extensions(), &self.sgx);
        TdxSpecs {
            pck: changed(chain::pck(self, &sgx), &self.pck),
            sgx,
            authority: changed(chain::authority(self), &self.authority),
            root: changed(chain::root(self), &self.root),
            tcb_signer: changed(chain::tcb_signer(self), &self.tcb_signer),
            root_crl: changed(chain::root_crl(self), &self.root_crl),
            pck_crl: changed(chain::pck_crl(self), &self.pck_crl),
            tcb_info: changed(TcbInfoSpec::new(self), &self.tcb_info),
            qe_identity: changed(QeIdentitySpec::new(self), &self.qe_identity),
        }
    }
}
