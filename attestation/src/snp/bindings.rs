//! The checks that need no signature: does everything that was given speak of the same key, chip and TCB?

use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Crl, KeyKind};

use super::anchors::Anchor;
use super::case::{Checked, Mismatch};
use super::error::{ChainError, CrlError, ReportError, VekError};
use super::flags::SigningKey;
use super::given::{Root, Vek};
use super::report::{ECDSA_P384_SHA384, Report};
use super::tcb::Generation;
use super::vek::{KdsExtensions, VekKind};

/// ABI 56860, SIGNATURE_ALGO.
pub(super) fn algorithm(report: &Report) -> Checked {
    match report.signature_algorithm {
        ECDSA_P384_SHA384 => Ok("ECDSA P-384 with SHA-384".to_owned()),
        found => Err(Mismatch::new(ReportError::Algorithm { found }, found, ECDSA_P384_SHA384)),
    }
}

/// ABI 56860, offset 48h: a report that the firmware did not sign proves nothing, whatever its signature field holds.
pub(super) fn signer(report: &Report) -> Checked {
    let expected = "VCEK or VLEK, not masked";
    match report.signer.signing_key() {
        SigningKey::None => Err(Mismatch::because(ReportError::NotSigned, expected)),
        _ if report.signer.mask_chip_key() => {
            Err(Mismatch::because(ReportError::NotSigned, expected))
        }
        SigningKey::Reserved(found) => {
            Err(Mismatch::because(ReportError::SigningKey { found }, expected))
        }
        SigningKey::Vcek => Ok("VCEK".to_owned()),
        SigningKey::Vlek => Ok("VLEK".to_owned()),
    }
}

/// SIGNING_KEY, common name, issuer and extensions all say which kind of key it is, and must say the same.
pub(super) fn kind(report: &Report, vek: &Vek, extensions: &KdsExtensions) -> Checked {
    let key = report.signer.signing_key();
    let named = match key {
        SigningKey::Vcek => Some(VekKind::Vcek),
        SigningKey::Vlek => Some(VekKind::Vlek),
        SigningKey::None | SigningKey::Reserved(_) => None,
    };
    kind_of(vek, extensions, Some((key, named)))
}

/// The same of a certificate that no report stands beside.
pub(super) fn kind_alone(vek: &Vek, extensions: &KdsExtensions) -> Checked {
    kind_of(vek, extensions, None)
}

fn kind_of(
    vek: &Vek,
    extensions: &KdsExtensions,
    report: Option<(SigningKey, Option<VekKind>)>,
) -> Checked {
    let issuer = vek.certificate.issuer.shown();
    let authority = match issuer {
        name if name.starts_with("SEV-VLEK-") => Some(VekKind::Vlek),
        name if name.starts_with("SEV-") => Some(VekKind::Vcek),
        _ => None,
    };
    let extension = match (&extensions.hwid, &extensions.csp_id) {
        (Some(_), None) => Some(VekKind::Vcek),
        (None, Some(_)) => Some(VekKind::Vlek),
        _ => None,
    };
    let name = vek.certificate.subject.shown();
    let key = report.map_or(vek.kind(), |(_, named)| named);
    match vek.kind() {
        Some(kind) if [key, authority, extension] == [Some(kind); 3] => {
            Ok(format!("{kind} by {issuer}"))
        }
        _ => {
            let error = VekError::Kind {
                report: report.map_or(SigningKey::None, |(key, _)| key),
                name: name.to_owned(),
                issuer: issuer.to_owned(),
            };
            let extension = extension.map_or("neither chip nor provider", |kind| match kind {
                VekKind::Vcek => "a chip",
                VekKind::Vlek => "a provider",
            });
            let found = format!(
                "report {key:?}, name {name}, issuer {issuer}, extensions name {extension}"
            );
            Err(Mismatch::new(error, found, "all VCEK with a chip, or all VLEK with a provider"))
        }
    }
}

