//! Revocation: OCSP responses (RFC 6960) as endorsements that were fetched before, so that their dates are all that
//! says how old they are.
//!
//! No response of NVIDIA's own responder was available when this was written: it is tested with forged ones only.

mod error;
mod request;
mod responder;
mod response;

use crate::checks::{self, Check};
use crate::time::{UnixTime, Window};
use crate::x509::{Algorithm, BadSignature, Certificate, PublicKey, Signatures, Signed};

use super::{Case, Checked, Examined, GpuError, Mismatch};
use responder::Signer;
use response::{Response, Single, Status};

pub use error::{DecodeError, OcspError};
pub use request::request;
pub use response::LONGEST_RESPONSE;

/// More responses than any set of devices needs.
const MOST: usize = 128;

/// The checks of a response that was given.
pub const RESPONSE: &[&Check] = &[
    &checks::GPU_OCSP_DECODE,
    &checks::GPU_OCSP_VALIDITY,
    &checks::GPU_OCSP_REVOKED,
    &checks::GPU_OCSP_UNKNOWN,
    &checks::GPU_OCSP_HOLD,
    &checks::GPU_OCSP_RESPONDER,
    &checks::GPU_OCSP_SIGNATURE,
];

/// Whose certificate it is: a rule about holds can only be for RIMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A GPU's or a switch's.
    Device,
    /// A signer of RIMs, or an authority above it.
    Rim,
}

/// One certificate and the one above it. Their signatures are the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Link<'c> {
    /// Whose standing is asked.
    pub subject: &'c Certificate,
    /// Who issued it.
    pub issuer: &'c Certificate,
    /// Whose it is.
    pub owner: Owner,
}

/// The links of a chain that need a response: not the root, and of a device not its leaf, which it makes itself.
#[must_use]
pub fn links(chain: &[Certificate], owner: Owner) -> Vec<Link<'_>> {
    let own = match owner {
        Owner::Device => 1,
        Owner::Rim => 0,
    };
    let pairs = chain.iter().zip(chain.iter().skip(1)).skip(own);
    pairs.map(|(subject, issuer)| Link { subject, issuer, owner }).collect()
}

/// What an issuer says about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It counts.
    Good,
    /// Suspended. Of a RIM's certificates the policy may accept it; of a device's it is refused.
    Hold,
    /// The issuer does not know it: refused.
    Unknown,
    /// Refused.
    Revoked,
}

/// The standing of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStanding {
    /// Its common name.
    pub name: String,
    /// Without leading zeros.
    pub serial: Vec<u8>,
    /// Whose it is.
    pub owner: Owner,
    /// The worst that a verified response says; `None` where there is none.
    pub standing: Option<Standing>,
    /// When every response about it counts; `None` where there is none.
    pub validity: Option<Window>,
    /// When the oldest response about it was made; `None` where there is none.
    pub produced: Option<UnixTime>,
}

/// Verifies responses about certificates whose chains were verified, without any report.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what is known of each certificate.
pub fn verify(
    responses: &[Vec<u8>],
    links: &[Link<'_>],
    now: UnixTime,
) -> Examined<CertificateStanding> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    let standings = examine(&mut case, responses, links, &Signatures::default(), now);
    case.conclude(standings, true).map_err(Box::new)
}

/// True where these others say something newer of every certificate that a response is about.
pub(crate) fn is_superseded(given: &[u8], by: &[Vec<u8>]) -> bool {
    let Ok(given) = Response::decode(given) else { return false };
    let by: Vec<_> = by.iter().filter_map(|bytes| Response::decode(bytes).ok()).collect();
    let newer = by.iter().filter(|one| one.produced > given.produced);
    let newer: Vec<_> = newer.flat_map(|one| one.single.iter().map(|single| &single.id)).collect();
    given.single.iter().all(|single| newer.contains(&&single.id))
}

/// True when the bytes are a response that can be read.
pub(super) fn is_response(bytes: &[u8]) -> bool {
    Response::decode(bytes).is_ok()
}

