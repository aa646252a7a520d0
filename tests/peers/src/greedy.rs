//! Answers of the likeliest token at every step, and vectors.

use std::{ops::ControlFlow, sync::mpsc};

use anyhow::{Context as _, Result, ensure};
use sealroom_engine::{Engine, Event, GenerationRequest, Input, LocalEngine, Sampling, Token};

/// An answer of `count` tokens, each with the 20 likeliest in its place.
pub(crate) fn answer(engine: &LocalEngine, prompt: &str, count: usize) -> Result<Vec<Token>> {
    let mut request = GenerationRequest::new(Input::Text(prompt.into()), 0);
    request.max_tokens = Some(count);
    request.sampling = Sampling::greedy();
    request.top_logprobs = 20;
    request.ignore_end = true;
    let (sender, events) = mpsc::channel();
    let sink = move |event: Event| match sender.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.submit(request, Box::new(sink))?;
    let tokens = events.iter().filter_map(|event| match event {
        Event::Token(token) => Some(token),
        Event::Started { .. } | Event::Embedded(_) | Event::Finished(_) | Event::Failed(_) => None,
    });
    let tokens: Vec<_> = tokens.collect();
    ensure!(tokens.len() == count, "{} tokens of an answer of {count}", tokens.len());
    Ok(tokens)
}

/// The vector of a text.
pub(crate) fn embed(engine: &LocalEngine, text: &str) -> Result<Vec<f32>> {
    let (sender, events) = mpsc::channel();
    let sink = move |event: Event| match sender.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.embed(Input::Text(text.into()), Box::new(sink))?;
    let vector = events.iter().find_map(|event| match event {
        Event::Embedded(vector) => Some(vector.to_vec()),
        Event::Started { .. } | Event::Token(_) | Event::Finished(_) | Event::Failed(_) => None,
    });
    vector.context("no vector")
}

/// The token with the greatest logit; of equal ones the first.
pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    let best = (0..).zip(logits).max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    best.map_or(0, |(id, _)| id)
}

/// Log-probabilities of all tokens.
pub(crate) fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - greatest).exp()).sum();
    let total = greatest + sum.ln() as f32;
    logits.iter().map(|logit| logit - total).collect()
}
