//! SEV-SNP: is this report genuinely AMD's, at this time? What it says is the policy's business.
//!
//! Section numbers are those of AMD's "SEV-SNP Firmware ABI" (56860), "VCEK and KDS Interface" (57230) and
//! "GHCB Standardization" (56421).

mod anchors;
mod bindings;
mod case;
mod claims;
mod endorsements;
mod error;
mod flags;
mod given;
mod published;
mod report;
mod table;
mod tcb;
mod vek;

use std::sync::{Arc, LazyLock};

use crate::checks::{self, Check};
use crate::claims::{Dated, Refusal, Verified};
use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Crl, KeyKind, Signatures};

use case::{Case, Checked, Mismatch};
use given::{Given, Root, Vek};

pub use anchors::{Anchors, pinned_roots};
pub use claims::{Chip, Revocation, SnpClaims, VekClaims};
pub use endorsements::{Endorsements, FileError, report_from_file};
pub use error::{ChainError, CrlError, EndorsementError, ReportError, SnpError, VekError};
pub use flags::{GuestPolicy, PlatformInfo, SignerInfo, SigningKey};
pub use published::{Published, published};
pub use report::{
    ChipId, DecodeError, FirmwareVersion, Measurement, REPORT_LENGTH, Report, ReportData,
    SIGNED_LENGTH,
};
pub use table::{Entry, EntryKind, LONGEST_TABLE, TableError, decode_table, encode_table};
pub use tcb::{Cpuid, Generation, Tcb, TcbComponents};
pub use vek::{ExtensionError, KdsExtensions, VekKind};

/// The checks that every report needs; revocation is checked when lists are given.
pub const NEEDED: &[&Check] = &[
    &checks::SNP_REPORT_LENGTH,
    &checks::SNP_REPORT_VERSION,
    &checks::SNP_ENDORSEMENTS_DECODE,
    &checks::SNP_REPORT_ALGORITHM,
    &checks::SNP_REPORT_SIGNER,
    &checks::SNP_VEK_PRESENT,
    &checks::SNP_VEK_KEY,
    &checks::SNP_VEK_EXTENSIONS,
    &checks::SNP_VEK_KIND,
    &checks::SNP_VEK_VALIDITY,
    &checks::SNP_CHAIN_PRESENT,
    &checks::SNP_CHAIN_ROOT,
    &checks::SNP_CHAIN_CONSTRAINTS,
    &checks::SNP_CHAIN_VALIDITY,
    &checks::SNP_PRODUCT_CPUID,
    &checks::SNP_VEK_PRODUCT,
    &checks::SNP_VEK_TCB,
    &checks::SNP_VEK_HWID,
    &checks::SNP_CHAIN_SIGNATURE,
    &checks::SNP_REPORT_SIGNATURE,
];
/// The checks of a revocation list.
pub const REVOCATION: &[&Check] = &[
    &checks::SNP_CRL_ISSUER,
    &checks::SNP_CRL_VALIDITY,
    &checks::SNP_CRL_REVOKED,
    &checks::SNP_CRL_SIGNATURE,
];
const SIGNATURES: &[&Check] = &[&checks::SNP_CHAIN_SIGNATURE, &checks::SNP_REPORT_SIGNATURE];