/// Examines every response that was given, and says what is known of each certificate. Links may repeat: devices share
/// authorities. A signature that held before is not checked again.
pub(crate) fn examine(
    case: &mut Case,
    responses: &[Vec<u8>],
    links: &[Link<'_>],
    memory: &Signatures,
    now: UnixTime,
) -> Vec<CertificateStanding> {
    let links = distinct(links);
    let mut standings: Vec<_> = links.iter().map(unknown).collect();
    let decoded = decode(case, responses);
    let mut foreign = false;
    for response in &decoded {
        let mut fits = false;
        for (link, standing) in links.iter().zip(&mut standings) {
            let named = |one: &&Single<'_>| one.id.names(link.subject, link.issuer);
            for single in response.single.iter().filter(named) {
                fits = true;
                let answer = Answer { response, single, link };
                if answer.counts(case, memory, now) {
                    standing.learn(response, single, &answer.window(now));
                }
            }
        }
        foreign |= !fits;
    }
    coverage(case, &standings, foreign);
    standings
}

fn distinct<'l, 'c>(links: &'l [Link<'c>]) -> Vec<&'l Link<'c>> {
    let mut distinct: Vec<&Link<'_>> = Vec::new();
    for link in links {
        let same = |one: &Link<'_>| {
            one.subject.sha256 == link.subject.sha256
                && one.issuer.sha256 == link.issuer.sha256
                && one.owner == link.owner
        };
        if !distinct.iter().any(|one| same(one)) {
            distinct.push(link);
        }
    }
    distinct
}

fn unknown(link: &&Link<'_>) -> CertificateStanding {
    CertificateStanding {
        name: link.subject.subject.shown().to_owned(),
        serial: link.subject.serial.to_vec(),
        owner: link.owner,
        standing: None,
        validity: None,
        produced: None,
    }
}

fn decode<'a>(case: &mut Case, responses: &'a [Vec<u8>]) -> Vec<Response<'a>> {
    let found = responses.len();
    if found == 0 {
        case.not_given(RESPONSE, "no OCSP response was given");
        return Vec::new();
    }
    if found > MOST {
        let error = OcspError::TooMany { found, limit: MOST };
        case.check(&checks::GPU_OCSP_DECODE, Err(Mismatch::because(error, MOST)));
        return Vec::new();
    }
    let mut decoded: Vec<Response<'a>> = Vec::new();
    for bytes in responses {
        match Response::decode(bytes) {
            Ok(response) if decoded.contains(&response) => {}
            Ok(response) => decoded.push(response),
            Err(error) => {
                let refused = Mismatch::because(OcspError::from(error), "a basic OCSP response");
                case.check(&checks::GPU_OCSP_DECODE, Err(refused));
            }
        }
    }
    if !decoded.is_empty() {
        case.check(&checks::GPU_OCSP_DECODE, Ok(format!("{} responses", decoded.len())));
    }
    decoded
}

/// A response about somebody else in place of one that is needed looks like a check and is none.
fn coverage(case: &mut Case, standings: &[CertificateStanding], foreign: bool) {
    let uncovered: Vec<_> = standings.iter().filter(|one| one.standing.is_none()).collect();
    let Some(first) = uncovered.first() else {
        let all = format!("all of {} certificates", standings.len());
        case.check(&checks::GPU_OCSP_COVERAGE, Ok(all));
        return;
    };
    if foreign {
        let error = OcspError::Foreign { uncovered: first.name.clone() };
        let refused = Mismatch::because(error, "responses about these certificates");
        case.check(&checks::GPU_OCSP_ISSUER, Err(refused));
    }
    let names = uncovered.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    let (found, all) = (uncovered.len(), standings.len());
    let reason = format!("{found} of {all} certificates have no response that counts: {names}");
    case.not_given(&[&checks::GPU_OCSP_COVERAGE], &reason);
}

impl CertificateStanding {
    /// The worst of all answers stands.
    fn learn(&mut self, response: &Response<'_>, single: &Single<'_>, window: &Window) {
        let standing = match single.status {
            Status::Good => Standing::Good,
            Status::Hold(_) => Standing::Hold,
            Status::Unknown => Standing::Unknown,
            Status::Revoked(_) => Standing::Revoked,
        };
        self.standing = self.standing.max(Some(standing));
        self.validity = Some(self.validity.map_or(*window, |all| all.intersect(window)));
        let oldest = self.produced.map_or(response.produced, |one| one.min(response.produced));
        self.produced = Some(oldest);
    }
}

/// What one response says about one certificate.
struct Answer<'r> {
    response: &'r Response<'r>,
    single: &'r Single<'r>,
    link: &'r Link<'r>,
}

