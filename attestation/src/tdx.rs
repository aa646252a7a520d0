//! TDX and SGX: is this quote genuinely from Intel's hardware, at this time, and at which TCB level? What it says is
//! the policy's business.
//!
//! The clauses are those of Intel's "TDX DCAP Quoting Library API", "SGX PCK Certificate and CRL Profile" and of the
//! "Provisioning Certification Service" API, version 4.

mod anchors;
mod bindings;
mod body;
mod chain;
mod claims;
mod collateral;
mod error;
mod event_log;
mod flags;
mod given;
mod json;
mod lists;
mod pck;
mod platform;
mod published;
mod qe;
mod quote;
mod signed;
mod statements;
mod status;
mod tcb;

use std::sync::LazyLock;

use crate::case;
use crate::checks::{self, Check};
use crate::claims::{Refusal, Verified};
use crate::time::UnixTime;
use crate::x509::Signatures;

use chain::Chains;
use given::Given;
use platform::Platform;
use signed::SignedParts;
use statements::Statements;

pub use anchors::{Anchors, pinned_root};
pub use body::{
    Body, ENCLAVE_REPORT_LENGTH, EnclaveReport, Measurement, TD10_LENGTH, TD15_LENGTH,
    TD15EX_LENGTH, Td15, Td15Extended, TdReport, TeeTcbSvn,
};
pub use claims::{PckAuthority, PckClaims, Revocation, TdxClaims};
pub use collateral::{CollateralError, Endorsements, LONGEST_DOCUMENT, SignedDocument};
pub use error::{
    ChainError, CrlError, DocumentError, EndorsementError, QeError, QuoteError, TcbError, TdxError,
};
pub use event_log::{Event, EventLog, EventLogError, LONGEST_LOG, replay};
pub use flags::{TdAttributes, Xfam};
pub use json::TcbStatus;
pub use pck::{Configuration, ExtensionError, Fmspc, PckExtensions, SgxType};
pub use published::{Edition, Examined, Published, published};
pub use quote::{
    Certification, DecodeError, LONGEST_QUOTE, Quote, QuotingEnclave, Tee, quote_from_file,
};
pub use tcb::{Level, Part, Shortfall, TcbClaims};

type Case = case::Case<TdxError>;
type Checked = case::Checked<TdxError>;
type Mismatch = case::Mismatch<TdxError>;

/// The checks that every quote needs; revocation is checked when lists are given.
pub const NEEDED: &[&Check] = &[
    &checks::TDX_QUOTE_ENCODING,
    &checks::TDX_QUOTE_RESERVED,
    &checks::TDX_QE_VENDOR,
    &checks::TDX_QE_RESERVED,
    &checks::TDX_QE_BINDING,
    &checks::TDX_ENDORSEMENTS_DECODE,
    &checks::TDX_PCK_ENCODING,
    &checks::TDX_PCK_PRESENT,
    &checks::TDX_PCK_ROOT,
    &checks::TDX_PCK_NAMES,
    &checks::TDX_PCK_KEYS,
    &checks::TDX_PCK_CONSTRAINTS,
    &checks::TDX_PCK_VALIDITY,
    &checks::TDX_PCK_EXTENSIONS,
    &checks::TDX_TCB_INFO_PRESENT,
    &checks::TDX_TCB_INFO_KIND,
    &checks::TDX_TCB_INFO_PLATFORM,
    &checks::TDX_TCB_INFO_VALIDITY,
    &checks::TDX_QE_IDENTITY_PRESENT,
    &checks::TDX_QE_IDENTITY_KIND,
    &checks::TDX_QE_IDENTITY_VALIDITY,
    &checks::TDX_SIGNER_PRESENT,
    &checks::TDX_SIGNER_CHAIN,
    &checks::TDX_SIGNER_VALIDITY,
    &checks::TDX_QE_SIGNER,
    &checks::TDX_QE_PRODUCT,
    &checks::TDX_QE_MISCSELECT,
    &checks::TDX_QE_ATTRIBUTES,
    &checks::TDX_QE_LEVEL,
    &checks::TDX_TCB_LEVEL,
    &checks::TDX_TCB_REVOKED,
    &checks::TDX_PCK_SIGNATURE,
    &checks::TDX_SIGNER_SIGNATURE,
    &checks::TDX_TCB_INFO_SIGNATURE,
    &checks::TDX_QE_IDENTITY_SIGNATURE,
    &checks::TDX_QE_SIGNATURE,
    &checks::TDX_QUOTE_SIGNATURE,
];
/// The checks that a trust domain needs beside them.
pub const MODULE: &[&Check] = &[
    &checks::TDX_MODULE_IDENTITY,
    &checks::TDX_MODULE_SIGNER,
    &checks::TDX_MODULE_ATTRIBUTES,
    &checks::TDX_MODULE_LEVEL,
];
/// The checks of the two revocation lists.
pub const REVOCATION: &[&Check] = &[
    &checks::TDX_CRL_ROOT_VALIDITY,
    &checks::TDX_CRL_ROOT_REVOKED,
    &checks::TDX_CRL_ROOT_SIGNATURE,
    &checks::TDX_CRL_PCK_VALIDITY,
    &checks::TDX_CRL_PCK_REVOKED,
    &checks::TDX_CRL_PCK_SIGNATURE,
];