/// Verifies one report; [`Known::verify`] says what that means. For more than one report make a [`Known`] once.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what the report claims.
///
/// ```
/// use sealroom_attestation::UnixTime;
/// use sealroom_attestation::snp::{Anchors, DecodeError, Endorsements, verify};
/// let refusal = verify(&[0; 100], &Endorsements::default(), &Anchors::production(), UnixTime(0)).unwrap_err();
/// assert_eq!(refusal.error, DecodeError::Length { found: 100 }.into());
/// ```
pub fn verify(
    report: &[u8],
    endorsements: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Verified<SnpClaims>, Refusal<SnpError, SnpClaims>> {
    Known::new(endorsements, anchors.clone()).verify(report, &Endorsements::default(), now)
}

/// What is known before a report arrives: roots, endorsements decoded once, and the signatures that held before. A
/// verdict is the same whatever is remembered.
#[derive(Debug)]
pub struct Known {
    anchors: Anchors,
    own: Result<Given, EndorsementError>,
    // Made when a report comes: who has evidence of another vendor never reads AMD's authorities.
    signatures: LazyLock<Signatures>,
}

impl Known {
    /// Decodes the endorsements. One that cannot be read refuses every report.
    #[must_use]
    pub fn new(endorsements: &Endorsements, anchors: Anchors) -> Self {
        let own = Given::default().with(endorsements);
        Self { anchors, own, signatures: LazyLock::new(anchors::signatures) }
    }

    /// Verifies that a report was signed by a key that AMD certifies for one chip or one cloud provider, at the TCB
    /// that the report names, and that all of it counts at `now`. `brought` is what came with the report.
    ///
    /// The caller has established nothing: every byte may be an attacker's. The caller must still compare
    /// `report_data` and appraise the claims; this function does not look at measurement, policy bits or VMPL.
    ///
    /// # Errors
    /// The first reason against, every check that ran and those that did not, and what the report claims.
    pub fn verify(
        &self,
        report: &[u8],
        brought: &Endorsements,
        now: UnixTime,
    ) -> Result<Verified<SnpClaims>, Refusal<SnpError, SnpClaims>> {
        let mut case = Case::new(|missing| SnpError::Undecided { missing });

        // 1. The bytes are one report of a version whose fields are known, and the endorsements can be read.
        let Some(decoded) = decode(&mut case, report) else { return case.refuse() };
        let given = self.read(&mut case, brought);
        case.check(&checks::SNP_REPORT_ALGORITHM, bindings::algorithm(&decoded));
        case.check(&checks::SNP_REPORT_SIGNER, bindings::signer(&decoded));

        // 2. The certificate of the key that signed, by itself.
        let vek = given.vek(&decoded);
        let vek = vek.as_ref();
        present(&mut case, &checks::SNP_VEK_PRESENT, vek.map(|vek| &*vek.certificate));
        let extensions = vek.and_then(|vek| vek.extensions.as_ref().ok());
        case.check_with(&checks::SNP_VEK_KEY, vek, bindings::key);
        case.check_with(&checks::SNP_VEK_EXTENSIONS, vek, bindings::extensions);
        case.check_with(&checks::SNP_VEK_KIND, vek.zip(extensions), |(vek, e)| {
            bindings::kind(&decoded, vek, e)
        });
        case.check_with(&checks::SNP_VEK_VALIDITY, vek, |vek| bindings::vek_validity(vek, now));

        // 3. The chain above it, to a root that is pinned, by names, rights and dates.
        let authority = vek.and_then(|vek| given.authority(&vek.certificate));
        let issuer = authority.as_deref();
        present(&mut case, &checks::SNP_CHAIN_PRESENT, issuer);
        let root = issuer.map(|authority| given.root(authority, &self.anchors));
        case.check_with(&checks::SNP_CHAIN_ROOT, root.as_ref().zip(issuer), |(root, authority)| {
            bindings::root(root, authority, &self.anchors.shown())
        });
        let anchor = match &root {
            Some(Root::Anchored(anchor)) => Some(anchor),
            _ => None,
        };
        let chain = issuer.zip(anchor.map(|anchor| &*anchor.root));
        let generation = anchor.map(|anchor| anchor.generation);
        case.check_with(&checks::SNP_CHAIN_CONSTRAINTS, chain, |(ask, ark)| {
            bindings::constraints(ask, ark)
        });
        case.check_with(&checks::SNP_CHAIN_VALIDITY, chain, |(ask, ark)| {
            bindings::chain_validity(ask, ark, now)
        });

        // 4. Report, certificate and root speak of the same product, TCB and chip.
        let fields = extensions.zip(generation);
        case.check_with(&checks::SNP_PRODUCT_CPUID, generation, |product| {
            bindings::cpuid(&decoded, product)
        });
        case.check_with(&checks::SNP_VEK_PRODUCT, vek.zip(fields), |(vek, (e, g))| {
            bindings::product(vek, e, g)
        });
        case.check_with(&checks::SNP_VEK_TCB, fields, |(e, g)| bindings::tcb(&decoded, e, g));
        case.check_with(&checks::SNP_VEK_HWID, fields, |(e, g)| bindings::hwid(&decoded, e, g));

        // 5. Revocation by the lists that were given, before their signature: a list in the wrong hands can only
        // refuse.
        let links = vek.zip(chain).map(|(vek, (ask, ark))| [&*vek.certificate, ask, ark]);
        let crls = &lists(&given.crls, links);
        revocation(&mut case, crls, links, now);

        // 6. The signatures, from the root down; after the first that does not verify there is no more work.
        if !self.signatures(&mut case, report, links, crls, now) {
            case.stopped_before(SIGNATURES);
            case.stopped_before(if crls.is_empty() { &[] } else { REVOCATION });
        }

        let windows = crls
            .iter()
            .map(|crl| crl.validity)
            .chain(links.into_iter().flatten().map(|link| link.validity));
        let claims = SnpClaims {
            generation,
            chain: chain_claims(vek, authority.as_ref(), root.as_ref()),
            lists: crls.iter().map(|crl| dated(crl)).collect(),
            vek: vek.zip(extensions).and_then(|(vek, e)| vek_claims(report, vek, e, generation)),
            validity: windows.fold(Window::ALWAYS, |all, window| all.intersect(&window)),
            revocation: if crls.is_empty() { Revocation::NotGiven } else { Revocation::Checked },
            simulated: anchor.is_some_and(|anchor| anchor.simulated),
            report: decoded,
        };
        let whole = claims.generation.is_some() && claims.vek.is_some();
        case.conclude(claims, whole)
    }

    /// What was given before and what came along; nothing at all where one part cannot be read.
    fn read(&self, case: &mut Case, brought: &Endorsements) -> Given {
        let given = self.own.as_ref().map_err(Clone::clone).and_then(|own| own.with(brought));
        let found = match &given {
            Ok(given) => Ok(given.shown()),
            Err(error) => Err(Mismatch::because(error.clone(), "X.509 in DER")),
        };
        case.check(&checks::SNP_ENDORSEMENTS_DECODE, found);
        given.unwrap_or_default()
    }

    /// Says whether every signature verified.
    fn signatures(
        &self,
        case: &mut Case,
        report: &[u8],
        links: Links<'_>,
        crls: &[Arc<Crl>],
        now: UnixTime,
    ) -> bool {
        let Some([vek, _, root]) = links else { return false };
        let held = &self.signatures;
        let chain = |links: [&Certificate; 3]| chain_signature(held, &links, now);
        case.check_with(&checks::SNP_CHAIN_SIGNATURE, links, chain)
            && crls.iter().all(|crl| {
                case.check(&checks::SNP_CRL_SIGNATURE, crl_signature(held, crl, root, now))
            })
            && vek.key.kind == KeyKind::P384
            && case.check(&checks::SNP_REPORT_SIGNATURE, report_signature(report, vek))
    }
}

/// Each certificate is signed by the next one; they end with the root, which is pinned byte for byte.
fn chain_signature(held: &Signatures, chain: &[&Certificate], now: UnixTime) -> Checked {
    for (subject, issuer) in chain.iter().zip(chain.iter().skip(1)).rev() {
        held.verify(*subject, &issuer.key, now).map_err(|_| {
            let (subject, issuer) =
                (subject.subject.shown().to_owned(), issuer.subject.shown().to_owned());
            Mismatch::because(
                ChainError::Signature { subject, issuer },
                "RSA-PSS with SHA-384 by the issuer",
            )
        })?;
    }
    Ok(chain.iter().map(|link| link.subject.shown()).collect::<Vec<_>>().join(" < "))
}

fn crl_signature(held: &Signatures, crl: &Crl, root: &Certificate, now: UnixTime) -> Checked {
    match held.verify(crl, &root.key, now) {
        Ok(()) => Ok(format!("by {}", root.subject.shown())),
        Err(_) => Err(Mismatch::because(CrlError::Signature, root.subject.shown())),
    }
}

fn decode(case: &mut Case, bytes: &[u8]) -> Option<Report> {
    let decoded = Report::decode(bytes);
    let length = match decoded {
        Err(error @ DecodeError::Length { found }) => {
            Err(Mismatch::new(error, found, REPORT_LENGTH))
        }
        _ => Ok(REPORT_LENGTH.to_string()),
    };
    if case.check(&checks::SNP_REPORT_LENGTH, length) {
        let version = match &decoded {
            Err(error) => Err(Mismatch::because(*error, "2, 3, 4 or 5")),
            Ok(report) => Ok(report.version.to_string()),
        };
        case.check(&checks::SNP_REPORT_VERSION, version);
    }
    if decoded.is_err() {
        case.stopped_before(NEEDED);
    }
    decoded.ok()
}

fn present(case: &mut Case, check: &'static Check, certificate: Option<&Certificate>) {
    match certificate {
        Some(certificate) => {
            case.check(check, Ok(certificate.subject.shown().to_owned()));
        }
        None => case.missing(check, "no such certificate was given"),
    }
}

/// The chain from the key up: VEK, authority, root.
type Links<'c> = Option<[&'c Certificate; 3]>;

