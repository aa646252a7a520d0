//! The argument for trusting a node, step by step: the wire specification, section 6, rule 3.

mod parts;

use crate::{
    binder::Session,
    cbor::CborError,
    checks::{self, Check},
    claims::{Ledger, Refusal, Verified},
    digests::{BootId, EvidenceId, ManifestDigest, Nonce, StatementDigest},
    endorsements::Known,
    gpu::{GpuSet, SetError},
    manifest::{Configuration, Manifest},
    snp::{SnpClaims, SnpError},
    statement::Statement,
    tdx::{EventLogError, TdxClaims, TdxError},
    time::{UnixTime, Window},
};

use parts::Parts;

/// How fresh evidence is proven to be, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Not at all. It serves lists and audits and never opens a session.
    Cached,
    /// The attested identity signed this session: the boot is alive.
    Key,
    /// A quote younger than the verifier's nonce covers this session: the chip is alive.
    Hardware,
}

/// Where a bundle was met.
#[derive(Clone, Copy, Debug)]
pub enum Context<'a> {
    /// On a connection of the verifier's own, under its own nonce.
    Session(&'a Session),
    /// In a file, with the nonce for which it was made, if the reader knows one.
    File {
        /// The nonce that the reader, or a record that the reader trusts, sent.
        nonce: Option<Nonce>,
    },
}

/// What a node says, once its evidence is genuine.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeClaims {
    /// The node's name for this boot.
    pub boot_id: BootId,
    /// Everything it commits to.
    pub statement: Statement,
    /// The statement's name.
    pub statement_digest: StatementDigest,
    /// The model.
    pub manifest: Manifest,
    /// The model's digest.
    pub manifest_digest: ManifestDigest,
    /// The settings.
    pub config: Configuration,
    /// `application/ohttp-keys`: what prompts are sealed to.
    pub kem_keys: Vec<u8>,
    /// What the CPU signed.
    pub hardware: HardwareClaims,
    /// What its GPUs and switches signed; `None` where the statement commits to none. That they are in this machine
    /// only the measured image says: see [`checks::GPU_RELAY`].
    pub gpus: Option<GpuSet>,
    /// How fresh all of this is.
    pub freshness: Freshness,
    /// When statement, certificates and lists all hold.
    pub validity: Window,
}

/// What the CPU signed, by platform.
#[derive(Clone, Debug, PartialEq)]
pub enum HardwareClaims {
    /// AMD SEV-SNP.
    Snp(Box<SnpClaims>),
    /// Intel TDX.
    Tdx(Box<TdxClaims>),
}

impl HardwareClaims {
    /// When certificates, lists and documents hold.
    #[must_use]
    pub const fn validity(&self) -> Window {
        match self {
            Self::Snp(snp) => snp.validity,
            Self::Tdx(tdx) => tdx.validity,
        }
    }

    /// True when a simulated root anchors the chain.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        match self {
            Self::Snp(snp) => snp.simulated,
            Self::Tdx(tdx) => tdx.simulated,
        }
    }

    /// The name of the report or quote that no malleable byte changes.
    #[must_use]
    pub fn evidence_id(&self) -> Option<EvidenceId> {
        match self {
            Self::Snp(snp) => snp.evidence_id().map(EvidenceId),
            Self::Tdx(tdx) => tdx.evidence_id().map(EvidenceId),
        }
    }
}

impl NodeClaims {
    /// True when any root under this evidence is a simulated one.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.hardware.simulated() || self.gpus.as_ref().is_some_and(|gpus| gpus.simulated)
    }

    /// The name of the quote that no malleable byte changes; `None` where the signing key's certificate is missing.
    #[must_use]
    pub fn evidence_id(&self) -> Option<EvidenceId> {
        self.hardware.evidence_id()
    }
}

