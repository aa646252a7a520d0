//! Reference integrity manifests: which measurements NVIDIA says that a driver, a VBIOS or a switch BIOS has.
//!
//! A RIM is a SWID tag (ISO/IEC 19770-2) in the TCG's binding, signed with XML signatures. All of its bytes that say
//! anything are read from the canonical form whose digest was signed; the file itself is only ever turned into it.

mod canonical;
mod chain;
mod error;
mod profile;
mod signature;
mod tag;
mod xml;

use std::fmt;
use std::sync::Arc;

use ring::digest;

use crate::checks::{self, Check};
use crate::claims::Finding;
use crate::memory::Memory;
use crate::time::{UnixTime, Window};
use crate::transcript::sha256;

use super::anchors::Anchors;
use crate::x509::{Certificate, Signatures};

use super::endorsements::Endorsements;
use super::{Case, Checked, Examined, GpuError, Mismatch};
use chain::Links;
use signature::Signature;
use tag::Tag;

pub use error::{DecodeError, RimError};
pub use xml::LONGEST_RIM;

/// More RIMs than any set of devices needs: work before the first signature is bounded.
const MOST: usize = 64;

/// The checks of one RIM, in their order.
pub const NEEDED: &[&Check] = &[
    &checks::GPU_RIM_DECODE,
    &checks::GPU_RIM_DIGEST,
    &checks::GPU_RIM_VALIDITY,
    &checks::GPU_RIM_CHAIN,
    &checks::GPU_RIM_SIGNATURE,
];

/// What a RIM is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RimKind {
    /// The driver, and the firmware that it loads into the GPU.
    Driver,
    /// The GPU's own firmware.
    Vbios,
    /// The firmware of an NVSwitch.
    SwitchBios,
}

impl fmt::Display for RimKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver => "driver",
            Self::Vbios => "VBIOS",
            Self::SwitchBios => "switch BIOS",
        })
    }
}

/// The values that one measurement may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// Counted from 0: the index of the report's block, less one.
    pub index: u16,
    /// At least one.
    pub alternatives: Vec<[u8; 48]>,
}

/// A RIM whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rim {
    /// The tag's id. NVIDIA gives a RIM that it issues anew the same one.
    pub id: String,
    /// The tag's version.
    pub tag_version: u32,
    /// What it is about.
    pub kind: RimKind,
    /// `GH100`, `GB100`, `LS10` and so on.
    pub product: String,
    /// Of the driver, VBIOS or BIOS.
    pub version: String,
    /// The measurements that count, by growing index.
    pub golden: Vec<Golden>,
    /// The first second of its signer. A RIM carries no date of its own; it is not older than this.
    pub issued: UnixTime,
    /// When its whole chain counts.
    pub validity: Window,
    /// The signer's serial number, without leading zeros.
    pub signer_serial: Vec<u8>,
    /// Signer, its authorities, and the pinned root.
    pub chain: Vec<Certificate>,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// True when a simulated root anchors it: then it says nothing about any hardware.
    pub simulated: bool,
}

/// Writes `VBIOS 96.00.5E.00.01 of GH100`.
impl fmt::Display for Rim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.kind, self.version, self.product)
    }
}

/// A RIM that was decoded, and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    canonical: Vec<u8>,
    signature: Signature,
    tag: Tag,
    sha256: [u8; 32],
}

