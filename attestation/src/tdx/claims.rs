//! What genuine evidence of TDX or SGX says.

use std::sync::Arc;

use crate::claims::Dated;
use crate::time::{UnixTime, Window};
use crate::transcript::Transcript;
use crate::x509::Certificate;

use super::event_log::EventLog;
use super::pck::PckExtensions;
use super::quote::Quote;
use super::tcb::TcbClaims;

/// The label and the kind of evidence ids (wire specification, section 3).
const EVIDENCE_LABEL: &str = "sealroom/1 evidence";
const EVIDENCE_KIND_TDX: u8 = 2;

/// What a quote and its endorsements say. Proven only inside [`crate::Verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxClaims {
    /// Every field of the quote.
    pub quote: Quote,
    /// The platform. Always there in verified claims; in a refusal only when its certificate was readable.
    pub pck: Option<PckClaims>,
    /// From the platform's certificate up to the root, as far as they were found. Of a refusal any of them may be
    /// anybody's.
    pub chain: Vec<Arc<Certificate>>,
    /// Who signed Intel's documents; the root stands above each.
    pub signers: Vec<Arc<Certificate>>,
    /// The revocation lists and Intel's documents.
    pub documents: Vec<Dated>,
    /// The platform's level. Always there in verified claims; in a refusal only when every part has one.
    pub tcb: Option<TcbClaims>,
    /// The time at which it was verified.
    pub at: UnixTime,
    /// The log behind the RTMRs, where one was given and replays.
    pub event_log: Option<EventLog>,
    /// When all of it counts: certificates, lists and documents together.
    pub validity: Window,
    /// Whether revocation lists were there.
    pub revocation: Revocation,
    /// True when a simulated root anchors the chain: then nothing is known about any hardware.
    pub simulated: bool,
}

/// Whether anyone looked for revoked platforms and authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The root's list and the PCK authority's were given, and they count.
    Checked,
    /// One of them or both were not given.
    NotGiven,
}

/// Who certified the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PckAuthority {
    /// Intel, when the processor was made.
    Processor,
    /// Intel, after the platform registered: its certificates say more of the configuration.
    Platform,
}

/// The certificate of the key that certifies the platform's quoting enclaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckClaims {
    /// By the issuer's name.
    pub authority: Option<PckAuthority>,
    /// Intel's extensions: platform, model, versions, configuration.
    pub extensions: PckExtensions,
    /// Serial number without leading zeros.
    pub serial: Vec<u8>,
    /// When the certificate counts.
    pub validity: Window,
}

impl TdxClaims {
    /// The name of this quote that no malleable byte changes; `None` where nothing was proven about its keys.
    #[must_use]
    pub fn evidence_id(&self) -> Option<[u8; 32]> {
        self.pck.as_ref().map(|_| evidence_id(&self.quote))
    }
}

/// `H("sealroom/1 evidence", u8(2), header || body, attestation key)`.
fn evidence_id(quote: &Quote) -> [u8; 32] {
    Transcript::new(EVIDENCE_LABEL)
        .part(&[EVIDENCE_KIND_TDX])
        .part(quote.signed_bytes())
        .part(&quote.attestation_key)
        .sha256()
}
