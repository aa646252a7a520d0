//! Vectors of texts, sent as one answer.

use std::sync::Arc;

use sealroom_attestation::receipt::Finish;
use sealroom_engine::{Event, Input};
use sealroom_request::Encoding;
use tokio::time::sleep_until;

use super::progress::Progress;
use super::{Bound, Exchange, refuse, whole};
use crate::serve::ohttp::outgoing::Sealer;
use crate::serve::openai::{self, ApiError, Feed, Vectors};

/// Has every text turned into a vector, then sends them.
pub(super) async fn run(
    exchange: Exchange,
    bound: Bound,
    sealer: Sealer,
    inputs: Vec<Input>,
    encoding: Encoding,
) {
    let count = inputs.len();
    let (mut feed, sinks) = openai::feed(count);
    let engine = Arc::clone(exchange.state.engine());
    let submitted = tokio::task::spawn_blocking(move || {
        let mut all = inputs.into_iter().zip(sinks);
        all.try_for_each(|(input, sink)| engine.embed(input, Box::new(sink)))
    });
    let refused = match submitted.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(openai::engine_error(&exchange.state, &error, "input")),
        Err(_) => Some(ApiError::internal()),
    };
    if let Some(error) = refused {
        drop(feed);
        exchange.state.request_ids().give_back(bound.request_id);
        return refuse(sealer, &error).await;
    }
    let mut progress = Progress::new(&exchange, count, 1);
    let mut vectors = Vectors::new(count, encoding);
    let gathered = gather(&exchange, &sealer, &mut feed, &mut progress, &mut vectors).await;
    feed.cancel();
    let outcome = progress.outcome;
    match gathered {
        Ok(()) => {
            let model = exchange.state.config().model_name();
            let body = vectors.body(model, outcome.usage.prompt);
            // Nobody is left to tell when the client is gone.
            drop(whole::send(&exchange, &bound, sealer, &body, outcome, Finish::Stop).await);
        }
        Err(Some(error)) => refuse(sealer, &error).await,
        Err(None) => {
            exchange.receipt(&bound, &outcome, Finish::Cancelled, sealer.content());
        }
    }
}

/// The error is `None` when the client left.
async fn gather(
    exchange: &Exchange,
    sealer: &Sealer,
    feed: &mut Feed,
    progress: &mut Progress<'_>,
    vectors: &mut Vectors,
) -> Result<(), Option<ApiError>> {
    loop {
        let (index, event) = tokio::select! {
            biased;
            () = sealer.gone() => return Err(None),
            event = feed.next() => event,
            () = sleep_until(sealer.until()) => return Err(Some(ApiError::too_long())),
        };
        progress.note(index, &event);
        match event {
            Event::Embedded(vector) => vectors.set(index, vector),
            Event::Finished(_) if progress.all_ended().is_some() => return Ok(()),
            Event::Failed(error) => {
                return Err(Some(openai::engine_error(&exchange.state, &error, "input")));
            }
            Event::Started { .. } | Event::Token(_) | Event::Finished(_) => {}
        }
    }
}
