//! The last step: every signature is checked, and what was verified together has one window.

use crate::checks::{self, Check};
use crate::claims::Dated;
use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Crl, Signatures};

use super::bindings::Links;
use super::error::{ChainError, CrlError, DocumentError, QeError, QuoteError};
use super::given::Document;
use super::lists::{Lists, PCK_LIST, ROOT_LIST};
use super::platform::Platform;
use super::quote::Quote;
use super::statements::Statements;
use super::{Case, Checked, Mismatch, qe};

/// Everything that somebody signed, and the memory of signatures that held before.
pub(super) struct SignedParts<'v> {
    pub(super) quote: &'v Quote,
    pub(super) platform: &'v Platform,
    pub(super) statements: &'v Statements<'v>,
    pub(super) lists: &'v Lists<'v>,
    pub(super) signatures: &'v Signatures,
    pub(super) now: UnixTime,
}

impl SignedParts<'_> {
    /// Checks every signature that can be checked, from the root down, up to the first that does not verify.
    pub(super) fn signatures(&self, case: &mut Case) {
        if !self.all_signatures(case) {
            let lists = [(&self.lists.root, ROOT_LIST), (&self.lists.pck, PCK_LIST)];
            for (_, [_, _, check]) in lists.into_iter().filter(|(list, _)| !list.is_empty()) {
                case.stopped_before(&[check]);
            }
        }
        case.stopped_before(super::NEEDED);
    }

    fn all_signatures(&self, case: &mut Case) -> bool {
        let Some(links) = self.platform.links() else { return false };
        let [leaf, authority, root] = links;
        let mut hold = case.check(&checks::TDX_PCK_SIGNATURE, self.chain_signature(links));
        let signers = self.statements.signers();
        if hold && signers.is_empty() {
            case.missing(&checks::TDX_SIGNER_SIGNATURE, "no signer was given");
        }
        for signer in signers {
            let check = &checks::TDX_SIGNER_SIGNATURE;
            hold = hold && case.check(check, self.link(signer, root));
        }
        for (list, issuer, [_, _, check]) in
            [(&self.lists.root, root, ROOT_LIST), (&self.lists.pck, authority, PCK_LIST)]
        {
            let mut list = list.iter();
            let signed = |crl| crl_signature(self.signatures, crl, issuer, self.now);
            hold = hold && list.all(|crl| case.check(check, signed(crl)));
        }
        let Statements { tcb_info, qe_identity, tcb_signer, qe_signer } = self.statements;
        let info = tcb_info.zip(tcb_signer.as_deref());
        let check = &checks::TDX_TCB_INFO_SIGNATURE;
        hold = hold && self.document_holds(case, check, "TCB info", info);
        let identity = qe_identity.zip(qe_signer.as_deref());
        let check = &checks::TDX_QE_IDENTITY_SIGNATURE;
        hold = hold && self.document_holds(case, check, "QE identity", identity);
        hold && case.check(&checks::TDX_QE_SIGNATURE, qe_signature(self.quote, leaf))
            && case.check(&checks::TDX_QUOTE_SIGNATURE, quote_signature(self.quote))
    }

    /// The root over the authority, and the authority over the platform. The root itself is pinned.
    fn chain_signature(&self, [leaf, authority, root]: Links<'_>) -> Checked {
        self.link(authority, root)?;
        self.link(leaf, authority)?;
        Ok([leaf, authority, root].map(|link| link.subject.shown()).join(" < "))
    }

    fn link(&self, subject: &Certificate, issuer: &Certificate) -> Checked {
        link_signature(self.signatures, subject, issuer, self.now)
    }

    /// The signer's signature over the raw bytes of a document. Without them the rest can still be checked.
    fn document_holds<T>(
        &self,
        case: &mut Case,
        check: &'static Check,
        document: &'static str,
        given: Option<(&Document<T>, &Certificate)>,
    ) -> bool {
        let Some((signed, signer)) = given else {
            case.missing(check, "the document or its signer was not given");
            return true;
        };
        case.check(check, document_signature(self.signatures, document, signed, signer, self.now))
    }

    /// The lists and documents, each with its own window.
    pub(super) fn dated(&self) -> Vec<Dated> {
        let crls = self.lists.root.iter().chain(&self.lists.pck).map(|crl| {
            let name = format!("revocation list of {}", crl.issuer.shown());
            Dated { name, validity: crl.validity }
        });
        let document = |name: &str, validity| Dated { name: name.to_owned(), validity };
        let info = self.statements.tcb_info.map(|one| document("TCB info", one.value.window()));
        let identity = self.statements.qe_identity;
        let identity = identity.map(|one| document("QE identity", one.value.window()));
        crls.chain(info).chain(identity).collect()
    }

    /// When all of it counts together.
    pub(super) fn validity(&self) -> Window {
        let links = self.platform.links().into_iter().flatten().map(|link| link.validity);
        let signers = self.statements.signers().into_iter().map(|signer| signer.validity);
        let crls = self.lists.root.iter().chain(&self.lists.pck).map(|crl| crl.validity);
        let info = self.statements.tcb_info.map(|document| document.value.window());
        let identity = self.statements.qe_identity.map(|document| document.value.window());
        let windows = links.chain(signers).chain(crls).chain(info).chain(identity);
        windows.fold(Window::ALWAYS, |all, window| all.intersect(&window))
    }
}

