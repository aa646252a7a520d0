//! An engine beside a node, as a process of its own: it speaks vLLM's interface, and does wrong when its prompt tells it to.

use std::{convert::Infallible, fs, path::PathBuf, process, time::Duration, vec};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clap::Parser;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};

/// Repeats the last thing it was told, word by word.
#[derive(Clone, Debug, Parser)]
#[command(name = "stand-in-engine", version, about)]
struct Arguments {
    /// The socket to listen on.
    #[arg(long)]
    socket: PathBuf,
    /// The model's name.
    #[arg(long)]
    name: String,
    /// What it says that it loaded.
    #[arg(long)]
    root: PathBuf,
    /// Listens beyond loopback as well.
    #[arg(long)]
    exposed: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    fs::write("pid", process::id().to_string())?;
    let _open = if arguments.exposed { Some(expose().await?) } else { None };
    let listener = UnixListener::bind(&arguments.socket)?;
    let router = Router::new()
        .route("/health", get(|| async {}))
        .route("/version", get(|| async { Json(json!({ "version": "1.0" })) }))
        .route("/v1/models", get(models))
        .route("/tokenize", post(|| async { Json(json!({ "tokens": [1, 2, 3], "count": 3 })) }))
        .route("/v1/chat/completions", post(answer))
        .route("/v1/completions", post(answer))
        .with_state(arguments);
    Ok(axum::serve(listener, router).await?)
}

async fn expose() -> std::io::Result<TcpListener> {
    TcpListener::bind(("0.0.0.0", 0)).await
}

async fn models(State(arguments): State<Arguments>) -> Json<Value> {
    let model = json!({ "id": arguments.name, "root": arguments.root, "max_model_len": 4096 });
    Json(json!({ "object": "list", "data": [model] }))
}

/// What it does, one after the other.
enum Step {
    Say(Value),
    Write(&'static str),
    Pause,
    Hang,
    Expose,
}

async fn answer(Json(asked): Json<Value>) -> Response {
    let text = match &asked["prompt"] {
        Value::String(text) => text,
        _ => asked["messages"]
            .as_array()
            .and_then(|all| all.last())
            .map_or("", |last| last["content"].as_str().unwrap_or_default()),
    };
    let most = asked["max_tokens"].as_u64().map_or(usize::MAX, |most| most as usize);
    let steps = steps(text, most, asked["prompt"].is_null());
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(played(steps))).into_response()
}

fn steps(text: &str, most: usize, chat: bool) -> Vec<Step> {
    let words: Vec<_> = text.split_inclusive(' ').collect();
    let said = words.iter().take(most).map(|word| Step::Say(token(word, chat)));
    let wrong = words.first().map_or("", |word| word.trim_end());
    let mut steps: Vec<_> = match wrong {
        "slow" => said.flat_map(|say| [say, Step::Pause]).collect(),
        "hang" => said.chain([Step::Hang]).collect(),
        "garbage" => said.chain([Step::Write("data: {\"choices\": [{\"delta\"\n\n")]).collect(),
        "half" => return said.collect(),
        "expose" => [Step::Expose].into_iter().chain(said).chain([Step::Hang]).collect(),
        _ => said.collect(),
    };
    let is_cut = words.len() >= most;
    if !is_cut {
        steps.push(Step::Say(token("", chat)));
    }
    let reason = if is_cut { "length" } else { "stop" };
    let last = json!({ "index": 0, "delta": {}, "text": "", "finish_reason": reason });
    steps.push(Step::Say(json!({ "choices": [last] })));
    let count = if wrong == "overcharge" { 1000 } else { words.len() + usize::from(!is_cut) };
    let usage = json!({ "prompt_tokens": 3, "completion_tokens": count.min(most) });
    steps.push(Step::Say(json!({ "choices": [], "usage": usage })));
    steps.push(Step::Write("data: [DONE]\n\n"));
    steps
}

fn token(text: &str, chat: bool) -> Value {
    let weighed = json!({ "token": "token_id:9", "logprob": -0.5, "bytes": text.as_bytes() });
    let mut choice = json!({ "index": 0, "logprobs": { "content": [weighed] } });
    if chat {
        choice["delta"] = json!({ "content": text });
    } else {
        choice["text"] = text.into();
    }
    json!({ "choices": [choice] })
}

/// Leaves a file when whoever asked went away before the end.
struct Asked(vec::IntoIter<Step>);

impl Drop for Asked {
    fn drop(&mut self) {
        if self.0.len() > 0 {
            // A test that waits for it will say that it is not there.
            drop(fs::write("left", "left"));
        }
    }
}

fn played(steps: Vec<Step>) -> impl Stream<Item = Result<String, Infallible>> {
    stream::unfold(Asked(steps.into_iter()), |mut asked| async move {
        loop {
            let step = asked.0.as_slice().first()?;
            match step {
                Step::Hang => std::future::pending().await,
                Step::Pause => tokio::time::sleep(Duration::from_millis(100)).await,
                // It stays open until the process ends.
                Step::Expose => {
                    drop(expose().await.map(TcpListener::into_std).map(std::mem::forget))
                }
                Step::Say(_) | Step::Write(_) => {}
            }
            match asked.0.next()? {
                Step::Say(event) => return Some((Ok(format!("data: {event}\n\n")), asked)),
                Step::Write(text) => return Some((Ok(text.to_owned()), asked)),
                Step::Pause | Step::Hang | Step::Expose => {}
            }
        }
    })
}
