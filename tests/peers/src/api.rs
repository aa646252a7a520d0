//! Whole answers through the sealed path, beside llama-cpp-python's server in the clear: the same file, the same requests, the
//! same client.
//!
//! Ours is everything: the endpoint of an enterprise, sealing, padding, a simulated node, the engine, the receipt and its check.
//! Theirs is a server that is running already:
//! `python -m llama_cpp.server --model FILE --n_threads 2 --n_ctx 8192 --interrupt_requests false --port 8000`.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use sealroom_attestation::manifest::ModelFile;
use sealroom_enclave::{Node, boot};
use sealroom_engine::{Engine, LocalEngine, Settings};
use sealroom_gateway::connect::{self, Connect};
use sealroom_tests::world::{self, Machine};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::Row;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Requests of each client; the median of all counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Address of llama-cpp-python's server.
    #[arg(long, default_value = "127.0.0.1:8000")]
    peer: String,
    /// The model file that it serves, too; default: $SEALROOM_MODEL, then the cache of models.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Clients at once; again for another number.
    #[arg(long, default_values_t = [1, 8, 32])]
    clients: Vec<usize>,
}

const MODEL: &str = "model";
/// Most tokens of each answer.
const ANSWER: usize = 64;

/// Runs every case; a missed goal is an error after all rows were printed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    crate::say_load();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let (_node, connect) = ours(arguments).await?;
    let ours = connect.address().to_string();
    let mut all_met = true;
    for &clients in &arguments.clients {
        let mut measured = Vec::new();
        for address in [&ours, &arguments.peer] {
            let run = load(address, clients, arguments.rounds).await;
            measured.push(run.with_context(|| format!("{clients} clients of {address}"))?);
        }
        let [ours, peer] = &measured[..] else { unreachable!("two were measured") };
        let row = |metric, unit, ours: f64, peer: f64, ratio: f64| Row {
            bench: "api",
            case: format!("{clients} clients"),
            metric,
            unit,
            ours,
            peer,
            peer_name: "llama-cpp-python, in the clear",
            ratio,
            goal: 1.0,
            met: ratio >= 1.0,
        };
        for row in [
            row("first token", "ms", ours.first, peer.first, peer.first / ours.first),
            row("speed", "tok/s", ours.speed, peer.speed, ours.speed / peer.speed),
        ] {
            all_met &= row.met;
            row.print(arguments.json)?;
        }
    }
    ensure!(all_met, "a goal was missed");
    Ok(())
}

async fn ours(arguments: &Arguments) -> Result<(Node, Connect)> {
    let path = crate::tokens::model_path(arguments.model.as_deref())?;
    let load = move || -> Result<LocalEngine> {
        Ok(LocalEngine::load(&std::fs::read(path)?, &Settings::default())?)
    };
    let engine: Arc<dyn Engine> = Arc::new(tokio::task::spawn_blocking(load).await??);
    let file = ModelFile { name: "model.gguf".into(), size: 1, sha256: [1; 32] };
    let manifest = boot::manifest(MODEL, &file, engine.card());
    let machine = Machine::new(world::chip(world::seed()), engine, manifest)?;
    let trust = world::trust(&machine.chip, None, &machine.manifest);
    let party = world::party(trust, &machine.clock);
    let node = machine.boot().await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let target = world::target(node.address())?;
    let connect = Connect::start(connect::Settings::default(), target, party, listener)?;
    Ok((node, connect))
}

/// What one load came to.
struct Run {
    /// Median time to the first text, milliseconds.
    first: f64,
    /// Tokens of all answers per second.
    speed: f64,
}

async fn load(address: &str, clients: usize, rounds: usize) -> Result<Run> {
    // Nobody is measured cold.
    whole(address, 1_000_000).await?;
    let mut firsts = gather(clients, rounds, |number| first(address.to_owned(), number)).await?;
    firsts.sort_unstable();
    let begin = Instant::now();
    let tokens = gather(clients, rounds, |number| {
        let address = address.to_owned();
        async move { whole(&address, number).await }
    });
    let tokens: u64 = tokens.await?.into_iter().sum();
    let speed = tokens as f64 / begin.elapsed().as_secs_f64();
    Ok(Run { first: firsts[firsts.len() / 2].as_secs_f64() * 1e3, speed })
}

/// `clients` at once, each one request after the other.
async fn gather<T, F>(clients: usize, rounds: usize, ask: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for client in 0..clients {
        let asked: Vec<F> = (0..rounds).map(|round| ask(client * rounds + round)).collect();
        running.spawn(async move {
            let mut all = Vec::new();
            for one in asked {
                all.push(one.await?);
            }
            Ok::<_, anyhow::Error>(all)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = running.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

fn body(number: usize, stream: bool) -> Value {
    // Different from its first word on, so that no server has seen it.
    let text = format!(
        "{number} times I looked at the sea. Tell me in a few sentences why the sky is blue, what light has to do with it, and why the sun is red in the evening."
    );
    json!({
        "model": MODEL, "max_tokens": ANSWER, "temperature": 0.0, "stream": stream,
        "messages": [{ "role": "user", "content": text }],
    })
}

async fn dial(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(address: &str, body: &Value) -> Result<hyper::Response<Incoming>> {
    let request = Request::post("/v1/chat/completions")
        .header("host", address)
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))?;
    let answer = dial(address).await?.send_request(request).await?;
    ensure!(answer.status() == 200, "status {}", answer.status());
    Ok(answer)
}

/// Time to the first text of a streamed answer.
async fn first(address: String, number: usize) -> Result<Duration> {
    let begin = Instant::now();
    let mut answer = send(&address, &body(number, true)).await?.into_body();
    let (mut seen, mut first) = (Vec::new(), None);
    while let Some(frame) = answer.frame().await {
        seen.extend_from_slice(&frame?.into_data().unwrap_or_default());
        if first.is_none() && says_something(&seen) {
            first = Some(begin.elapsed());
        }
    }
    first.context("no text came")
}

fn says_something(seen: &[u8]) -> bool {
    let events = seen.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    let mut events = events.filter_map(|event| serde_json::from_slice::<Value>(event).ok());
    events.any(|event| {
        event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty())
    })
}

/// Tokens of a whole answer.
async fn whole(address: &str, number: usize) -> Result<u64> {
    let answer = send(address, &body(number, false)).await?.into_body().collect().await?;
    let answer: Value = serde_json::from_slice(&answer.to_bytes())?;
    answer["usage"]["completion_tokens"].as_u64().context("no tokens were counted")
}
