//! Vectors of texts, sent as one answer.

use std::sync::Arc;

use sealroom_attestation::receipt::Finish;
use sealroom_engine::{EngineError, Event, Input};
use sealroom_request::Encoding;

use super::progress::{Progress, gather};
use super::{Bound, Exchange, refuse, submit, whole};
use crate::serve::ohttp::outgoing::Sealer;
use crate::serve::openai::{self, Vectors};

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
    let submitting = move || {
        let mut all = inputs.into_iter().zip(sinks);
        all.try_for_each(|(input, sink)| engine.embed(input, Box::new(sink)))
    };
    let refused = |error: &EngineError| openai::engine_error(&exchange.state, error, "input");
    if let Err(error) = submit(submitting, refused).await {
        drop(feed);
        exchange.state.request_ids().give_back(bound.request_id);
        return refuse(sealer, &error).await;
    }
    let mut progress = Progress::new(&exchange, count, 1);
    let mut vectors = Vectors::new(count, encoding);
    let gathered = gather(&sealer, &mut feed, &mut progress, refused, |index, event| {
        if let Event::Embedded(vector) = event {
            vectors.set(index, vector);
        }
    });
    let gathered = gathered.await;
    feed.cancel();
    let outcome = progress.outcome;
    match gathered {
        Ok(_) => {
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