/// Why a node's evidence was not verified: the first reason.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The bytes are not a bundle.
    #[error(transparent)]
    Decode(#[from] CborError),
    /// The parts do not belong together, or not to this session.
    #[error("the evidence does not fit together or was made for another session: {0}")]
    Binding(&'static str),
    /// AMD's hardware report.
    #[error(transparent)]
    Snp(#[from] SnpError),
    /// Intel's quote.
    #[error(transparent)]
    Tdx(#[from] TdxError),
    /// The log beside Intel's quote.
    #[error(transparent)]
    EventLog(#[from] EventLogError),
    /// NVIDIA's devices.
    #[error(transparent)]
    Gpu(#[from] SetError),
    /// A platform that this version cannot verify.
    #[error("{0} evidence cannot be verified by this version")]
    Platform(&'static str),
}

type NodeRefusal = Box<Refusal<NodeError, NodeClaims>>;

/// Verifies a bundle: encodings, bindings, freshness, report data, hardware.
///
/// Cheap steps run first, and the first step with a failure is the last that runs; what comes after it is
/// listed as not checked. Whether the proven claims are acceptable is the policy's business.
///
/// # Errors
/// The first reason beside the ledger of every check, and the claims where they could be decoded.
pub fn verify(
    bundle: &[u8],
    context: Context<'_>,
    known: &Known,
    now: UnixTime,
) -> Result<Verified<NodeClaims>, NodeRefusal> {
    let mut ledger = Ledger::new();
    // 1. Sizes and deterministic encodings.
    let parts = match Parts::decode(bundle, &mut ledger) {
        Ok(parts) => parts,
        Err(error) => return Err(stop(error.into(), None, ledger)),
    };
    // 2. What the statement commits to is what came along.
    parts.compare_digests(&mut ledger);
    parts.compare_session(context, &mut ledger);
    parts.check_times(now, &mut ledger);
    if let Some(id) = first_failure(&ledger) {
        return Err(stop(NodeError::Binding(id), Some(&parts), ledger));
    }
    // 3. The session: a signature of the attested identity, or a leaf under the quote.
    let freshness = parts.freshness(context, &mut ledger);
    if let Some(id) = first_failure(&ledger) {
        return Err(stop(NodeError::Binding(id), Some(&parts), ledger));
    }
    // 4. The chip signed this statement. 5. The chip is genuine. 6. The GPUs that the statement commits to are genuine, and
    //    answer this boot.
    let (error, claimed) = match parts.verify_hardware(known, now, &mut ledger) {
        Err((error, hardware)) => (error, hardware.map(|hardware| (hardware, None))),
        Ok(hardware) => match parts.verify_gpus(known, now, &mut ledger) {
            Ok(gpus) => return Ok(Verified::new(parts.claims(hardware, gpus, freshness), ledger)),
            Err((error, gpus)) => (error, Some((hardware, gpus))),
        },
    };
    if !matches!(error, NodeError::Platform(_)) {
        parts.stopped_before_hardware(&mut ledger);
    }
    let claims = |(hardware, gpus)| Box::new(parts.claims(hardware, gpus, freshness));
    Err(Box::new(Refusal { error, ledger, claimed: claimed.map(claims) }))
}

static BINDINGS: &[&Check] = &[
    &checks::STATEMENT_ENCODING,
    &checks::STATEMENT_KEM,
    &checks::STATEMENT_GPUS,
    &checks::STATEMENT_MANIFEST,
    &checks::STATEMENT_CONFIG,
    &checks::STATEMENT_LEAF,
    &checks::STATEMENT_LIFETIME,
    &checks::STATEMENT_WINDOW,
    &checks::STATEMENT_FRESHNESS,
];

fn stop(error: NodeError, parts: Option<&Parts>, mut ledger: Ledger) -> NodeRefusal {
    ledger.stopped_before(BINDINGS);
    match parts {
        Some(parts) => parts.stopped_before_hardware(&mut ledger),
        None => ledger.stopped_before(&[&checks::REPORT_DATA]),
    }
    Box::new(Refusal { error, ledger, claimed: None })
}

fn first_failure(ledger: &Ledger) -> Option<&'static str> {
    ledger.failed().next().map(|finding| finding.check.id)
}
