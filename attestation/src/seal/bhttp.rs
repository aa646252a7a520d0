//! Binary HTTP messages of indeterminate length (RFC 9292 §3.2), as strict as the wire specification §8:
//! content end and trailers are always present, and nothing but zero bytes follows them.

mod decode;

pub use decode::{EndOfMessage, ResponseDecoder, ResponseEvent};

use super::varint::{self, Sink};
use super::{Plaintext, REQUEST_LIMIT, padding};

/// Framing indicator of a request of indeterminate length (RFC 9292 §3.3).
pub(super) const REQUEST_FRAMING: u64 = 2;
/// Framing indicator of a response of indeterminate length.
pub(super) const RESPONSE_FRAMING: u64 = 3;
/// The only scheme.
const SCHEME: &str = "https";
/// The only authority: nothing inside the seal names a host.
const AUTHORITY: &str = "sealroom.invalid";
/// The longest path.
const PATH_LIMIT: usize = 1_024;
/// The longest field name.
const NAME_LIMIT: usize = 256;

/// Why a message is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BhttpError {
    /// Another kind of message.
    #[error("framing indicator {found} instead of {expected}")]
    Framing {
        /// The indicator found.
        found: u64,
        /// The indicator of this kind of message.
        expected: u64,
    },
    /// Neither GET nor POST.
    #[error("the method is neither GET nor POST")]
    Method,
    /// Not `https`.
    #[error("the scheme is not https")]
    Scheme,
    /// Not `sealroom.invalid`.
    #[error("the authority is not sealroom.invalid")]
    Authority,
    /// Not an absolute path of visible ASCII.
    #[error("the path is not an absolute path of visible characters")]
    Path,
    /// Not a final status.
    #[error("{found} is not a final status")]
    Status {
        /// The number found.
        found: u64,
    },
    /// An informational response (RFC 9292 §3.5.1): never sent by a node.
    #[error("informational response {found}")]
    Informational {
        /// The number found.
        found: u64,
    },
    /// A field name is empty, upper-case, a pseudo-field or not a token.
    #[error("a field name is not a lower-case token")]
    FieldName,
    /// A field value holds a control character or is surrounded by white space.
    #[error("a field value holds a control character or outer white space")]
    FieldValue,
    /// A part is longer than its limit.
    #[error("{part} of {found} bytes is longer than {limit}")]
    TooLong {
        /// Which part.
        part: &'static str,
        /// Its length, as announced.
        found: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A section has too many fields.
    #[error("a section has more than {limit} fields")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// Something other than zero bytes follows the message.
    #[error("a byte of the padding is {found}")]
    Padding {
        /// The byte found.
        found: u8,
    },
    /// The message ends before its content end and trailers: the permission to cut them (RFC 9292 §3.8)
    /// is not granted.
    #[error("the message ends before its trailers")]
    Truncated,
}

/// How much of a message is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields in one section.
    pub fields: usize,
    /// Bytes of names and values in one section.
    pub section: usize,
    /// Bytes of content.
    pub content: usize,
}

impl Limits {
    /// What a node accepts.
    pub const REQUEST: Self = Self { fields: 16, section: 8_192, content: REQUEST_LIMIT };
    /// What a client accepts: the trailer carries receipt and fingerprint of a long answer.
    pub const RESPONSE: Self =
        Self { fields: 16, section: 512 << 10, content: super::RESPONSE_LIMIT };
}

/// One field line: a lower-case token and a value without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: String,
    value: Plaintext,
}

impl Field {
    /// Checks name and value (RFC 9292 §3.6; RFC 9110 §5.1, §5.5).
    ///
    /// # Errors
    /// [`BhttpError::FieldName`], [`BhttpError::FieldValue`].
    pub fn new(name: &str, value: impl Into<Plaintext>) -> Result<Self, BhttpError> {
        Self::checked(name.as_bytes(), value.into())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    fn checked(name: &[u8], value: Plaintext) -> Result<Self, BhttpError> {
        let name = str::from_utf8(name).map_err(|_| BhttpError::FieldName)?;
        if name.is_empty() || name.len() > NAME_LIMIT || !name.bytes().all(is_token) {
            return Err(BhttpError::FieldName);
        }
        let outer = [value.first(), value.last()];
        let blank = outer.into_iter().flatten().any(|byte| matches!(byte, b' ' | b'\t'));
        if blank || !value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)) {
            return Err(BhttpError::FieldValue);
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

/// A character of a lower-case token (RFC 9110 §5.6.2). A colon is none, so no pseudo-field passes.
const fn is_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+'
        | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// The two methods of the wire specification §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// The method's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    fn decode(name: &[u8]) -> Result<Self, BhttpError> {
        match name {
            b"GET" => Ok(Self::Get),
            b"POST" => Ok(Self::Post),
            _ => Err(BhttpError::Method),
        }
    }
}

