//! One exchange, from the opened request to the receipt.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sealroom_attestation::cbor::Item;
use sealroom_attestation::digests::{Commitment, KemConfigDigest, RequestDigest};
use sealroom_attestation::endpoints::{OPENING_TRAILER, RECEIPT_TRAILER};
use sealroom_attestation::receipt::{
    Commitments, Fingerprint, Finish, Kind, Opening, Receipt, Timing, Usage, commit,
};
use sealroom_attestation::seal::bhttp::{Field, ResponseHead};
use sealroom_attestation::seal::{CompleteRequest, Plaintext, padding};
use sealroom_engine::{EngineError, Input};

use super::encode_base64;
use super::inner::Inner;
use super::outgoing::{Gone, Sealer, field};
use crate::entropy;
use crate::node::State;
use crate::receipts::{IdRefused, Place};
use crate::serve::Padding;
use crate::serve::openai::{self, ApiError, Call, Generation, Parameters, Work};

mod events;
mod progress;
mod vectors;
mod whole;

/// What the receipt of one exchange will say, known before the answer begins.
pub(super) struct Exchange {
    state: Arc<State>,
    arrived: Duration,
    peer: IpAddr,
    billing: Option<[u8; 16]>,
    request_digest: RequestDigest,
    kem: KemConfigDigest,
    salt: [u8; 32],
}

/// What the client sealed, reduced to what the receipt needs of it.
struct Bound {
    request_id: [u8; 16],
    parameters: Commitment,
    request: Commitment,
    padding: Padding,
}

/// How the answers of a request went.
#[derive(Debug, Default)]
struct Outcome {
    usage: Usage,
    queue: Duration,
    first_token: Duration,
    fingerprint: Fingerprint,
}

impl Outcome {
    /// Only the first `written` tokens left.
    fn keep(&mut self, written: u64) {
        self.usage.completion = written;
        self.fingerprint.truncate(usize::try_from(written).unwrap_or(usize::MAX));
    }
}

/// How the answers are to look.
#[derive(Clone, Copy)]
struct Asked {
    answers: usize,
    /// Answers for each prompt.
    choices: usize,
    include_usage: bool,
    logprobs: bool,
}

impl Exchange {
    pub(super) fn begin(
        state: &Arc<State>,
        arrived: Duration,
        peer: IpAddr,
        billing: Option<[u8; 16]>,
        request: &CompleteRequest,
    ) -> Self {
        Self {
            state: Arc::clone(state),
            arrived,
            peer,
            billing,
            request_digest: RequestDigest(request.request_digest()),
            kem: KemConfigDigest(request.config_digest()),
            salt: entropy::array(state.entropy()),
        }
    }

    /// Time since the request arrived.
    fn elapsed(&self) -> Duration {
        self.state.clock().monotonic().saturating_sub(self.arrived)
    }

    fn bind(&self, inner: &Inner, parameters: &Parameters) -> Bound {
        Bound {
            request_id: inner.request_id,
            parameters: commit(Kind::Parameters, &self.salt, &parameters.encode()),
            request: commit(Kind::Request, &self.salt, &inner.content),
            padding: inner.padding.stronger(self.state.serving().padding),
        }
    }

    /// Signs the receipt, keeps it for the peer that gave the nonce, and returns it in base64url.
    fn receipt(&self, bound: &Bound, outcome: &Outcome, finish: Finish, answer: &[u8]) -> String {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let signed = self.state.issue_receipt(|sequence| Receipt {
            boot_id: self.state.boot_id(),
            sequence,
            request_id: bound.request_id,
            request_digest: self.request_digest,
            billing_nonce: self.billing,
            kem: self.kem,
            manifest: self.state.manifest_digest(),
            usage: outcome.usage,
            timing: Timing {
                queue: micros(outcome.queue),
                first_token: micros(outcome.first_token),
                total: micros(self.elapsed()),
            },
            commitments: Commitments {
                parameters: bound.parameters,
                request: bound.request,
                answer: commit(Kind::Answer, &self.salt, answer),
                fingerprint: outcome
                    .fingerprint
                    .bytes()
                    .map(|bytes| commit(Kind::Fingerprint, &self.salt, bytes)),
            },
            finish,
            issued_at: self.state.clock().wall(),
        });
        if let Some(nonce) = self.billing {
            let place = Place { peer: self.peer, nonce };
            self.state.receipts().keep(place, &signed, self.state.clock().monotonic());
        }
        encode_base64(&signed)
    }

    fn trailers(&self, receipt: &str, outcome: &Outcome) -> [Field; 2] {
        let fingerprint = outcome.fingerprint.bytes().map(<[u8]>::to_vec);
        let opening = Opening { salt: self.salt, fingerprint };
        [field(RECEIPT_TRAILER, receipt), field(OPENING_TRAILER, &encode_base64(&opening.encode()))]
    }
}