/// One certificate, signed by the one above it.
pub(super) fn link_signature(
    held: &Signatures,
    subject: &Certificate,
    issuer: &Certificate,
    now: UnixTime,
) -> Checked {
    let (below, above) = (subject.subject.shown(), issuer.subject.shown());
    match held.verify(subject, &issuer.key, now) {
        Ok(()) => Ok(format!("{below} < {above}")),
        Err(_) => {
            let (subject, issuer) = (below.to_owned(), above.to_owned());
            let error = ChainError::Signature { subject, issuer };
            Err(Mismatch::because(error, "ECDSA with SHA-256 by the issuer"))
        }
    }
}

/// A list, signed by its issuer.
pub(super) fn crl_signature(
    held: &Signatures,
    crl: &Crl,
    issuer: &Certificate,
    now: UnixTime,
) -> Checked {
    let name = issuer.subject.shown();
    match held.verify(crl, &issuer.key, now) {
        Ok(()) => Ok(format!("by {name}")),
        Err(_) => {
            let error = CrlError::Signature { issuer: name.to_owned() };
            Err(Mismatch::because(error, name))
        }
    }
}

/// A document, signed over exactly its bytes.
pub(super) fn document_signature<T>(
    held: &Signatures,
    document: &'static str,
    signed: &Document<T>,
    signer: &Certificate,
    now: UnixTime,
) -> Checked {
    match held.verify(signed, &signer.key, now) {
        Ok(()) => Ok(format!("by {}", signer.subject.shown())),
        Err(_) => Err(Mismatch::because(
            DocumentError::Signature { document },
            "the signer's signature over these bytes",
        )),
    }
}

/// The platform's key over the quoting enclave's report, exactly as it came.
fn qe_signature(quote: &Quote, leaf: &Certificate) -> Checked {
    match leaf.key.verify_fixed(&quote.qe.signed, &quote.qe.signature) {
        Ok(()) => Ok(format!("by {}", leaf.subject.shown())),
        Err(_) => Err(Mismatch::because(QeError::Signature, "the platform's signature")),
    }
}

/// The attestation key over header and body, exactly as they came.
fn quote_signature(quote: &Quote) -> Checked {
    match qe::key_signed(&quote.attestation_key, &quote.signed, &quote.signature) {
        Ok(()) => Ok("by the attestation key".to_owned()),
        Err(_) => Err(Mismatch::because(QuoteError::Signature, "the attestation key's signature")),
    }
}