impl Document {
    /// Decodes a RIM of the one form that NVIDIA writes. Nothing is proven by that.
    ///
    /// # Errors
    /// The first thing that is not of that form, by name.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (canonical, signature) = canonical::read(bytes)?;
        let canonical = canonical.into_bytes();
        let tag = Tag::decode(&canonical)?;
        Ok(Self { canonical, signature, tag, sha256: sha256(bytes) })
    }

    /// What is digested: the document without its signature, in inclusive canonical XML 1.1.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// What is signed: SignedInfo, in the same form.
    #[must_use]
    pub fn signed_info(&self) -> &[u8] {
        &self.signature.signed
    }

    /// The tag's id and its version. Unproven.
    #[must_use]
    pub fn edition(&self) -> (&str, u32) {
        (&self.tag.id, self.tag.tag_version)
    }

    /// What it claims to be about, for people and for finding it. Unproven.
    #[must_use]
    pub fn about(&self) -> (RimKind, &str, &str) {
        (self.tag.kind, &self.tag.product, &self.tag.version)
    }

    fn shown(&self) -> String {
        format!("{} {} of {}", self.tag.kind, self.tag.version, self.tag.product)
    }

    /// The digest that was signed is this document's.
    fn digest(&self) -> Checked {
        let found = digest::digest(&digest::SHA384, &self.canonical);
        if found.as_ref() == self.signature.digest {
            return Ok(format!("{}, {} bytes", self.shown(), self.canonical.len()));
        }
        let error = RimError::Digest { id: self.tag.id.clone() };
        let expected = hex::encode(self.signature.digest);
        Err(Mismatch::new(error, hex::encode(found), expected))
    }

    fn into_rim(self, links: &Links) -> Rim {
        let signer = links.signer();
        Rim {
            id: self.tag.id,
            tag_version: self.tag.tag_version,
            kind: self.tag.kind,
            product: self.tag.product,
            version: self.tag.version,
            golden: self.tag.golden,
            issued: signer.validity.from,
            validity: links.window(),
            signer_serial: signer.serial.to_vec(),
            chain: links.links.to_vec(),
            sha256: self.sha256,
            simulated: links.simulated,
        }
    }
}

/// Every signature of one RIM: three links of its chain, and the document's own. Both digests were compared.
fn verify_signatures(
    document: &Document,
    links: &Links,
    memory: &Signatures,
    now: UnixTime,
) -> Result<(), RimError> {
    links.verify(memory, now)?;
    let signer = links.signer();
    let Signature { signed, value, .. } = &document.signature;
    signer.key.verify_fixed(signed, value).map_err(|_| RimError::Signature {
        id: document.tag.id.clone(),
        signer: signer.subject.shown().to_owned(),
    })
}

/// Verifies RIMs alone, without any report.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and the RIMs that count all the same.
///
/// ```
/// use sealroom_attestation::UnixTime;
/// use sealroom_attestation::gpu::{Anchors, Endorsements, rim};
/// let given = Endorsements { rims: vec![b"<!DOCTYPE a>".to_vec()], ..Endorsements::default() };
/// let refusal = rim::verify(&given, &Anchors::production(), UnixTime(0)).unwrap_err();
/// assert_eq!(refusal.error, rim::RimError::from(rim::DecodeError::Dtd { offset: 0 }).into());
/// ```
pub fn verify(endorsements: &Endorsements, anchors: &Anchors, now: UnixTime) -> Examined<Arc<Rim>> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    let rims = Rims::new(&endorsements.rims);
    let rims = rims.examine(&mut case, anchors, &Signatures::default(), now);
    case.conclude(rims, true).map_err(Box::new)
}

/// A RIM that was verified, and the rows that say how.
type Seen = Arc<(Arc<Rim>, Vec<Finding>)>;

/// RIMs as files, and those of them that were verified, by place.
#[derive(Debug)]
pub(super) struct Rims {
    files: Vec<Vec<u8>>,
    verified: Memory<usize, Seen>,
}

