//! Who is who among what was given: by what it says, never by how it was labelled.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::time::Window;
use crate::transcript::{Transcript, sha256};
use crate::x509::{self, BadSignature, Certificate, Crl, PublicKey, Signed};

use super::anchors::{self, Anchor, Anchors};
use super::collateral::{Endorsements, LONGEST_DOCUMENT, SignedDocument};
use super::error::EndorsementError;
use super::json::{QeIdentity, QeIdentityId, TcbInfo, TcbInfoId};
use super::pck::{PckExtensions, SGX_EXTENSIONS};
use super::quote::Tee;
use super::tcb;

/// More certificates, lists and documents than any platform needs: work before the first signature is bounded.
const MOST: usize = 48;
/// The common name of the certificate that signs TCB info and QE identity.
pub(super) const SIGNER_NAME: &str = "Intel SGX TCB Signing";

/// A document, and the bytes that were signed.
#[derive(Debug)]
pub(super) struct Document<T> {
    signed: SignedDocument,
    digest: [u8; 32],
    window: Window,
    pub(super) value: T,
}

impl<T> Signed for Document<T> {
    fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn window(&self) -> Window {
        self.window
    }

    fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify_fixed(&self.signed.body, &self.signed.signature)
    }
}

/// The decoded endorsements.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) certificates: Vec<Arc<Certificate>>,
    pub(super) crls: Vec<Crl>,
    pub(super) tcb_infos: Vec<Document<TcbInfo>>,
    pub(super) qe_identities: Vec<Document<QeIdentity>>,
}

/// The platform's chain, as far as it was found.
pub(super) struct Chain {
    pub(super) leaf: Option<Arc<Certificate>>,
    pub(super) authority: Option<Arc<Certificate>>,
    pub(super) root: Root,
}

/// The root of a chain, or why there is none.
pub(super) enum Root {
    /// It is trusted.
    Anchored(Anchor),
    /// It was given, and is not trusted.
    NotPinned(Arc<Certificate>),
    /// It was not given, and no trusted root has the name.
    Unknown,
    /// There is nothing above which it could stand.
    Missing,
}

impl Given {
    /// Nothing was given.
    pub(super) const NOTHING: Self = Self {
        certificates: Vec::new(),
        crls: Vec::new(),
        tcb_infos: Vec::new(),
        qe_identities: Vec::new(),
    };

    pub(super) fn decode(endorsements: &Endorsements) -> Result<Self, EndorsementError> {
        let Endorsements { certificates, crls, tcb_infos, qe_identities } = endorsements;
        let certificates = distinct(certificates);
        let counts = [certificates.len(), crls.len(), tcb_infos.len(), qe_identities.len()];
        let found = counts.into_iter().fold(0_usize, usize::saturating_add);
        if found > MOST {
            return Err(EndorsementError::TooMany { found, limit: MOST });
        }
        let mut given = Self::NOTHING;
        for (index, der) in certificates {
            let decoded = given.certificate(der);
            let certificate =
                decoded.map_err(|reason| EndorsementError::Certificate { index, reason })?;
            given.certificates.push(certificate);
        }
        for (index, der) in crls.iter().enumerate() {
            let crl = Crl::decode(der).map_err(|reason| EndorsementError::Crl { index, reason })?;
            if !given.crls.contains(&crl) {
                given.crls.push(crl);
            }
        }
        given.tcb_infos = documents(tcb_infos, "TCB info", TcbInfo::window)?;
        for document in &mut given.tcb_infos {
            tcb::highest_first(&mut document.value.tcb_levels);
        }
        given.qe_identities = documents(qe_identities, "QE identity", QeIdentity::window)?;
        Ok(given)
    }

    /// How much was given, each once, for people.
    pub(super) fn shown(&self) -> String {
        let documents = self.tcb_infos.len().saturating_add(self.qe_identities.len());
        let (certificates, lists) = (self.certificates.len(), self.crls.len());
        format!("{certificates} certificates, {lists} lists, {documents} documents")
    }

    /// One certificate, decoded unless it is known already.
    pub(super) fn certificate(&self, der: &[u8]) -> Result<Arc<Certificate>, x509::DecodeError> {
        let digest = sha256(der);
        let given = self.certificates.iter().find(|known| known.sha256 == digest);
        match given.or_else(|| anchors::published(digest)) {
            Some(known) => Ok(Arc::clone(known)),
            None => Certificate::decode(der).map(Arc::new),
        }
    }

    /// Leaf, authority and root: the quote's own, or where it brings none those that were given.
    pub(super) fn chain(&self, embedded: &[Arc<Certificate>], anchors: &Anchors) -> Chain {
        let pool = if embedded.is_empty() { self.certificates.as_slice() } else { embedded };
        let leaf = pool
            .iter()
            .find(|one| one.authority.is_none() && one.extension(SGX_EXTENSIONS).is_some());
        let authority = leaf.and_then(|leaf| {
            let named = |one: &&Arc<Certificate>| one.subject.der == leaf.issuer.der;
            pool.iter().filter(|one| !one.is_self_issued()).find(named)
        });
        let root = match authority {
            Some(authority) => root(authority, pool, anchors),
            // Without an authority a root that is not trusted still refuses.
            None => pool.iter().find(|one| one.is_self_issued()).map_or(Root::Missing, |root| {
                match anchors.anchor(root) {
                    Some(anchor) => Root::Anchored(anchor),
                    None => Root::NotPinned(Arc::clone(root)),
                }
            }),
        };
        Chain { leaf: leaf.cloned(), authority: authority.cloned(), root }
    }