/// The root's own lists. A folder may have those of other generations too; only where it has none of this one are they in
/// place of it, and refuse.
fn lists(given: &[Arc<Crl>], links: Links<'_>) -> Vec<Arc<Crl>> {
    let Some([_, _, root]) = links else { return given.to_vec() };
    let by_root = |crl: &&Arc<Crl>| crl.issuer.der == root.subject.der;
    let own: Vec<_> = given.iter().filter(by_root).cloned().collect();
    if own.is_empty() { given.to_vec() } else { own }
}

fn revocation(case: &mut Case, crls: &[Arc<Crl>], links: Links<'_>, now: UnixTime) {
    if crls.is_empty() {
        return case.not_given(REVOCATION, "no revocation list was given");
    }
    for crl in crls {
        case.check_with(&checks::SNP_CRL_ISSUER, links, |[_, _, root]| {
            bindings::crl_issuer(crl, root)
        });
        case.check(&checks::SNP_CRL_VALIDITY, bindings::crl_validity(crl, now));
        case.check_with(&checks::SNP_CRL_REVOKED, links, |chain| bindings::revoked(crl, chain));
    }
}

/// ABI 56860, ATTESTATION_REPORT: ECDSA over the first 2A0h bytes exactly as they came.
fn report_signature(report: &[u8], vek: &Certificate) -> Checked {
    let failed =
        |error| Mismatch::because(error, "a signature by the VCEK or VLEK over bytes 0 to 29Fh");
    let signature =
        report::signature(report).ok_or_else(|| failed(ReportError::SignatureEncoding))?;
    let signed =
        report.get(..SIGNED_LENGTH).ok_or_else(|| failed(ReportError::SignatureEncoding))?;
    match vek.key.verify_fixed(signed, &signature) {
        Ok(()) => Ok(format!("by {}", vek.subject.shown())),
        Err(_) => Err(failed(ReportError::Signature)),
    }
}

