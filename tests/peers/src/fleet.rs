//! Many quotes of few machines on every core, and what a megabyte of hostile bytes costs.

use std::{
    fs,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use sealroom_attestation::{UnixTime, batch, cbor::Item as _, evidence::Bundle, snp, tdx};
use sealroom_forge::Fake;

use crate::Row;

const PLATFORMS: u32 = 250;
const EACH: u8 = 40;
const NOW: UnixTime = UnixTime(1_790_000_000);
const SEED: [u8; 32] = [7; 32];
/// Bytes of each hostile input, and the longest that it may take.
const MEGABYTE: usize = 1 << 20;
const LONGEST: Duration = Duration::from_millis(50);

/// 10,000 quotes of 250 platforms, and as many reports of 250 chips.
pub fn run(json: bool) -> Result<()> {
    let workers = std::thread::available_parallelism().context("counting cores")?;
    tdx(json, workers)?;
    snp(json, workers)?;
    hostile(json)
}

fn tdx(json: bool, workers: NonZeroUsize) -> Result<()> {
    let one = Fake::tdx(SEED).sign();
    let endorsements = tdx::Endorsements::from_json(&one.collateral_json())?;
    let anchors = tdx::Anchors::production().danger_accept_simulated(one.root_sha256);
    let quotes: Vec<Vec<u8>> = everyone(|platform, data| {
        Fake::tdx(SEED).platform(platform).report_data(data).sign().quote
    });
    let known = tdx::Known::new(&endorsements, anchors.clone());
    let before = resident()?;
    let start = Instant::now();
    let genuine = batch::verify(&quotes, workers, |quote| known.verify(quote, NOW).is_ok());
    let together = start.elapsed();
    let grown = resident()?.saturating_sub(before);
    ensure!(genuine.iter().all(|genuine| *genuine), "every quote is genuine");
    let start = Instant::now();
    let sample = quotes.iter().step_by(20);
    let counted = sample.clone().count();
    let alone = |quote: &Vec<u8>| tdx::verify(quote, &endorsements, &anchors, NOW).is_ok();
    ensure!(sample.clone().all(alone), "every quote is genuine");
    let cold = start.elapsed().as_secs_f64() / counted as f64;
    rate("10,000 TDX quotes, 250 platforms", quotes.len(), together, cold, grown).print(json)
}

fn snp(json: bool, workers: NonZeroUsize) -> Result<()> {
    let one = Fake::snp(SEED).sign();
    let fixed = snp::Endorsements {
        certificates: vec![one.authority.clone(), one.root.clone()],
        crls: Vec::new(),
    };
    let anchors = snp::Anchors::production().danger_accept_simulated(one.root_sha256);
    let reports: Vec<_> = everyone(|chip, data| {
        let evidence = Fake::snp(SEED).chip(chip).report_data(data).sign();
        let brought = snp::Endorsements { certificates: vec![evidence.vek], crls: Vec::new() };
        (evidence.report, brought)
    });
    let known = snp::Known::new(&fixed, anchors.clone());
    let before = resident()?;
    let start = Instant::now();
    let genuine = batch::verify(&reports, workers, |(report, brought)| {
        known.verify(report, brought, NOW).is_ok()
    });
    let together = start.elapsed();
    let grown = resident()?.saturating_sub(before);
    ensure!(genuine.iter().all(|genuine| *genuine), "every report is genuine");
    let start = Instant::now();
    let sample = reports.iter().step_by(50);
    let counted = sample.clone().count();
    for (report, brought) in sample {
        let mut all = brought.clone();
        all.extend(fixed.clone());
        ensure!(snp::verify(report, &all, &anchors, NOW).is_ok(), "every report is genuine");
    }
    let cold = start.elapsed().as_secs_f64() / counted as f64;
    rate("10,000 SNP reports, 250 chips", reports.len(), together, cold, grown).print(json)
}

/// One piece of evidence for each machine and report data.
fn everyone<T>(make: impl Fn(u32, [u8; 64]) -> T) -> Vec<T> {
    let all = (0..EACH).flat_map(|data| (0..PLATFORMS).map(move |machine| (machine, [data; 64])));
    all.map(|(machine, data)| make(machine, data)).collect()
}

/// A second's verdicts, beside what one core does without a memory.
fn rate(case: &str, count: usize, together: Duration, cold: f64, grown: u64) -> Row {
    let (ours, peer) = (count as f64 / together.as_secs_f64(), 1.0 / cold);
    let ratio = ours / peer;
    eprintln!("{case}: {grown} KiB more memory while it ran");
    Row {
        bench: "quotes",
        case: case.to_owned(),
        metric: "verdicts",
        unit: "/s",
        ours,
        peer,
        peer_name: "cold, one core",
        ratio,
        goal: 1.0,
        met: ratio >= 1.0,
    }
}

/// VmHWM would remember the forge: what is resident now, in KiB.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.context("VmRSS")?.parse().context("a number")
}

