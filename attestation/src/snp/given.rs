//! Who is who among the certificates that were given: by what they say, never by how they were labelled.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::transcript::sha256;
use crate::x509::{Certificate, Crl, KeyKind};

use super::anchors::{self, Anchor, Anchors};
use super::endorsements::Endorsements;
use super::error::EndorsementError;
use super::flags::SigningKey;
use super::report::Report;
use super::tcb::Generation;
use super::vek::{ExtensionError, KdsExtensions, VekKind};

/// More certificates and lists than any chain needs: work before the first signature is bounded.
const MOST: usize = 32;

/// The decoded endorsements.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) certificates: Vec<Arc<Certificate>>,
    pub(super) crls: Vec<Arc<Crl>>,
}

/// The certificate of the signing key.
pub(super) struct Vek {
    pub(super) certificate: Arc<Certificate>,
    pub(super) extensions: Result<KdsExtensions, ExtensionError>,
}

/// The root of a chain, or why there is none.
pub(super) enum Root {
    /// It is trusted.
    Anchored(Anchor),
    /// It was given, and is not trusted.
    NotPinned(Arc<Certificate>),
    /// It was not given, and no trusted root has its name.
    Unknown,
}

impl Given {
    /// This and more. Both counts are bounded: work before the first signature is.
    pub(super) fn with(&self, more: &Endorsements) -> Result<Self, EndorsementError> {
        let found = more.certificates.len().saturating_add(more.crls.len());
        if found > MOST {
            return Err(EndorsementError::TooMany { found, limit: MOST });
        }
        let mut given = self.clone();
        // A host may name the same bytes many times: they are read once.
        for (index, der) in more.certificates.iter().enumerate() {
            let digest = sha256(der);
            if given.certificates.iter().any(|known| known.sha256 == digest) {
                continue;
            }
            let decoded = match anchors::published(digest) {
                Some(known) => Ok(Arc::clone(known)),
                None => Certificate::decode(der).map(Arc::new),
            };
            let certificate =
                decoded.map_err(|reason| EndorsementError::Certificate { index, reason })?;
            given.certificates.push(certificate);
        }
        for (index, der) in more.crls.iter().enumerate() {
            let digest = sha256(der);
            if given.crls.iter().all(|known| known.sha256 != digest) {
                let crl =
                    Crl::decode(der).map_err(|reason| EndorsementError::Crl { index, reason })?;
                given.crls.push(Arc::new(crl));
            }
        }
        Ok(given)
    }

    /// How much was given, each once, for people.
    pub(super) fn shown(&self) -> String {
        format!("{} certificates, {} lists", self.certificates.len(), self.crls.len())
    }

    /// The certificate of the key that signed this report. Of several, the one that fits best.
    pub(super) fn vek(&self, report: &Report) -> Option<Vek> {
        let leaves = self.certificates.iter().filter(|certificate| {
            !certificate.is_self_issued()
                && certificate.authority.is_none()
                && !matches!(certificate.key.kind, KeyKind::Rsa(_))
        });
        let candidates = leaves.map(|certificate| Vek {
            certificate: Arc::clone(certificate),
            extensions: KdsExtensions::decode(certificate),
        });
        candidates.min_by_key(|vek| Reverse(vek.fits(report)))
    }

    /// The ASK or ASVK that signed a VCEK or VLEK. Of several of that name, the one whose key did.
    pub(super) fn authority(&self, vek: &Certificate) -> Option<Arc<Certificate>> {
        let named = |authority: &&Arc<Certificate>| {
            !authority.is_self_issued() && authority.subject.der == vek.issuer.der
        };
        self.above(vek, named).cloned()
    }

    /// The ARK that signed an ASK or ASVK.
    pub(super) fn root(&self, authority: &Certificate, anchors: &Anchors) -> Root {
        let named = |root: &&Arc<Certificate>| {
            root.is_self_issued() && root.subject.der == authority.issuer.der
        };
        let trusted = |root: &&Arc<Certificate>| named(root) && anchors.anchor(root).is_some();
        if let Some(anchor) = self.above(authority, trusted).and_then(|root| anchors.anchor(root)) {
            return Root::Anchored(anchor);
        }
        match (self.certificates.iter().find(named), Anchors::named(&authority.issuer.der)) {
            (Some(root), _) => Root::NotPinned(Arc::clone(root)),
            (None, Some(anchor)) => Root::Anchored(anchor),
            (None, None) => Root::Unknown,
        }
    }

    /// The trusted root that a list is from, by its name.
    pub(super) fn issuer(&self, crl: &Crl, anchors: &Anchors) -> Option<Anchor> {
        let named = |one: &&Arc<Certificate>| one.subject.der == crl.issuer.der;
        let given = self.certificates.iter().filter(named).find_map(|root| anchors.anchor(root));
        given.or_else(|| Anchors::named(&crl.issuer.der))
    }

    fn above(
        &self,
        below: &Certificate,
        mut named: impl FnMut(&&Arc<Certificate>) -> bool,
    ) -> Option<&Arc<Certificate>> {
        let candidates: Vec<_> = self.certificates.iter().filter(&mut named).collect();
        match candidates.as_slice() {
            [] => None,
            [only] => Some(*only),
            [first, ..] => {
                let signer = candidates
                    .iter()
                    .find(|candidate| below.verify_signature(&candidate.key).is_ok());
                Some(signer.copied().unwrap_or(*first))
            }
        }
    }
}

impl Vek {
    /// The kind by the common name.
    pub(super) fn kind(&self) -> Option<VekKind> {
        let name = self.certificate.subject.common_name.as_deref()?;
        [VekKind::Vcek, VekKind::Vlek].into_iter().find(|kind| kind.common_name() == name)
    }

    /// How well it fits: the kind of key, then the chip, then the TCB.
    fn fits(&self, report: &Report) -> (bool, bool, bool) {
        let kind = match report.signer.signing_key() {
            SigningKey::Vcek => self.kind() == Some(VekKind::Vcek),
            SigningKey::Vlek => self.kind() == Some(VekKind::Vlek),
            SigningKey::None | SigningKey::Reserved(_) => false,
        };
        let Ok(extensions) = &self.extensions else { return (kind, false, false) };
        let chip = extensions.hwid.as_ref().is_some_and(|hwid| report.chip_id.0.starts_with(hwid));
        let tcb = Generation::ALL
            .iter()
            .any(|generation| extensions.tcb(*generation) == Ok(report.reported_tcb));
        (kind, chip, tcb)
    }
}
