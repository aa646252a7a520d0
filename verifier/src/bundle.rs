//! Audit bundles: a question with everything that answers it, and the answer, in one file. Whoever has it can ask
//! again, on any machine and at any time, and must get the same bytes.

use std::collections::BTreeSet;

use sealroom_attestation::{
    UnixTime,
    cbor::{CborError, Item, Source, Writer},
    digests::Nonce,
    endorsements::{Anchors, Endorsements},
};

use crate::{
    check::{Evidence, Input, Mode, UnknownEvidence, check},
    judge::Trust,
    policy::{BulletinError, Policy, PolicyError},
    report::VerdictReport,
    verdict::Verdict,
};

/// Everything that a verdict follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The evidence, as the file that it came in.
    pub evidence: Vec<u8>,
    /// Endorsements, as files.
    pub endorsements: BTreeSet<Vec<u8>>,
    /// The policy as it was written; `None` for the built-in one.
    pub policy: Option<String>,
    /// Signed bulletins.
    pub bulletins: Vec<String>,
    /// The nonce that was asked for, if the asker knows one.
    pub nonce: Option<Nonce>,
    /// What is asked.
    pub mode: Mode,
    /// When.
    pub at: UnixTime,
    /// Simulated roots that were accepted, by the SHA-256 of their certificates.
    pub simulated_roots: BTreeSet<[u8; 32]>,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBundle {
    /// The question.
    pub question: Question,
    /// The verdict in JSON, as it was given.
    pub verdict: Vec<u8>,
}