impl Rims {
    /// Takes each file once.
    pub(super) fn new(given: &[Vec<u8>]) -> Self {
        let mut files: Vec<Vec<u8>> = Vec::new();
        for file in given {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        Self { files, verified: Memory::default() }
    }

    /// Examines every RIM that was given; those of which every check passed come back.
    pub(super) fn examine(
        &self,
        case: &mut Case,
        anchors: &Anchors,
        memory: &Signatures,
        now: UnixTime,
    ) -> Vec<Arc<Rim>> {
        let found = self.files.len();
        if found == 0 {
            case.not_given(NEEDED, "no RIM was given");
        }
        if found > MOST {
            let error = RimError::TooMany { found, limit: MOST };
            case.check(&checks::GPU_RIM_DECODE, Err(Mismatch::because(error, MOST)));
            case.stopped_before(NEEDED);
            return Vec::new();
        }
        let one = |(place, file): (usize, &Vec<u8>)| {
            self.one(case, (place, file.as_slice()), anchors, memory, now)
        };
        self.files.iter().enumerate().filter_map(one).collect()
    }

    /// A RIM that was verified under the same roots and counts now is the same RIM, and has the same rows.
    fn one(
        &self,
        case: &mut Case,
        (place, file): (usize, &[u8]),
        anchors: &Anchors,
        memory: &Signatures,
        now: UnixTime,
    ) -> Option<Arc<Rim>> {
        let known = self.verified.recall(&place, now);
        if let Some(known) = known.filter(|known| known.0.validity.contains(now)) {
            let (rim, rows) = &*known;
            case.repeat(rows.clone());
            return Some(Arc::clone(rim));
        }
        let first = case.rows();
        let rim = Arc::new(examine_one(case, file, anchors, memory, now)?);
        let known = Arc::new((Arc::clone(&rim), case.rows_from(first)));
        self.verified.keep(place, known, rim.validity.until, now);
        Some(rim)
    }
}

fn examine_one(
    case: &mut Case,
    file: &[u8],
    anchors: &Anchors,
    memory: &Signatures,
    now: UnixTime,
) -> Option<Rim> {
    // 1. The bytes are a RIM of the known form.
    let document = Document::decode(file);
    let found = match &document {
        Ok(document) => Ok(document.shown()),
        Err(error) => Err(Mismatch::because(RimError::from(error.clone()), "a RIM of NVIDIA's")),
    };
    case.check(&checks::GPU_RIM_DECODE, found);
    let Ok(document) = document else {
        case.missing_all(&[
            &checks::GPU_RIM_DIGEST,
            &checks::GPU_RIM_VALIDITY,
            &checks::GPU_RIM_CHAIN,
            &checks::GPU_RIM_SIGNATURE,
        ]);
        return None;
    };

    // 2. The digest that was signed is this document's, and the chain is one of NVIDIA's that counts now.
    let mut holds = case.check(&checks::GPU_RIM_DIGEST, document.digest());
    let certificates = document.signature.certificates.clone();
    let links = match Links::read(&certificates, anchors) {
        Ok(links) => links,
        Err(mismatch) => {
            case.check(&checks::GPU_RIM_CHAIN, Err(mismatch));
            case.missing_all(&[&checks::GPU_RIM_VALIDITY, &checks::GPU_RIM_SIGNATURE]);
            return None;
        }
    };
    holds &= case.check(&checks::GPU_RIM_VALIDITY, links.validity(now));

    // 3. The signatures, from the root down to the document's.
    if !holds {
        case.missing_all(&[&checks::GPU_RIM_CHAIN, &checks::GPU_RIM_SIGNATURE]);
        return None;
    }
    let verified = verify_signatures(&document, &links, memory, now);
    signatures(case, verified, &links).then(|| document.into_rim(&links))
}

fn signatures(case: &mut Case, verified: Result<(), RimError>, links: &Links) -> bool {
    let chain = Ok(links.shown());
    match verified {
        Ok(()) => {
            case.check(&checks::GPU_RIM_CHAIN, chain);
            let signer = links.signer().subject.shown();
            case.check(&checks::GPU_RIM_SIGNATURE, Ok(format!("by {signer}")))
        }
        Err(error @ RimError::Signature { .. }) => {
            case.check(&checks::GPU_RIM_CHAIN, chain);
            let refused = Mismatch::because(error, "the signer's signature over SignedInfo");
            case.check(&checks::GPU_RIM_SIGNATURE, Err(refused))
        }
        Err(error) => {
            let refused = Mismatch::because(error, "ECDSA with SHA-384 by the issuer");
            case.check(&checks::GPU_RIM_CHAIN, Err(refused));
            case.missing_all(&[&checks::GPU_RIM_SIGNATURE]);
            false
        }
    }
}
