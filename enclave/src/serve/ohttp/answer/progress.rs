//! How the answers of one request go on: what was counted, and which of them ended.

use sealroom_attestation::receipt::Finish;
use sealroom_engine::{EngineError, Event, FinishReason, Token};
use tokio::time::sleep_until;

use super::{Exchange, Outcome};
use crate::serve::ohttp::outgoing::Sealer;
use crate::serve::openai::{self, ApiError, Feed};

/// The answers of one request, together.
pub(super) struct Progress<'a> {
    exchange: &'a Exchange,
    pub(super) outcome: Outcome,
    /// Answers for each prompt.
    choices: usize,
    /// How each one ended.
    ended: Vec<Option<FinishReason>>,
    /// What each one told of its prompt when it began.
    told: Vec<usize>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(exchange: &'a Exchange, answers: usize, choices: usize) -> Self {
        Self {
            exchange,
            outcome: Outcome::default(),
            choices,
            ended: vec![None; answers],
            told: vec![0; answers],
        }
    }

    /// Counts what an event of answer `index` tells.
    pub(super) fn note(&mut self, index: usize, event: &Event) {
        // A prompt counts once, whatever number of answers it has.
        let counts_prompt = index.is_multiple_of(self.choices);
        let outcome = &mut self.outcome;
        match event {
            Event::Started { prompt_tokens, queue } => {
                outcome.queue = outcome.queue.max(*queue);
                if counts_prompt {
                    let tokens = prompt_tokens.unwrap_or(0);
                    outcome.usage.prompt = outcome.usage.prompt.saturating_add(tokens as u64);
                    self.told.iter_mut().skip(index).take(1).for_each(|told| *told = tokens);
                }
            }
            Event::Token(token) => self.token(index, token),
            Event::Finished(finished) => {
                if counts_prompt {
                    outcome.usage.cached =
                        outcome.usage.cached.saturating_add(finished.usage.cached as u64);
                    // An upstream engine may count the prompt only when all is over.
                    let told = self.told.get(index).copied().unwrap_or(0);
                    let rest = finished.usage.prompt.saturating_sub(told);
                    outcome.usage.prompt = outcome.usage.prompt.saturating_add(rest as u64);
                }
                if let Some(ended) = self.ended.get_mut(index) {
                    *ended = Some(finished.reason);
                }
            }
            Event::Embedded(_) | Event::Failed(_) => {}
        }
    }

    fn token(&mut self, index: usize, token: &Token) {
        let outcome = &mut self.outcome;
        if outcome.usage.completion == 0 {
            outcome.first_token = self.exchange.elapsed();
        }
        outcome.usage.completion = outcome.usage.completion.saturating_add(1);
        // The fingerprint is the first answer's.
        if index == 0 {
            outcome.fingerprint.push(token.id, token.logprob);
        }
    }

    /// Why each answer ended, once all have.
    pub(super) fn all_ended(&self) -> Option<Vec<FinishReason>> {
        self.ended.iter().copied().collect()
    }
}

/// Hands every event to `take` until all answers have ended; gives why each did. The error is `None` when the client left.
pub(super) async fn gather(
    sealer: &Sealer,
    feed: &mut Feed,
    progress: &mut Progress<'_>,
    refused: impl Fn(&EngineError) -> ApiError,
    mut take: impl FnMut(usize, Event),
) -> Result<Vec<FinishReason>, Option<ApiError>> {
    loop {
        let (index, event) = tokio::select! {
            biased;
            () = sealer.gone() => return Err(None),
            event = feed.next() => event,
            () = sleep_until(sealer.until()) => return Err(Some(ApiError::too_long())),
        };
        progress.note(index, &event);
        match event {
            Event::Failed(error) => return Err(Some(refused(&error))),
            Event::Finished(_) => {
                if let Some(reasons) = progress.all_ended() {
                    return Ok(reasons);
                }
            }
            event @ (Event::Started { .. } | Event::Token(_) | Event::Embedded(_)) => {
                take(index, event);
            }
        }
    }
}

/// What the receipt says of answers that ended in several ways: that one was cut weighs most, then that one calls.
pub(super) fn together(reasons: &[FinishReason]) -> Finish {
    let all = || reasons.iter().map(|&reason| openai::finish(reason));
    let [cut, calls] = [Finish::Length, Finish::Tool].map(|one| all().any(|other| other == one));
    match (cut, calls) {
        (true, _) => Finish::Length,
        (false, true) => Finish::Tool,
        (false, false) => Finish::Stop,
    }
}
