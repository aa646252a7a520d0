//! Answers sent as one.

use sealroom_attestation::receipt::Finish;
use sealroom_attestation::seal::bhttp::ResponseHead;
use sealroom_attestation::seal::padding;
use sealroom_engine::{EngineError, Event};

use super::progress::{Progress, gather, together};
use super::{Asked, Bound, Exchange, Outcome, refuse};
use crate::serve::ohttp::outgoing::{Gone, Sealer, field};
use crate::serve::openai::{Feed, Said, Writer};

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
    let refused = |error: &EngineError| writer.engine_error(&exchange.state, error);
    let ended = gather(&sealer, &mut feed, &mut progress, refused, |index, event| {
        if let (Event::Token(token), Some(said)) = (event, said.get_mut(index)) {
            said.push(token, asked.logprobs);
        }
    });
    let ended = ended.await;
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