/// A request as it travels inside the seal. Scheme and authority are constants and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, as in the OpenAI interface.
    pub path: String,
    /// The header, in order; which names are allowed is the node's decision.
    pub fields: Vec<Field>,
    /// The content.
    pub content: Plaintext,
    /// The trailers, in order.
    pub trailers: Vec<Field>,
}

impl Request {
    /// The message without padding.
    ///
    /// # Errors
    /// [`BhttpError::Path`].
    pub fn encode(&self) -> Result<Plaintext, BhttpError> {
        check_path(self.path.as_bytes())?;
        let mut out =
            Plaintext::with_capacity(padding::padme(self.content.len().saturating_add(2_048)));
        varint::write(REQUEST_FRAMING, &mut out);
        for part in [self.method.name(), SCHEME, AUTHORITY, &self.path] {
            string_into(part.as_bytes(), &mut out);
        }
        section_into(&self.fields, &mut out);
        content_into(&self.content, &mut out);
        end_into(&self.trailers, &mut out);
        Ok(out)
    }

    /// The message with zero padding up to Padmé of its length (wire specification §9).
    ///
    /// # Errors
    /// [`BhttpError::Path`].
    pub fn encode_padded(&self) -> Result<Plaintext, BhttpError> {
        let mut out = self.encode()?;
        padding::pad_to(padding::padme(out.len()), &mut out);
        Ok(out)
    }

    /// Decodes a whole message within [`Limits::REQUEST`].
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, BhttpError> {
        decode::request(bytes, Limits::REQUEST)
    }
}

fn check_path(path: &[u8]) -> Result<(), BhttpError> {
    let visible = path.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#');
    if path.len() > PATH_LIMIT || path.first() != Some(&b'/') || !visible {
        return Err(BhttpError::Path);
    }
    Ok(())
}

/// Status and header of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// A final status, 200 to 599.
    pub status: u16,
    /// The header, in order.
    pub fields: Vec<Field>,
}

impl ResponseHead {
    /// Adds the encoded head to `out`: alone in the first chunk (wire specification §9).
    ///
    /// # Errors
    /// [`BhttpError::Status`], [`BhttpError::Informational`].
    pub fn encode_into(&self, out: &mut Plaintext) -> Result<(), BhttpError> {
        let status = u64::from(self.status);
        check_status(status)?;
        varint::write(RESPONSE_FRAMING, out);
        varint::write(status, out);
        section_into(&self.fields, out);
        Ok(())
    }
}

fn check_status(status: u64) -> Result<u16, BhttpError> {
    match status {
        100..=199 => Err(BhttpError::Informational { found: status }),
        200..=599 => u16::try_from(status).map_err(|_| BhttpError::Status { found: status }),
        _ => Err(BhttpError::Status { found: status }),
    }
}

/// Adds one content chunk to `out`. Nothing is written for no bytes: an empty chunk would be the end.
pub fn content_into(content: &[u8], out: &mut Plaintext) {
    if !content.is_empty() {
        string_into(content, out);
    }
}

/// Adds the end of the content and the trailers to `out`.
pub fn end_into(trailers: &[Field], out: &mut Plaintext) {
    varint::write(0, out);
    section_into(trailers, out);
}

fn section_into(fields: &[Field], out: &mut Plaintext) {
    for field in fields {
        string_into(field.name.as_bytes(), out);
        string_into(&field.value, out);
    }
    varint::write(0, out);
}

fn string_into(bytes: &[u8], out: &mut Plaintext) {
    varint::write_length(bytes.len(), out);
    out.put(bytes);
}
