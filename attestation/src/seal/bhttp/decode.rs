//! The decoder: one state machine for both kinds of message, whose bytes may be cut anywhere.

use super::super::Plaintext;
use super::super::varint::VarintReader;
use super::{
    AUTHORITY, BhttpError, Field, Limits, Method, NAME_LIMIT, PATH_LIMIT, REQUEST_FRAMING,
    RESPONSE_FRAMING, Request, ResponseHead, SCHEME, check_path, check_status,
};

/// Which field section is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Header,
    Trailer,
}

/// What is read next, in the order of RFC 9292 §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Framing,
    Method,
    Scheme,
    Authority,
    Path,
    Status,
    Name(Section),
    Value(Section),
    ContentLength,
    Content {
        left: usize,
    },
    Padding,
    /// The first error, for ever.
    Failed(BhttpError),
}

/// What the machine found.
enum Event {
    Request(Method, String, Vec<Field>),
    Response(ResponseHead),
    Content(Plaintext),
    End(Vec<Field>),
}

struct Machine {
    expected: u64,
    limits: Limits,
    step: Step,
    number: VarintReader,
    /// Announced length of the string being read.
    wanted: Option<usize>,
    text: Plaintext,
    method: Method,
    path: String,
    status: u16,
    name: Plaintext,
    fields: Vec<Field>,
    section: usize,
    content: usize,
}

impl Machine {
    fn new(expected: u64, limits: Limits) -> Self {
        Self {
            expected,
            limits,
            step: Step::Framing,
            number: VarintReader::default(),
            wanted: None,
            text: Plaintext::new(),
            method: Method::Get,
            path: String::new(),
            status: 0,
            name: Plaintext::new(),
            fields: Vec::new(),
            section: 0,
            content: 0,
        }
    }

    /// The next event, or `None` when `bytes` is used up. After an error it repeats that error.
    fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Event>, BhttpError> {
        let result = self.advance(bytes);
        if let Err(error) = result {
            self.step = Step::Failed(error);
        }
        result
    }

    fn finish(&self) -> Result<(), BhttpError> {
        match self.step {
            Step::Padding => Ok(()),
            Step::Failed(error) => Err(error),
            _ => Err(BhttpError::Truncated),
        }
    }

    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<Event>, BhttpError> {
        loop {
            match self.step {
                Step::Framing | Step::Status | Step::ContentLength => {
                    let Some(number) = self.number(bytes) else { return Ok(None) };
                    self.step = self.numbered(number)?;
                    if let Step::Name(Section::Trailer) = self.step {
                        self.section = 0;
                    }
                }
                Step::Method | Step::Scheme | Step::Authority | Step::Path => {
                    let Some(text) = self.string(PATH_LIMIT, "control data", bytes)? else {
                        return Ok(None);
                    };
                    self.step = self.control(&text)?;
                }
                Step::Name(section) => {
                    let Some(name) = self.string(NAME_LIMIT, "field name", bytes)? else {
                        return Ok(None);
                    };
                    if name.is_empty() {
                        return Ok(Some(self.end_of(section)));
                    }
                    self.count(name.len())?;
                    self.name = name;
                    self.step = Step::Value(section);
                }
                Step::Value(section) => {
                    let room = self.limits.section.saturating_sub(self.section);
                    let Some(value) = self.string(room, "field section", bytes)? else {
                        return Ok(None);
                    };
                    self.count(value.len())?;
                    self.fields.push(Field::checked(&self.name, value)?);
                    self.step = Step::Name(section);
                }
                Step::Content { left } => return Ok(self.content(left, bytes)),
                Step::Padding => {
                    let other = bytes.iter().find(|byte| **byte != 0);
                    *bytes = &[];
                    return other
                        .map_or(Ok(None), |found| Err(BhttpError::Padding { found: *found }));
                }
                Step::Failed(error) => return Err(error),
            }
        }
    }

