//! What AMD publishes, verified by itself: before it stands behind any report, and whoever handed it over.

use std::sync::Arc;

use crate::checks;
use crate::claims::{Refusal, Verified};
use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Crl, Signatures};

use super::anchors::{self, Anchor, Anchors};
use super::case::{Case, Mismatch};
use super::endorsements::Endorsements;
use super::error::SnpError;
use super::given::{Given, Root, Vek};
use super::tcb::{Generation, Tcb};
use super::vek::{KdsExtensions, VekKind};
use super::{bindings, chain_signature, crl_signature, present};

/// One statement of AMD's that was verified up to a trusted root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// ASK or ASVK: it certifies keys.
    Authority {
        /// Of this generation.
        generation: Generation,
        /// Which keys it certifies.
        kind: VekKind,
        /// The certificate.
        certificate: Arc<Certificate>,
        /// When it counts, and all above it.
        validity: Window,
    },
    /// VCEK or VLEK: it signs reports.
    Key {
        /// Of this generation.
        generation: Generation,
        /// The chip, of a VCEK.
        hwid: Option<Vec<u8>>,
        /// The TCB that it was derived for.
        tcb: Tcb,
        /// The certificate.
        certificate: Arc<Certificate>,
        /// When it counts, and all above it.
        validity: Window,
    },
    /// The root's revocation list.
    List {
        /// Of this generation.
        generation: Generation,
        /// The list.
        crl: Arc<Crl>,
        /// When it counts, and the root above it.
        validity: Window,
    },
}

/// Verifies everything that was given, each part up to a trusted root and at `now`. The authorities above keys must be
/// among what was given; the vendor's roots need not.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what counts all the same.
pub fn published(
    given: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Verified<Vec<Published>>, Refusal<SnpError, Vec<Published>>> {
    let mut case = Case::new(|missing| SnpError::Undecided { missing });
    let decoded = Given::default().with(given);
    let found = match &decoded {
        Ok(given) => Ok(given.shown()),
        Err(error) => Err(Mismatch::because(error.clone(), "X.509 in DER")),
    };
    case.check(&checks::SNP_ENDORSEMENTS_DECODE, found);
    let given = decoded.unwrap_or_default();
    let examiner = Examiner { given: &given, anchors, signatures: anchors::signatures(), now };
    let mut statements: Vec<_> =
        given.certificates.iter().filter_map(|one| examiner.certificate(&mut case, one)).collect();
    statements.extend(given.crls.iter().filter_map(|crl| examiner.list(&mut case, crl)));
    case.conclude(statements, true)
}

struct Examiner<'v> {
    given: &'v Given,
    anchors: &'v Anchors,
    signatures: Signatures,
    now: UnixTime,
}

impl Examiner<'_> {
    /// A root says nothing by itself, and one that is not trusted refuses.
    fn certificate(&self, case: &mut Case, one: &Arc<Certificate>) -> Option<Published> {
        if one.is_self_issued() {
            let root = self.given.root(one, self.anchors);
            case.check(&checks::SNP_CHAIN_ROOT, bindings::root(&root, one, &self.anchors.shown()));
            return None;
        }
        match one.authority {
            Some(_) => self.authority(case, one),
            None => self.key(case, one),
        }
    }

    fn authority(&self, case: &mut Case, one: &Arc<Certificate>) -> Option<Published> {
        let anchor = self.anchored(case, one)?;
        let generation = anchor.generation;
        let named = |kind: &VekKind| kind.authority_name(generation) == one.subject.shown();
        let Some(kind) = [VekKind::Vcek, VekKind::Vlek].into_iter().find(named) else {
            case.missing(&checks::SNP_CHAIN_PRESENT, "the name is that of no authority of AMD's");
            return None;
        };
        let signed = chain_signature(&self.signatures, &[one, &anchor.root], self.now);
        let holds = case.check(&checks::SNP_CHAIN_SIGNATURE, signed);
        let (certificate, validity) = (Arc::clone(one), together([one, &anchor.root]));
        holds.then_some(Published::Authority { generation, kind, certificate, validity })
    }

    fn key(&self, case: &mut Case, one: &Arc<Certificate>) -> Option<Published> {
        let vek = Vek { certificate: Arc::clone(one), extensions: KdsExtensions::decode(one) };
        let mut holds = case.check(&checks::SNP_VEK_KEY, bindings::key(&vek));
        holds &= case.check(&checks::SNP_VEK_EXTENSIONS, bindings::extensions(&vek));
        holds &= case.check(&checks::SNP_VEK_VALIDITY, bindings::vek_validity(&vek, self.now));
        let authority = self.given.authority(one);
        present(case, &checks::SNP_CHAIN_PRESENT, authority.as_deref());
        let authority = authority?;
        let anchor = self.anchored(case, &authority)?;
        let (extensions, generation) = (vek.extensions.as_ref().ok()?, anchor.generation);
        let product = bindings::product(&vek, extensions, generation);
        holds &= case.check(&checks::SNP_VEK_PRODUCT, product);
        holds &= case.check(&checks::SNP_VEK_KIND, bindings::kind_alone(&vek, extensions));
        let tcb = bindings::own_tcb(extensions, generation);
        holds &= case.check(&checks::SNP_VEK_TCB, tcb);
        let links: [&Certificate; 3] = [one, &authority, &anchor.root];
        let signed = || chain_signature(&self.signatures, &links, self.now);
        holds = holds && case.check(&checks::SNP_CHAIN_SIGNATURE, signed());
        let tcb = extensions.tcb(generation).ok()?;
        let (hwid, certificate) = (extensions.hwid.clone(), Arc::clone(one));
        let validity = together(links);
        holds.then_some(Published::Key { generation, hwid, tcb, certificate, validity })
    }

    /// The trusted root above an authority, where names, rights and dates fit.
    fn anchored(&self, case: &mut Case, authority: &Certificate) -> Option<Anchor> {
        let root = self.given.root(authority, self.anchors);
        let found = bindings::root(&root, authority, &self.anchors.shown());
        case.check(&checks::SNP_CHAIN_ROOT, found);
        let Root::Anchored(anchor) = root else { return None };
        let rights = bindings::constraints(authority, &anchor.root);
        let dates = bindings::chain_validity(authority, &anchor.root, self.now);
        let holds = case.check(&checks::SNP_CHAIN_CONSTRAINTS, rights)
            & case.check(&checks::SNP_CHAIN_VALIDITY, dates);
        holds.then_some(anchor)
    }

    fn list(&self, case: &mut Case, crl: &Arc<Crl>) -> Option<Published> {
        let issuer = self.given.issuer(crl, self.anchors);
        let found = issuer.as_ref().map(|anchor| &*anchor.root);
        if !case.check_with(&checks::SNP_CRL_ISSUER, found, |root| bindings::crl_issuer(crl, root))
        {
            return None;
        }
        let anchor = issuer?;
        let signed = || crl_signature(&self.signatures, crl, &anchor.root, self.now);
        let holds = case.check(&checks::SNP_CRL_VALIDITY, bindings::crl_validity(crl, self.now))
            && case.check(&checks::SNP_CRL_SIGNATURE, signed());
        let generation = anchor.generation;
        let validity = crl.validity.intersect(&anchor.root.validity);
        holds.then(|| Published::List { generation, crl: Arc::clone(crl), validity })
    }
}

/// When all of them count.
fn together<const N: usize>(certificates: [&Certificate; N]) -> Window {
    let windows = certificates.into_iter().map(|one| one.validity);
    windows.fold(Window::ALWAYS, |all, window| all.intersect(&window))
}
