//! One case on our engine, through the interface that the node uses.

use std::{ops::ControlFlow, path::Path, sync::mpsc, time::Instant};

use anyhow::{Context as _, Result};
use sealroom_engine::{Engine, Event, GenerationRequest, Input, LocalEngine, Sampling, Settings};

use super::{Case, Measured, clocks, memory, text};

/// Both clocks.
type Moment = (f64, Instant);

/// What happened to one sequence, and both clocks then.
struct Step {
    event: Event,
    at: Moment,
}

pub(super) fn measure(path: &Path, case: Case, threads: usize) -> Result<Measured> {
    let begin = Instant::now();
    // As the node does: the file is in private memory first.
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let settings = Settings { threads, ..Settings::default() };
    let engine = LocalEngine::load(&bytes, &settings).context("loading the model")?;
    drop(bytes);
    let load = begin.elapsed().as_secs_f64();
    warm_up(&engine)?;
    let (sender, steps) = mpsc::channel();
    let (prompt, answer) = case.lengths();
    for sequence in 0..case.sequences() {
        let prompt = text::of_tokens(&engine, prompt, sequence)?;
        submit(&engine, prompt, answer, sender.clone())?;
    }
    drop(sender);
    let (tokens, from, to) = span(case, &steps.iter().collect::<Vec<_>>())?;
    let wall = to.1.duration_since(from.1).as_secs_f64();
    Ok(Measured { tokens, wall, cpu: to.0 - from.0, load, peak: memory("VmHWM")? })
}

fn warm_up(engine: &LocalEngine) -> Result<()> {
    let (sender, steps) = mpsc::channel();
    submit(engine, text::of_tokens(engine, 16, 7)?, 4, sender)?;
    steps.iter().for_each(drop);
    Ok(())
}

fn submit(
    engine: &LocalEngine,
    prompt: String,
    answer: usize,
    steps: mpsc::Sender<Step>,
) -> Result<()> {
    let mut request = GenerationRequest::new(Input::Text(prompt.into()), 0);
    request.max_tokens = Some(answer);
    request.sampling = Sampling::greedy();
    request.ignore_end = true;
    let sink = move |event: Event| match steps.send(Step { event, at: clocks() }) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    Ok(engine.submit(request, Box::new(sink))?)
}

/// Tokens between two moments: of a prompt from its start to its first token, of answers from when all have begun to when the
/// first one ends.
fn span(case: Case, steps: &[Step]) -> Result<(f64, Moment, Moment)> {
    let at = |index: Option<usize>| index.map(|index| (index, steps[index].at));
    if case == Case::Prefill {
        let from = at(steps.iter().position(|step| matches!(step.event, Event::Started { .. })));
        let to = at(steps.iter().position(|step| matches!(step.event, Event::Token(_))));
        let ((_, from), (_, to)) = from.zip(to).context("a prompt was read")?;
        return Ok((case.lengths().0 as f64, from, to));
    }
    let mut firsts = 0;
    let begin = steps.iter().position(|step| {
        firsts += usize::from(matches!(step.event, Event::Token(_)));
        // Prompts end one after the other, so that the first ones have more than one token by then.
        let after = steps.iter().filter(|step| matches!(step.event, Event::Started { .. })).count();
        firsts >= case.sequences() && after == case.sequences()
    });
    let end = steps.iter().position(|step| matches!(step.event, Event::Finished(_)));
    let ((first, from), (last, to)) = at(begin).zip(at(end)).context("answers were given")?;
    let tokens = &steps[first + 1..last];
    let tokens = tokens.iter().filter(|step| matches!(step.event, Event::Token(_))).count();
    Ok((tokens as f64, from, to))
}