    fn number(&mut self, bytes: &mut &[u8]) -> Option<u64> {
        while let Some((byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if let Some(number) = self.number.push(*byte) {
                return Some(number);
            }
        }
        None
    }

    /// A length-prefixed string. The length is the sender's: it is compared with the limit before a byte
    /// is kept, and nothing is allocated for it.
    fn string(
        &mut self,
        limit: usize,
        part: &'static str,
        bytes: &mut &[u8],
    ) -> Result<Option<Plaintext>, BhttpError> {
        let wanted = match self.wanted {
            Some(wanted) => wanted,
            None => {
                let Some(found) = self.number(bytes) else { return Ok(None) };
                let fits = usize::try_from(found).ok().filter(|length| *length <= limit);
                let wanted = fits.ok_or_else(|| too_long(part, found, limit))?;
                self.text.clear();
                *self.wanted.insert(wanted)
            }
        };
        let missing = wanted.saturating_sub(self.text.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.text.extend_from_slice(taken);
        *bytes = rest;
        if self.text.len() < wanted {
            return Ok(None);
        }
        self.wanted = None;
        Ok(Some(std::mem::take(&mut self.text)))
    }

    fn numbered(&mut self, number: u64) -> Result<Step, BhttpError> {
        match self.step {
            Step::Framing if number != self.expected => {
                Err(BhttpError::Framing { found: number, expected: self.expected })
            }
            Step::Framing if number == REQUEST_FRAMING => Ok(Step::Method),
            Step::Framing => Ok(Step::Status),
            Step::Status => {
                self.status = check_status(number)?;
                Ok(Step::Name(Section::Header))
            }
            _ if number == 0 => Ok(Step::Name(Section::Trailer)),
            _ => {
                let room = self.limits.content.saturating_sub(self.content);
                let left = usize::try_from(number).ok().filter(|length| *length <= room);
                let left = left.ok_or_else(|| too_long("content", number, room))?;
                self.content = self.content.saturating_add(left);
                Ok(Step::Content { left })
            }
        }
    }

    fn control(&mut self, text: &[u8]) -> Result<Step, BhttpError> {
        match self.step {
            Step::Method => {
                self.method = Method::decode(text)?;
                Ok(Step::Scheme)
            }
            Step::Scheme if text == SCHEME.as_bytes() => Ok(Step::Authority),
            Step::Scheme => Err(BhttpError::Scheme),
            Step::Authority if text == AUTHORITY.as_bytes() => Ok(Step::Path),
            Step::Authority => Err(BhttpError::Authority),
            _ => {
                check_path(text)?;
                self.path = String::from_utf8(text.to_vec()).map_err(|_| BhttpError::Path)?;
                Ok(Step::Name(Section::Header))
            }
        }
    }

    fn count(&mut self, length: usize) -> Result<(), BhttpError> {
        if self.fields.len() >= self.limits.fields {
            return Err(BhttpError::TooManyFields { limit: self.limits.fields });
        }
        self.section = self.section.saturating_add(length);
        if self.section > self.limits.section {
            let found = u64::try_from(self.section).unwrap_or(u64::MAX);
            return Err(too_long("field section", found, self.limits.section));
        }
        Ok(())
    }

    fn end_of(&mut self, section: Section) -> Event {
        let fields = std::mem::take(&mut self.fields);
        match section {
            Section::Trailer => {
                self.step = Step::Padding;
                Event::End(fields)
            }
            Section::Header => {
                self.step = Step::ContentLength;
                if self.expected == REQUEST_FRAMING {
                    Event::Request(self.method, std::mem::take(&mut self.path), fields)
                } else {
                    Event::Response(ResponseHead { status: self.status, fields })
                }
            }
        }
    }

    fn content(&mut self, left: usize, bytes: &mut &[u8]) -> Option<Event> {
        let (taken, rest) = bytes.split_at(bytes.len().min(left));
        *bytes = rest;
        let left = left.saturating_sub(taken.len());
        self.step = if left == 0 { Step::ContentLength } else { Step::Content { left } };
        (!taken.is_empty()).then(|| Event::Content(Plaintext::from(taken)))
    }
}

fn too_long(part: &'static str, found: u64, limit: usize) -> BhttpError {
    BhttpError::TooLong { part, found, limit: u64::try_from(limit).unwrap_or(u64::MAX) }
}

/// Decodes a whole request.
pub(super) fn request(mut bytes: &[u8], limits: Limits) -> Result<Request, BhttpError> {
    let mut machine = Machine::new(REQUEST_FRAMING, limits);
    let (mut head, mut content, mut end) = (None, Plaintext::new(), None);
    while let Some(event) = machine.next(&mut bytes)? {
        match event {
            Event::Request(method, path, fields) => head = Some((method, path, fields)),
            Event::Content(more) => content.extend_from_slice(&more),
            Event::End(fields) => end = Some(fields),
            Event::Response(_) => return Err(BhttpError::Method),
        }
    }
    machine.finish()?;
    match (head, end) {
        (Some((method, path, fields)), Some(trailers)) => {
            Ok(Request { method, path, fields, content, trailers })
        }
        _ => Err(BhttpError::Truncated),
    }
}

/// What a streamed response turns into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseEvent {
    /// Status and header: the first event.
    Head(ResponseHead),
    /// The next bytes of the content; never empty. Their division means nothing.
    Content(Plaintext),
    /// The trailers: the last event.
    End(Vec<Field>),
}

/// Decodes a response of indeterminate length (RFC 9292 §3.2) as its bytes arrive, cut anywhere.
///
/// ```
/// use sealroom_attestation::seal::Plaintext;
/// use sealroom_attestation::seal::bhttp::{Limits, ResponseDecoder, ResponseEvent, ResponseHead, content_into, end_into};
/// let head = ResponseHead { status: 200, fields: Vec::new() };
/// let mut message = Plaintext::new();
/// head.encode_into(&mut message)?;
/// content_into(b"hi", &mut message);
/// end_into(&[], &mut message);
///
/// let (mut decoder, mut events) = (ResponseDecoder::new(Limits::RESPONSE), Vec::new());
/// decoder.feed(&message, &mut events)?;
/// decoder.finish()?;
/// let content = ResponseEvent::Content(Plaintext::from(&b"hi"[..]));
/// assert_eq!(events, [ResponseEvent::Head(head), content, ResponseEvent::End(Vec::new())]);
/// # Ok::<(), sealroom_attestation::seal::bhttp::BhttpError>(())
/// ```
pub struct ResponseDecoder(Machine);

impl ResponseDecoder {
    /// Before the first byte.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Machine::new(RESPONSE_FRAMING, limits))
    }

