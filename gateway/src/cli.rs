//! The relying party's command line.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sealroom_verifier::{
    Decision, Trust,
    cli::{Grounds, load_policy},
    report::{summary, table},
};
use tokio::net::TcpListener;
use tracing_subscriber::{
    Layer, filter::LevelFilter, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};
use zeroize::Zeroizing;

use crate::{
    connect::{Connect, Origin, Settings, Token, check_loopback},
    keeper::Keeper,
    session::{RelyingParty, SessionError, Sources, Target},
};

/// Exit code for a question that could not be asked.
const USAGE: u8 = 3;
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();

/// Uses confidential nodes: verifies first, seals always.
#[derive(Debug, Parser)]
#[command(name = "sealroom-gateway", version, about, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What is written to standard error. Libraries stay silent at every level.
    #[arg(long, global = true, value_enum, default_value_t = Log::Info)]
    log: Log,
}

const AFTER_HELP: &str = "Exit codes: 0 ended as asked, 1 the node was refused, 2 nothing could be decided, 3 usage.

Examples:
  sealroom-gateway connect --node https://node.example:8443 --policy policy.toml
  sealroom-gateway connect --node https://node.example:8443 --policy policy.toml --with genoa_crl.der --token-file token
  sealroom-gateway completions bash > sealroom-gateway.bash

Then point any OpenAI client at it:
  curl http://127.0.0.1:8787/v1/models
  OPENAI_BASE_URL=http://127.0.0.1:8787/v1 OPENAI_API_KEY=none python app.py";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the OpenAI interface on loopback, in front of one verified node.
    #[command(after_help = AFTER_HELP)]
    Connect(Box<ConnectArguments>),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
struct ConnectArguments {
    /// The node, as https://HOST[:PORT].
    #[arg(long, value_name = "URL", value_parser = Target::from_url)]
    node: Target,
    /// The policy. It must pin at least one measurement.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    grounds: Grounds,
    /// Where to listen: 127.0.0.1 or ::1 and a port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = listen)]
    listen: SocketAddr,
    /// A file with a token that clients must send as their API key.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The origin of a web page that may call, as https://HOST[:PORT].
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    Off,
    Warn,
    Info,
    Debug,
    Trace,
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "an address and a port, as 127.0.0.1:8787, expected".to_owned())?;
    check_loopback(address).map_err(|error| error.to_string())?;
    Ok(address)
}

/// Runs the command line and says how to exit.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    log_to_stderr(arguments.log);
    let ended = match arguments.command {
        Command::Connect(arguments) => connect(*arguments),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(
                shell,
                &mut command,
                "sealroom-gateway",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    };
    ended.unwrap_or_else(|error| {
        anstream::eprintln!("{RED}error{RED:#}: {error:#}");
        ExitCode::from(USAGE)
    })
}

/// Help and version are no errors; everything else clap would exit 2 for, which means "undecided" here.
fn usage(error: &clap::Error) -> ExitCode {
    // Where the stream is gone there is nobody to tell.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Only this product's own events, whose fields never hold text of users or keys. HTTP and TLS libraries
/// write the bytes of their connections at trace level, so no level lets them speak.
fn log_to_stderr(log: Log) {
    let level = match log {
        Log::Off => LevelFilter::OFF,
        Log::Warn => LevelFilter::WARN,
        Log::Info => LevelFilter::INFO,
        Log::Debug => LevelFilter::DEBUG,
        Log::Trace => LevelFilter::TRACE,
    };
    let own = Targets::new().with_target("sealroom_gateway", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines.with_filter(own)).init();
    // The message of a panic can quote a prompt: its place is enough to find it.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!(%place, "panicked"),
        None => tracing::error!("panicked"),
    }));
}

fn connect(arguments: ConnectArguments) -> Result<ExitCode> {
    let trust = trust(&arguments)?;
    let token = arguments.token_file.as_deref().map(load_token).transpose()?;
    let settings = Settings { token, origins: arguments.origin.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let party = RelyingParty::new(trust);
    let party = match sources(&arguments.grounds)? {
        Some(sources) => party.with_sources(sources),
        None => party,
    };
    runtime.block_on(run(arguments.node, arguments.listen, party, settings))
}

fn sources(grounds: &Grounds) -> Result<Option<Sources>> {
    let Grounds { sources, .. } = grounds;
    let named = |store| Sources::new(store, sources.update(), sources.generation());
    Ok(grounds.store()?.map(named))
}

fn trust(arguments: &ConnectArguments) -> Result<Trust> {
    let policy = load_policy(&arguments.policy)?;
    if !policy.pins_a_measurement() {
        bail!(
            "{} pins no measurement, and without one every image would be accepted.\n\
             Add the launch measurement of the image that you trust:\n\n  \
             [snp.measurements]\n  \"my image\" = \"<96 hexadecimal digits>\"\n\n\
             The image's publisher prints it; `sealroom-verifier check EVIDENCE` shows what a node has.",
            arguments.policy.display()
        );
    }
    if !arguments.grounds.vendors.danger_accept_simulated.is_empty() {
        anstream::eprintln!(
            "{RED}SIMULATED{RED:#}: a test root is accepted as hardware. This proves nothing about a machine."
        );
    }
    arguments.grounds.trust(policy)
}

fn load_token(path: &std::path::Path) -> Result<Token> {
    let content = fs::read_to_string(path).map(Zeroizing::new);
    let content = content.with_context(|| format!("reading {}", path.display()))?;
    Token::from_file(&content).with_context(|| format!("checking {}", path.display()))
}

/// The first verdict decides whether anything is served at all.
async fn run(
    node: Target,
    listen: SocketAddr,
    party: RelyingParty,
    settings: Settings,
) -> Result<ExitCode> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("listening on {listen}"))?;
    let keeper = Keeper::start(node, party);
    let session = match keeper.session().await {
        Ok(session) => session,
        Err(error) => return Ok(refused(&error)),
    };
    anstream::print!("{}", summary(session.accepted().verdict()));
    drop(session);
    let endpoint = Connect::with_keeper(settings, keeper, listener)?;
    let address = endpoint.address();
    anstream::println!(
        "\n{GREEN}listening{GREEN:#} on http://{address}/v1   verdict: http://{address}/status"
    );
    stop_signal().await?;
    endpoint.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Says why, and what to do; 1 for a node that was checked and is wrong, 2 where nothing was decided.
fn refused(error: &Arc<SessionError>) -> ExitCode {
    if let Some(verdict) = error.verdict() {
        anstream::print!("{}", table(verdict));
    }
    let check = error.reason();
    anstream::eprintln!("{RED}error{RED:#}: {error} (check {})", check.id);
    anstream::eprintln!("  why: {}\n  do:  {}", check.why, check.fix);
    let undecided = error.verdict().is_some_and(|verdict| verdict.decision == Decision::Undecided);
    ExitCode::from(if error.is_refusal() && !undecided { 1 } else { 2 })
}

async fn stop_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("watching for SIGINT"),
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn refuses_to_listen_where_others_could_reach_it_and_names_the_address() {
        let refused = "0.0.0.0:1 is not a loopback address: 127.0.0.1 or ::1 expected";
        assert_eq!(listen("0.0.0.0:1"), Err(refused.to_owned()));
        assert_eq!(listen("[::1]:1").map(|address| address.port()), Ok(1));
    }
}
