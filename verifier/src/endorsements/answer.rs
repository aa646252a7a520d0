//! What a service answered, as endorsement files, and whether it is the statement that was asked for.

use sealroom_attestation::{
    Ledger, UnixTime, Window,
    checks::{self, Check},
    endorsements::{Anchors, Endorsements},
    gpu::{
        self,
        ocsp::{CertificateStanding, Link},
    },
    snp, tdx,
    transcript::sha256,
    x509,
};
use serde::Deserialize;

use super::resource::{Resource, Standing};

/// A statement that was verified: genuine, and about what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What must never go back; `None` for certificates, of which an older one says no less.
    pub edition: Option<Edition>,
    /// Among which statements: where a name does not say it all, what was signed does.
    pub track: String,
    /// When it counts.
    pub validity: Window,
}

/// How new a statement is among all about the same thing: its number first, then its date. Certificates have no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Big-endian, without leading zeros: CRL number, evaluation number, tag version.
    pub number: Vec<u8>,
    /// When it was issued.
    pub issued: UnixTime,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    /// The check that decided.
    pub check: &'static Check,
    /// What was found, for people.
    pub found: String,
}

impl Edition {
    /// True where this one is older than another.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.number.len(), one.number.clone(), one.issued);
        key(self) < key(other)
    }
}

/// The most certificates above one statement, root included. AMD's chain may bring both authorities.
const LONGEST_CHAIN: usize = 3;

/// What an answer of the RIM service names.
#[derive(Deserialize)]
struct RimName {
    id: String,
}

/// An answer as files: its body, and the signer's certificates where they come in a header.
pub(super) fn files(resource: &Resource, body: &[u8], chain: Option<&[u8]>) -> Vec<Vec<u8>> {
    let body = match resource {
        // A cache of Intel's service writes lists as hexadecimal text.
        Resource::IntelRootList | Resource::IntelList { .. } => {
            hex::decode(body.trim_ascii()).unwrap_or_else(|_| body.to_vec())
        }
        _ => body.to_vec(),
    };
    let chain = chain.map(percent_decoded);
    [Some(body), chain].into_iter().flatten().collect()
}

