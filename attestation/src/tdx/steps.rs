//! The first step and the last: what was given is read, and every signature is checked.

use crate::checks::{self, Check};
use crate::time::Window;
use crate::x509::{Certificate, Crl};

use super::bindings::Links;
use super::collateral::{Endorsements, SignedDocument};
use super::error::{ChainError, CrlError, DocumentError, QeError, QuoteError};
use super::given::Given;
use super::lists::{Lists, PCK_LIST, ROOT_LIST};
use super::platform::Platform;
use super::quote::Quote;
use super::statements::Statements;
use super::{Case, Checked, Mismatch, qe};

/// Everything that was given, decoded; nothing at all where one part cannot be read.
pub(super) fn read<'a>(case: &mut Case, endorsements: &'a Endorsements) -> Given<'a> {
    let Endorsements { certificates, crls, tcb_infos, qe_identities } = endorsements;
    let result = Given::decode(endorsements);
    let found = match &result {
        Ok(_) => Ok(format!(
            "{} certificates, {} lists, {} documents",
            certificates.len(),
            crls.len(),
            tcb_infos.len().saturating_add(qe_identities.len())
        )),
        Err(error) => Err(Mismatch::because(error.clone(), "X.509 in DER, documents in JSON")),
    };
    case.check(&checks::TDX_ENDORSEMENTS_DECODE, found);
    result.unwrap_or_default()
}

/// Checks every signature that can be checked, from the root down, up to the first that does not verify.
pub(super) fn signatures(
    case: &mut Case,
    quote: &Quote,
    platform: &Platform<'_>,
    statements: &Statements<'_, '_>,
    lists: &Lists<'_, '_>,
) {
    if !all_signatures(case, quote, platform, statements, lists) {
        let lists_left = [(&lists.root, ROOT_LIST), (&lists.pck, PCK_LIST)];
        for (_, [_, _, check]) in lists_left.into_iter().filter(|(list, _)| !list.is_empty()) {
            case.stopped_before(&[check]);
        }
    }
    case.stopped_before(super::NEEDED);
}

fn all_signatures(
    case: &mut Case,
    quote: &Quote,
    platform: &Platform<'_>,
    statements: &Statements<'_, '_>,
    lists: &Lists<'_, '_>,
) -> bool {
    let Some(links) = platform.links() else { return false };
    let [leaf, authority, root] = links;
    let mut hold = case.check(&checks::TDX_PCK_SIGNATURE, chain_signature(links));
    let signers = statements.signers();
    if hold && signers.is_empty() {
        case.missing(&checks::TDX_SIGNER_SIGNATURE, "no signer was given");
    }
    for signer in signers {
        hold = hold && case.check(&checks::TDX_SIGNER_SIGNATURE, link_signature(signer, root));
    }
    for (list, issuer, [_, _, check]) in
        [(&lists.root, root, ROOT_LIST), (&lists.pck, authority, PCK_LIST)]
    {
        hold = hold && list.iter().all(|crl| case.check(check, crl_signature(crl, issuer)));
    }
    let info = statements.tcb_info.map(|document| document.signed);
    let info = info.zip(statements.tcb_signer.as_ref());
    hold = hold && document_holds(case, &checks::TDX_TCB_INFO_SIGNATURE, "TCB info", info);
    let identity = statements.qe_identity.map(|document| document.signed);
    let identity = identity.zip(statements.qe_signer.as_ref());
    hold =
        hold && document_holds(case, &checks::TDX_QE_IDENTITY_SIGNATURE, "QE identity", identity);
    hold && case.check(&checks::TDX_QE_SIGNATURE, qe_signature(quote, leaf))
        && case.check(&checks::TDX_QUOTE_SIGNATURE, quote_signature(quote))
}

/// The root over the authority, and the authority over the platform. The root itself is pinned.
fn chain_signature([leaf, authority, root]: Links<'_, '_>) -> Checked {
    link_signature(authority, root)?;
    link_signature(leaf, authority)?;
    Ok([leaf, authority, root].map(|link| link.subject.shown()).join(" < "))
}

fn link_signature(subject: &Certificate<'_>, issuer: &Certificate<'_>) -> Checked {
    let (below, above) = (subject.subject.shown().to_owned(), issuer.subject.shown().to_owned());
    match subject.verify_signature(&issuer.key) {
        Ok(()) => Ok(format!("{below} < {above}")),
        Err(_) => {
            let error = ChainError::Signature { subject: below, issuer: above };
            Err(Mismatch::because(error, "ECDSA with SHA-256 by the issuer"))
        }
    }
}

fn crl_signature(crl: &Crl<'_>, issuer: &Certificate<'_>) -> Checked {
    let issuer_name = issuer.subject.shown().to_owned();
    match crl.verify_signature(&issuer.key) {
        Ok(()) => Ok(format!("by {issuer_name}")),
        Err(_) => {
            Err(Mismatch::because(CrlError::Signature { issuer: issuer_name.clone() }, issuer_name))
        }
    }
}

/// The signer's signature over the raw bytes of a document. Without them the rest can still be checked.
fn document_holds(
    case: &mut Case,
    check: &'static Check,
    document: &'static str,
    given: Option<(&SignedDocument, &Certificate<'_>)>,
) -> bool {
    let Some((signed, signer)) = given else {
        case.missing(check, "the document or its signer was not given");
        return true;
    };
    let result = match signer.key.verify_fixed(&signed.body, &signed.signature) {
        Ok(()) => Ok(format!("by {}", signer.subject.shown())),
        Err(_) => Err(Mismatch::because(
            DocumentError::Signature { document },
            "the signer's signature over these bytes",
        )),
    };
    case.check(check, result)
}

/// The platform's key over the quoting enclave's report, exactly as it came.
fn qe_signature(quote: &Quote, leaf: &Certificate<'_>) -> Checked {
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

/// When all of it counts together.
pub(super) fn validity(
    platform: &Platform<'_>,
    statements: &Statements<'_, '_>,
    lists: &Lists<'_, '_>,
) -> Window {
    let links = platform.links().into_iter().flatten().map(|link| link.validity);
    let signers = statements.signers().into_iter().map(|signer| signer.validity);
    let crls = lists.root.iter().chain(&lists.pck).map(|crl| crl.validity);
    let info = statements.tcb_info.map(|document| document.value.window());
    let identity = statements.qe_identity.map(|document| document.value.window());
    let windows = links.chain(signers).chain(crls).chain(info).chain(identity);
    windows.fold(Window::ALWAYS, |all, window| all.intersect(&window))
}
