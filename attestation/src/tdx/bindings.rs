//! The checks that need no signature: does everything that was given speak of the same platform, at this time?

use crate::time::{UnixTime, Window};
use crate::x509::{Algorithm, Certificate, Crl, KeyKind};

use super::error::{ChainError, CrlError, DocumentError, QuoteError, TcbError};
use super::given::{Root, SIGNER_NAME, is_for, qe_identity_id, tcb_info_id};
use super::json::{QeIdentity, TcbInfo};
use super::pck::PckExtensions;
use super::quote::{Quote, Tee};
use super::{Checked, Mismatch, TdxError};

const PCK_NAME: &str = "Intel SGX PCK Certificate";
/// The two authorities that certify platforms.
pub(super) const PROCESSOR_CA: &str = "Intel SGX PCK Processor CA";
pub(super) const PLATFORM_CA: &str = "Intel SGX PCK Platform CA";

/// A chain from the platform's key up: leaf, authority, root.
pub(super) type Links<'c> = [&'c Certificate; 3];

/// Header bytes 8 to 11 are reserved in quotes of trust domains; an enclave's report has reserved bytes of its own.
pub(super) fn reserved(quote: &Quote) -> Checked {
    let in_header = quote.tee == Tee::Tdx && quote.header_svns != [0; 4];
    let in_body = match &quote.body {
        super::Body::Enclave(report) => report.reserved_set,
        super::Body::Td(_) => false,
    };
    if in_header || in_body {
        return Err(Mismatch::because(QuoteError::Reserved, "zeros"));
    }
    Ok("zeros".to_owned())
}

/// The chain ends at a root that is pinned.
pub(super) fn root(root: &Root, authority: Option<&Certificate>, trusted: &str) -> Checked {
    match root {
        Root::Anchored(anchor) => Ok(anchor.root.subject.shown().to_owned()),
        Root::NotPinned(root) => {
            let (name, sha256) = (root.subject.shown().to_owned(), root.sha256);
            let found = format!("{name} {}", hex::encode(sha256));
            Err(Mismatch::new(ChainError::RootNotPinned { name, sha256 }, found, trusted))
        }
        Root::Unknown | Root::Missing => {
            let name = authority.map_or("(none)", |authority| authority.issuer.shown()).to_owned();
            Err(Mismatch::because(ChainError::RootUnknown { name }, trusted))
        }
    }
}

/// Common names and issuers are those of a platform's chain.
pub(super) fn names([leaf, authority, root]: Links<'_>) -> Checked {
    name(leaf, &[PCK_NAME], authority, PCK_NAME)?;
    let expected = "Intel SGX PCK Processor CA or Platform CA";
    name(authority, &[PROCESSOR_CA, PLATFORM_CA], root, expected)?;
    Ok([leaf, authority, root].map(|link| link.subject.shown()).join(" < "))
}

fn name(
    one: &Certificate,
    names: &[&str],
    issuer: &Certificate,
    expected: &'static str,
) -> Checked {
    let found = one.subject.shown().to_owned();
    if names.contains(&found.as_str()) && one.issuer.der == issuer.subject.der {
        return Ok(found);
    }
    let issuer = one.issuer.shown().to_owned();
    Err(Mismatch::because(ChainError::Name { found, issuer, expected }, expected))
}

/// Every key is on P-256, and every certificate is signed with SHA-256.
pub(super) fn keys(links: Links<'_>) -> Checked {
    links.into_iter().try_for_each(key)?;
    Ok("ECDSA on P-256".to_owned())
}

fn key(one: &Certificate) -> Result<(), Mismatch> {
    if one.key.kind == KeyKind::P256 && one.algorithm == Algorithm::EcdsaSha256 {
        return Ok(());
    }
    let name = one.subject.shown().to_owned();
    Err(Mismatch::because(ChainError::Key { name, found: one.key.kind }, "ECDSA on P-256"))
}

/// What each may sign, by basicConstraints and keyUsage.
pub(super) fn constraints([leaf, authority, root]: Links<'_>) -> Checked {
    a_leaf(leaf)?;
    may_sign(authority, 0)?;
    may_sign(root, 1)?;
    Ok("authority and root may sign, the leaf may not".to_owned())
}

/// What the authority above platforms may sign.
pub(super) fn authority(one: &Certificate) -> Checked {
    may_sign(one, 0)?;
    Ok("it may sign".to_owned())
}

fn may_sign(one: &Certificate, between: u32) -> Result<(), Mismatch> {
    one.may_sign(between).map_err(|reason| {
        let name = one.subject.shown().to_owned();
        Mismatch::because(ChainError::Constraints { name, reason }, "it may sign these")
    })
}

fn a_leaf(one: &Certificate) -> Result<(), Mismatch> {
    match one.authority {
        None => Ok(()),
        Some(_) => {
            let name = one.subject.shown().to_owned();
            Err(Mismatch::because(ChainError::NotALeaf { name }, "no authority"))
        }
    }
}

