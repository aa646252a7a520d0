//! An answer streamed event by event.

use sealroom_attestation::receipt::Finish;
use sealroom_attestation::seal::Plaintext;
use sealroom_engine::{Event, Token};
use tokio::time::{Instant, sleep_until};

use super::{Bound, Exchange, Outcome};
use crate::serve::ohttp::outgoing::{Gone, Sealer};
use crate::serve::ohttp::stream::Stream;
use crate::serve::openai::{self, ApiError, Feed, Writer};

/// Streams the answer; whatever happens, the engine stops and a receipt is signed.
pub(super) async fn run(
    exchange: &Exchange,
    bound: &Bound,
    sealer: Sealer,
    feed: Feed,
    writer: &Writer,
    include_usage: bool,
) {
    let mut outcome = Outcome::default();
    let stream = match Stream::begin(sealer, bound.padding).await {
        Ok(stream) => stream,
        Err((sealer, Gone)) => {
            feed.cancel();
            exchange.receipt(bound, outcome, Finish::Cancelled, sealer.content());
            return;
        }
    };
    let text = Text { bytes: Plaintext::new(), tokens: 0, flush: None };
    let mut pump = Pump { exchange, feed, writer, include_usage, stream, outcome, text };
    let ended = pump.run().await;
    pump.feed.cancel();
    let Pump { stream, outcome: reached, .. } = pump;
    outcome = reached;
    let finish = ended.unwrap_or_else(|Gone| {
        // Counted is what was sealed and written, not what was generated.
        outcome.usage.completion = stream.sealer().written();
        Finish::Cancelled
    });
    let receipt = exchange.receipt(bound, outcome, finish, stream.sealer().content());
    // When the client is gone this goes nowhere; the relay finds the receipt under its nonce.
    drop(stream.end(&exchange.trailers(&receipt), &receipt).await);
}

/// The most text that one event joins, bytes: with its envelope far below the largest chunk.
const JOINED: usize = 4_096;

/// Text that waits for more, and the tokens in it.
struct Text {
    bytes: Plaintext,
    tokens: u64,
    flush: Option<Instant>,
}

struct Pump<'a> {
    exchange: &'a Exchange,
    feed: Feed,
    writer: &'a Writer,
    include_usage: bool,
    stream: Stream,
    outcome: Outcome,
    text: Text,
}

impl Pump<'_> {
    /// Until the answer's last event is out, or the client is gone.
    async fn run(&mut self) -> Result<Finish, Gone> {
        if let Some(event) = self.writer.role(self.include_usage) {
            self.stream.event(&event, 0).await?;
        }
        let finish = loop {
            let flush = self.text.flush;
            if self.stream.sealer().is_full() {
                break self.fail(&ApiError::too_long()).await?;
            }
            if flush.is_some_and(|due| due <= Instant::now()) {
                if let Some(finish) = self.join_or_flush().await? {
                    break finish;
                }
                continue;
            }
            tokio::select! {
                biased;
                () = self.stream.sealer().gone() => return Err(Gone),
                event = self.feed.next() => {
                    if let Some(finish) = self.take(event).await? {
                        break finish;
                    }
                }
                () = sleep_until(flush.unwrap_or_else(Instant::now)), if flush.is_some() => {
                    self.flush().await?;
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

    /// Text that is due goes out with whatever the engine has ready: under load one event carries many
    /// tokens, and none of them waited for another.
    async fn join_or_flush(&mut self) -> Result<Option<Finish>, Gone> {
        if self.text.bytes.len() < JOINED
            && let Some(event) = self.feed.ready()
        {
            return self.take(event).await;
        }
        self.flush().await.map(|()| None)
    }

    /// Takes one event of the engine; the last one says how the answer ended.
    async fn take(&mut self, event: Event) -> Result<Option<Finish>, Gone> {
        match event {
            Event::Started { prompt_tokens, queue } => {
                self.outcome.usage.prompt = prompt_tokens as u64;
                self.outcome.queue = queue;
                Ok(None)
            }
            Event::Token(token) => self.token(&token).await.map(|()| None),
            Event::Finished(finished) => {
                self.outcome.usage.cached = finished.usage.cached as u64;
                self.flush().await?;
                let last = self.writer.finish(finished.reason, self.include_usage);
                // Tokens without text, as the end token is, count with the event that ends the answer.
                self.stream.event(&last, std::mem::take(&mut self.text.tokens)).await?;
                if self.include_usage {
                    self.stream.event(&self.writer.usage(self.outcome.usage), 0).await?;
                }
                self.stream.event(openai::DONE, 0).await?;
                Ok(Some(openai::finish(finished.reason)))
            }
            Event::Failed(error) => {
                let error = self.writer.engine_error(&self.exchange.state, &error);
                self.fail(&error).await.map(Some)
            }
        }
    }

    async fn token(&mut self, token: &Token) -> Result<(), Gone> {
        let first = self.outcome.usage.completion == 0;
        if first {
            self.outcome.first_token = self.exchange.elapsed();
        }
        self.outcome.usage.completion = self.outcome.usage.completion.saturating_add(1);
        self.text.tokens = self.text.tokens.saturating_add(1);
        if token.text.is_empty() {
            return Ok(());
        }
        let waited_before = !self.text.bytes.is_empty();
        self.text.bytes.extend_from_slice(token.text.expose().as_bytes());
        let coalesce = self.exchange.state.serving().coalesce;
        if self.stream.is_constant() {
            self.text.flush = Some(self.stream.next_beat());
        } else if first {
            // The first token never waits: its time is what users feel.
            self.flush().await?;
        } else if !waited_before {
            self.text.flush = Some(Instant::now() + coalesce);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.text.flush = None;
        if self.text.bytes.is_empty() {
            return Ok(());
        }
        let event = self.writer.text(&self.text.bytes, self.include_usage);
        let tokens = std::mem::take(&mut self.text.tokens);
        self.text.bytes.clear();
        self.stream.event(&event, tokens).await
    }

    /// An error in the middle of a stream: an event that says so, and no `[DONE]`.
    /// What was counted goes out before it.
    async fn fail(&mut self, error: &ApiError) -> Result<Finish, Gone> {
        self.flush().await?;
        self.stream.event(&error.event(), 0).await?;
        Ok(Finish::Error)
    }
}
