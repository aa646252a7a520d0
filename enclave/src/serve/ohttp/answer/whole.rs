//! An answer sent as one.

use sealroom_attestation::receipt::{Finish, Usage};
use sealroom_attestation::seal::bhttp::ResponseHead;
use sealroom_attestation::seal::{Plaintext, padding};
use sealroom_engine::Event;
use tokio::time::sleep_until;

use super::{Bound, Exchange, Outcome, refuse};
use crate::serve::ohttp::outgoing::{Gone, Sealer, field};
use crate::serve::openai::{self, ApiError, Feed, Writer};

/// Gathers the answer, then sends it.
pub(super) async fn run(
    exchange: &Exchange,
    bound: &Bound,
    sealer: Sealer,
    mut feed: Feed,
    writer: &Writer,
) {
    let mut outcome = Outcome::default();
    let mut text = Plaintext::new();
    let ended = gather(exchange, &sealer, writer, &mut feed, &mut text, &mut outcome).await;
    feed.cancel();
    match ended {
        Ok(reason) => {
            let body = writer.whole(&text, reason, outcome.usage);
            let finish = openai::finish(reason);
            if send(exchange, bound, sealer, &body, outcome, finish).await == Err(Gone) {
                tracing::debug!("a client left before its answer");
            }
        }
        Err(Some(error)) => refuse(sealer, &error).await,
        Err(None) => {
            // The client left: the engine stopped, nothing was written, and the receipt says so.
            outcome.usage.completion = 0;
            exchange.receipt(bound, outcome, Finish::Cancelled, sealer.content());
        }
    }
}

/// The error is `None` when the client left.
async fn gather(
    exchange: &Exchange,
    sealer: &Sealer,
    writer: &Writer,
    feed: &mut Feed,
    text: &mut Plaintext,
    outcome: &mut Outcome,
) -> Result<sealroom_engine::FinishReason, Option<ApiError>> {
    loop {
        let event = tokio::select! {
            biased;
            () = sealer.gone() => return Err(None),
            event = feed.next() => event,
            () = sleep_until(sealer.until()) => return Err(Some(ApiError::too_long())),
        };
        match event {
            Event::Started { prompt_tokens, queue } => {
                outcome.usage.prompt = prompt_tokens as u64;
                outcome.queue = queue;
            }
            Event::Token(token) => {
                if outcome.usage.completion == 0 {
                    outcome.first_token = exchange.elapsed();
                }
                outcome.usage.completion = outcome.usage.completion.saturating_add(1);
                text.extend_from_slice(token.text.expose().as_bytes());
            }
            Event::Finished(finished) => {
                outcome.usage.cached = finished.usage.cached as u64;
                return Ok(finished.reason);
            }
            Event::Failed(error) => {
                return Err(Some(writer.engine_error(&exchange.state, &error)));
            }
        }
    }
}

/// Head, content, trailers and padding.
pub(super) async fn send(
    exchange: &Exchange,
    bound: &Bound,
    mut sealer: Sealer,
    body: &[u8],
    outcome: Outcome,
    finish: Finish,
) -> Result<(), Gone> {
    let fields = vec![field("content-type", "application/json")];
    let headed = sealer.head(&ResponseHead { status: 200, fields }).await;
    if headed.is_err() || sealer.is_abandoned() {
        let usage = Usage { completion: 0, ..outcome.usage };
        exchange.receipt(bound, Outcome { usage, ..outcome }, Finish::Cancelled, sealer.content());
        return Err(Gone);
    }
    sealer.will_finish_with(body);
    let receipt = exchange.receipt(bound, outcome, finish, sealer.content());
    let last = padding::answer_body(body, &exchange.trailers(&receipt));
    sealer.finish(&last, outcome.usage.completion, Some(&receipt)).await
}
