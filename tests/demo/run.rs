//! The main job, in order: bring the model, boot, verify, ask, check the receipt, attack.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use sealroom_attestation::{Verified, receipt::Receipt, seal::Plaintext};
use sealroom_gateway::session::{InnerRequest, RequestId};
use sealroom_tests::{
    attacks::{self, Outcome},
    model, world,
};
use serde::Deserialize;

use crate::{
    Arguments,
    show::{Report, Screen},
    stage::{self, Stage},
};

/// What came back, as it is measured at the client.
pub(crate) struct Answer {
    pub(crate) tokens: u64,
    pub(crate) first: Duration,
    pub(crate) total: Duration,
    pub(crate) receipt: Verified<Receipt>,
}

impl Answer {
    /// Tokens each second after the first one came.
    pub(crate) fn rate(&self) -> f64 {
        let time = self.total.saturating_sub(self.first).as_secs_f64();
        if time > 0.0 { self.tokens.saturating_sub(1) as f64 / time } else { 0.0 }
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<bool> {
    let screen = Screen::new(arguments.json);
    let (path, hardware) = tokio::try_join!(
        bring(arguments, &screen),
        stage::forge(arguments.platform, arguments.gpus)
    )?;
    screen.step("reading the weights into private memory, booting a simulated node");
    let mut stage = Stage::set(&path, hardware).await?;
    screen.step("connecting: challenge, evidence, verdict");
    let session = stage.connect.keeper().session().await.map_err(anyhow::Error::msg)?;
    screen.verdict(session.accepted().verdict());
    let answer = ask(&stage, arguments, &screen).await?;
    screen.receipt(&answer);
    screen.step("attacking, each attack beside its control");
    let changed = tokio::task::spawn_blocking(move || stage::load_changed(&path)).await??;
    stage.ground.other_weights = Some(changed);
    let mut outcomes: Vec<Outcome> = Vec::new();
    for name in attacks::names(&stage.ground) {
        let outcome = attacks::run(&stage.ground, name).await;
        screen.attack(&outcome);
        outcomes.push(outcome);
    }
    let verdict = session.accepted().verdict();
    let report = Report::new(arguments.platform, verdict, &answer, &outcomes);
    let ok = report.ok();
    screen.finish(&report)?;
    if arguments.keep {
        screen.keep(stage.connect.address(), &stage.ground.manifest.name);
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    }
    stage.strike().await;
    Ok(ok)
}

async fn bring(arguments: &Arguments, screen: &Screen) -> Result<PathBuf> {
    if let Some(path) = &arguments.model {
        return Ok(path.clone());
    }
    if model::cached()?.is_none() {
        screen.step("fetching the model: 98 MB, once");
    }
    tokio::task::spawn_blocking(model::bring).await?
}

async fn ask(stage: &Stage, arguments: &Arguments, screen: &Screen) -> Result<Answer> {
    screen.prompt(&arguments.prompt);
    let body = serde_json::json!({
        "model": stage.ground.manifest.name,
        "messages": [{ "role": "user", "content": arguments.prompt }],
        "max_tokens": arguments.max_tokens,
        "temperature": 0,
        "stream": true,
    });
    let body = Plaintext::from(serde_json::to_vec(&body)?);
    let id = world::seed().first_chunk::<16>().copied().context("a seed has 32 bytes")?;
    let request = InnerRequest::post("/v1/chat/completions", body, RequestId(id));
    let asked = Instant::now();
    let mut answer = stage.connect.keeper().exchange(&request).await?;
    let mut first = None;
    while let Some(events) = answer.next().await? {
        for text in deltas(&events) {
            first.get_or_insert_with(|| asked.elapsed());
            screen.token(&text);
        }
    }
    let total = asked.elapsed();
    let receipt = answer.receipt().context("the answer came without a receipt")?.clone();
    let tokens = receipt.claims().usage.completion;
    Ok(Answer { tokens, first: first.unwrap_or(total), total, receipt })
}

/// The text in the events of a streamed chat completion.
fn deltas(events: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        delta: Delta,
    }
    #[derive(Deserialize)]
    struct Delta {
        content: Option<String>,
    }
    let text = String::from_utf8_lossy(events);
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|json| serde_json::from_str::<Chunk>(json).ok());
    let choices = chunks.flat_map(|chunk| chunk.choices);
    choices
        .filter_map(|choice| choice.delta.content)
        .filter(|content| !content.is_empty())
        .collect()
}
