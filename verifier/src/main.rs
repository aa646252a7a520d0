//! `sealroom-verifier`: the auditor's tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealroom_verifier::cli::main()
}