/// KDS 57230 §3.1: every such key is on P-384.
pub(super) fn key(vek: &Vek) -> Checked {
    match vek.certificate.key.kind {
        KeyKind::P384 => Ok("P-384".to_owned()),
        found => Err(Mismatch::new(VekError::Key { found }, format!("{found:?}"), "P-384")),
    }
}

/// KDS 57230 §3.1 and §4.1: the extensions can be read.
pub(super) fn extensions(vek: &Vek) -> Checked {
    match &vek.extensions {
        Ok(extensions) => Ok(format!("structure version {}", extensions.struct_version)),
        Err(error) => Err(Mismatch::because(
            VekError::from(error.clone()),
            "as AMD's key service writes them",
        )),
    }
}

/// Product name and issuer are of the generation that the root is for.
pub(super) fn product(vek: &Vek, extensions: &KdsExtensions, generation: Generation) -> Checked {
    let issuer = vek.certificate.issuer.shown();
    let issuers = [VekKind::Vcek, VekKind::Vlek].map(|kind| kind.authority_name(generation));
    let found = format!("{} by {issuer}", extensions.product_name);
    if extensions.names(generation) && issuers.iter().any(|name| name == issuer) {
        return Ok(found);
    }
    let product = extensions.product_name.clone();
    let error = VekError::Product { product, issuer: issuer.to_owned(), root: generation };
    Err(Mismatch::new(error, found, format!("{generation} by {}", issuers.join(" or "))))
}

/// From version 3 the report names the processor.
pub(super) fn cpuid(report: &Report, generation: Generation) -> Checked {
    match report.cpuid {
        None => Ok("not in reports of version 2; the root alone tells the generation".to_owned()),
        Some(cpuid) if Generation::from_cpuid(cpuid) == Some(generation) => {
            Ok(format!("{cpuid}: {generation}"))
        }
        Some(found) => Err(Mismatch::new(
            ReportError::Cpuid { found, root: generation },
            found,
            format!("a {generation}"),
        )),
    }
}

/// The key was derived for one TCB: it must be the reported one, each byte.
pub(super) fn tcb(report: &Report, extensions: &KdsExtensions, generation: Generation) -> Checked {
    let reported = report.reported_tcb;
    let shown = reported.components(generation);
    match extensions.tcb(generation) {
        Err(error) => Err(Mismatch::because(VekError::from(error), shown)),
        Ok(certificate) if certificate == reported => Ok(shown.to_string()),
        Ok(certificate) => {
            let error = VekError::Tcb { certificate, report: reported };
            Err(Mismatch::new(error, certificate.components(generation), shown))
        }
    }
}

/// The TCB that the key was derived for, in the layout of its generation.
pub(super) fn own_tcb(extensions: &KdsExtensions, generation: Generation) -> Checked {
    match extensions.tcb(generation) {
        Ok(tcb) => Ok(tcb.components(generation).to_string()),
        Err(error) => Err(Mismatch::because(VekError::from(error), "every component")),
    }
}

/// The key is this chip's. A masked report names no chip: then its VCEK does, and the signature proves it.
pub(super) fn hwid(report: &Report, extensions: &KdsExtensions, generation: Generation) -> Checked {
    let Some(hwid) = &extensions.hwid else {
        return Ok("a VLEK is shared: the certificate names no chip".to_owned());
    };
    let expected = generation.hwid_length();
    if hwid.len() != expected {
        return Err(Mismatch::because(
            VekError::HwidLength { found: hwid.len(), expected },
            expected,
        ));
    }
    if report.chip_id.is_masked() {
        return Ok(format!("masked in the report; the VCEK is chip {}'s", hex::encode(hwid)));
    }
    let (name, rest) = report.chip_id.0.split_at_checked(expected).unwrap_or_default();
    if name == hwid.as_slice() && rest.iter().all(|byte| *byte == 0) {
        return Ok(hex::encode(hwid));
    }
    Err(Mismatch::new(VekError::Hwid, hex::encode(hwid), report.chip_id))
}

