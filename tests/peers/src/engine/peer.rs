//! The same case on llama.cpp.

use std::{num::NonZeroU32, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_backend::LlamaBackend,
    llama_batch::LlamaBatch,
    model::{LlamaModel, params::LlamaModelParams},
    token::LlamaToken,
};

use super::{Case, Measured, clocks, memory};
use crate::greedy::likeliest;

/// Tokens of all sequences together.
const CONTEXT: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");

pub(super) fn measure(path: &Path, case: Case, threads: usize) -> Result<Measured> {
    let begin = Instant::now();
    let mut backend = LlamaBackend::init().context("starting llama.cpp")?;
    backend.void_logs();
    let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default());
    let model = model.context("loading the model in llama.cpp")?;
    let threads = i32::try_from(threads)?;
    let sequences = case.sequences();
    let parameters = LlamaContextParams::default()
        .with_n_ctx(Some(CONTEXT))
        .with_n_batch(CONTEXT.get())
        .with_n_seq_max(u32::try_from(sequences)?)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    let mut context = model.new_context(&backend, parameters).context("a context in llama.cpp")?;
    let load = begin.elapsed().as_secs_f64();
    let vocabulary = usize::try_from(model.n_vocab())?;
    let mut run = Run { context: &mut context, vocabulary, batch: LlamaBatch::new(4096, 32) };
    run.prompts(sequences, 16)?;
    run.context.clear_kv_cache();

    let (prompt, answer) = case.lengths();
    let start = clocks();
    let mut last = run.prompts(sequences, prompt)?;
    let first = clocks();
    if case == Case::Prefill {
        let wall = first.1.duration_since(start.1).as_secs_f64();
        return Ok(Measured {
            tokens: prompt as f64,
            wall,
            cpu: first.0 - start.0,
            load,
            peak: memory("VmHWM")?,
        });
    }
    for position in prompt..prompt + answer - 1 {
        last = run.step(&last, position)?;
    }
    let end = clocks();
    let tokens = ((answer - 1) * sequences) as f64;
    let wall = end.1.duration_since(first.1).as_secs_f64();
    Ok(Measured { tokens, wall, cpu: end.0 - first.0, load, peak: memory("VmHWM")? })
}

struct Run<'a, 'm> {
    context: &'a mut LlamaContext<'m>,
    vocabulary: usize,
    batch: LlamaBatch<'a>,
}

impl Run<'_, '_> {
    /// Reads a prompt of `length` tokens into each sequence; gives the likeliest next token of each.
    fn prompts(&mut self, sequences: usize, length: usize) -> Result<Vec<LlamaToken>> {
        let mut next = Vec::new();
        for sequence in 0..sequences {
            self.batch.clear();
            for position in 0..length {
                // Any tokens do: what is computed does not depend on which.
                let token = (position * 977 + sequence * 131) % (self.vocabulary - 1000) + 500;
                let token = LlamaToken(i32::try_from(token)?);
                let is_last = position + 1 == length;
                let sequence = i32::try_from(sequence)?;
                self.batch.add(token, i32::try_from(position)?, &[sequence], is_last)?;
            }
            self.context.decode(&mut self.batch).context("a prompt in llama.cpp")?;
            next.push(token(self.context.get_logits_ith(self.batch.n_tokens() - 1))?);
        }
        Ok(next)
    }

    /// One token of each sequence.
    fn step(&mut self, last: &[LlamaToken], position: usize) -> Result<Vec<LlamaToken>> {
        self.batch.clear();
        for (sequence, token) in (0..).zip(last) {
            self.batch.add(*token, i32::try_from(position)?, &[sequence], true)?;
        }
        self.context.decode(&mut self.batch).context("a step in llama.cpp")?;
        let rows = (0..).take(last.len());
        rows.map(|row| token(self.context.get_logits_ith(row))).collect()
    }
}

fn token(logits: &[f32]) -> Result<LlamaToken> {
    Ok(LlamaToken(i32::try_from(likeliest(logits))?))
}
