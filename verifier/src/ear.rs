//! Attestation results for others: a verdict as an EAR (`draft-ietf-rats-ear-04`), signed as a JWT.
//!
//! A JWT and not a CWT, since those who read results (policy engines, key brokers, gateways) read JSON Web Tokens; the
//! project's receipts stay COSE. There is one encoding of every result: a token that says the same in other bytes is
//! refused. The result is a summary: who wants the reasons takes the verdict's JSON.

mod payload;
mod token;
mod vector;

use sealroom_attestation::{UnixTime, digests::Nonce};

use crate::verdict::Verdict;
use payload::{Payload, profile, verifier_id};

pub use payload::FreshnessClass;
pub use token::EarError;
pub use vector::{Status, Vector};

/// What a result is bound to beside the verdict. Time, evidence and freshness are the verdict's own.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'b> {
    /// The nonce of whoever asked for the result.
    pub nonce: Nonce,
    /// Whom it is for, where that is known.
    pub audience: Option<&'b str>,
    /// SHA-256 of the policy's text; `None` where the built-in one was used, or none.
    pub policy: Option<[u8; 32]>,
}

/// What the reader of a result knows.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The reader's own nonce.
    pub nonce: Nonce,
    /// The reader's own name; a token for somebody else is refused, and so is one for anybody where there is a name.
    pub audience: Option<&'e str>,
}

/// A result whose signature, time and nonce hold. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ear {
    payload: Payload,
}

/// Signs a verdict with a key that `sign` holds. The result counts from the time of the judgement for `lifetime`
/// seconds, and an accepted one never longer than the verdict does.
#[must_use]
pub fn issue(
    verdict: &Verdict,
    binding: &Binding<'_>,
    lifetime: u64,
    public_key: &[u8; 32],
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> String {
    let lifetime_ends = verdict.at.plus(lifetime);
    let status = Status::of(verdict);
    let until = match status {
        Status::Affirming | Status::Warning => lifetime_ends.min(verdict.valid_until()),
        Status::None | Status::Contraindicated => lifetime_ends,
    };
    let payload = Payload {
        eat_profile: profile(),
        iat: verdict.at.0,
        exp: until.0,
        aud: binding.audience.map(str::to_owned),
        eat_nonce: token::base64(&binding.nonce.0),
        ear_status: status,
        ear_verifier_id: verifier_id(),
        submods: payload::submods(verdict, binding.policy),
        sealroom_evidence_id: verdict.evidence_id().map(|id| id.to_string()),
        sealroom_freshness: FreshnessClass::of(verdict),
        sealroom_simulated: verdict.simulated(),
    };
    token::sign(&payload, public_key, sign)
}

/// Verifies a token: its one encoding, the signature of a key that the reader trusts, profile, nonce, audience, time,
/// and that no part of it says better than its reasons.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify(
    token: &[u8],
    public_key: &[u8; 32],
    expected: &Expected<'_>,
    now: UnixTime,
) -> Result<Ear, EarError> {
    let payload = token::open(token, public_key)?;
    if payload.eat_profile != profile() {
        return Err(EarError::Profile { found: payload.eat_profile });
    }
    if payload.eat_nonce != token::base64(&expected.nonce.0) {
        return Err(EarError::Nonce);
    }
    if payload.aud.as_deref() != expected.audience {
        return Err(EarError::Audience { found: payload.aud });
    }
    if now.0 < payload.iat {
        return Err(EarError::NotYet { from: UnixTime(payload.iat) });
    }
    if now.0 > payload.exp {
        return Err(EarError::Ended { until: UnixTime(payload.exp) });
    }
    payload.holds_together().map_err(EarError::Inconsistent)?;
    Ok(Ear { payload })
}

impl Ear {
    /// The result of all parts together.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.payload.ear_status
    }

    /// Each part under its name, `cpu` or `GPU 0`, with its result and the reasons in short.
    pub fn parts(&self) -> impl Iterator<Item = (&str, Status, Vector)> {
        let parts = self.payload.submods.iter();
        parts.map(|(name, one)| (name.as_str(), one.ear_status, one.ear_trustworthiness_vector))
    }

    /// When the evidence was judged.
    #[must_use]
    pub const fn at(&self) -> UnixTime {
        UnixTime(self.payload.iat)
    }

    /// The last second in which this counts.
    #[must_use]
    pub const fn until(&self) -> UnixTime {
        UnixTime(self.payload.exp)
    }

    /// How fresh the evidence was.
    #[must_use]
    pub const fn freshness(&self) -> FreshnessClass {
        self.payload.sealroom_freshness
    }

    /// The name of the evidence, 64 hexadecimal digits; `None` where nothing was proven about its key.
    #[must_use]
    pub fn evidence_id(&self) -> Option<&str> {
        self.payload.sealroom_evidence_id.as_deref()
    }

    /// True where a test key anchors the evidence: it is never affirming then.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        self.payload.sealroom_simulated
    }
}
