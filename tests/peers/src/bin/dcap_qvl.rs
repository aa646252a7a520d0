//! The command line of `dcap-qvl` (`dcap-qvl-cli` 0.7.1) with collateral from a file: its own takes it from the network
//! alone. It says the same in the same form.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use dcap_qvl::{QuoteCollateralV3, configs::RingConfig, verify::QuoteVerifier};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Verify a quote file
    Verify(VerifyQuoteArgs),
}

#[derive(Args)]
struct VerifyQuoteArgs {
    /// The quote file
    quote_file: PathBuf,
    /// The collateral, instead of a service for it
    #[arg(long)]
    collateral: PathBuf,
    /// Seconds since 1970, instead of the present
    #[arg(long)]
    at: u64,
}

fn main() -> Result<()> {
    let Commands::Verify(arguments) = Cli::parse().command;
    let quote = fs::read(arguments.quote_file).context("Failed to read quote file")?;
    let collateral = fs::read(arguments.collateral).context("Failed to read collateral")?;
    let collateral: QuoteCollateralV3 = serde_json::from_slice(&collateral)?;
    let verifier = QuoteVerifier::new_prod().with_config::<RingConfig>();
    let report = verifier.verify(&quote, &collateral, arguments.at);
    println!("{}", serde_json::to_string(&report.context("Failed to verify quote")?)?);
    eprintln!("Quote verified");
    Ok(())
}
