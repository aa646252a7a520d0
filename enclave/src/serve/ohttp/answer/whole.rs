//! Answers sent as one.

use sealroom_attestation::receipt::Finish;
use sealroom_attestation::seal::bhttp::ResponseHead;
use sealroom_attestation::seal::padding;
use sealroom_engine::{Event, FinishReason};
use tokio::time::sleep_until;

use super::progress::{Progress, together};
use super::{Asked, Bound, Exchange, Outcome, refuse};
use crate::serve::ohttp::outgoing::{Gone, Sealer, field};
use crate::serve::openai::{ApiError, Feed, Said, Writer};

/// Gathers the answers, then sends them.
pub(super) async fn run(
    exchange: &Exchange,
    bound: &Bound,
    sealer: Sealer,
    mut feed: Feed,
    writer: &Writer,
    asked: Asked,
) {
    let mut progress = Progress::new(exchange, asked.answers, asked.choices);
    let mut said: Vec<Said> = (0..asked.answers).map(|_| Said::default()).collect();
    let ended =
        gather(exchange, &sealer, writer, &mut feed, &mut progress, &mut said, asked.logprobs)
            .await;
    feed.cancel();
    let mut outcome = progress.outcome;
    match ended {
        Ok(reasons) => {
            let finish = together(&reasons);
            let answers: Vec<_> = said.into_iter().zip(reasons).collect();
            let body = writer.whole(&answers, outcome.usage);
            if send(exchange, bound, sealer, &body, outcome, finish).await == Err(Gone) {
                tracing::debug!("a client left before its answer");
            }
        }
        Err(Some(error)) => refuse(sealer, &error).await,
        Err(None) => {
            // The client left: the engine stopped, nothing was written, and the receipt says so.
            outcome.keep(0);
            exchange.receipt(bound, &outcome, Finish::Cancelled, sealer.content());
        }
    }
}

/// The error is `None` when the client left.
async fn gather(
    exchange: &Exchange,
    sealer: &Sealer,
    writer: &Writer,
    feed: &mut Feed,
    progress: &mut Progress<'_>,
    said: &mut [Said],
    logprobs: bool,
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
            Event::Token(token) => {
                if let Some(said) = said.get_mut(index) {
                    said.push(token, logprobs);
                }
            }
            Event::Finished(_) => {
                if let Some(reasons) = progress.all_ended() {
                    return Ok(reasons);
                }
            }
            Event::Failed(error) => {
                return Err(Some(writer.engine_error(&exchange.state, &error)));
            }
            Event::Started { .. } | Event::Embedded(_) => {}
        }
    }
}

/// Head, content, trailers and padding.
pub(super) async fn send(
    exchange: &Exchange,
    bound: &Bound,
    mut sealer: Sealer,
    body: &[u8],
    mut outcome: Outcome,
    finish: Finish,
) -> Result<(), Gone> {
    let fields = vec![field("content-type", "application/json")];
    let headed = sealer.head(&ResponseHead { status: 200, fields }).await;
    if headed.is_err() || sealer.is_abandoned() {
        outcome.keep(0);
        exchange.receipt(bound, &outcome, Finish::Cancelled, sealer.content());
        return Err(Gone);
    }
    sealer.will_finish_with(body);
    let receipt = exchange.receipt(bound, &outcome, finish, sealer.content());
    let last = padding::answer_body(body, &exchange.trailers(&receipt, &outcome));
    sealer.finish(&last, outcome.usage.completion, Some(&receipt)).await
}