    /// TCB info for this environment. Of several, the one for this platform, and of those the newest.
    pub(super) fn tcb_info(
        &self,
        tee: Tee,
        pck: Option<&PckExtensions>,
    ) -> Option<&Document<TcbInfo>> {
        let id = tcb_info_id(tee);
        self.tcb_infos.iter().max_by_key(|document| {
            let info = &document.value;
            (info.id == id, pck.is_some_and(|pck| is_for(info, pck)), info.issue_date)
        })
    }

    /// QE identity for this environment. Of several, the newest.
    pub(super) fn qe_identity(&self, tee: Tee) -> Option<&Document<QeIdentity>> {
        let id = qe_identity_id(tee);
        self.qe_identities
            .iter()
            .max_by_key(|document| (document.value.id == id, document.value.issue_date))
    }

    /// The trusted root above a certificate, or why there is none.
    pub(super) fn root_above(&self, one: &Certificate, anchors: &Anchors) -> Root {
        root(one, &self.certificates, anchors)
    }

    /// The certificate of this name that is no root.
    pub(super) fn named(&self, name: &[u8]) -> Option<&Arc<Certificate>> {
        let named = |one: &&Arc<Certificate>| one.subject.der == name && !one.is_self_issued();
        self.certificates.iter().find(named)
    }

    /// The trusted root of this name.
    pub(super) fn root_named(&self, name: &[u8], anchors: &Anchors) -> Option<Anchor> {
        let named = |one: &&Arc<Certificate>| one.subject.der == name;
        let given = self.certificates.iter().filter(named).find_map(|one| anchors.anchor(one));
        given.or_else(|| Anchors::named(name))
    }

    /// The certificate that signed a document: by its name, and of several the one whose key did.
    pub(super) fn signer<T>(&self, document: &Document<T>) -> Option<Arc<Certificate>> {
        let named =
            |one: &&Arc<Certificate>| one.subject.common_name.as_deref() == Some(SIGNER_NAME);
        let candidates: Vec<_> = self.certificates.iter().filter(named).collect();
        let signed = |one: &&&Arc<Certificate>| {
            candidates.len() == 1 || document.verify_signature(&one.key).is_ok()
        };
        candidates.iter().find(signed).or(candidates.first()).map(|one| Arc::clone(one))
    }
}

/// A root that the pool brings must be trusted. One that it does not bring is the pinned one, by its name.
fn root(authority: &Certificate, pool: &[Arc<Certificate>], anchors: &Anchors) -> Root {
    let above =
        |one: &&Arc<Certificate>| one.is_self_issued() && one.subject.der == authority.issuer.der;
    let roots: Vec<_> = pool.iter().filter(above).collect();
    if let Some(anchor) = roots.iter().find_map(|root| anchors.anchor(root)) {
        return Root::Anchored(anchor);
    }
    match (roots.first(), Anchors::named(&authority.issuer.der)) {
        (Some(root), _) => Root::NotPinned(Arc::clone(root)),
        (None, Some(anchor)) => Root::Anchored(anchor),
        (None, None) => Root::Unknown,
    }
}

/// True when TCB info is for this model and this provisioning certification enclave.
pub(super) fn is_for(info: &TcbInfo, pck: &PckExtensions) -> bool {
    info.fmspc.0 == pck.fmspc.0 && info.pce_id.0 == pck.pce_id
}

/// Which TCB info an environment needs.
pub(super) const fn tcb_info_id(tee: Tee) -> TcbInfoId {
    match tee {
        Tee::Sgx => TcbInfoId::Sgx,
        Tee::Tdx => TcbInfoId::Tdx,
    }
}

/// Which QE identity an environment needs.
pub(super) const fn qe_identity_id(tee: Tee) -> QeIdentityId {
    match tee {
        Tee::Sgx => QeIdentityId::Sgx,
        Tee::Tdx => QeIdentityId::Tdx,
    }
}

/// Each certificate once, with its place among all: every answer of Intel's brings the same few.
fn distinct(certificates: &[Vec<u8>]) -> Vec<(usize, &Vec<u8>)> {
    let mut seen = BTreeSet::new();
    let all = certificates.iter().enumerate();
    all.filter(|(_, der)| seen.insert(sha256(der))).collect()
}

fn documents<T: DeserializeOwned>(
    signed: &[SignedDocument],
    document: &'static str,
    window: fn(&T) -> Window,
) -> Result<Vec<Document<T>>, EndorsementError> {
    let refused = |reason: String| EndorsementError::Document { document, reason };
    let decoded = signed.iter().map(|signed| {
        if signed.body.len() > LONGEST_DOCUMENT {
            return Err(refused(format!("{} bytes are too many", signed.body.len())));
        }
        let value = serde_json::from_slice(&signed.body);
        let value = value.map_err(|error| refused(error.to_string()))?;
        let label = Transcript::new("sealroom/1 signed document");
        let digest = label.part(&signed.body).part(&signed.signature).sha256();
        Ok(Document { signed: signed.clone(), digest, window: window(&value), value })
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_given_many_times_counts_once() {
        let root = include_bytes!("roots/intel_sgx_root_ca.der").to_vec();
        let certificates = vec![root; MOST + 1];
        let given = Endorsements { certificates, ..Endorsements::default() };
        let decoded = Given::decode(&given).expect("one certificate");
        assert_eq!(decoded.shown(), "1 certificates, 0 lists, 0 documents");
        let crls = vec![Vec::new(); MOST + 1];
        let refused = Given::decode(&Endorsements { crls, ..Endorsements::default() });
        let limit = MOST;
        let error = EndorsementError::TooMany { found: MOST + 1, limit };
        assert_eq!(refused.expect_err("too many lists"), error);
    }
}
