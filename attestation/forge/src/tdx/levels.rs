//! What TCB information and enclave identities have in common: levels, changes of the text, signatures.

use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;

use super::text::{date, list, quoted};
use crate::keys::{Role, Vendor, intel};

/// A level of an enclave or of the TDX module: one security version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsvLevelSpec {
    /// From this version on.
    pub isv_svn: u16,
    /// When Intel set the level.
    pub date: u64,
    /// As Intel writes it: "UpToDate", "OutOfDate", "Revoked" and so on.
    pub status: String,
    /// "INTEL-SA-00615" and so on.
    pub advisories: Vec<String>,
}

impl IsvLevelSpec {
    pub(super) fn new(isv_svn: u16, date: u64, status: &str, advisories: &[&str]) -> Self {
        let advisories = advisories.iter().map(|id| (*id).to_owned()).collect();
        Self { isv_svn, date, status: status.to_owned(), advisories }
    }

    pub(super) fn encode(&self) -> String {
        let verdict = verdict(self.date, &self.status, &self.advisories);
        format!("{{\"tcb\":{{\"isvsvn\":{}}},{verdict}}}", self.isv_svn)
    }
}

/// Date, status and advisories of a level; no advisories are no field.
pub(super) fn verdict(when: u64, status: &str, advisories: &[String]) -> String {
    let ids = list(advisories.iter().map(|id| quoted(id)));
    let ids = if ids.is_empty() { ids } else { format!(",\"advisoryIDs\":[{ids}]") };
    format!("\"tcbDate\":{},\"tcbStatus\":{}{ids}", quoted(&date(when)), quoted(status))
}

/// The levels in brackets.
pub(super) fn levels(levels: &[IsvLevelSpec]) -> String {
    list(levels.iter().map(IsvLevelSpec::encode))
}

/// How a document is changed as text, and who signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningSpec {
    /// Pieces of text and what stands in their place, in order, before the document is signed.
    pub replacements: Vec<(String, String)>,
    /// Whose key signs.
    pub signer: (Vendor, Role),
    /// What Intel's keys follow from.
    pub seed: [u8; 32],
    /// Changes one bit of the signature after signing.
    pub broken_signature: bool,
}

impl SigningSpec {
    pub(super) const fn new(vendor: Vendor, seed: [u8; 32]) -> Self {
        let signer = (vendor, Role::TcbSigning);
        Self { replacements: Vec::new(), signer, seed, broken_signature: false }
    }

    /// Puts one text in the place of another, wherever that stands.
    pub fn replace(&mut self, from: &str, to: &str) {
        self.replacements.push((from.to_owned(), to.to_owned()));
    }

    /// The text as changed, and both numbers of its signature.
    ///
    /// # Panics
    /// When a piece that is to be replaced is not there: the forge's user made a mistake.
    pub(super) fn sign(&self, mut text: String) -> (String, Vec<u8>) {
        for (from, to) in &self.replacements {
            assert!(text.contains(from), "{from} is not in {text}");
            text = text.replace(from, to);
        }
        let (vendor, role) = self.signer;
        let signature: Signature = intel(vendor, role, &self.seed).sign(text.as_bytes());
        let mut signature = signature.to_bytes().to_vec();
        if self.broken_signature {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        (text, signature)
    }
}
