//! Files of evidence: what is recognised stays what it is, and nothing is accepted by the built-in policy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
};
use sealroom_verifier::{
    Decision, Evidence, Input, Mode, Policy, Trust, Verdict, bundle::AuditBundle, check, report,
};

const AT: UnixTime = UnixTime(1_780_272_000);

fuzz_target!(|file: &[u8]| {
    let Ok(evidence) = Evidence::from_file(file) else { return };
    assert!(!AuditBundle::looks_like(file));
    let (Evidence::Bundle(bytes)
    | Evidence::SnpReport(bytes)
    | Evidence::TdxQuote(bytes)
    | Evidence::GpuReport(bytes)) = &evidence;
    assert_eq!(Evidence::from_file(bytes).as_ref(), Ok(&evidence));
    let mut endorsements = Endorsements::default();
    let _ = endorsements.add_file(file);
    let trust = Trust::new(Policy::built_in(), &endorsements, &Anchors::production());
    let judged =
        |mode| check(&Input { evidence: evidence.clone(), nonce: None, mode, at: AT }, &trust);
    let shown = |verdict: &Verdict| (report::table(verdict), report::html(verdict));
    let (verdict, crypto) = (judged(Mode::Policy), judged(Mode::CryptoOnly));
    assert_ne!(verdict.decision, Decision::Accepted);
    assert_eq!((crypto.decision, crypto.crypto), (Decision::Undecided, verdict.crypto));
    assert_eq!(shown(&verdict), shown(&judged(Mode::Policy)));
});
