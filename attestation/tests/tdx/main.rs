//! TDX and SGX: evidence of real machines, and the same with one thing changed.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read vectors from files; the crate itself reads nothing"
)]

mod changes;
mod files;
mod properties;
mod vectors;

use std::io::Write as _;
use std::path::PathBuf;

use sealroom_attestation::tdx::{
    Anchors, Endorsements, TdxClaims, TdxError, quote_from_file, verify,
};
use sealroom_attestation::{Refusal, UnixTime, Verified, x509};

type Verdict = Result<Verified<TdxClaims>, Box<Refusal<TdxError, TdxClaims>>>;

/// The bytes of a vector: from this repository, else from the folder of those that cannot be in it.
fn vector(name: &str) -> Option<Vec<u8>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = [Some(own), std::env::var("SEALROOM_VECTORS").ok().map(PathBuf::from)];
    folders.into_iter().flatten().find_map(|folder| std::fs::read(folder.join(name)).ok())
}

/// A quote of this repository, without its buffer's padding.
fn quote(name: &str) -> Vec<u8> {
    let file = vector(&format!("tdx/{name}_quote.bin")).expect("it is in this repository");
    quote_from_file(&file).expect("a quote")
}

/// The collateral that came with it.
fn collateral(name: &str) -> Endorsements {
    let file = vector(&format!("tdx/{name}_collateral.json")).expect("it is in this repository");
    let text = String::from_utf8(file).expect("text");
    Endorsements::from_json(&text).expect("collateral")
}

fn at(text: &str) -> UnixTime {
    UnixTime::from_rfc3339(text).expect("a time")
}

fn check(quote: &[u8], endorsements: &Endorsements, time: &str) -> Verdict {
    verify(quote, endorsements, &Anchors::production(), at(time))
}

fn failed(outcome: &Verdict) -> Vec<&'static str> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.ledger.failed().map(|row| row.check.id).collect(),
    }
}

/// The first reason of a refusal, and that exactly these checks failed.
#[track_caller]
fn refuses(verdict: Verdict, ids: &[&str], error: impl Into<TdxError>) {
    let found = failed(&verdict);
    let refusal = verdict.expect_err("a refusal");
    assert_eq!((found.as_slice(), &refusal.error), (ids, &error.into()), "{:?}", refusal.ledger);
}

/// The quote with another certificate chain, and lengths that fit.
fn with_chain(quote: &[u8], change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let begin = b"-----BEGIN";
    let start = quote.windows(begin.len()).position(|bytes| bytes == begin).expect("a chain");
    let chain = change(quote[start..].to_vec());
    let mut changed = quote[..start].to_vec();
    changed.extend(&chain);
    let old = quote.len() - start;
    let signature_data = 48 + 584;
    for place in [signature_data, signature_data + 4 + 128 + 2, start - 4] {
        let length = u32::from_le_bytes(changed[place..place + 4].try_into().expect("four bytes"));
        let length = length - u32::try_from(old).expect("a length")
            + u32::try_from(chain.len()).expect("a length");
        changed[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
    changed
}

/// A chain in its one spelling, with the zero that ends strings in C.
fn canonical(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut text = x509::canonical("CERTIFICATE", blocks.iter().map(Vec::as_slice)).into_bytes();
    text.push(0);
    text
}

/// Says something in the test's output whether or not it is captured.
fn tell(text: &str) {
    let _told = writeln!(std::io::stderr(), "{text}");
}
