//! An answer on its way in: opened chunk by chunk, let out only as far as it is proven.

use std::fmt;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use sealroom_attestation::{
    Verified,
    endpoints::{Problem, deadline},
    receipt::Receipt,
    seal::{
        Plaintext, ResponseReader,
        bhttp::{Field, Limits, ResponseDecoder, ResponseEvent, ResponseHead},
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    Session,
    error::ExchangeError,
    outer,
    receipt::{self, Checked},
    release::{Events, Proven, Release},
    request::{Asked, Expected, SealedRequest},
};

/// An answer whose status is known. Dropping it cancels the request at the node.
pub struct Answer {
    session: Session,
    asked: Asked,
    head: ResponseHead,
    incoming: Opening,
    release: Release,
    /// The inner content as it was sealed, padding included: what the receipt commits to.
    content: Plaintext,
    checked: Option<Checked>,
    proven: Proven,
}

/// Why no answer began.
pub(super) struct NotBegun {
    pub(super) error: ExchangeError,
    nonce_arrived: bool,
}

impl NotBegun {
    /// Whether this failure calls for new keys: the node says so, or it may be a rewritten way of saying so.
    /// After the response nonce arrived nothing does.
    pub(super) const fn says_stale(&self, key_is_old: bool) -> bool {
        match &self.error {
            _ if self.nonce_arrived => false,
            ExchangeError::Problem(problem) => matches!(problem, Problem::OhttpKey),
            ExchangeError::Connection(_)
            | ExchangeError::BrokenOff(_)
            | ExchangeError::Response(_)
            | ExchangeError::Deadline { .. }
            | ExchangeError::Answer { .. } => key_is_old,
            _ => false,
        }
    }
}

impl Answer {
    /// Sends, and reads up to the inner header.
    pub(super) async fn begin(session: Session, sealed: SealedRequest) -> Result<Self, NotBegun> {
        let before = |error| NotBegun { error, nonce_arrived: false };
        let (encapsulated, asked, sent) = sealed.into_parts();
        let first_byte = Instant::now() + deadline::FIRST_BYTE;
        let response = outer::post(&session.inner.contact, encapsulated).await.map_err(before)?;
        let body = outer::sealed_body(response).await.map_err(before)?;
        let mut incoming = Opening::new(body, sent.into_reader(), first_byte);
        let mut events = Vec::new();
        while events.is_empty() {
            if let Err(error) = incoming.advance(&mut events).await {
                return Err(NotBegun { error, nonce_arrived: incoming.nonce_arrived });
            }
        }
        let mut events = events.into_iter();
        let Some(ResponseEvent::Head(head)) = events.next() else {
            let error = ExchangeError::Over;
            return Err(NotBegun { error, nonce_arrived: true });
        };
        let release = match content_type(&head) {
            // Errors are whole bodies on this wire: a stream that needs no receipt could end as it likes.
            Some(kind) if head.status == 200 && kind.starts_with("text/event-stream") => {
                Release::Stream(Events::default())
            }
            _ => Release::Whole(Plaintext::new()),
        };
        incoming.is_stream = matches!(release, Release::Stream(_));
        let (content, checked, proven) = (Plaintext::new(), None, Proven::SoFar);
        let mut answer = Self { session, asked, head, incoming, release, content, checked, proven };
        answer.take_in(events).map_err(|error| NotBegun { error, nonce_arrived: true })?;
        Ok(answer)
    }

    /// The status inside the seal.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// The content type inside the seal.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        content_type(&self.head)
    }

    /// Whether the content leaves event by event.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        matches!(self.release, Release::Stream(_))
    }

    /// The session on which it came.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The next content that may leave, `None` at the end. A stream leaves in whole events without filler,
    /// and `[DONE]` only after the receipt was verified; any other body leaves whole, after that.
    ///
    /// # Errors
    /// [`ExchangeError`]: what came before is genuine but not whole, and there is no more.
    pub async fn next(&mut self) -> Result<Option<Plaintext>, ExchangeError> {
        loop {
            if let Some(ready) = self.release.take(self.proven) {
                return Ok(Some(ready));
            }
            if self.proven == Proven::Whole {
                return Ok(None);
            }
            if !self.session.inner.lifetime.is_within_grace(self.session.now()) {
                return Err(ExchangeError::Expired);
            }
            let mut events = Vec::new();
            self.incoming.advance(&mut events).await?;
            self.take_in(events.into_iter())?;
        }
    }

    /// Reads to the end and gives everything at once.
    ///
    /// # Errors
    /// As [`Answer::next`].
    pub async fn collect(
        mut self,
    ) -> Result<(Plaintext, Option<Verified<Receipt>>), ExchangeError> {
        let mut body = Plaintext::new();
        while let Some(more) = self.next().await? {
            body.extend_from_slice(&more);
        }
        Ok((body, self.checked.map(|checked| checked.receipt)))
    }

    /// The verified receipt, once [`Answer::next`] gave `None`. A sealed error may have none.
    #[must_use]
    pub fn receipt(&self) -> Option<&Verified<Receipt>> {
        self.checked.as_ref().map(|checked| &checked.receipt)
    }

    /// The receipt's bytes as they were signed, for an auditor.
    #[must_use]
    pub fn signed_receipt(&self) -> Option<&[u8]> {
        self.checked.as_ref().map(|checked| &*checked.signed)
    }

    fn take_in(
        &mut self,
        events: impl Iterator<Item = ResponseEvent>,
    ) -> Result<(), ExchangeError> {
        for event in events {
            match event {
                ResponseEvent::Head(_) => return Err(ExchangeError::Over),
                ResponseEvent::Content(content) => {
                    self.content.extend_from_slice(&content);
                    self.release.feed(&content);
                }
                ResponseEvent::End(trailers) => self.incoming.trailers = Some(trailers),
            }
        }
        if self.incoming.complete { self.settle() } else { Ok(()) }
    }

    /// The end came: no receipt, no success.
    fn settle(&mut self) -> Result<(), ExchangeError> {
        let trailers = self.incoming.trailers.take().unwrap_or_default();
        let accepted = &self.session.inner.accepted;
        self.checked = receipt::check(&trailers, &self.asked, accepted, &self.content)?;
        let is_success = self.head.status < 400 && self.asked.receipt == Expected::Always;
        if is_success && self.checked.is_none() {
            return Err(ExchangeError::ReceiptMissing("the answer's trailer holds none"));
        }
        if !self.session.inner.lifetime.is_within_grace(self.session.now()) {
            return Err(ExchangeError::Expired);
        }
        self.proven = Proven::Whole;
        Ok(())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer(status {}, {:?})", self.head.status, self.proven)
    }
}

