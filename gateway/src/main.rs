//! The relying party's command line: see `sealroom_gateway::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealroom_gateway::cli::main()
}
