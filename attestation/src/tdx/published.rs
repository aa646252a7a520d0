//! What Intel publishes, verified by itself: before it stands behind any quote, and whoever handed it over.

use std::sync::Arc;

use crate::checks::{self, Check};
use crate::claims::{Refusal, Verified};
use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Crl, Signatures};

use super::anchors::{self, Anchor, Anchors};
use super::bindings::{self, PLATFORM_CA, PROCESSOR_CA};
use super::claims::PckAuthority;
use super::collateral::Endorsements;
use super::error::{CrlError, TdxError};
use super::given::{Document, Given, Root};
use super::json::{QeIdentity, QeIdentityId, TcbInfo, TcbInfoId};
use super::pck::Fmspc;
use super::quote::Tee;
use super::signed::{crl_signature, document_signature, link_signature};
use super::{Case, Mismatch};

/// One statement of Intel's that was verified up to a trusted root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A revocation list.
    List {
        /// Whose: the root's where there is none.
        authority: Option<PckAuthority>,
        /// The list.
        crl: Crl,
        /// When it counts, and all above it.
        validity: Window,
    },
    /// TCB info of one model.
    TcbInfo {
        /// The environment.
        tee: Tee,
        /// The model.
        fmspc: Fmspc,
        /// Its number and dates.
        edition: Edition,
    },
    /// The identity of the quoting enclave.
    QeIdentity {
        /// The environment.
        tee: Tee,
        /// Its number and dates.
        edition: Edition,
    },
}

/// Which edition of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// tcbEvaluationDataNumber: grows with every recovery.
    pub evaluation: u32,
    /// When it was issued.
    pub issued: UnixTime,
    /// From its issue to its next update, and when all above it counts.
    pub validity: Window,
}

/// Every statement, or the first reason against one and those that count all the same.
pub type Examined = Result<Verified<Vec<Published>>, Box<Refusal<TdxError, Vec<Published>>>>;

/// Verifies everything that was given, each list and document up to a trusted root and at `now`. Signers and authorities
/// must be among what was given; the vendor's root need not.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what counts all the same.
pub fn published(given: &Endorsements, anchors: &Anchors, now: UnixTime) -> Examined {
    let mut case = Case::new(|missing| TdxError::Undecided { missing });
    let decoded = Given::decode(given);
    let found = match &decoded {
        Ok(given) => Ok(given.shown()),
        Err(error) => Err(Mismatch::because(error.clone(), "X.509 in DER and JSON")),
    };
    case.check(&checks::TDX_ENDORSEMENTS_DECODE, found);
    let given = decoded.unwrap_or(Given::NOTHING);
    let examiner = Examiner { given: &given, anchors, held: anchors::signatures(), now };
    let mut statements = Vec::new();
    statements.extend(given.crls.iter().filter_map(|crl| examiner.list(&mut case, crl)));
    statements.extend(given.tcb_infos.iter().filter_map(|one| examiner.tcb_info(&mut case, one)));
    let identities = given.qe_identities.iter();
    statements.extend(identities.filter_map(|one| examiner.qe_identity(&mut case, one)));
    given.certificates.iter().for_each(|one| examiner.belongs(&mut case, one));
    case.conclude(statements, true).map_err(Box::new)
}

struct Examiner<'v> {
    given: &'v Given,
    anchors: &'v Anchors,
    held: Signatures,
    now: UnixTime,
}

