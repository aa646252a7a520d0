//! Answers streamed event by event.

use sealroom_attestation::receipt::Finish;
use sealroom_engine::{Event, FinishReason, Token};
use tokio::time::{Instant, sleep_until};

use super::progress::{Progress, together};
use super::{Asked, Bound, Exchange, Outcome};
use crate::serve::ohttp::outgoing::{Gone, Sealer};
use crate::serve::ohttp::stream::Stream;
use crate::serve::openai::{self, ApiError, Feed, Said, Writer};

/// Streams the answers; whatever happens, the engine stops and a receipt is signed.
pub(super) async fn run(
    exchange: &Exchange,
    bound: &Bound,
    sealer: Sealer,
    feed: Feed,
    writer: &Writer,
    asked: Asked,
) {
    let stream = match Stream::begin(sealer, bound.padding).await {
        Ok(stream) => stream,
        Err((sealer, Gone)) => {
            feed.cancel();
            let outcome = Outcome::default();
            exchange.receipt(bound, &outcome, Finish::Cancelled, sealer.content());
            return;
        }
    };
    let progress = Progress::new(exchange, asked.answers, asked.choices);
    let answers = (0..asked.answers).map(|_| Answer::default()).collect();
    let mut pump = Pump { exchange, feed, writer, asked, stream, progress, answers };
    let ended = pump.run().await;
    pump.feed.cancel();
    let Pump { stream, progress, .. } = pump;
    let mut outcome = progress.outcome;
    let finish = ended.unwrap_or_else(|Gone| {
        // Counted is what was sealed and written, not what was generated.
        outcome.keep(stream.sealer().written());
        Finish::Cancelled
    });
    let receipt = exchange.receipt(bound, &outcome, finish, stream.sealer().content());
    // When the client is gone this goes nowhere; the relay finds the receipt under its nonce.
    drop(stream.end(&exchange.trailers(&receipt, &outcome), &receipt).await);
}

/// The most text that one event joins, bytes: with its envelope far below the largest chunk.
const JOINED: usize = 4_096;

/// One answer.
#[derive(Default)]
struct Answer {
    /// What waits for more of it.
    said: Said,
    /// Until when.
    flush: Option<Instant>,
    has_begun: bool,
}

impl Answer {
    /// Whether more of it would make the event too large.
    fn is_full(&self, asked: Asked) -> bool {
        // Probabilities of one token, each alternative with its bytes, are most of what an event can hold.
        self.said.text.len() >= JOINED || asked.logprobs
    }
}

struct Pump<'a> {
    exchange: &'a Exchange,
    feed: Feed,
    writer: &'a Writer,
    asked: Asked,
    stream: Stream,
    progress: Progress<'a>,
    answers: Vec<Answer>,
}

impl Pump<'_> {
    /// Until the last event of all answers is out, or the client is gone.
    async fn run(&mut self) -> Result<Finish, Gone> {
        for index in 0..self.answers.len() {
            if let Some(event) = self.writer.role(index, self.asked.include_usage) {
                self.stream.event(&event, 0).await?;
            }
        }
        let finish = loop {
            let (due, index) = self.next_flush();
            if self.stream.sealer().is_full() {
                break self.fail(&ApiError::too_long()).await?;
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                if let Some(finish) = self.join_or_flush(index).await? {
                    break finish;
                }
                continue;
            }
            tokio::select! {
                biased;
                () = self.stream.sealer().gone() => return Err(Gone),
                (index, event) = self.feed.next() => {
                    if let Some(finish) = self.take(index, event).await? {
                        break finish;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.flush(index).await?;
                }
                () = sleep_until(self.stream.next_beat()) => self.stream.beat().await?,
                () = sleep_until(self.stream.sealer().until()) => {
                    break self.fail(&ApiError::too_long()).await?;
                }
            }
        };
        self.stream.drain().await?;
        Ok(finish)
    }

    /// The answer whose text has waited longest, and until when it may.
    fn next_flush(&self) -> (Option<Instant>, usize) {
        let due = self.answers.iter().enumerate();
        let due = due.filter_map(|(index, answer)| Some((answer.flush?, index))).min();
        due.map_or((None, 0), |(due, index)| (Some(due), index))
    }

    /// Text that is due goes out with whatever the engine has ready: under load one event carries many
    /// tokens, and none of them waited for another.
    async fn join_or_flush(&mut self, index: usize) -> Result<Option<Finish>, Gone> {
        if !self.answers.get(index).is_some_and(|answer| answer.is_full(self.asked))
            && let Some((index, event)) = self.feed.ready()
        {
            return self.take(index, event).await;
        }
        self.flush(index).await.map(|()| None)
    }

    /// Takes one event of the engine; the last one says how the answers ended.
    async fn take(&mut self, index: usize, event: Event) -> Result<Option<Finish>, Gone> {
        self.progress.note(index, &event);
        match event {
            Event::Started { .. } | Event::Embedded(_) => Ok(None),
            Event::Token(token) => self.token(index, token).await.map(|()| None),
            Event::Finished(finished) => {
                self.flush(index).await?;
                self.finish(index, finished.reason).await?;
                let Some(reasons) = self.progress.all_ended() else { return Ok(None) };
                if self.asked.include_usage {
                    let usage = self.writer.usage(self.progress.outcome.usage);
                    self.stream.event(&usage, 0).await?;
                }
                self.stream.event(openai::DONE, 0).await?;
                Ok(Some(together(&reasons)))
            }
            Event::Failed(error) => {
                let error = self.writer.engine_error(&self.exchange.state, &error);
                self.fail(&error).await.map(Some)
            }
        }
    }

    async fn token(&mut self, index: usize, token: Token) -> Result<(), Gone> {
        let coalesce = self.exchange.state.serving().coalesce;
        let Some(answer) = self.answers.get_mut(index) else { return Ok(()) };
        let waited_before = !answer.said.is_empty();
        answer.said.push(token, self.asked.logprobs);
        let first = !std::mem::replace(&mut answer.has_begun, true);
        if answer.said.is_empty() {
            return Ok(());
        }
        if self.stream.is_constant() {
            answer.flush = Some(self.stream.next_beat());
        } else if first || answer.is_full(self.asked) {
            // The first token never waits: its time is what users feel.
            self.flush(index).await?;
        } else if !waited_before {
            answer.flush = Some(Instant::now() + coalesce);
        }
        Ok(())
    }

    async fn flush(&mut self, index: usize) -> Result<(), Gone> {
        let Some(answer) = self.answers.get_mut(index) else { return Ok(()) };
        answer.flush = None;
        if answer.said.is_empty() {
            return Ok(());
        }
        let events = self.writer.more(index, &answer.said, self.asked.include_usage);
        let mut tokens = answer.said.tokens;
        answer.said.clear();
        for event in events {
            self.stream.event(&event, std::mem::take(&mut tokens)).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, index: usize, reason: FinishReason) -> Result<(), Gone> {
        let last = self.writer.finish(index, reason, self.asked.include_usage);
        // Tokens without text, as the end token is, count with the event that ends the answer.
        let tokens = self.answers.get_mut(index).map(|answer| std::mem::take(&mut answer.said));
        self.stream.event(&last, tokens.map_or(0, |said| said.tokens)).await
    }

    /// An error in the middle of a stream: an event that says so, and no `[DONE]`.
    /// What was counted goes out before it.
    async fn fail(&mut self, error: &ApiError) -> Result<Finish, Gone> {
        for index in 0..self.answers.len() {
            self.flush(index).await?;
        }
        self.stream.event(&error.event(), 0).await?;
        Ok(Finish::Error)
    }
}