fn content_type(head: &ResponseHead) -> Option<&str> {
    let field = head.fields.iter().find(|field| field.name() == "content-type")?;
    str::from_utf8(field.value()).ok()
}

/// The sealed bytes of one answer, being opened. After its first error it only says that it failed.
struct Opening {
    body: Incoming,
    /// Gone once the answer is complete, or failed.
    machines: Option<Machines>,
    opened: Plaintext,
    trailers: Option<Vec<Field>>,
    complete: bool,
    nonce_arrived: bool,
    is_stream: bool,
    first_byte: Instant,
    end: Instant,
}

struct Machines {
    reader: ResponseReader,
    decoder: ResponseDecoder,
}

impl Opening {
    fn new(body: Incoming, reader: ResponseReader, first_byte: Instant) -> Self {
        let decoder = ResponseDecoder::new(Limits::RESPONSE);
        Self {
            body,
            machines: Some(Machines { reader, decoder }),
            opened: Plaintext::new(),
            trailers: None,
            complete: false,
            nonce_arrived: false,
            is_stream: false,
            first_byte,
            end: Instant::now() + deadline::STREAM,
        }
    }

    /// Takes the next piece of the carrier and adds what it completes to `events`.
    async fn advance(&mut self, events: &mut Vec<ResponseEvent>) -> Result<(), ExchangeError> {
        let (until, late) = self.patience();
        let frame = timeout_at(until, self.body.frame()).await;
        // Whatever happens from here to the end of the function, there is no second chance.
        let machines = self.machines.take().ok_or(ExchangeError::Over)?;
        match frame {
            Err(_) => Err(late),
            Ok(Some(Err(error))) => Err(ExchangeError::BrokenOff(error.to_string())),
            Ok(Some(Ok(frame))) => {
                self.machines = Some(self.feed(machines, frame, events)?);
                Ok(())
            }
            Ok(None) => self.finish(machines, events),
        }
    }

    fn feed(
        &mut self,
        mut machines: Machines,
        frame: Frame<Bytes>,
        events: &mut Vec<ResponseEvent>,
    ) -> Result<Machines, ExchangeError> {
        // Outer trailers are for the relay: nothing in them is trusted or needed here.
        let Ok(data) = frame.into_data() else { return Ok(machines) };
        let fed = machines.reader.feed(data.chunk(), &mut self.opened);
        self.nonce_arrived = machines.reader.nonce_arrived();
        fed.map_err(ExchangeError::Response)?;
        machines.decoder.feed(&self.opened, events).map_err(ExchangeError::Message)?;
        self.opened.clear();
        Ok(machines)
    }

    /// The carrier ended. Whether the message did is for its final chunk to say.
    fn finish(
        &mut self,
        machines: Machines,
        events: &mut Vec<ResponseEvent>,
    ) -> Result<(), ExchangeError> {
        let Machines { reader, mut decoder } = machines;
        reader.finish(&mut self.opened).map_err(ExchangeError::Response)?;
        decoder.feed(&self.opened, events).map_err(ExchangeError::Message)?;
        decoder.finish().map_err(ExchangeError::Message)?;
        self.opened.clear();
        self.complete = true;
        Ok(())
    }

    /// Until when the next piece may take, and what it means when it does not come. Silence is a fault of
    /// streams alone: their node breaks it, while any other answer comes when it is whole.
    fn patience(&self) -> (Instant, ExchangeError) {
        if !self.nonce_arrived {
            return (self.first_byte, outer::first_byte_late());
        }
        let silence = Instant::now() + deadline::SILENCE;
        if self.is_stream && silence < self.end {
            let seconds = deadline::SILENCE.as_secs();
            return (
                silence,
                ExchangeError::Deadline { step: "silence inside an answer", seconds },
            );
        }
        let seconds = deadline::STREAM.as_secs();
        (self.end, ExchangeError::Deadline { step: "the whole answer", seconds })
    }
}