/// The longest that any door takes for a megabyte that an attacker chose.
fn hostile(json: bool) -> Result<()> {
    let mut worst = (Duration::ZERO, String::new());
    for (name, bytes) in inputs() {
        for (door, open) in DOORS {
            let start = Instant::now();
            open(&bytes);
            let took = start.elapsed();
            if took > worst.0 {
                worst = (took, format!("{name} at {door}"));
            }
        }
    }
    let (took, case) = worst;
    let (ours, peer) = (took.as_secs_f64() * 1e3, LONGEST.as_secs_f64() * 1e3);
    let (ratio, met) = (ours / peer, took <= LONGEST);
    let (bench, metric, peer_name) = ("quotes", "1 MiB hostile, worst", "bound");
    Row { bench, case, metric, unit: "ms", ours, peer, peer_name, ratio, goal: 1.0, met }
        .print(json)
}

type Door = fn(&[u8]);

const DOORS: [(&str, Door); 6] = [
    ("SNP report", |bytes| {
        let (none, anchors) = (snp::Endorsements::default(), snp::Anchors::production());
        drop(snp::verify(bytes, &none, &anchors, NOW));
    }),
    ("SNP endorsements", |bytes| {
        drop(snp::Endorsements::default().add_file(bytes));
        let given =
            snp::Endorsements { certificates: vec![bytes.to_vec()], crls: vec![bytes.to_vec(); 2] };
        drop(snp::verify(&[2; 1184], &given, &snp::Anchors::production(), NOW));
    }),
    ("TDX quote", |bytes| {
        let (none, anchors) = (tdx::Endorsements::default(), tdx::Anchors::production());
        drop(tdx::verify(bytes, &none, &anchors, NOW));
        drop(tdx::quote_from_file(bytes));
    }),
    ("TDX collateral", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        drop(tdx::Endorsements::from_json(&text));
        let document = tdx::SignedDocument { body: bytes.to_vec(), signature: vec![0; 64] };
        let given = tdx::Endorsements {
            crls: vec![bytes.to_vec(); 2],
            tcb_infos: vec![document.clone()],
            qe_identities: vec![document],
            ..tdx::Endorsements::default()
        };
        drop(tdx::Known::new(&given, tdx::Anchors::production()));
    }),
    ("event log", |bytes| {
        let quote = tdx::Quote::decode(&Fake::tdx(SEED).sign().quote).expect("the forge's quote");
        let cut = &bytes[..tdx::LONGEST_LOG];
        let start = Instant::now();
        drop(tdx::replay(cut, quote.body.td().expect("a trust domain")));
        assert!(start.elapsed() <= LONGEST, "an event log took longer than the bound");
    }),
    ("node bundle", |bytes| drop(Bundle::decode(bytes))),
];

/// A megabyte of each kind.
fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let filled = |pattern: &[u8]| pattern.iter().copied().cycle().take(MEGABYTE).collect();
    let with = |front: &[u8], pattern: &[u8]| {
        let rest = pattern.iter().copied().cycle();
        front.iter().copied().chain(rest).take(MEGABYTE).collect::<Vec<u8>>()
    };
    vec![
        ("zeros", filled(&[0])),
        ("ones", filled(&[0xff])),
        ("open brackets", filled(b"[")),
        ("open braces", filled(b"{\"a\":")),
        ("base64 lines", with(b"-----BEGIN CERTIFICATE-----\n", b"QUFB\n")),
        ("empty blocks", filled(b"-----BEGIN A-----\n-----END A-----\n")),
        ("empty lines", filled(b"\n")),
        ("nested sequences", filled(&[0x30, 0x83, 0x0f, 0xff, 0xf0])),
        ("levels", with(b"{\"tcbInfo\":{\"tcbLevels\":[", b"{\"tcb\":{\"pcesvn\":1}},")),
        ("spaces", with(b"{\"tcbInfo\":", b" ")),
        ("quote of version 4", with(&[4, 0, 2, 0, 0x81, 0, 0, 0], &[0xff])),
        ("events", with(&[0; 32], &[1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])),
        ("revoked serials", revoked()),
    ]
}

/// A list of the forge's with as many serials as a megabyte holds.
fn revoked() -> Vec<u8> {
    let serials = (0..28_000_u32).map(|serial| serial.to_be_bytes().to_vec());
    let serials: Vec<_> = serials.collect();
    Fake::tdx(SEED).pck_crl(move |list| list.revoked.clone_from(&serials)).sign().pck_crl
}