/// Percent-encoded text (RFC 3986 §2.1) as Intel's headers carry PEM. What is not encoded that way stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| byte == b'%');
        let decoded = escaped.and_then(|digits| hex::decode(digits).ok());
        match decoded.as_deref() {
            Some(&[one]) => {
                out.push(one);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

/// Verifies an answer by itself: it can be read, every signature leads to a trusted root, it counts at `now`, and it is
/// about what was asked for. `above` are certificates that stand above it and did not come along.
///
/// # Errors
/// [`Unfit`] names the check that decided.
pub fn verify(
    resource: &Resource,
    files: &[Vec<u8>],
    above: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Statement, Unfit> {
    let mut own = Endorsements::default();
    for file in files {
        let added = own.add_file(file);
        added.map_err(|error| unfit_by(&checks::ENDORSEMENTS_ANSWER, error.to_string()))?;
    }
    if !is_alone(resource, &own) {
        let found = format!("an answer with other parts than those of {resource}");
        return Err(unfit_by(&checks::ENDORSEMENTS_SUBJECT, found));
    }
    let mut given = above.clone();
    given.extend(own.clone());
    let found = match resource {
        Resource::AmdChain { .. } | Resource::AmdList { .. } | Resource::AmdKey { .. } => {
            match snp::published(&given.snp, &anchors.snp, now) {
                Ok(verified) => verified.claims().iter().find_map(|one| of_amd(resource, one)),
                Err(refusal) => return Err(unfit(&refusal.ledger)),
            }
        }
        Resource::Rim { id } => {
            let named = files.iter().find_map(|file| serde_json::from_slice::<RimName>(file).ok());
            let rims = gpu::rim::verify(&own.gpu, &anchors.gpu, now);
            match (named, rims) {
                (Some(RimName { id: named }), Ok(verified)) if named == id.as_str() => {
                    verified.claims().first().map(|rim| of_rim(rim))
                }
                (_, Ok(_)) => None,
                (_, Err(refusal)) => return Err(unfit(&refusal.ledger)),
            }
        }
        Resource::Standing(standing) => {
            let Standing { subject, issuer, owner, .. } = standing;
            let link = Link { subject, issuer, owner: *owner };
            match gpu::ocsp::verify(&own.gpu.ocsp, &[link], now) {
                Ok(verified) => verified.claims().first().and_then(of_responder),
                // What was signed against a certificate is a statement like any other.
                Err(refusal) => {
                    let said = refusal.claimed.as_ref().and_then(|all| of_responder(all.first()?));
                    return said.ok_or_else(|| unfit(&refusal.ledger));
                }
            }
        }
        _ => match tdx::published(&given.tdx, &anchors.tdx, now) {
            Ok(verified) => verified.claims().iter().find_map(|one| of_intel(resource, one)),
            Err(refusal) => return Err(unfit(&refusal.ledger)),
        },
    };
    found.ok_or_else(|| {
        let found = format!("a genuine answer about something else than {resource}");
        unfit_by(&checks::ENDORSEMENTS_SUBJECT, found)
    })
}

/// True where an answer holds the one statement that was asked for and the certificates above it, and nothing else:
/// whatever else came along would count without having been asked for.
fn is_alone(resource: &Resource, own: &Endorsements) -> bool {
    let Endorsements { snp, tdx, gpu } = own;
    let amd = (snp.certificates.len(), snp.crls.len());
    let documents = (tdx.tcb_infos.len(), tdx.qe_identities.len());
    let intel = (tdx.certificates.len(), tdx.crls.len(), documents);
    // Answers that count alone are used together: passengers of many would outgrow what is read at once.
    let is_chain = intel.0 <= LONGEST_CHAIN;
    let opinions = (gpu.tokens.len(), gpu.key_sets.len());
    let nvidia = (gpu.certificates.len(), gpu.rims.len(), gpu.ocsp.len(), opinions);
    let (no_amd, no_intel, no_nvidia) = ((0, 0), (0, 0, (0, 0)), (0, 0, 0, (0, 0)));
    match resource {
        Resource::AmdChain { .. } => {
            amd.0 <= LONGEST_CHAIN && amd.1 == 0 && (intel, nvidia) == (no_intel, no_nvidia)
        }
        Resource::AmdKey { .. } => (amd, intel, nvidia) == ((1, 0), no_intel, no_nvidia),
        Resource::AmdList { .. } => (amd, intel, nvidia) == ((0, 1), no_intel, no_nvidia),
        Resource::IntelRootList | Resource::IntelList { .. } => {
            is_chain && (amd, intel.1, documents, nvidia) == (no_amd, 1, (0, 0), no_nvidia)
        }
        Resource::TcbInfo { .. } => {
            is_chain && (amd, intel.1, documents, nvidia) == (no_amd, 0, (1, 0), no_nvidia)
        }
        Resource::QeIdentity { .. } => {
            is_chain && (amd, intel.1, documents, nvidia) == (no_amd, 0, (0, 1), no_nvidia)
        }
        Resource::Rim { .. } => (amd, intel, nvidia) == (no_amd, no_intel, (0, 1, 0, (0, 0))),
        Resource::Standing(_) => (amd, intel, nvidia) == (no_amd, no_intel, (0, 0, 1, (0, 0))),
    }
}

/// The first row against.
fn unfit(ledger: &Ledger) -> Unfit {
    let rows = ledger.findings();
    let failed = ledger.failed().next();
    let missing = || rows.iter().find(|row| row.outcome == sealroom_attestation::Outcome::Missing);
    match failed.or_else(missing) {
        Some(row) => unfit_by(row.check, row.found.to_string()),
        None => unfit_by(&checks::ENDORSEMENTS_ANSWER, "nothing was given".to_owned()),
    }
}

const fn unfit_by(check: &'static Check, found: String) -> Unfit {
    Unfit { check, found }
}

/// The longest that a response counts, seconds, from when it was made. Responders give days; what is older than this never
/// comes back, so that the ratchet need not remember it.
pub(super) const RESPONSE_LIFE: u64 = 366 * 86_400;

/// Only where its signature holds there is a standing.
fn of_responder(one: &CertificateStanding) -> Option<Statement> {
    one.standing?;
    let issued = one.produced?;
    let edition = Edition { number: Vec::new(), issued };
    let life = Window { from: UnixTime(0), until: issued.plus(RESPONSE_LIFE) };
    let validity = one.validity?.intersect(&life);
    Some(Statement { edition: Some(edition), track: String::new(), validity })
}

const fn certificate(validity: Window) -> Statement {
    Statement { edition: None, track: String::new(), validity }
}

fn list(crl: &x509::Crl, validity: Window) -> Statement {
    let number = crl.number.clone().unwrap_or_default();
    let edition = Edition { number, issued: crl.validity.from };
    Statement { edition: Some(edition), track: String::new(), validity }
}

fn of_amd(resource: &Resource, one: &snp::Published) -> Option<Statement> {
    use snp::Published::{Authority, Key, List};
    match (resource, one) {
        (
            Resource::AmdChain { generation, kind },
            Authority { generation: found, kind: found_kind, validity, .. },
        ) => ((generation, kind) == (found, found_kind)).then(|| certificate(*validity)),
        (Resource::AmdList { generation }, List { generation: found, crl, validity }) => {
            (generation == found).then(|| list(crl, *validity))
        }
        (
            Resource::AmdKey { generation, hwid, tcb },
            Key { generation: found, hwid: Some(chip), tcb: level, validity, .. },
        ) => ((generation, hwid, tcb) == (found, chip, level)).then(|| certificate(*validity)),
        _ => None,
    }
}

fn of_intel(resource: &Resource, one: &tdx::Published) -> Option<Statement> {
    use tdx::Published::{List, QeIdentity, TcbInfo};
    match (resource, one) {
        (Resource::IntelRootList, List { authority: None, crl, validity }) => {
            Some(list(crl, *validity))
        }
        (Resource::IntelList { authority }, List { authority: Some(found), crl, validity }) => {
            (authority == found).then(|| list(crl, *validity))
        }
        (Resource::TcbInfo { tee, fmspc, .. }, TcbInfo { tee: found, fmspc: model, edition }) => {
            ((tee, fmspc) == (found, model)).then(|| document(edition))
        }
        (Resource::QeIdentity { tee, .. }, QeIdentity { tee: found, edition }) => {
            (tee == found).then(|| document(edition))
        }
        _ => None,
    }
}

fn document(edition: &tdx::Edition) -> Statement {
    let tdx::Edition { evaluation, issued, validity } = *edition;
    let edition = Edition { number: without_zeros(evaluation), issued };
    Statement { edition: Some(edition), track: String::new(), validity }
}

/// An id names a board, which is not signed: tags are compared with those of their own name.
fn of_rim(rim: &gpu::rim::Rim) -> Statement {
    let edition = Edition { number: without_zeros(rim.tag_version), issued: rim.issued };
    let track = hex::encode(sha256(rim.id.as_bytes()));
    Statement { edition: Some(edition), track, validity: rim.validity }
}

fn without_zeros(number: u32) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_older_by_its_number_first_and_then_by_its_date() {
        let edition =
            |number: &[u8], issued| Edition { number: number.to_vec(), issued: UnixTime(issued) };
        for (older, newer) in [
            (edition(&[9], 5), edition(&[10], 1)),
            (edition(&[255], 5), edition(&[1, 0], 1)),
            (edition(&[], 1), edition(&[], 2)),
            (edition(&[7], 1), edition(&[7], 2)),
        ] {
            assert!(older.is_before(&newer) && !newer.is_before(&older));
            assert!(!newer.is_before(&newer));
        }
    }

    #[test]
    fn reads_headers_that_are_percent_encoded_and_leaves_the_rest() {
        let read = |text: &str| String::from_utf8(percent_decoded(text.as_bytes())).expect("text");
        assert_eq!(read("-----BEGIN%20A%0a+/="), "-----BEGIN A\n+/=");
        assert_eq!(read("%"), "%");
        assert_eq!(read("%2"), "%2");
        assert_eq!(read("%zz%41"), "%zzA");
    }
}
