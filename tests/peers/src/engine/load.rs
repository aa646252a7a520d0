//! Far more requests than the engine can answer: what is admitted is answered as fast as ever, and the rest is refused at once.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use sealroom_engine::{
    Engine, EngineError, Event, GenerationRequest, Input, LocalEngine, Sampling, Settings,
};

use super::{memory, text};
use crate::Row;

/// Tokens of each prompt, and of each answer.
const LENGTH: usize = 64;
/// How many times its capacity is offered.
const OVERLOAD: f64 = 10.0;
/// Longest silence of an admitted answer, seconds: its prompt is read behind those of all who came with it.
const SILENCE: f64 = 10.0;

/// What came of one request that was admitted.
struct Answer {
    tokens: usize,
    /// The longest time between two events.
    silence: Duration,
}

#[derive(Default)]
struct Tally {
    tokens: f64,
    answers: usize,
    refused: usize,
    silence: f64,
    seconds: f64,
}

impl Tally {
    fn speed(&self) -> f64 {
        self.tokens / self.seconds
    }
}

pub(super) fn rows(path: &Path, seconds: u64) -> Result<Vec<Row>> {
    let bytes = std::fs::read(path)?;
    let engine = LocalEngine::load(&bytes, &Settings::default()).context("loading the model")?;
    drop(bytes);
    let settings = Settings::default();
    let time = Duration::from_secs(seconds);
    // As many at once as it takes, each followed by the next: its capacity.
    let peak = offer(&engine, time / 3, |now| now.in_flight < settings.sequences)?;
    let before = memory("VmRSS")?;
    let every = LENGTH as f64 / (OVERLOAD * peak.speed());
    let loaded = offer(&engine, time, |now| now.seconds >= every * now.offered as f64)?;
    let after = memory("VmRSS")?;
    eprintln!(
        "overload: {} answered, {} refused in {:.0} s",
        loaded.answers, loaded.refused, loaded.seconds
    );
    let row = |metric, unit, ours: f64, peer: f64, peer_name, goal: f64, met| Row {
        bench: "engine",
        case: "ten times its capacity".to_owned(),
        metric,
        unit,
        ours,
        peer,
        peer_name,
        ratio: ours / peer,
        goal,
        met,
    };
    let goodput = loaded.speed() / peak.speed();
    let grown = after / before;
    Ok(vec![
        row("goodput", "tok/s", loaded.speed(), peak.speed(), "its peak", 0.9, goodput >= 0.9),
        row(
            "longest silence",
            "s",
            loaded.silence,
            SILENCE,
            "bound",
            1.0,
            loaded.silence <= SILENCE,
        ),
        row("memory", "MiB", after, before, "before", 1.05, grown <= 1.05),
    ])
}

/// Where an offer stands.
struct Now {
    in_flight: usize,
    offered: usize,
    seconds: f64,
}

/// Submits one more whenever `wants` says so.
fn offer(engine: &LocalEngine, time: Duration, wants: impl Fn(&Now) -> bool) -> Result<Tally> {
    let (sender, answers) = mpsc::channel();
    let (begin, mut tally) = (Instant::now(), Tally::default());
    let mut now = Now { in_flight: 0, offered: 0, seconds: 0.0 };
    while begin.elapsed() < time {
        while let Ok(answer) = answers.try_recv() {
            take(&mut tally, &answer);
            now.in_flight -= 1;
        }
        now.seconds = begin.elapsed().as_secs_f64();
        if !wants(&now) {
            thread::sleep(Duration::from_micros(200));
            continue;
        }
        now.offered += 1;
        match submit(engine, now.offered, sender.clone()) {
            Ok(()) => now.in_flight += 1,
            Err(EngineError::Overloaded { .. } | EngineError::ShareFull { .. }) => {
                tally.refused += 1
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(sender);
    // What was admitted is answered, and counts in the time that it took.
    answers.iter().for_each(|answer| take(&mut tally, &answer));
    tally.seconds = begin.elapsed().as_secs_f64();
    Ok(tally)
}

fn take(tally: &mut Tally, answer: &Answer) {
    tally.tokens += answer.tokens as f64;
    tally.answers += 1;
    tally.silence = tally.silence.max(answer.silence.as_secs_f64());
}

fn submit(
    engine: &LocalEngine,
    number: usize,
    answers: mpsc::Sender<Answer>,
) -> Result<(), EngineError> {
    let prompt = text::of_tokens(engine, LENGTH, number).map_err(|_| EngineError::Tokenize)?;
    let mut request = GenerationRequest::new(Input::Text(prompt.into()), 0);
    request.max_tokens = Some(LENGTH);
    request.sampling = Sampling::greedy();
    request.ignore_end = true;
    let (mut tokens, mut silence, mut last) = (0, Duration::ZERO, None::<Instant>);
    let sink = move |event: Event| {
        let now = Instant::now();
        silence = silence.max(last.map_or(Duration::ZERO, |last| now - last));
        last = Some(now);
        match event {
            Event::Started { .. } | Event::Embedded(_) => {}
            Event::Token(_) => tokens += 1,
            Event::Finished(_) | Event::Failed(_) => {
                let _ = answers.send(Answer { tokens, silence });
            }
        }
        ControlFlow::Continue(())
    };
    engine.submit(request, Box::new(sink))
}