/// Each counts at this time, both ends included.
pub(super) fn validity<'c>(
    certificates: impl IntoIterator<Item = &'c Certificate>,
    now: UnixTime,
) -> Checked {
    let mut all = Window::ALWAYS;
    for one in certificates {
        let window = one.validity;
        let error = ChainError::Validity { name: one.subject.shown().to_owned(), window, now };
        inside(window, now, error)?;
        all = all.intersect(&window);
    }
    Ok(all.to_string())
}

/// TCB signing: directly below the root, and no authority itself.
pub(super) fn signer(one: &Certificate, root: &Certificate) -> Checked {
    let found = name(one, &[SIGNER_NAME], root, "Intel SGX TCB Signing directly below the root")?;
    key(one)?;
    a_leaf(one)?;
    Ok(found)
}

/// Which document it is, for which environment.
pub(super) fn tcb_info_kind(info: &TcbInfo, tee: Tee) -> Checked {
    let module = tee == Tee::Sgx || info.tdx_module.is_some();
    let levels_of_modules = info.tdx_module_identities.iter().flat_map(|one| &one.tcb_levels);
    let states = levels_of_modules.into_iter().all(|level| level.tcb_status.is_of_an_enclave());
    let known = info.version == 3 && info.tcb_type == 0 && module && states;
    let found = format!("{:?} version {} type {}", info.id, info.version, info.tcb_type);
    let expected = format!("{tee:?} version 3 type 0, with a TDX module for Tdx");
    kind("TCB info", known && info.id == tcb_info_id(tee), found, expected)
}

/// Which document it is, for which environment.
pub(super) fn qe_identity_kind(identity: &QeIdentity, tee: Tee) -> Checked {
    let found = format!("{:?} version {}", identity.id, identity.version);
    let known = identity.version == 2 && identity.id == qe_identity_id(tee);
    kind("QE identity", known, found, format!("{tee:?} version 2"))
}

fn kind(document: &'static str, known: bool, found: String, expected: String) -> Checked {
    if known {
        return Ok(found);
    }
    let error = DocumentError::Kind { document, found: found.clone(), expected: expected.clone() };
    Err(Mismatch::new(error, found, expected))
}

/// FMSPC and PCE-ID, both.
pub(super) fn platform(info: &TcbInfo, pck: &PckExtensions) -> Checked {
    let shown =
        |fmspc: [u8; 6], pce: [u8; 2]| format!("{}/{}", hex::encode(fmspc), hex::encode(pce));
    let found = shown(info.fmspc.0, info.pce_id.0);
    if is_for(info, pck) {
        return Ok(found);
    }
    let expected = shown(pck.fmspc.0, pck.pce_id);
    let error = DocumentError::Platform { found: found.clone(), expected: expected.clone() };
    Err(Mismatch::new(error, found, expected))
}

/// Issued, and not past its next update.
pub(super) fn document_validity(document: &'static str, window: Window, now: UnixTime) -> Checked {
    inside(window, now, DocumentError::Validity { document, window, now })
}

/// The list's issuer may sign lists, and the list is current.
pub(super) fn crl_validity(crl: &Crl, issuer: &Certificate, now: UnixTime) -> Checked {
    let name = issuer.subject.shown().to_owned();
    if let Err(reason) = issuer.may_revoke() {
        return Err(Mismatch::because(CrlError::Constraints { name, reason }, "it may sign lists"));
    }
    let window = crl.validity;
    inside(window, now, CrlError::Validity { issuer: name, window, now })
}

/// None of the certificates that its issuer signed is on the list.
pub(super) fn revoked(crl: &Crl, certificates: &[&Certificate]) -> Checked {
    match certificates.iter().find(|one| crl.lists(&one.serial)) {
        None => Ok(format!("none of {} among {} revoked", certificates.len(), crl.count())),
        Some(one) => {
            let name = one.subject.shown().to_owned();
            let found = format!("{name} is listed");
            Err(Mismatch::new(CrlError::Revoked { name }, found, "not listed"))
        }
    }
}

/// MRSIGNERSEAM and SEAMATTRIBUTES are what TCB info says for this major version.
pub(super) struct ModuleRule {
    pub(super) mrsigner: [u8; 48],
    pub(super) attributes: [u8; 8],
    pub(super) mask: [u8; 8],
}

impl ModuleRule {
    pub(super) fn signer(&self, found: [u8; 48]) -> Checked {
        if found == self.mrsigner {
            return Ok(hex::encode(found));
        }
        let expected = hex::encode(self.mrsigner);
        Err(Mismatch::new(TcbError::ModuleSigner, hex::encode(found), expected))
    }

    /// Bits outside the mask must be zero: nobody said what they may be.
    pub(super) fn attributes(&self, found: [u8; 8]) -> Checked {
        let mut triples = found.iter().zip(&self.attributes).zip(&self.mask);
        if triples.all(|((found, expected), mask)| *found == expected & mask) {
            return Ok(hex::encode(found));
        }
        let expected = hex::encode(self.attributes);
        Err(Mismatch::new(TcbError::ModuleAttributes, hex::encode(found), expected))
    }
}

fn inside(window: Window, now: UnixTime, error: impl Into<TdxError>) -> Checked {
    if window.contains(now) {
        Ok(window.to_string())
    } else {
        Err(Mismatch::new(error, now, window))
    }
}