    /// Takes the next bytes and adds what they complete to `events`.
    ///
    /// # Errors
    /// The first [`BhttpError`], then always the same.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        events: &mut Vec<ResponseEvent>,
    ) -> Result<(), BhttpError> {
        while let Some(event) = self.0.next(&mut bytes)? {
            events.push(match event {
                Event::Response(head) => ResponseEvent::Head(head),
                Event::Content(content) => ResponseEvent::Content(content),
                Event::End(trailers) => ResponseEvent::End(trailers),
                Event::Request(..) => {
                    return Err(BhttpError::Framing { found: 2, expected: RESPONSE_FRAMING });
                }
            });
        }
        Ok(())
    }

    /// The bytes have ended: only this is success.
    ///
    /// # Errors
    /// [`BhttpError::Truncated`] before the end of the trailers, or the first error of before.
    pub fn finish(self) -> Result<EndOfMessage, BhttpError> {
        self.0.finish().map(|()| EndOfMessage(()))
    }
}

impl std::fmt::Debug for ResponseDecoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ResponseDecoder(..)")
    }
}

/// A message whose trailers ended and whose padding was nothing else. Made only by
/// [`ResponseDecoder::finish`].
#[derive(Debug, PartialEq, Eq)]
pub struct EndOfMessage(());
