//! The auditor's program from its start to its verdict, beside other programs that do the same whole job from the same
//! files. All cases take turns in one run.

mod board;
mod programs;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use crate::Row;
use crate::gpu;
use crate::measure::medians;
use programs::{Program, Programs};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Rounds; all cases take turns, medians count.
    #[arg(long, default_value_t = 200)]
    rounds: usize,
    /// The verifier; built in release where none is named.
    #[arg(long, value_name = "PATH")]
    verifier: Option<PathBuf>,
    /// AMD's guest tool.
    #[arg(long, value_name = "PATH", default_value = "snpguest")]
    snpguest: PathBuf,
}

/// Runs every case.
pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let programs = Programs::find(arguments, folder.path())?;
    let (version, report, quote) = (programs.version(), programs.report(), programs.quote());
    let board = programs.board()?;
    let (sev, snpguest, dcap_qvl) = (programs.sev(), programs.snpguest(), programs.dcap_qvl()?);
    let (signatures, one) = gpu::floor()?;
    crate::say_load();
    let cases: [&dyn Fn(); 8] = [
        &|| version.run(),
        &|| report.run(),
        &|| sev.run(),
        &|| snpguest.iter().for_each(Program::run),
        &|| quote.run(),
        &|| dcap_qvl.run(),
        &|| board.run(),
        &one,
    ];
    let [version, report, sev, both, quote, dcap_qvl, board, one] =
        medians(arguments.rounds, cases);
    let print = |case: &str, ours, peer, peer_name, goal| {
        row(case, ours, peer, peer_name, goal).print(arguments.json)
    };
    print("SNP report", report, sev, "a program over sev", 1.0)?;
    if !snpguest.is_empty() {
        print("SNP report", report, both, "snpguest: certs, attestation", 1.0)?;
    }
    print("TDX quote", quote, dcap_qvl, "dcap-qvl, collateral from a file", 1.0)?;
    let case = format!("SNP, 8 GPUs, 4 switches, {signatures} signatures");
    print(&case, board, one * signatures, "ring's time for the signatures", 0.5)?;
    eprintln!("a verifier that only says its version: {:.3} ms", millis(version));
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn row(case: &str, ours: Duration, peer: Duration, peer_name: &'static str, goal: f64) -> Row {
    let (ours, peer, case) = (millis(ours), millis(peer), case.to_owned());
    let ratio = peer / ours;
    let (bench, metric, unit, met) = ("verifier", "start to verdict", "ms", ratio > goal);
    Row { bench, case, metric, unit, ours, peer, peer_name, ratio, goal, met }
}