/// Verifies one quote; [`Known::verify`] says what that means. For more than one quote make a [`Known`] once.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and what the quote claims.
///
/// ```
/// use sealroom_attestation::UnixTime;
/// use sealroom_attestation::tdx::{Anchors, DecodeError, Endorsements, verify};
/// let (none, root) = (Endorsements::default(), Anchors::production());
/// let refusal = verify(&[9; 100], &none, &root, UnixTime(0)).unwrap_err();
/// assert_eq!(refusal.error, DecodeError::Version { found: 0x0909 }.into());
/// ```
pub fn verify(
    quote: &[u8],
    endorsements: &Endorsements,
    anchors: &Anchors,
    now: UnixTime,
) -> Result<Verified<TdxClaims>, Box<Refusal<TdxError, TdxClaims>>> {
    Known::new(endorsements, anchors.clone()).verify(quote, now)
}

/// What is known before a quote arrives: the root, endorsements decoded once, and the chains and signatures that held
/// before. A verdict is the same whatever is remembered.
#[derive(Debug)]
pub struct Known {
    anchors: Anchors,
    given: Result<Given, EndorsementError>,
    chains: Chains,
    // Made when a quote comes: who has evidence of another vendor never reads Intel's authorities.
    signatures: LazyLock<Signatures>,
}

impl Known {
    /// Decodes the endorsements. One that cannot be read refuses every quote.
    #[must_use]
    pub fn new(endorsements: &Endorsements, anchors: Anchors) -> Self {
        let given = Given::decode(endorsements);
        let (chains, signatures) = (Chains::default(), LazyLock::new(anchors::signatures as _));
        Self { anchors, given, chains, signatures }
    }

    /// Verifies that a quote was signed by a key that Intel's quoting enclave certified on one platform, that Intel
    /// certifies the platform, that all of it counts at `now`, and finds the platform's TCB level.
    ///
    /// The caller has established nothing: every byte may be an attacker's. The caller must still compare the report
    /// data and appraise the claims: this function refuses a revoked level and one below every level, and leaves every
    /// other level, debug mode and all measurements to the policy.
    ///
    /// # Errors
    /// The first reason against, every check that ran and those that did not, and what the quote claims.
    pub fn verify(
        &self,
        quote: &[u8],
        now: UnixTime,
    ) -> Result<Verified<TdxClaims>, Box<Refusal<TdxError, TdxClaims>>> {
        let mut case = Case::new(|missing| TdxError::Undecided { missing });

        // 1. The bytes are one quote of a version whose fields are known, by Intel's quoting enclave, which names this
        // key.
        let Some(quote) = decode(&mut case, quote) else { return case.refuse().map_err(Box::new) };
        case.check(&checks::TDX_QUOTE_RESERVED, bindings::reserved(&quote));
        case.check(&checks::TDX_QE_VENDOR, qe::vendor(&quote));
        case.check(&checks::TDX_QE_RESERVED, qe::reserved(&quote));
        case.check(&checks::TDX_QE_BINDING, qe::binding(&quote));

        // 2. The platform's certificate and its chain, to a root that is pinned, by names, rights and dates.
        let given = self.given(&mut case);
        let chain = self.chains.read(&quote.certification, given, now);
        let platform = Platform::examine(&mut case, given, &chain.embedded, &self.anchors, now);

        // 3. Intel's documents about this platform and about the quoting enclave, and who signed them.
        let statements = Statements::examine(&mut case, given, &quote, &platform, now);

        // 4. The quoting enclave, the TDX module and the platform's versions, by those documents.
        statements.appraise_qe(&mut case, &quote);
        statements.appraise_module(&mut case, &quote);
        let tcb = statements.appraise_tcb(&mut case, &quote, &platform);

        // 5. Revocation by the lists that were given, before their signature: a list in the wrong hands can only refuse.
        let lists = lists::revocation(&mut case, &given.crls, &platform, &statements, now);

        // 6. The signatures, from the root down; after the first that does not verify there is no more work.
        let (statements, lists, signatures) = (&statements, &lists, &self.signatures);
        let parts =
            SignedParts { quote: &quote, platform: &platform, statements, lists, signatures, now };
        parts.signatures(&mut case);

        let pck = platform.claims();
        let whole = pck.is_some() && tcb.is_some();
        let claims = TdxClaims {
            pck,
            tcb,
            chain: platform.certificates(),
            signers: statements.signer_certificates(),
            documents: parts.dated(),
            at: now,
            event_log: None,
            validity: parts.validity(),
            revocation: lists.standing(),
            simulated: platform.simulated(),
            quote,
        };
        let verdict = case.conclude(claims, whole).map_err(Box::new)?;
        self.chains.keep(chain, verdict.claims().validity.until, now);
        Ok(verdict)
    }

    /// Everything that was given, decoded; nothing at all where one part cannot be read.
    fn given(&self, case: &mut Case) -> &Given {
        static NOTHING: Given = Given::NOTHING;
        let found = match &self.given {
            Ok(given) => Ok(given.shown()),
            Err(error) => Err(Mismatch::because(error.clone(), "X.509 in DER, documents in JSON")),
        };
        case.check(&checks::TDX_ENDORSEMENTS_DECODE, found);
        self.given.as_ref().unwrap_or(&NOTHING)
    }
}

fn decode(case: &mut Case, bytes: &[u8]) -> Option<Quote> {
    let decoded = Quote::decode(bytes);
    let found = match &decoded {
        Ok(quote) => {
            Ok(format!("{:?} version {}, {} bytes", quote.tee, quote.version, bytes.len()))
        }
        Err(error) => Err(Mismatch::because(*error, "one quote of version 3, 4 or 5")),
    };
    if !case.check(&checks::TDX_QUOTE_ENCODING, found) {
        case.stopped_before(NEEDED);
    }
    decoded.ok()
}
