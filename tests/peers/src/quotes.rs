//! Verification of real quotes beside `dcap-qvl` and `sev`, one thread, all in one run.

use std::hint::black_box;

use anyhow::{Context as _, Result, bail};
use dcap_qvl::{QuoteCollateralV3, configs::RingConfig, verify::QuoteVerifier};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use sealroom_attestation::{snp, tdx, x509};
use sev::{
    certs::snp::{Chain, Verifiable as _},
    firmware::guest::AttestationReport,
    parser::ByteParser as _,
};

use crate::fleet;
use crate::measure::{at, floor_row, medians, row, testdata};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Rounds; all cases take turns, medians count.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
}

/// Runs every case.
pub fn run(arguments: &Arguments) -> Result<()> {
    crate::say_load();
    tdx(arguments)?;
    snp(arguments)?;
    fleet::run(arguments.json)
}

fn tdx(arguments: &Arguments) -> Result<()> {
    let file = testdata("tdx/v4_td10_uptodate_quote.bin")?;
    let quote = tdx::quote_from_file(&file).context("a quote")?;
    let text = String::from_utf8(testdata("tdx/v4_td10_uptodate_collateral.json")?)?;
    let now = at("2025-07-01T00:00:00Z")?;
    let ours = tdx::Endorsements::from_json(&text)?;
    let anchors = tdx::Anchors::production();
    let theirs: QuoteCollateralV3 = serde_json::from_str(&text)?;
    let verifier = QuoteVerifier::new_prod().with_config::<RingConfig>();
    let known = tdx::Known::new(&ours, anchors.clone());
    let signatures = TdxSignatures::of(&quote)?;
    let cold = || {
        tdx::verify(black_box(&quote), &ours, &anchors, now).map(drop).expect("genuine");
    };
    let warm = || {
        known.verify(black_box(&quote), now).map(drop).expect("genuine");
    };
    let peer = || {
        verifier.verify(black_box(&quote), &theirs, now.0).map(drop).expect("genuine");
    };
    let floor = || signatures.verify();
    let [cold, warm, peer, floor] = medians(arguments.rounds, [&cold, &warm, &peer, &floor]);
    row("quotes", "TDX v4, cold", cold, peer, "dcap-qvl", 1.3).print(arguments.json)?;
    row("quotes", "TDX v4, warm", warm, peer, "dcap-qvl", 4.0).print(arguments.json)?;
    floor_row("quotes", "TDX v4, warm", warm, floor).print(arguments.json)
}

/// The two signatures that no memory can save: the platform's over the quoting enclave's report, and the attestation
/// key's over the quote.
struct TdxSignatures {
    keys: [UnparsedPublicKey<Vec<u8>>; 2],
    messages: [Vec<u8>; 2],
    signatures: [Vec<u8>; 2],
}

impl TdxSignatures {
    fn of(bytes: &[u8]) -> Result<Self> {
        let quote = tdx::Quote::decode(bytes)?;
        let tdx::Certification::Chain(chain) = &quote.certification else { bail!("a chain") };
        let text = std::str::from_utf8(chain.strip_suffix(&[0]).unwrap_or(chain))?;
        let leaf = x509::blocks(text)?.swap_remove(0).der;
        let pck = x509::Certificate::decode(&leaf)?.key.bytes().to_vec();
        let attestation = [&[4][..], &quote.attestation_key].concat();
        // Version 4 with a TD 1.0 report (Intel TDX DCAP Quoting Library API, appendix A.3): header and body, the
        // length, the signature and its key, type and length, the quoting enclave's report and its signature.
        let part = |from: usize, until: usize| bytes[from..until].to_vec();
        let messages = [part(770, 1154), part(0, 632)];
        let signatures = [part(1154, 1218), part(636, 700)];
        let keys =
            [pck, attestation].map(|key| UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key));
        let found = Self { keys, messages, signatures };
        found.verify();
        Ok(found)
    }

    fn verify(&self) {
        for ((key, message), signature) in
            self.keys.iter().zip(&self.messages).zip(&self.signatures)
        {
            key.verify(black_box(message), signature).expect("genuine");
        }
    }
}

fn snp(arguments: &Arguments) -> Result<()> {
    let report = testdata("snp/genoa_v2_report.bin")?;
    let vcek = testdata("snp/genoa_v2_vcek.der")?;
    let mut fixed = snp::Endorsements::default();
    fixed.add_file(&testdata("roots/amd_genoa_ask_ark_asvk.pem")?)?;
    let mut brought = snp::Endorsements::default();
    brought.add_file(&vcek)?;
    let mut all = brought.clone();
    all.extend(fixed.clone());
    let now = at("2026-06-01T00:00:00Z")?;
    let anchors = snp::Anchors::production();
    let known = snp::Known::new(&fixed, anchors.clone());
    let cold = || {
        snp::verify(black_box(&report), &all, &anchors, now).map(drop).expect("genuine");
    };
    let warm = || {
        known.verify(black_box(&report), &brought, now).map(drop).expect("genuine");
    };
    let [ask, ark, _] = fixed.certificates.as_slice() else { bail!("three certificates") };
    let peer = || {
        let chain = Chain::from_der(ark, ask, &vcek).expect("a chain");
        let report = AttestationReport::from_bytes(black_box(&report)).expect("a report");
        (&chain, &report).verify().expect("genuine");
    };
    let key = x509::Certificate::decode(&vcek)?.key.bytes().to_vec();
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key);
    let little_endian = |from: usize| report[from..from + 48].iter().rev().copied();
    let signature: Vec<u8> = little_endian(0x2a0).chain(little_endian(0x2a0 + 72)).collect();
    let floor = || key.verify(black_box(&report[..0x2a0]), &signature).expect("genuine");
    let [cold, warm, peer, floor] = medians(arguments.rounds, [&cold, &warm, &peer, &floor]);
    row("quotes", "SNP v2, cold", cold, peer, "sev", 4.0).print(arguments.json)?;
    row("quotes", "SNP v2, warm", warm, peer, "sev", 5.0).print(arguments.json)?;
    floor_row("quotes", "SNP v2, warm", warm, floor).print(arguments.json)
}
