//! One answer, from the connection to the last event.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant as Deadline, sleep};

use super::Upstream;
use super::answer::{Answer, Rules};
use super::body::{self, Asked};
use super::error::UpstreamError;
use super::sse::Reader;
use super::tokens;
use super::transport::{Content, Exchange, send};
use crate::engine::{Event, Form, GenerationRequest, Sink};
use crate::error::EngineError;

/// How often a client that left is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// The longest stream, bytes: room for the longest answer with all alternatives of each token.
const LONGEST_STREAM: usize = 256 << 20;

/// Why an answer ends early.
enum Ended {
    /// Nobody listens any more: the sink is told nothing.
    Cancelled,
    Failed(EngineError),
}

impl From<UpstreamError> for Ended {
    fn from(reason: UpstreamError) -> Self {
        Self::Failed(EngineError::Upstream { reason })
    }
}

/// A request that has its place among those in flight.
pub(super) struct Job {
    pub(super) request: GenerationRequest,
    pub(super) asked: Asked,
    pub(super) sink: Box<dyn Sink>,
    pub(super) submitted: Instant,
    /// Given back when all is over.
    pub(super) place: OwnedSemaphorePermit,
    /// The salt of a client that has none.
    pub(super) alone: u64,
}

/// Runs a request to its end. The connection is gone when this returns.
pub(super) async fn run(upstream: &Upstream, job: Job) {
    let Job { request, asked, mut sink, submitted, place, alone } = job;
    let ended = answer(upstream, &request, asked, &mut *sink, submitted, alone).await;
    drop(place);
    if let Err(Ended::Failed(error)) = ended
        && !sink.is_cancelled()
    {
        // Why an engine that ended is gone matters less than that it is.
        let error = if upstream.has_stopped() { EngineError::Stopped } else { error };
        let _ = sink.event(Event::Failed(error));
    }
}

async fn answer(
    upstream: &Upstream,
    request: &GenerationRequest,
    asked: Asked,
    sink: &mut dyn Sink,
    submitted: Instant,
    alone: u64,
) -> Result<(), Ended> {
    let first_byte = Deadline::now() + upstream.deadlines.first_byte;
    let mut exchange = match begin(upstream, asked, sink, first_byte).await {
        Err(Ended::Failed(EngineError::Upstream {
            reason: UpstreamError::Status { found: 400 },
        })) => {
            let asked = shorten(upstream, request, sink, first_byte, alone).await?;
            begin(upstream, asked, sink, first_byte).await?
        }
        begun => begun?,
    };
    let rules = Rules {
        most: request.max_tokens.unwrap_or(usize::MAX).min(upstream.card.context_length),
        top: request.top_logprobs,
        stop: request.stop.clone(),
        tools: offered(&request.form),
        tells_usage: upstream.kind.tells_usage(),
    };
    let (mut answer, mut reader) = (Answer::new(rules, submitted.elapsed()), Reader::default());
    let (mut length, mut until) = (0_usize, (first_byte, UpstreamError::FirstByte));
    while !answer.is_over() {
        let piece: Bytes =
            bounded(exchange.piece(), sink, until).await?.ok_or(UpstreamError::Unfinished)?;
        length = length.saturating_add(piece.len());
        if length > LONGEST_STREAM {
            return Err(UpstreamError::TooLong.into());
        }
        for said in reader.push(&piece)? {
            for event in answer.take(&said, submitted.elapsed())? {
                sink.event(event).is_continue().then_some(()).ok_or(Ended::Cancelled)?;
            }
            if answer.is_over() {
                break;
            }
        }
        if answer.has_begun() {
            until = (Deadline::now() + upstream.deadlines.silence, UpstreamError::Silence);
        }
    }
    Ok(())
}

/// Until the head of an event stream. An engine that is full says so before anything else.
async fn begin(
    upstream: &Upstream,
    asked: Asked,
    sink: &mut dyn Sink,
    until: Deadline,
) -> Result<Exchange, Ended> {
    let sending = send(&upstream.peer, asked.path, Some(asked.body), upstream.deadlines.connect);
    let exchange = bounded(sending, sink, (until, UpstreamError::FirstByte)).await?;
    match exchange.check(Content::Events) {
        Ok(()) => Ok(exchange),
        Err(UpstreamError::Status { found: 429 | 503 }) => {
            Err(Ended::Failed(EngineError::Overloaded { capacity: upstream.in_flight }))
        }
        Err(reason) => Err(reason.into()),
    }
}

/// A refused request may only be one whose answer would not fit: it is asked for as far as it does, once.
async fn shorten(
    upstream: &Upstream,
    request: &GenerationRequest,
    sink: &mut dyn Sink,
    until: Deadline,
    alone: u64,
) -> Result<Asked, Ended> {
    let refused = UpstreamError::Status { found: 400 };
    let read = async { tokens::read(upstream, &request.input).await.map_err(|_| refused) };
    let prompt = bounded(read, sink, (until, UpstreamError::FirstByte)).await?.len();
    let context = upstream.card.context_length;
    let left = context.saturating_sub(prompt);
    if left == 0 {
        return Err(Ended::Failed(EngineError::ContextLength { prompt, context }));
    }
    if request.max_tokens.is_none_or(|most| most <= left) {
        return Err(refused.into());
    }
    Ok(body::write(upstream.kind, &upstream.card.name, request, Some(left), alone)?)
}

/// Waits for a future, and looks for a client that left meanwhile.
async fn bounded<T>(
    future: impl Future<Output = Result<T, UpstreamError>>,
    sink: &mut dyn Sink,
    (until, late): (Deadline, UpstreamError),
) -> Result<T, Ended> {
    let mut future = std::pin::pin!(future);
    loop {
        if sink.is_cancelled() {
            return Err(Ended::Cancelled);
        }
        tokio::select! {
            biased;
            done = &mut future => return Ok(done?),
            () = sleep(LOOK) => {}
        }
        if Deadline::now() >= until {
            return Err(late.into());
        }
    }
}

fn offered(form: &Form) -> Vec<String> {
    match form {
        Form::Calls { tools, .. } => tools.iter().map(|tool| tool.name.clone()).collect(),
        Form::Text | Form::Object | Form::Schema(_) => Vec::new(),
    }
}
