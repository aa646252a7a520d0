//! The argument for trusting a node, step by step: the wire specification, section 6, rule 3.

use crate::{
    binder::{self, Channel, Session},
    cbor::{CborError, Item},
    checks::{self, Check},
    claims::{Ledger, Refusal, Verified},
    digests::{BootId, EvidenceId, KemDigest, ManifestDigest, Nonce, StatementDigest},
    evidence::{Binder, Bundle, Hardware},
    manifest::{Configuration, Manifest},
    snp::{self, Anchors, Endorsements, SnpClaims, SnpError},
    statement::{self, QuoteFreshness, Statement},
    time::{UnixTime, Window},
    transcript::sha256,
};

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
}

impl NodeClaims {
    /// True when any root under this evidence is a simulated one.
    #[must_use]
    pub const fn simulated(&self) -> bool {
        let HardwareClaims::Snp(snp) = &self.hardware;
        snp.simulated
    }

    /// The name of the quote that no malleable byte changes; `None` where nothing was proven.
    #[must_use]
    pub fn evidence_id(&self) -> Option<EvidenceId> {
        let HardwareClaims::Snp(snp) = &self.hardware;
        snp.evidence_id().map(EvidenceId)
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
    /// The hardware report.
    #[error(transparent)]
    Snp(#[from] SnpError),
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
    endorsements: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Verified<NodeClaims>, NodeRefusal> {
    let mut ledger = Ledger::new();
    // 1. Sizes and deterministic encodings.
    let parts = match Parts::decode(bundle, &mut ledger) {
        Ok(parts) => parts,
        Err(error) => return Err(stop(error.into(), ledger)),
    };
    // 2. What the statement commits to is what came along.
    parts.compare_digests(&mut ledger);
    parts.compare_session(context, &mut ledger);
    parts.check_times(now, &mut ledger);
    if let Some(id) = first_failure(&ledger) {
        return Err(stop(NodeError::Binding(id), ledger));
    }
    // 3. The session: a signature of the attested identity, or a leaf under the quote.
    let freshness = parts.freshness(context, &mut ledger);
    if let Some(id) = first_failure(&ledger) {
        return Err(stop(NodeError::Binding(id), ledger));
    }
    // 4. The chip signed this statement. 5. The chip is genuine.
    let hardware = parts.verify_hardware(endorsements, anchors, now, &mut ledger);
    match hardware {
        Ok(snp) => Ok(Verified::new(parts.claims(snp, freshness), ledger)),
        Err((error, snp)) => {
            ledger.stopped_before(HARDWARE);
            let claimed = snp.map(|snp| Box::new(parts.claims(*snp, freshness)));
            Err(Box::new(Refusal { error, ledger, claimed }))
        }
    }
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

static HARDWARE: &[&Check] = &[&checks::REPORT_DATA, &checks::SNP_REPORT_SIGNATURE];

fn stop(error: NodeError, mut ledger: Ledger) -> NodeRefusal {
    ledger.stopped_before(BINDINGS);
    ledger.stopped_before(HARDWARE);
    Box::new(Refusal { error, ledger, claimed: None })
}

fn first_failure(ledger: &Ledger) -> Option<&'static str> {
    ledger.failed().next().map(|finding| finding.check.id)
}

/// A bundle with its parts decoded, beside the exact bytes that are hashed.
struct Parts {
    bundle: Bundle,
    statement: Statement,
    manifest: Manifest,
    config: Configuration,
    boot_id: BootId,
    digest: StatementDigest,
}

impl Parts {
    fn decode(bytes: &[u8], ledger: &mut Ledger) -> Result<Self, CborError> {
        let bundle = recorded(Bundle::decode(bytes), &checks::BUNDLE_ENCODING, ledger)?;
        let check = &checks::STATEMENT_ENCODING;
        let statement = recorded(Statement::decode(&bundle.statement), check, ledger)?;
        let manifest =
            recorded(Manifest::decode(&bundle.manifest), &checks::STATEMENT_MANIFEST, ledger)?;
        let config =
            recorded(Configuration::decode(&bundle.config), &checks::STATEMENT_CONFIG, ledger)?;
        let (boot_id, digest) = (statement.boot_id(), Statement::digest(&bundle.statement));
        Ok(Self { bundle, statement, manifest, config, boot_id, digest })
    }

    fn compare_digests(&self, ledger: &mut Ledger) {
        let Self { bundle, statement, .. } = self;
        let kem = KemDigest(sha256(&bundle.kem_keys));
        same(ledger, &checks::STATEMENT_KEM, &kem, &statement.kem);
        let manifest = Manifest::digest(&bundle.manifest);
        same(ledger, &checks::STATEMENT_MANIFEST, &manifest, &statement.manifest);
        let config = Configuration::digest(&bundle.config);
        same(ledger, &checks::STATEMENT_CONFIG, &config, &statement.config);
        let found = bundle.gpu_digest();
        let committed = statement.gpus.map(|gpus| gpus.digest);
        let described = format!("{} GPU entries", bundle.gpus.len());
        ledger.require(
            &checks::STATEMENT_GPUS,
            found == committed,
            described,
            "those committed to",
        );
    }

    /// The statement must name the leaf of this very connection: WIRE section 5.
    fn compare_session(&self, context: Context<'_>, ledger: &mut Ledger) {
        let Context::Session(session) = context else {
            ledger.not_given(&checks::STATEMENT_LEAF, "the bundle comes from a file");
            return;
        };
        match session.channel {
            Channel::TlsServer { leaf, .. } | Channel::TlsClient { leaf, .. } => {
                same(ledger, &checks::STATEMENT_LEAF, &leaf, &self.statement.leaf);
            }
            Channel::Kem { keys } => {
                same(ledger, &checks::STATEMENT_KEM, &keys, &self.statement.kem)
            }
        }
    }

    fn check_times(&self, now: UnixTime, ledger: &mut Ledger) {
        let lifetime = self.statement.lifetime();
        let short = lifetime.is_some_and(|seconds| seconds <= statement::MAX_LIFETIME);
        let found =
            lifetime.map_or_else(|| "negative".to_owned(), |seconds| format!("{seconds} s"));
        let expected = format!("at most {} s", statement::MAX_LIFETIME);
        ledger.require(&checks::STATEMENT_LIFETIME, short, found, expected);
        let window = self.statement.window();
        let (found, expected) = (now.to_string(), window.to_string());
        ledger.require(&checks::STATEMENT_WINDOW, window.contains(now), found, expected);
    }

    /// Which freshness the binder proves. Without a nonce of the reader's own it proves none.
    fn freshness(&self, context: Context<'_>, ledger: &mut Ledger) -> Freshness {
        let from_file;
        let session = match context {
            Context::Session(session) => session,
            Context::File { nonce: None } => {
                let reason =
                    "no nonce was given: the evidence may be as old as its statement allows";
                ledger.not_given(&checks::STATEMENT_FRESHNESS, reason);
                return Freshness::Cached;
            }
            Context::File { nonce: Some(nonce) } => {
                let channel = Channel::Kem { keys: self.statement.kem };
                from_file = Session { nonce, channel, context: Vec::new() };
                &from_file
            }
        };
        let in_file = matches!(context, Context::File { .. });
        match (&self.bundle.binder, &self.statement.freshness) {
            (Binder::None, _) => {
                ledger.fail(
                    &checks::STATEMENT_FRESHNESS,
                    "no binder",
                    "a signature or an audit path",
                );
                Freshness::Cached
            }
            (Binder::Signature(signature), quote) => {
                let fresh = self.signed(session, signature, ledger);
                // A quote over the bare nonce binds no session, so on a connection it adds nothing.
                let covered = in_file && *quote == QuoteFreshness::Challenge(session.nonce);
                if fresh == Freshness::Key && covered { Freshness::Hardware } else { fresh }
            }
            (Binder::Path { index, path }, QuoteFreshness::Tree { root, size }) => {
                let leaf = session.leaf(&self.boot_id);
                let holds = binder::path_holds(leaf, *index, *size, path, root);
                let found = format!("leaf {index} of {size}");
                ledger.require(
                    &checks::BINDER_PATH,
                    holds,
                    found,
                    "this session under the quote's root",
                );
                if holds { Freshness::Hardware } else { Freshness::Cached }
            }
            (Binder::Path { .. }, _) => {
                ledger.fail(&checks::BINDER_PATH, "a path, and no tree in the statement", "a tree");
                Freshness::Cached
            }
        }
    }

    fn signed(&self, session: &Session, signature: &[u8; 64], ledger: &mut Ledger) -> Freshness {
        let identity = &self.statement.identity;
        let holds =
            binder::signature_holds(session, identity, &self.boot_id, &self.digest, signature);
        let expected = "the attested identity's signature over this session";
        ledger.require(&checks::BINDER_SIGNATURE, holds, identity.to_string(), expected);
        if holds { Freshness::Key } else { Freshness::Cached }
    }

    fn verify_hardware(
        &self,
        endorsements: &Endorsements,
        anchors: &Anchors,
        now: UnixTime,
        ledger: &mut Ledger,
    ) -> Result<SnpClaims, (NodeError, Option<Box<SnpClaims>>)> {
        let (report, certificates) = match &self.bundle.hardware {
            Hardware::Snp { report, certificates } => (report, certificates),
            Hardware::Tdx { .. } => return Err((NodeError::Platform("TDX"), None)),
            Hardware::AzureVtpm { .. } => return Err((NodeError::Platform("Azure vTPM"), None)),
        };
        let endorsements = match certificates {
            None => endorsements.clone(),
            Some(table) => match Endorsements::from_table(table) {
                Ok(mut from_host) => {
                    from_host.extend(endorsements.clone());
                    from_host
                }
                Err(error) => {
                    ledger.fail(
                        &checks::SNP_ENDORSEMENTS_DECODE,
                        error.to_string(),
                        "a certificate table",
                    );
                    let id = checks::SNP_ENDORSEMENTS_DECODE.id;
                    return Err((NodeError::Binding(id), None));
                }
            },
        };
        let verified = snp::verify(report, &endorsements, anchors, now);
        let report = match &verified {
            Ok(verified) => Some(&verified.claims().report),
            Err(refusal) => refusal.claimed.as_ref().map(|claims| &claims.report),
        };
        let expected = Statement::report_data(&self.bundle.statement);
        let covers = report.is_some_and(|report| report.report_data.0 == expected);
        let found = if covers { "this statement" } else { "something else" };
        ledger.require(&checks::REPORT_DATA, covers, found, "SHA-512 over this statement");
        match verified {
            Ok(verified) => {
                ledger.append(verified.ledger().clone());
                let claims = verified.claims().clone();
                let error = NodeError::Binding(checks::REPORT_DATA.id);
                if covers { Ok(claims) } else { Err((error, Some(Box::new(claims)))) }
            }
            Err(refusal) => {
                ledger.append(refusal.ledger);
                Err((refusal.error.into(), refusal.claimed))
            }
        }
    }

    fn claims(self, snp: SnpClaims, freshness: Freshness) -> NodeClaims {
        NodeClaims {
            boot_id: self.boot_id,
            statement_digest: self.digest,
            manifest: self.manifest,
            manifest_digest: self.statement.manifest,
            config: self.config,
            kem_keys: self.bundle.kem_keys,
            freshness,
            validity: self.statement.window().intersect(&snp.validity),
            hardware: HardwareClaims::Snp(Box::new(snp)),
            statement: self.statement,
        }
    }
}

fn recorded<T>(
    decoded: Result<T, CborError>,
    check: &'static Check,
    ledger: &mut Ledger,
) -> Result<T, CborError> {
    match &decoded {
        Ok(_) if check.id.ends_with(".encoding") => ledger.pass(check, "deterministic CBOR"),
        Ok(_) => {}
        Err(error) => ledger.fail(check, error.to_string(), "deterministic CBOR"),
    }
    decoded
}

fn same<T: PartialEq + ToString>(ledger: &mut Ledger, check: &'static Check, found: &T, named: &T) {
    ledger.require(check, found == named, found.to_string(), named.to_string());
}