/// Inclusive at both ends.
pub(super) fn vek_validity(vek: &Vek, now: UnixTime) -> Checked {
    let window = vek.certificate.validity;
    validity(window, now, VekError::Validity { window, now })
}

/// Of ASK or ASVK, and ARK.
pub(super) fn chain_validity(
    authority: &Certificate,
    root: &Certificate,
    now: UnixTime,
) -> Checked {
    for certificate in [authority, root] {
        let (name, window) = (certificate.subject.shown().to_owned(), certificate.validity);
        validity(window, now, ChainError::Validity { name, window, now })?;
    }
    Ok(authority.validity.intersect(&root.validity).to_string())
}

/// basicConstraints and keyUsage of ASK or ASVK, and ARK.
pub(super) fn constraints(authority: &Certificate, root: &Certificate) -> Checked {
    for (certificate, between) in [(authority, 0), (root, 1)] {
        certificate.may_sign(between).map_err(|reason| {
            let name = certificate.subject.shown().to_owned();
            Mismatch::because(
                ChainError::Constraints { name, reason },
                "critical CA and keyCertSign",
            )
        })?;
    }
    Ok("both may sign certificates".to_owned())
}

/// The root is pinned.
pub(super) fn root(root: &Root, authority: &Certificate, trusted: &str) -> Checked {
    match root {
        Root::Anchored(anchor) => Ok(shown(anchor)),
        Root::NotPinned(given) => {
            let (name, sha256) = (given.subject.shown().to_owned(), given.sha256);
            let found = format!("{name} {}", hex::encode(sha256));
            Err(Mismatch::new(ChainError::RootNotPinned { name, sha256 }, found, trusted))
        }
        Root::Unknown => {
            let name = authority.issuer.shown().to_owned();
            Err(Mismatch::new(ChainError::RootUnknown { name: name.clone() }, name, trusted))
        }
    }
}

fn shown(anchor: &Anchor) -> String {
    let digest = hex::encode(anchor.root.sha256);
    let simulated = if anchor.simulated { "SIMULATED " } else { "" };
    format!("{simulated}{} {digest}", anchor.root.subject.shown())
}

/// A list of another issuer says nothing about this chain, and must not look as if it did.
pub(super) fn crl_issuer(crl: &Crl, root: &Certificate) -> Checked {
    if crl.issuer.der != root.subject.der {
        let (found, expected) = (crl.issuer.shown().to_owned(), root.subject.shown().to_owned());
        return Err(Mismatch::new(
            CrlError::Issuer { found: found.clone(), expected: expected.clone() },
            found,
            expected,
        ));
    }
    root.may_revoke()
        .map_err(|reason| Mismatch::because(CrlError::Constraints { reason }, "cRLSign"))?;
    Ok(crl.issuer.shown().to_owned())
}

/// A list without its successor's date, or past it, hides every later revocation.
pub(super) fn crl_validity(crl: &Crl, now: UnixTime) -> Checked {
    let window = crl.validity;
    validity(window, now, CrlError::Validity { window, now })
}

/// Neither authority, nor key, nor the root itself is on the list. The list is the root's, and speaks of what the root
/// signed: ASK and ASVK. AMD gives every VCEK and VLEK the serial 0, so no list can name one chip's key, and the row
/// must not sound as if one could; a list that names 0 all the same refuses every key rather than none.
pub(super) fn revoked(crl: &Crl, chain: [&Certificate; 3]) -> Checked {
    match chain.into_iter().find(|certificate| crl.lists(&certificate.serial)) {
        None => {
            Ok(format!("no authority among {} revoked; single chips are never listed", crl.count()))
        }
        Some(certificate) => {
            let name = certificate.subject.shown().to_owned();
            Err(Mismatch::new(
                CrlError::Revoked { name: name.clone() },
                format!("{name} is listed"),
                "not listed",
            ))
        }
    }
}

fn validity(window: Window, now: UnixTime, error: impl Into<super::SnpError>) -> Checked {
    if window.contains(now) {
        Ok(window.to_string())
    } else {
        Err(Mismatch::new(error, now, window))
    }
}