fn chain_claims(
    vek: Option<&Vek>,
    authority: Option<&Arc<Certificate>>,
    root: Option<&Root>,
) -> Vec<Arc<Certificate>> {
    let root = root.and_then(|root| match root {
        Root::Anchored(anchor) => Some(&anchor.root),
        Root::NotPinned(root) => Some(root),
        Root::Unknown => None,
    });
    [vek.map(|vek| &vek.certificate), authority, root].into_iter().flatten().cloned().collect()
}

fn dated(crl: &Crl) -> Dated {
    let name = format!("revocation list of {}", crl.issuer.shown());
    Dated { name, validity: crl.validity }
}

fn vek_claims(
    report: &[u8],
    vek: &Vek,
    extensions: &KdsExtensions,
    generation: Option<Generation>,
) -> Option<VekClaims> {
    let spki_sha256 = vek.certificate.key.sha256;
    Some(VekClaims {
        kind: vek.kind()?,
        product_name: extensions.product_name.clone(),
        hwid: extensions.hwid.clone(),
        csp_id: extensions.csp_id.clone(),
        tcb: generation.and_then(|generation| extensions.tcb(generation).ok()),
        serial: vek.certificate.serial.to_vec(),
        validity: vek.certificate.validity,
        spki_sha256,
        evidence_id: claims::evidence_id(report, &spki_sha256),
    })
}