/// Answers one admitted request. Whatever happens, what goes out is sealed.
pub(super) async fn answer(exchange: Exchange, sealer: Sealer, plaintext: Plaintext) {
    let prepared = prepare(&exchange, &plaintext);
    drop(plaintext);
    match prepared {
        Err(error) => refuse(sealer, &error).await,
        Ok((bound, Work::Ready(body))) => {
            let (outcome, finish) = (Outcome::default(), Finish::Stop);
            // Nobody is left to tell when the client is gone.
            drop(whole::send(&exchange, &bound, sealer, &body, outcome, finish).await);
        }
        Ok((bound, Work::Embed(inputs, encoding))) => {
            vectors::run(exchange, bound, sealer, inputs, encoding).await;
        }
        Ok((bound, Work::Tokenize(input))) => tokenize(exchange, bound, sealer, *input).await,
        Ok((bound, Work::Generate(generation))) => {
            generate(exchange, bound, sealer, *generation).await;
        }
    }
}

/// Everything that is decided before any work: rules, parameters, and that this id is new.
fn prepare(exchange: &Exchange, plaintext: &[u8]) -> Result<(Bound, Work), ApiError> {
    let inner = Inner::decode(plaintext)?;
    let call = Call { state: &exchange.state, inner: &inner };
    let (work, parameters) = openai::route(&call)?;
    let bound = exchange.bind(&inner, &parameters);
    let now = exchange.state.clock().monotonic();
    match exchange.state.request_ids().take(bound.request_id, now) {
        Ok(()) => Ok((bound, work)),
        Err(IdRefused::Used) => Err(ApiError::id_used()),
        Err(IdRefused::Full) => Err(ApiError::overloaded()),
    }
}

/// Hands the requests to the engine and their events to whoever formats them.
async fn generate(exchange: Exchange, bound: Bound, sealer: Sealer, generation: Generation) {
    let Generation { requests, choices, shape, stream, include_usage, logprobs } = generation;
    let asked = Asked { answers: requests.len(), choices, include_usage, logprobs };
    let (feed, sinks) = openai::feed(requests.len());
    let engine = Arc::clone(exchange.state.engine());
    let (id, now) = (bound.request_id, exchange.state.clock().wall());
    let writer = shape.writer(id, now, exchange.state.config().model_name(), logprobs);
    let submitting = move || {
        let mut all = requests.into_iter().zip(sinks);
        all.try_for_each(|(request, sink)| engine.submit(request, Box::new(sink)))
    };
    let refused = |error: &EngineError| writer.engine_error(&exchange.state, error);
    if let Err(error) = submit(submitting, refused).await {
        // Those that were taken before the refused one end with the feed.
        drop(feed);
        exchange.state.request_ids().give_back(bound.request_id);
        return refuse(sealer, &error).await;
    }
    if stream {
        events::run(&exchange, &bound, sealer, feed, &writer, asked).await;
    } else {
        whole::run(&exchange, &bound, sealer, feed, &writer, asked).await;
    }
}

/// Asks the engine: rendering and tokenizing take milliseconds, so not on a thread that serves connections.
async fn submit<T: Send + 'static>(
    asking: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    refused: impl Fn(&EngineError) -> ApiError,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(ApiError::internal()),
    }
}

/// Cuts a text into tokens, and tells them.
async fn tokenize(exchange: Exchange, bound: Bound, sealer: Sealer, input: Input) {
    let engine = Arc::clone(exchange.state.engine());
    let reading = move || {
        let most = engine.card().context_length;
        engine.read(&input).map(|ids| openai::tokens(&ids, most))
    };
    let refused = |error: &EngineError| openai::engine_error(&exchange.state, error, "prompt");
    match submit(reading, refused).await {
        Ok(body) => {
            let outcome = Outcome::default();
            drop(whole::send(&exchange, &bound, sealer, &body, outcome, Finish::Stop).await);
        }
        Err(error) => refuse(sealer, &error).await,
    }
}

/// An error inside the seal: no work was done, so there is no receipt.
async fn refuse(mut sealer: Sealer, error: &ApiError) {
    tracing::debug!(status = error.status(), "a sealed request was refused");
    let mut fields = vec![field("content-type", "application/json")];
    if let Some(seconds) = error.retry_after() {
        fields.push(field("retry-after", &seconds.to_string()));
    }
    let head = ResponseHead { status: error.status(), fields };
    let sent: Result<(), Gone> = async {
        sealer.head(&head).await?;
        sealer.finish(&padding::answer_body(&error.body(), &[]), 0, None).await
    }
    .await;
    // The client is gone: nobody is left to tell.
    drop(sent);
}