impl Examiner<'_> {
    fn list(&self, case: &mut Case, crl: &Crl) -> Option<Published> {
        let name = &crl.issuer.der;
        if let Some(anchor) = self.given.root_named(name, self.anchors) {
            let checks = [&checks::TDX_CRL_ROOT_VALIDITY, &checks::TDX_CRL_ROOT_SIGNATURE];
            let holds = self.list_holds(case, crl, &anchor.root, checks);
            let (crl, validity) = (crl.clone(), crl.validity.intersect(&anchor.root.validity));
            return holds.then_some(Published::List { authority: None, crl, validity });
        }
        let Some(issuer) = self.given.named(name) else {
            let error = CrlError::Issuer { found: crl.issuer.shown().to_owned() };
            let expected = "the root, or an authority that was given";
            case.check(&checks::TDX_CRL_ISSUER, Err(Mismatch::because(error, expected)));
            return None;
        };
        let authority = match issuer.subject.shown() {
            PROCESSOR_CA => PckAuthority::Processor,
            PLATFORM_CA => PckAuthority::Platform,
            _ => {
                case.missing(&checks::TDX_PCK_NAMES, "the name is that of no authority of Intel's");
                return None;
            }
        };
        let above = self.authority_holds(case, issuer)?;
        let checks = [&checks::TDX_CRL_PCK_VALIDITY, &checks::TDX_CRL_PCK_SIGNATURE];
        let holds = self.list_holds(case, crl, issuer, checks);
        let (crl, validity) = (crl.clone(), crl.validity.intersect(&above));
        holds.then_some(Published::List { authority: Some(authority), crl, validity })
    }

    fn list_holds(
        &self,
        case: &mut Case,
        crl: &Crl,
        issuer: &Certificate,
        [validity, signature]: [&'static Check; 2],
    ) -> bool {
        case.check(validity, bindings::crl_validity(crl, issuer, self.now))
            && case.check(signature, crl_signature(&self.held, crl, issuer, self.now))
    }

    /// The authority above platforms, up to the root: when both count.
    fn authority_holds(&self, case: &mut Case, one: &Certificate) -> Option<Window> {
        let anchor = self.anchored(case, one)?;
        let dates = bindings::validity([one, &anchor.root], self.now);
        let signed = || link_signature(&self.held, one, &anchor.root, self.now);
        let holds = case.check(&checks::TDX_PCK_CONSTRAINTS, bindings::authority(one))
            & case.check(&checks::TDX_PCK_VALIDITY, dates)
            && case.check(&checks::TDX_PCK_SIGNATURE, signed());
        holds.then(|| one.validity.intersect(&anchor.root.validity))
    }

    /// A certificate that came along without a chain could later stand where a genuine one of its name should.
    fn belongs(&self, case: &mut Case, one: &Arc<Certificate>) {
        if self.anchors.anchor(one).is_some() {
            return;
        }
        let above = match self.given.named(&one.issuer.der) {
            Some(authority) => Some(Arc::clone(authority)),
            None => self.anchored(case, one).map(|anchor| anchor.root),
        };
        if let Some(above) = above {
            let signed = link_signature(&self.held, one, &above, self.now);
            case.check(&checks::TDX_PCK_SIGNATURE, signed);
        }
    }

    fn anchored(&self, case: &mut Case, one: &Certificate) -> Option<Anchor> {
        let root = self.given.root_above(one, self.anchors);
        let found = bindings::root(&root, Some(one), &self.anchors.shown());
        case.check(&checks::TDX_PCK_ROOT, found);
        match root {
            Root::Anchored(anchor) => Some(anchor),
            _ => None,
        }
    }

    fn tcb_info(&self, case: &mut Case, document: &Document<TcbInfo>) -> Option<Published> {
        let info = &document.value;
        let tee = match info.id {
            TcbInfoId::Sgx => Tee::Sgx,
            TcbInfoId::Tdx => Tee::Tdx,
        };
        let dates = bindings::document_validity("TCB info", info.window(), self.now);
        let fits = case.check(&checks::TDX_TCB_INFO_KIND, bindings::tcb_info_kind(info, tee))
            & case.check(&checks::TDX_TCB_INFO_VALIDITY, dates);
        let check = &checks::TDX_TCB_INFO_SIGNATURE;
        if !fits {
            return None;
        }
        let above = self.document_holds(case, check, "TCB info", document)?;
        let edition = edition(info.tcb_evaluation_data_number, info.window(), &above);
        Some(Published::TcbInfo { tee, fmspc: Fmspc(info.fmspc.0), edition })
    }

    fn qe_identity(&self, case: &mut Case, document: &Document<QeIdentity>) -> Option<Published> {
        let identity = &document.value;
        let tee = match identity.id {
            QeIdentityId::Sgx => Tee::Sgx,
            QeIdentityId::Tdx => Tee::Tdx,
        };
        let dates = bindings::document_validity("QE identity", identity.window(), self.now);
        let kind = bindings::qe_identity_kind(identity, tee);
        let fits = case.check(&checks::TDX_QE_IDENTITY_KIND, kind)
            & case.check(&checks::TDX_QE_IDENTITY_VALIDITY, dates);
        let check = &checks::TDX_QE_IDENTITY_SIGNATURE;
        if !fits {
            return None;
        }
        let above = self.document_holds(case, check, "QE identity", document)?;
        let edition = edition(identity.tcb_evaluation_data_number, identity.window(), &above);
        Some(Published::QeIdentity { tee, edition })
    }

    /// The signer, up to the root, and its signature over the document: when both certificates count.
    fn document_holds<T>(
        &self,
        case: &mut Case,
        check: &'static Check,
        name: &'static str,
        document: &Document<T>,
    ) -> Option<Window> {
        let Some(signer) = self.given.signer(document) else {
            case.missing(&checks::TDX_SIGNER_PRESENT, "the document's signer was not given");
            return None;
        };
        let anchor = self.anchored(case, &signer)?;
        let dates = bindings::validity([&*signer, &anchor.root], self.now);
        let link = || link_signature(&self.held, &signer, &anchor.root, self.now);
        let signed = || document_signature(&self.held, name, document, &signer, self.now);
        let holds = case.check(&checks::TDX_SIGNER_CHAIN, bindings::signer(&signer, &anchor.root))
            && case.check(&checks::TDX_SIGNER_VALIDITY, dates)
            && case.check(&checks::TDX_SIGNER_SIGNATURE, link())
            && case.check(check, signed());
        holds.then(|| signer.validity.intersect(&anchor.root.validity))
    }
}

fn edition(evaluation: u32, own: Window, above: &Window) -> Edition {
    Edition { evaluation, issued: own.from, validity: own.intersect(above) }
}
