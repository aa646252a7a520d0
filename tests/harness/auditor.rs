//! The auditor's own command line, as a program of this package: stories run it beside simulated vendors.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealroom_verifier::cli::main()
}