impl<'r> Answer<'r> {
    /// Dates and standing first: in the wrong hands they can only refuse. Then who signed, and the signature: what is said
    /// against a certificate must be known to be said, too.
    fn counts(&self, case: &mut Case, memory: &Signatures, now: UnixTime) -> bool {
        let mut holds = case.check(&checks::GPU_OCSP_VALIDITY, self.validity(now));
        self.standing(case);
        let found = Signer::find(self.response, self.link.issuer, now);
        let shown = match &found {
            Ok(signer) => Ok(signer.shown().to_owned()),
            Err(error) => Err(Mismatch::because(error.clone(), "the issuer or its delegate")),
        };
        holds &= case.check(&checks::GPU_OCSP_RESPONDER, shown);
        let (true, Ok(signer)) = (holds, found) else {
            case.missing_all(&[&checks::GPU_OCSP_SIGNATURE]);
            return false;
        };
        case.check(&checks::GPU_OCSP_SIGNATURE, self.signature(&signer, memory, now))
    }

    /// When it counts, and whoever signed it.
    fn window(&self, now: UnixTime) -> Window {
        let own = self.single.window().unwrap_or(Window::ALWAYS);
        let own = own.intersect(&self.link.issuer.validity);
        let signer = Signer::find(self.response, self.link.issuer, now).ok();
        let delegate = signer.as_ref().and_then(Signer::delegate);
        delegate.map_or(own, |delegate| own.intersect(&delegate.validity))
    }

    fn name(&self) -> String {
        self.link.subject.subject.shown().to_owned()
    }

    fn validity(&self, now: UnixTime) -> Checked {
        let (name, produced) = (self.name(), self.response.produced);
        let Some(window) = self.single.window() else {
            return Err(Mismatch::because(OcspError::Endless { name }, "nextUpdate"));
        };
        if !window.contains(now) {
            return Err(Mismatch::new(OcspError::Validity { name, window, now }, now, window));
        }
        if produced > now {
            let error = OcspError::Produced { produced, now };
            return Err(Mismatch::because(error, "made before now"));
        }
        Ok(format!("{name}: {window}"))
    }

    /// One row, of the check that the standing belongs to.
    fn standing(&self, case: &mut Case) {
        let name = self.name();
        let good = format!("{name}: good");
        let (check, result) = match (self.single.status, self.link.owner) {
            (Status::Good, _) => (&checks::GPU_OCSP_REVOKED, Ok(good)),
            (Status::Revoked(at), _) => {
                (&checks::GPU_OCSP_REVOKED, Err(OcspError::Revoked { name, at }))
            }
            (Status::Unknown, _) => (&checks::GPU_OCSP_UNKNOWN, Err(OcspError::Unknown { name })),
            (Status::Hold(at), Owner::Device) => {
                (&checks::GPU_OCSP_HOLD, Err(OcspError::Hold { name, at }))
            }
            (Status::Hold(at), Owner::Rim) => {
                let found = format!("{name}: on hold since {at}; the policy decides");
                (&checks::GPU_OCSP_HOLD, Ok(found))
            }
        };
        case.check(check, result.map_err(|error| Mismatch::because(error, "good")));
    }

    /// The issuer over its delegate, and the responder over the response.
    fn signature(&self, signer: &Signer<'r>, memory: &Signatures, now: UnixTime) -> Checked {
        let responder = signer.shown().to_owned();
        let expected = "ECDSA with SHA-384 by the responder";
        if let Some(delegate) = signer.delegate() {
            memory.verify(delegate, &self.link.issuer.key, now).map_err(|_| {
                let issuer = self.link.issuer.subject.shown().to_owned();
                let why = "its certificate is not signed by it";
                Mismatch::because(OcspError::Responder { issuer, why }, expected)
            })?;
        }
        match memory.verify(self, signer.key(), now) {
            Ok(()) => Ok(format!("{}, by {responder}", self.name())),
            Err(_) => Err(Mismatch::because(OcspError::Signature { responder }, expected)),
        }
    }
}

/// The response, for as long as this answer in it counts.
impl Signed for Answer<'_> {
    fn digest(&self) -> [u8; 32] {
        self.response.sha256
    }

    fn window(&self) -> Window {
        // An answer without an end is refused before; it would not be kept for a second.
        self.single.window().unwrap_or(Window { from: UnixTime(u64::MAX), until: UnixTime(0) })
    }

    fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        let Response { signed, signature, .. } = self.response;
        key.verify(Algorithm::EcdsaSha384, signed, signature)
    }
}