/// Why a question has no answer, or an answer was not the one in the bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not an audit bundle.
    #[error(transparent)]
    Decode(#[from] CborError),
    /// What the evidence is.
    #[error("the evidence: {0}")]
    Evidence(#[from] UnknownEvidence),
    /// An endorsement that is none.
    #[error("endorsement {index}: {reason}")]
    Endorsement {
        /// Counted from 0, in the bundle's order.
        index: usize,
        /// Why.
        reason: String,
    },
    /// The policy.
    #[error("the policy: {0}")]
    Policy(#[from] PolicyError),
    /// A bulletin.
    #[error("bulletin {index}: {reason}")]
    Bulletin {
        /// Counted from 0.
        index: usize,
        /// Why.
        reason: BulletinError,
    },
    /// It was answered under a simulated root, and whoever asks again did not accept that one.
    #[error("it was judged under the simulated root {root}, which proves nothing about hardware")]
    Simulated {
        /// SHA-256 of its certificate.
        root: String,
    },
    /// Asked again, the answer is another one.
    #[error("the verdict in the bundle is not the one that follows from it: at byte {offset}")]
    Differs {
        /// The first byte that differs.
        offset: usize,
    },
}

impl Question {
    /// Answers, from nothing but what is in here and the vendors' roots.
    ///
    /// # Errors
    /// [`BundleError`] names the part that is no such thing.
    pub fn answer(&self) -> Result<Verdict, BundleError> {
        let evidence = Evidence::from_file(&self.evidence)?;
        let mut endorsements = Endorsements::default();
        for (index, file) in self.endorsements.iter().enumerate() {
            let added = endorsements.add_file(file);
            added.map_err(|error| BundleError::Endorsement { index, reason: error.to_string() })?;
        }
        let policy = self.policy.as_deref().map(Policy::from_toml).transpose()?;
        self.answer_from(evidence, policy, &endorsements)
    }

    /// As [`Question::answer`], by whoever has read its files already.
    pub(crate) fn answer_from(
        &self,
        evidence: Evidence,
        policy: Option<Policy>,
        endorsements: &Endorsements,
    ) -> Result<Verdict, BundleError> {
        let accept = |anchors: Anchors, root: &[u8; 32]| anchors.danger_accept_simulated(*root);
        let anchors = self.simulated_roots.iter().fold(Anchors::production(), accept);
        let policy = policy.unwrap_or_else(Policy::built_in);
        let mut trust = Trust::new(policy, endorsements, &anchors);
        for (index, bulletin) in self.bulletins.iter().enumerate() {
            let given = trust.with_bulletin(bulletin);
            trust = given.map_err(|reason| BundleError::Bulletin { index, reason })?;
        }
        let Self { nonce, mode, at, .. } = *self;
        Ok(check(&Input { evidence, nonce, mode, at }, &trust))
    }
}

impl AuditBundle {
    /// Answers a question and keeps both.
    ///
    /// # Errors
    /// As [`Question::answer`].
    pub fn make(question: Question) -> Result<(Self, Verdict), BundleError> {
        let verdict = question.answer()?;
        Ok((Self { question, verdict: json(&verdict) }, verdict))
    }

    /// Whether a file begins as one: a map of ten pairs whose first key is 1.
    #[must_use]
    pub fn looks_like(file: &[u8]) -> bool {
        file.starts_with(&[0xaa, 0x01])
    }

    /// Asks again, and compares the answer byte for byte. A simulated root counts only where it is accepted anew.
    ///
    /// # Errors
    /// [`BundleError::Differs`] for another answer; otherwise as [`Question::answer`].
    pub fn replay(&self, simulated_roots: &[[u8; 32]]) -> Result<Verdict, BundleError> {
        let accepted = |root: &&[u8; 32]| simulated_roots.contains(root);
        if let Some(root) = self.question.simulated_roots.iter().find(|root| !accepted(root)) {
            return Err(BundleError::Simulated { root: hex::encode(root) });
        }
        let verdict = self.question.answer()?;
        let found = json(&verdict);
        if found != self.verdict {
            let same = found.iter().zip(&self.verdict).take_while(|(one, other)| one == other);
            return Err(BundleError::Differs { offset: same.count() });
        }
        Ok(verdict)
    }
}

/// A verdict in JSON, as it is printed and kept.
pub(crate) fn json(verdict: &Verdict) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(&VerdictReport::from(verdict))
        .expect("a report has text for keys, and nothing in it fails");
    json.push(b'\n');
    json
}

impl Item for AuditBundle {
    const NAME: &'static str = "audit bundle";
    const LIMIT: usize = 64 * 1024 * 1024;

    fn write(&self, out: &mut Writer) {
        let Self { question, verdict } = self;
        out.map(10).number(1).number(1);
        out.number(2).bytes(&question.evidence);
        out.number(3).array(question.endorsements.len());
        for file in &question.endorsements {
            out.bytes(file);
        }
        out.number(4).optional_bytes(question.policy.as_deref().map(str::as_bytes));
        out.number(5).array(question.bulletins.len());
        for bulletin in &question.bulletins {
            out.bytes(bulletin.as_bytes());
        }
        out.number(6).optional_bytes(question.nonce.as_ref().map(|nonce| nonce.0.as_slice()));
        out.number(7).number(match question.mode {
            Mode::Policy => 1,
            Mode::CryptoOnly => 2,
        });
        out.number(8).number(question.at.0);
        out.number(9).array(question.simulated_roots.len());
        for root in &question.simulated_roots {
            out.bytes(root);
        }
        out.number(10).bytes(verdict);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(10)?;
        from.version()?;
        from.key(2)?;
        let evidence = from.bytes()?.to_vec();
        from.key(3)?;
        let endorsements = items(from, |from| Ok(from.bytes()?.to_vec()))?;
        from.key(4)?;
        let policy = from.optional(words)?;
        from.key(5)?;
        let bulletins = items(from, words)?;
        from.key(6)?;
        let nonce = from.optional(|from| from.array_of().map(Nonce))?;
        from.key(7)?;
        let mode = match from.number()? {
            1 => Mode::Policy,
            2 => Mode::CryptoOnly,
            found => return Err(from.unsupported("mode", found)),
        };
        from.key(8)?;
        let at = UnixTime(from.number()?);
        from.key(9)?;
        let simulated_roots = items(from, Source::array_of)?;
        from.key(10)?;
        let verdict = from.bytes()?.to_vec();
        let question = Question {
            evidence,
            endorsements,
            policy,
            bulletins,
            nonce,
            mode,
            at,
            simulated_roots,
        };
        Ok(Self { question, verdict })
    }
}

/// Every item of an array; its length says nothing about memory.
pub(crate) fn items<'a, T, C: Default + Extend<T>>(
    from: &mut Source<'a>,
    mut one: impl FnMut(&mut Source<'a>) -> Result<T, CborError>,
) -> Result<C, CborError> {
    let mut all = C::default();
    for _ in 0..from.array()? {
        all.extend([one(from)?]);
    }
    Ok(all)
}

/// Text with lines, in bytes.
pub(crate) fn words(from: &mut Source<'_>) -> Result<String, CborError> {
    let text = str::from_utf8(from.bytes()?);
    text.map(str::to_owned).map_err(|_| from.malformed("UTF-8"))
}
