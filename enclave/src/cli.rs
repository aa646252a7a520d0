//! The command line. Exit codes: 0 done, 1 the node could not run, 2 the configuration is not valid, 3 usage.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use sealroom_enclave::{BootError, Config, boot, telemetry};
use tokio::task::JoinSet;

mod trial;

const FAILED: u8 = 1;
const INVALID: u8 = 2;
const USAGE: u8 = 3;

/// Answers sealed prompts inside a confidential VM and shows what it is.
#[derive(Parser)]
#[command(name = "sealroom-enclave", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the node and runs until SIGTERM or SIGINT.
    Run(Files),
    /// Checks a configuration and prints every setting that evidence will show.
    CheckConfig(Files),
    /// Loads a model as a node would, and says what it is and what a policy pins.
    Try(trial::Arguments),
    /// Prints a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    sealroom-enclave run --config node.toml\n  \
    sealroom-enclave run --config node.toml --models models.toml")]
struct Files {
    /// The configuration, TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Several models, TOML: a node for each, in this process. The configuration is what they share.
    #[arg(long, value_name = "FILE")]
    models: Option<PathBuf>,
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed terminal is no reason for another exit code.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Run(files) => start(&files),
        Command::CheckConfig(files) => check(&files),
        Command::Try(arguments) => trial::run(&arguments),
        Command::Completions { shell } => {
            let (mut command, mut script) = (Arguments::command(), Vec::new());
            clap_complete::generate(shell, &mut command, "sealroom-enclave", &mut script);
            // A reader that has seen enough is no failure.
            drop(io::stdout().write_all(&script));
            ExitCode::SUCCESS
        }
    }
}

fn start(files: &Files) -> ExitCode {
    let configs = match load(files) {
        Ok(configs) => configs,
        Err(code) => return code,
    };
    let level = configs.iter().map(Config::log).max().unwrap_or(tracing::Level::INFO);
    let subscriber = telemetry::subscriber(level, io::stderr());
    // Only this function installs one, once.
    drop(tracing::subscriber::set_global_default(subscriber));
    telemetry::hide_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(serve(configs)),
        Err(error) => {
            return fail(&format!("starting threads: {error}"), "raise the limit on threads");
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), advice(&error)),
    }
}

async fn serve(configs: Vec<Config>) -> Result<(), BootError> {
    let nodes = boot::boot_all(configs).await?;
    asked_to_end().await;
    let mut ending = JoinSet::new();
    for node in nodes {
        ending.spawn(node.shutdown());
    }
    drop(ending.join_all().await);
    Ok(())
}

/// Until SIGTERM or SIGINT.
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn check(files: &Files) -> ExitCode {
    let configs = match load(files) {
        Ok(configs) => configs,
        Err(code) => return code,
    };
    for (index, config) in configs.iter().enumerate() {
        if index > 0 {
            println!();
        }
        for (name, value) in &config.settings().settings {
            println!("{name} = {value}");
        }
    }
    ExitCode::SUCCESS
}

fn load(files: &Files) -> Result<Vec<Config>, ExitCode> {
    let shared = read(&files.config, "--config")?;
    let (path, configs) = match &files.models {
        None => (&files.config, Config::from_toml(&shared).map(|config| vec![config])),
        Some(path) => (path, Config::several(&shared, &read(path, "--models")?)),
    };
    configs.map_err(|error| {
        eprintln!("error: {}: {error}", path.display());
        eprintln!("next: correct the setting; `sealroom-enclave check-config` shows the result");
        ExitCode::from(INVALID)
    })
}

fn read(path: &Path, option: &str) -> Result<String, ExitCode> {
    fs::read_to_string(path).map_err(|error| {
        let next = format!("name a readable file with {option}");
        fail(&format!("reading {}: {error}", path.display()), &next)
    })
}

fn fail(what: &str, next: &str) -> ExitCode {
    eprintln!("error: {what}");
    eprintln!("next: {next}");
    ExitCode::from(FAILED)
}

/// What an operator can do about it.
const fn advice(error: &BootError) -> &'static str {
    match error {
        BootError::Model { error, .. } => advice(error),
        BootError::Lock => {
            "allow the service to lock memory (LimitMEMLOCK=infinity), or set memory.lock = \"try\""
        }
        BootError::Weights(_) => {
            "check model.path and model.sha256; fetch the file again if it is damaged"
        }
        BootError::Load(_) => {
            "use a model that this engine supports, or correct the engine settings"
        }
        BootError::Upstream(_) => {
            "check upstream.command by hand as that user, upstream.address, and that it listens on loopback alone"
        }
        BootError::Evidence(_) => {
            "run inside a SEV-SNP or TDX virtual machine with the guest driver loaded and configfs mounted"
        }
        BootError::Listen(_) => "choose a free address with listen.address",
        _ => "report this with the line above",
    }
}
