//! One bundle while it is verified: its parts, and the steps over them.

use crate::{
    binder::{self, Channel, Session},
    cbor::{CborError, Item},
    checks::{self, Check},
    claims::Ledger,
    digests::{BootId, KemDigest, StatementDigest},
    endorsements::Known,
    evidence::{Binder, Bundle, GpuEntry, Hardware},
    gpu::{self, GpuSet},
    manifest::{Configuration, Manifest},
    snp::{self, Report},
    statement::{self, QuoteFreshness, Statement},
    tdx::{self, Quote, TdxClaims},
    time::{UnixTime, Window},
    transcript::sha256,
};

use super::{Context, Freshness, HardwareClaims, NodeClaims, NodeError};

/// A bundle with its parts decoded, beside the exact bytes that are hashed.
pub(super) struct Parts {
    bundle: Bundle,
    statement: Statement,
    manifest: Manifest,
    config: Configuration,
    boot_id: BootId,
    digest: StatementDigest,
}

impl Parts {
    pub(super) fn decode(bytes: &[u8], ledger: &mut Ledger) -> Result<Self, CborError> {
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

    pub(super) fn compare_digests(&self, ledger: &mut Ledger) {
        let Self { bundle, statement, .. } = self;
        let kem = KemDigest(sha256(&bundle.kem_keys));
        same(ledger, &checks::STATEMENT_KEM, &kem, &statement.kem);
        let manifest = Manifest::digest(&bundle.manifest);
        same(ledger, &checks::STATEMENT_MANIFEST, &manifest, &statement.manifest);
        let config = Configuration::digest(&bundle.config);
        same(ledger, &checks::STATEMENT_CONFIG, &config, &statement.config);
        let found = GpuEntry::digest(&bundle.gpus);
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
    pub(super) fn compare_session(&self, context: Context<'_>, ledger: &mut Ledger) {
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

    pub(super) fn check_times(&self, now: UnixTime, ledger: &mut Ledger) {
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
    pub(super) fn freshness(&self, context: Context<'_>, ledger: &mut Ledger) -> Freshness {
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

    /// The report or quote covers this statement, and the chip is genuine.
    pub(super) fn verify_hardware(
        &self,
        known: &Known,
        now: UnixTime,
        ledger: &mut Ledger,
    ) -> Hardwares {
        match &self.bundle.hardware {
            Hardware::Snp { report, certificates } => {
                let decoded = Report::decode(report).ok();
                self.covers(decoded.map(|report| report.report_data.0), ledger)?;
                let brought = from_table(certificates.as_deref(), ledger)?;
                match known.snp.verify(report, &brought, now) {
                    Ok(verified) => {
                        ledger.append(verified.ledger().clone());
                        Ok(HardwareClaims::Snp(Box::new(verified.claims().clone())))
                    }
                    Err(refusal) => {
                        ledger.append(refusal.ledger);
                        Err((refusal.error.into(), refusal.claimed.map(HardwareClaims::Snp)))
                    }
                }
            }
            Hardware::Tdx { quote, event_log } => {
                let decoded = Quote::decode(quote).ok();
                self.covers(decoded.map(|quote| *quote.body.report_data()), ledger)?;
                match known.tdx.verify(quote, now) {
                    Ok(verified) => {
                        ledger.append(verified.ledger().clone());
                        let claims = verified.claims().clone();
                        with_event_log(claims, event_log.as_deref(), ledger)
                    }
                    Err(refusal) => {
                        ledger.append(refusal.ledger);
                        Err((refusal.error.into(), refusal.claimed.map(HardwareClaims::Tdx)))
                    }
                }
            }
            Hardware::AzureVtpm { .. } => Err((unknown("Azure vTPM", ledger), None)),
        }
    }

    /// Compared before any signature is: a report over something else is not worth the work. Bytes that are no
    /// report are named by the verification itself.
    fn covers(
        &self,
        found: Option<[u8; 64]>,
        ledger: &mut Ledger,
    ) -> Result<(), (NodeError, Option<HardwareClaims>)> {
        let Some(found) = found else { return Ok(()) };
        let covers = found == Statement::report_data(&self.bundle.statement);
        let found = if covers { "this statement" } else { "something else" };
        if ledger.require(&checks::REPORT_DATA, covers, found, "SHA-512 over this statement") {
            Ok(())
        } else {
            Err((NodeError::Binding(checks::REPORT_DATA.id), None))
        }
    }

    /// Every check of the hardware that has no row yet is said to be missing.
    pub(super) fn stopped_before_hardware(&self, ledger: &mut Ledger) {
        ledger.stopped_before(&[&checks::REPORT_DATA]);
        match &self.bundle.hardware {
            Hardware::Snp { .. } => ledger.stopped_before(snp::NEEDED),
            Hardware::Tdx { .. } => ledger.stopped_before(tdx::NEEDED),
            Hardware::AzureVtpm { .. } => {}
        }
        if self.statement.gpus.is_some() {
            ledger.stopped_before(gpu::TOPOLOGY);
            ledger.stopped_before(gpu::NEEDED);
        }
    }

    /// Every device that the statement commits to is genuine, and answers a nonce that only this boot could have asked.
    /// An error comes with what the devices say of themselves, where it could be decoded.
    pub(super) fn verify_gpus(
        &self,
        known: &Known,
        now: UnixTime,
        ledger: &mut Ledger,
    ) -> Result<Option<GpuSet>, (NodeError, Option<GpuSet>)> {
        let Some(gpus) = self.statement.gpus else { return Ok(None) };
        let nonce = gpus.nonce(&self.statement.identity);
        let verdict = known.gpu.verify_set(&self.bundle.gpus, Some(&nonce), now);
        let (devices, rows) = match verdict {
            Ok(verified) => (Ok(Some(verified.claims().clone())), verified.ledger().clone()),
            Err(refusal) => {
                let claimed = refusal.claimed.map(|claimed| *claimed);
                (Err((refusal.error.into(), claimed)), refusal.ledger)
            }
        };
        ledger.append(rows);
        ledger.not_given(&checks::GPU_RELAY, "no report says in which machine a GPU is");
        devices
    }

    pub(super) fn claims(
        self,
        hardware: HardwareClaims,
        gpus: Option<GpuSet>,
        freshness: Freshness,
    ) -> NodeClaims {
        let of_gpus = gpus.as_ref().map_or(Window::ALWAYS, |gpus| gpus.validity);
        let validity = self.statement.window().intersect(&hardware.validity());
        NodeClaims {
            boot_id: self.boot_id,
            statement_digest: self.digest,
            manifest: self.manifest,
            manifest_digest: self.statement.manifest,
            config: self.config,
            kem_keys: self.bundle.kem_keys,
            freshness,
            validity: validity.intersect(&of_gpus),
            hardware,
            gpus,
            statement: self.statement,
        }
    }
}

/// What hardware claims, proven; or the reason against, and what it claims where it could be decoded.
type Hardwares = Result<HardwareClaims, (NodeError, Option<HardwareClaims>)>;

/// The endorsements in the host's certificate table.
fn from_table(
    table: Option<&[u8]>,
    ledger: &mut Ledger,
) -> Result<snp::Endorsements, (NodeError, Option<HardwareClaims>)> {
    let Some(table) = table else { return Ok(snp::Endorsements::default()) };
    match snp::Endorsements::from_table(table) {
        Ok(from_host) => Ok(from_host),
        Err(error) => {
            let check = &checks::SNP_ENDORSEMENTS_DECODE;
            ledger.fail(check, error.to_string(), "a certificate table");
            Err((NodeError::Binding(check.id), None))
        }
    }
}

/// Replays the log that came with a quote that was verified.
fn with_event_log(mut claims: TdxClaims, log: Option<&[u8]>, ledger: &mut Ledger) -> Hardwares {
    let check = &checks::TDX_EVENT_LOG;
    let replayed = match (log, claims.quote.body.td()) {
        (None, _) => {
            ledger.not_given(check, "no event log was given");
            return Ok(HardwareClaims::Tdx(Box::new(claims)));
        }
        (Some(_), None) => {
            ledger.fail(check, "an event log beside an enclave's quote", "none");
            let claimed = HardwareClaims::Tdx(Box::new(claims));
            return Err((NodeError::Binding(check.id), Some(claimed)));
        }
        (Some(log), Some(td)) => tdx::replay(log, td),
    };
    match replayed {
        Ok(log) => {
            let registers = if log.rtmr3 { "RTMR0 to RTMR3" } else { "RTMR0 to RTMR2" };
            ledger.pass(check, format!("{} events replay to {registers}", log.events.len()));
            claims.event_log = Some(log);
            Ok(HardwareClaims::Tdx(Box::new(claims)))
        }
        Err(error) => {
            ledger.fail(check, error.to_string(), "events that replay to RTMR0, RTMR1 and RTMR2");
            Err((error.into(), Some(HardwareClaims::Tdx(Box::new(claims)))))
        }
    }
}

fn unknown(platform: &'static str, ledger: &mut Ledger) -> NodeError {
    let error = NodeError::Platform(platform);
    ledger.missing(&checks::REPORT_DATA, error.to_string());
    error
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
