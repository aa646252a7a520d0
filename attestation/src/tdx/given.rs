//! Who is who among what was given: by what it says, never by how it was labelled.

use serde::de::DeserializeOwned;

use crate::x509::{Certificate, Crl};

use super::anchors::{Anchor, Anchors};
use super::collateral::{Endorsements, LONGEST_DOCUMENT, SignedDocument};
use super::error::EndorsementError;
use super::json::{QeIdentity, QeIdentityId, TcbInfo, TcbInfoId};
use super::pck::{PckExtensions, SGX_EXTENSIONS};
use super::quote::Tee;

/// More certificates, lists and documents than any platform needs: work before the first signature is bounded.
const MOST: usize = 48;
/// The common name of the certificate that signs TCB info and QE identity.
pub(super) const SIGNER_NAME: &str = "Intel SGX TCB Signing";

/// A document with the bytes that were signed.
pub(super) struct Document<'a, T> {
    pub(super) signed: &'a SignedDocument,
    pub(super) value: T,
}

/// The decoded endorsements.
#[derive(Default)]
pub(super) struct Given<'a> {
    certificates: Vec<Certificate<'a>>,
    pub(super) crls: Vec<Crl<'a>>,
    tcb_infos: Vec<Document<'a, TcbInfo>>,
    qe_identities: Vec<Document<'a, QeIdentity>>,
}

/// The platform's chain, as far as it was found.
pub(super) struct Chain<'a> {
    pub(super) leaf: Option<Certificate<'a>>,
    pub(super) authority: Option<Certificate<'a>>,
    pub(super) root: Root<'a>,
}

/// The root of a chain, or why there is none.
pub(super) enum Root<'a> {
    /// It is trusted.
    Anchored(Box<Anchor<'a>>),
    /// It was given, and is not trusted.
    NotPinned(Box<Certificate<'a>>),
    /// It was not given, and no trusted root has the name.
    Unknown,
    /// There is nothing above which it could stand.
    Missing,
}

impl<'a> Given<'a> {
    pub(super) fn decode(endorsements: &'a Endorsements) -> Result<Self, EndorsementError> {
        let Endorsements { certificates, crls, tcb_infos, qe_identities } = endorsements;
        let counts = [certificates.len(), crls.len(), tcb_infos.len(), qe_identities.len()];
        let found = counts.into_iter().fold(0_usize, usize::saturating_add);
        if found > MOST {
            return Err(EndorsementError::TooMany { found, limit: MOST });
        }
        let mut given = Self::default();
        for (index, der) in certificates.iter().enumerate() {
            let decoded = Certificate::decode(der);
            let certificate =
                decoded.map_err(|reason| EndorsementError::Certificate { index, reason })?;
            if !given.certificates.contains(&certificate) {
                given.certificates.push(certificate);
            }
        }
        for (index, der) in crls.iter().enumerate() {
            let crl = Crl::decode(der).map_err(|reason| EndorsementError::Crl { index, reason })?;
            if !given.crls.contains(&crl) {
                given.crls.push(crl);
            }
        }
        given.tcb_infos = documents(tcb_infos, "TCB info")?;
        given.qe_identities = documents(qe_identities, "QE identity")?;
        Ok(given)
    }

    /// Leaf, authority and root: the quote's own, or where it brings none those that were given.
    pub(super) fn chain(&self, embedded: &[Certificate<'a>], anchors: &Anchors) -> Chain<'a> {
        let pool = if embedded.is_empty() { self.certificates.as_slice() } else { embedded };
        let leaf = pool
            .iter()
            .find(|one| one.authority.is_none() && one.extension(SGX_EXTENSIONS).is_some());
        let authority = leaf.and_then(|leaf| {
            let named = |one: &&Certificate<'_>| one.subject.der == leaf.issuer.der;
            pool.iter().filter(|one| !one.is_self_issued()).find(named)
        });
        let root = match authority {
            Some(authority) => self.root(authority, pool, anchors),
            // Without an authority a root that is not trusted still refuses.
            None => pool.iter().find(|one| one.is_self_issued()).map_or(Root::Missing, |root| {
                match anchors.anchor(root) {
                    Some(anchor) => Root::Anchored(Box::new(anchor)),
                    None => Root::NotPinned(Box::new(root.clone())),
                }
            }),
        };
        Chain { leaf: leaf.cloned(), authority: authority.cloned(), root }
    }

    /// A root that the pool brings must be trusted. One that it does not bring is the pinned one, by its name.
    fn root(
        &self,
        authority: &Certificate<'_>,
        pool: &[Certificate<'a>],
        anchors: &Anchors,
    ) -> Root<'a> {
        let above = |one: &&Certificate<'_>| {
            one.is_self_issued() && one.subject.der == authority.issuer.der
        };
        let roots: Vec<_> = pool.iter().filter(above).collect();
        if let Some(anchor) = roots.iter().find_map(|root| anchors.anchor(root)) {
            return Root::Anchored(Box::new(anchor));
        }
        match (roots.first(), Anchors::named(authority.issuer.der)) {
            (Some(root), _) => Root::NotPinned(Box::new((*root).clone())),
            (None, Some(anchor)) => Root::Anchored(Box::new(anchor)),
            (None, None) => Root::Unknown,
        }
    }

    /// TCB info for this environment. Of several, the one for this platform, and of those the newest.
    pub(super) fn tcb_info(
        &self,
        tee: Tee,
        pck: Option<&PckExtensions>,
    ) -> Option<&Document<'a, TcbInfo>> {
        let id = tcb_info_id(tee);
        self.tcb_infos.iter().max_by_key(|document| {
            let info = &document.value;
            (info.id == id, pck.is_some_and(|pck| is_for(info, pck)), info.issue_date)
        })
    }

    /// QE identity for this environment. Of several, the newest.
    pub(super) fn qe_identity(&self, tee: Tee) -> Option<&Document<'a, QeIdentity>> {
        let id = qe_identity_id(tee);
        self.qe_identities
            .iter()
            .max_by_key(|document| (document.value.id == id, document.value.issue_date))
    }

    /// The certificate that signed a document: by its name, and of several the one whose key did.
    pub(super) fn signer(&self, document: &SignedDocument) -> Option<Certificate<'a>> {
        let named = |one: &&Certificate<'_>| one.subject.common_name == Some(SIGNER_NAME);
        let candidates: Vec<_> = self.certificates.iter().filter(named).collect();
        let signed = |one: &&&Certificate<'_>| {
            candidates.len() == 1
                || one.key.verify_fixed(&document.body, &document.signature).is_ok()
        };
        candidates.iter().find(signed).or(candidates.first()).map(|one| (**one).clone())
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

fn documents<'a, T: DeserializeOwned>(
    signed: &'a [SignedDocument],
    document: &'static str,
) -> Result<Vec<Document<'a, T>>, EndorsementError> {
    let refused = |reason: String| EndorsementError::Document { document, reason };
    let decoded = signed.iter().map(|signed| {
        if signed.body.len() > LONGEST_DOCUMENT {
            return Err(refused(format!("{} bytes are too many", signed.body.len())));
        }
        let value = serde_json::from_slice(&signed.body);
        Ok(Document { signed, value: value.map_err(|error| refused(error.to_string()))? })
    });
    decoded.collect()
}
