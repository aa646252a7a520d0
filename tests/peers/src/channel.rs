//! The sealed path beside plain HTTP, on one engine that answers as fast as it is told: what does privacy cost?
//!
//! Plain: an axum server that streams the same events of the same engine over HTTP/1.1 on loopback. Sealed: a
//! verified session with a simulated node, padding, sealing and the receipt's check included.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    routing::post,
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use sealroom_attestation::{manifest::ModelFile, seal::Plaintext};
use sealroom_enclave::{Node, boot};
use sealroom_engine::{Engine, Event, GenerationRequest, Input, Sampling};
use sealroom_gateway::session::{InnerRequest, RequestId, Session};
use sealroom_tests::{
    echo::Echo,
    world::{self, Machine},
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

use crate::Row;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Rounds of each case; plain and sealed alternate, medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

const PEER: &str = "plain HTTP/1.1";

/// One load: how many streams at once, of how many tokens, with which pause between them.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    streams: usize,
    tokens: usize,
    pause: Duration,
    goal: f64,
}

const PACED: Load = Load {
    name: "100 streams at 50 tokens/s",
    streams: 100,
    tokens: 150,
    pause: Duration::from_millis(20),
    goal: 0.98,
};
const UNTHROTTLED: Load = Load {
    name: "100 streams unthrottled",
    streams: 100,
    tokens: 1024,
    pause: Duration::ZERO,
    goal: 0.70,
};

/// Runs every case.
pub fn run(arguments: &Arguments) -> Result<()> {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    eprintln!("load average before: {}", load.trim());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for load in [PACED, UNTHROTTLED] {
            throughput(load, arguments).await?;
        }
        first_event(arguments).await?;
        request_cost(arguments).await
    })
}

/// Two servers on one engine.
struct Pair {
    plain: SocketAddr,
    node: Node,
    session: Session,
}

impl Pair {
    async fn start(pause: Duration) -> Result<Self> {
        let engine: Arc<dyn Engine> = Arc::new(Echo::paced(pause));
        let plain = plain(Arc::clone(&engine)).await?;
        let file = ModelFile { name: "echo.gguf".into(), size: 1, sha256: [1; 32] };
        let manifest = boot::manifest("echo", &file, engine.card());
        let machine = Machine::new(world::chip(world::seed()), engine, manifest)?;
        let trust = world::trust(&machine.chip, None, &machine.manifest);
        let party = world::party(trust, &machine.clock);
        let node = machine.boot().await?;
        let session = Session::open(&world::target(node.address())?, &party).await?;
        Ok(Self { plain, node, session })
    }
}

/// What one run gave.
struct Run {
    tokens: f64,
    time: Duration,
    cpu: Duration,
}

impl Run {
    fn rate(&self) -> f64 {
        self.tokens / self.time.as_secs_f64()
    }
}

async fn throughput(load: Load, arguments: &Arguments) -> Result<()> {
    let pair = Pair::start(load.pause).await?;
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        plain.push(burst(load, |_| ask_plainly(pair.plain, load.tokens)).await?);
        sealed.push(burst(load, |_| ask_sealed(pair.session.clone(), load.tokens)).await?);
    }
    let rate = |runs: &[Run]| median(runs.iter().map(Run::rate));
    row(load.name, "tokens/s", "1/s", rate(&sealed), rate(&plain), load.goal, arguments)?;
    let cost =
        |runs: &[Run]| median(runs.iter().map(|run| run.cpu.as_secs_f64() * 1e6 / run.tokens));
    let (ours, peer) = (cost(&sealed), cost(&plain));
    cost_row(load.name, "CPU for each token", ours, peer, arguments)?;
    pair.node.shutdown().await;
    Ok(())
}

/// All streams at once, until the last one ended.
async fn burst<F>(load: Load, ask: impl Fn(usize) -> F) -> Result<Run>
where
    F: Future<Output = Result<usize>> + Send + 'static,
{
    let (started, before) = (Instant::now(), cpu()?);
    let mut asks = JoinSet::new();
    for number in 0..load.streams {
        asks.spawn(ask(number));
    }
    let mut tokens = 0;
    while let Some(answered) = asks.join_next().await {
        tokens += answered??;
    }
    let expected = load.streams * load.tokens;
    anyhow::ensure!(tokens == expected, "{tokens} tokens of {expected} arrived");
    Ok(Run { tokens: tokens as f64, time: started.elapsed(), cpu: cpu()?.saturating_sub(before) })
}

async fn first_event(arguments: &Arguments) -> Result<()> {
    let pair = Pair::start(Duration::ZERO).await?;
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds * 40 {
        plain.push(first_plainly(pair.plain).await?.as_secs_f64() * 1e3);
        sealed.push(first_sealed(&pair.session).await?.as_secs_f64() * 1e3);
    }
    let (ours, peer) = (median(sealed), median(plain));
    // The goal is one millisecond more than plain, as a ratio of times.
    let goal = peer / (peer + 1.0);
    row("one idle stream", "first event", "ms", ours, peer, goal, arguments)?;
    pair.node.shutdown().await;
    Ok(())
}

