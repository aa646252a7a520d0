//! What a machine shows, and what its vendor says.

use super::quote::Offsets;
use super::text::{hex, quoted};

/// A quote with everything that a verifier needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxEvidence {
    /// The quote.
    pub quote: Vec<u8>,
    /// Where its parts begin.
    pub offsets: Offsets,
    /// The event log, when the machine has one.
    pub event_log: Option<Vec<u8>>,
    /// The platform's certificate.
    pub pck: Vec<u8>,
    /// Platform or Processor CA.
    pub authority: Vec<u8>,
    /// SGX Root CA.
    pub root: Vec<u8>,
    /// Who signed TCB information.
    pub tcb_signer: Vec<u8>,
    /// What a verifier names to accept this root.
    pub root_sha256: [u8; 32],
    /// Platform, authority and root, PEM.
    pub pck_chain: String,
    /// Authority and root, PEM.
    pub pck_crl_issuer_chain: String,
    /// Revocation list of the root.
    pub root_crl: Vec<u8>,
    /// Revocation list of the authority.
    pub pck_crl: Vec<u8>,
    /// Signer and root, PEM.
    pub tcb_info_issuer_chain: String,
    /// The signed bytes.
    pub tcb_info: String,
    /// Both numbers.
    pub tcb_info_signature: Vec<u8>,
    /// Signer and root, PEM.
    pub qe_identity_issuer_chain: String,
    /// The signed bytes.
    pub qe_identity: String,
    /// Both numbers.
    pub qe_identity_signature: Vec<u8>,
}

impl TdxEvidence {
    /// All collateral in one file, as services that cache it for verifiers write it.
    #[must_use]
    pub fn collateral_json(&self) -> String {
        let members = [
            ("pck_crl_issuer_chain", self.pck_crl_issuer_chain.clone()),
            ("root_ca_crl", hex(&self.root_crl)),
            ("pck_crl", hex(&self.pck_crl)),
            ("tcb_info_issuer_chain", self.tcb_info_issuer_chain.clone()),
            ("tcb_info", self.tcb_info.clone()),
            ("tcb_info_signature", hex(&self.tcb_info_signature)),
            ("qe_identity_issuer_chain", self.qe_identity_issuer_chain.clone()),
            ("qe_identity", self.qe_identity.clone()),
            ("qe_identity_signature", hex(&self.qe_identity_signature)),
            ("pck_certificate_chain", self.pck_chain.clone()),
        ];
        let lines: Vec<_> = members
            .into_iter()
            .map(|(name, value)| format!("  \"{name}\": {}", quoted(&value)))
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// TCB information as Intel serves it.
    #[must_use]
    pub fn tcb_info_document(&self) -> String {
        document("tcbInfo", &self.tcb_info, &self.tcb_info_signature)
    }

    /// The enclave's identity as Intel serves it.
    #[must_use]
    pub fn qe_identity_document(&self) -> String {
        document("enclaveIdentity", &self.qe_identity, &self.qe_identity_signature)
    }

    /// Every certificate: platform, authority, TCB signer, root.
    #[must_use]
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        vec![self.pck.clone(), self.authority.clone(), self.tcb_signer.clone(), self.root.clone()]
    }

    /// Both lists: the root's and the authority's.
    #[must_use]
    pub fn crls(&self) -> Vec<Vec<u8>> {
        vec![self.root_crl.clone(), self.pck_crl.clone()]
    }
}

fn document(name: &str, body: &str, signature: &[u8]) -> String {
    format!("{{\"{name}\":{body},\"signature\":\"{}\"}}", hex(signature))
}