async fn request_cost(arguments: &Arguments) -> Result<()> {
    const REQUESTS: usize = 300;
    let pair = Pair::start(Duration::ZERO).await?;
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        let before = cpu()?;
        for _ in 0..REQUESTS {
            ask_plainly(pair.plain, 1).await?;
        }
        let between = cpu()?;
        for _ in 0..REQUESTS {
            ask_sealed(pair.session.clone(), 1).await?;
        }
        plain.push((between - before).as_secs_f64() * 1e6 / REQUESTS as f64);
        sealed.push((cpu()? - between).as_secs_f64() * 1e6 / REQUESTS as f64);
    }
    cost_row("one token", "CPU for each request", median(sealed), median(plain), arguments)?;
    pair.node.shutdown().await;
    Ok(())
}

fn row(
    case: &str,
    metric: &'static str,
    unit: &'static str,
    ours: f64,
    peer: f64,
    goal: f64,
    arguments: &Arguments,
) -> Result<()> {
    let ratio = if unit == "1/s" { ours / peer } else { peer / ours };
    let (bench, case, met) = ("channel", case.to_owned(), ratio >= goal);
    Row { bench, case, metric, unit, ours, peer, peer_name: PEER, ratio, goal, met }
        .print(arguments.json)
}

/// A figure without a goal of its own.
fn cost_row(
    case: &str,
    metric: &'static str,
    ours: f64,
    peer: f64,
    arguments: &Arguments,
) -> Result<()> {
    row(case, metric, "us", ours, peer, 0.0, arguments)
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of this process: user and system, in the kernel's ticks of 10 ms.
fn cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("a process has a name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn body(tokens: usize) -> Vec<u8> {
    let prompt = "word ".repeat(tokens);
    let body = json!({
        "model": "echo", "prompt": prompt.trim_end(), "max_tokens": tokens, "stream": true,
    });
    body.to_string().into_bytes()
}

/// Tokens in the text of events: the engine's tokens are words, and an event may hold several.
fn words(events: &[u8]) -> usize {
    events.windows(4).filter(|window| window == b"word").count()
}

async fn ask_sealed(session: Session, tokens: usize) -> Result<usize> {
    let mut answer = session.send(session.seal(&question(tokens)?)?).await?;
    let mut words_seen = 0;
    while let Some(events) = answer.next().await? {
        words_seen += words(&events);
    }
    answer.receipt().context("no receipt")?;
    Ok(words_seen)
}

async fn first_sealed(session: &Session) -> Result<Duration> {
    let question = question(8)?;
    let asked = Instant::now();
    let mut answer = session.send(session.seal(&question)?).await?;
    let mut first = None;
    while let Some(events) = answer.next().await? {
        if words(&events) > 0 {
            first.get_or_insert_with(|| asked.elapsed());
        }
    }
    first.context("no token")
}

fn question(tokens: usize) -> Result<InnerRequest> {
    let id = world::seed().first_chunk::<16>().copied().context("a seed has 32 bytes")?;
    Ok(InnerRequest::post("/v1/completions", Plaintext::from(body(tokens)), RequestId(id)))
}

async fn ask_plainly(server: SocketAddr, tokens: usize) -> Result<usize> {
    let mut words_seen = 0;
    stream_plainly(server, tokens, |event| words_seen += words(event)).await?;
    Ok(words_seen)
}

async fn first_plainly(server: SocketAddr) -> Result<Duration> {
    let (asked, mut first) = (Instant::now(), None);
    stream_plainly(server, 8, |_| {
        first.get_or_insert_with(|| asked.elapsed());
    })
    .await?;
    first.context("no token")
}

async fn stream_plainly(
    server: SocketAddr,
    tokens: usize,
    mut each: impl FnMut(&[u8]),
) -> Result<()> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/v1/completions").header("host", "localhost");
    let mut answer = sender.send_request(request.body(Full::<Bytes>::from(body(tokens)))?).await?;
    while let Some(frame) = answer.body_mut().frame().await {
        if let Some(data) = frame?.data_ref() {
            each(data);
        }
    }
    Ok(())
}

/// The peer: what a server without privacy does with the same engine.
async fn plain(engine: Arc<dyn Engine>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/v1/completions", post(answer)).with_state(engine);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn answer(State(engine): State<Arc<dyn Engine>>, body: Bytes) -> Body {
    let request: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let prompt = request["prompt"].as_str().unwrap_or_default();
    let mut request = GenerationRequest::new(Input::Text(prompt.into()), 0);
    request.sampling = Sampling { logit_bias: BTreeMap::new(), ..Sampling::greedy() };
    let (sender, receiver) = mpsc::unbounded_channel();
    let sink = move |event: Event| {
        let done = sender.send(event).is_err();
        if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if engine.submit(request, Box::new(sink)).is_err() {
        return Body::empty();
    }
    let events = UnboundedReceiverStream::new(receiver).filter_map(event);
    Body::from_stream(events.map(Ok::<_, std::convert::Infallible>))
}

fn event(event: Event) -> Option<Bytes> {
    let (text, finish) = match &event {
        Event::Token(token) => (token.text.expose(), None),
        Event::Finished(_) => ("", Some("stop")),
        Event::Started { .. } | Event::Embedded(_) | Event::Failed(_) => return None,
    };
    let chunk = json!({
        "id": "cmpl-0123456789abcdef0123456789abcdef", "object": "text_completion", "created": 1_795_000_000,
        "model": "echo", "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }],
    });
    let done = if finish.is_some() { "data: [DONE]\n\n" } else { "" };
    Some(Bytes::from(format!("data: {chunk}\n\n{done}")))
}
