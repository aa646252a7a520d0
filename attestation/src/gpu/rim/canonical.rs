//! Inclusive canonical XML 1.1 (W3C, 2 May 2008) of the profile, and the walk that writes it.
//!
//! What makes canonicalisation hard is refused before it: entities, default attributes, white space inside tags,
//! attribute values and text with characters to be replaced, namespaces declared twice. Names keep their prefix: the
//! default namespace and `ns0` are the same one, and a writer that only remembers namespaces writes other bytes.

use super::error::DecodeError;
use super::profile::{ENTITY, IDENTITY, META, PAYLOAD, RESOURCE, SIGNATURE, Shape};
use super::signature::{self, Signature};
use super::xml::{Attribute, Start, Token, Tokens};

/// More resources than any device has measurements.
const MOST_RESOURCES: usize = 256;
/// Line feeds behind the last tag, which no signature covers.
const MOST_LINE_FEEDS: usize = 2;

/// A walk over a document that writes the canonical form of what it passes.
pub(super) struct Walk<'a> {
    tokens: Tokens<'a>,
    next: Token<'a>,
    out: String,
}

/// The document without its signature in canonical form, and the signature.
pub(super) fn read(bytes: &[u8]) -> Result<(String, Signature), DecodeError> {
    let mut walk = Walk::new(bytes)?;
    walk.open(&IDENTITY)?;
    walk.space()?;
    walk.empty(&ENTITY)?;
    walk.space()?;
    walk.empty(&META)?;
    walk.space()?;
    walk.open(&PAYLOAD)?;
    walk.each(&RESOURCE, |_| Ok(()))?;
    walk.close(&PAYLOAD)?;
    walk.space()?;
    let document = walk.take();
    let signature = signature::read(&mut walk)?;
    if walk.at(&SIGNATURE) {
        return Err(DecodeError::SecondSignature);
    }
    // The enveloped signature is gone; what stood before it and the end of the root are what is digested.
    walk.out = document;
    walk.close(&IDENTITY)?;
    let canonical = walk.finish()?;
    Ok((canonical, signature))
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut tokens = Tokens::new(bytes)?;
        let next = tokens.next()?;
        Ok(Self { tokens, next, out: String::with_capacity(bytes.len()) })
    }

    /// What was written since the last call.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    pub(super) fn at(&self, shape: &Shape) -> bool {
        matches!(&self.next, Token::Start(start) if start.name == shape.name)
    }

    /// The start tag of this element; its attributes in canonical order.
    pub(super) fn open(&mut self, shape: &Shape) -> Result<Vec<Attribute<'a>>, DecodeError> {
        self.open_within(shape, &[])
    }

    /// The same at the top of what is digested: namespaces declared above it are written here.
    pub(super) fn open_within(
        &mut self,
        shape: &Shape,
        inherited: &[(&str, &str)],
    ) -> Result<Vec<Attribute<'a>>, DecodeError> {
        let start = match self.advance()? {
            Token::Start(start) if start.name == shape.name => start,
            other => return Err(unexpected(other, shape.name)),
        };
        let attributes = shape.attributes(&start)?;
        self.out.push('<');
        self.out.push_str(shape.name);
        let namespaces = inherited.iter().chain(shape.namespaces).copied();
        let attributes_shown = attributes.iter().map(|one| (one.name, one.value));
        for (name, value) in namespaces.chain(attributes_shown) {
            // No value holds a quotation mark, an ampersand, a `<` or a control character: nothing to escape.
            for part in [" ", name, "=\"", value, "\""] {
                self.out.push_str(part);
            }
        }
        self.out.push('>');
        Ok(attributes)
    }

    /// The end tag of this element.
    pub(super) fn close(&mut self, shape: &Shape) -> Result<(), DecodeError> {
        match self.advance()? {
            Token::End(name) if name == shape.name => {}
            other => return Err(unexpected(other, shape.name)),
        }
        for part in ["</", shape.name, ">"] {
            self.out.push_str(part);
        }
        Ok(())
    }

    /// An element that holds nothing; canonical XML writes both its tags.
    pub(super) fn empty(&mut self, shape: &Shape) -> Result<Vec<Attribute<'a>>, DecodeError> {
        let attributes = self.open(shape)?;
        self.close(shape)?;
        Ok(attributes)
    }

    /// Empty elements of one kind with white space around them.
    pub(super) fn each(
        &mut self,
        shape: &Shape,
        mut visit: impl FnMut(Vec<Attribute<'a>>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut count = 0_usize;
        self.space()?;
        while self.at(shape) {
            if count == MOST_RESOURCES {
                return Err(DecodeError::TooMany { what: "resources", limit: MOST_RESOURCES });
            }
            count = count.saturating_add(1);
            visit(self.empty(shape)?)?;
            self.space()?;
        }
        Ok(())
    }

    /// Spaces and line feeds between elements, if there are any. They are digested.
    pub(super) fn space(&mut self) -> Result<(), DecodeError> {
        match self.next {
            Token::Text(text) if text.bytes().all(|byte| matches!(byte, b' ' | b'\n')) => {
                self.out.push_str(text);
                self.advance().map(drop)
            }
            _ => Ok(()),
        }
    }

    /// An element that holds text and nothing else.
    pub(super) fn text(&mut self, shape: &Shape) -> Result<&'a str, DecodeError> {
        self.open(shape)?;
        let text = match self.advance()? {
            Token::Text(text) => text,
            other => return Err(unexpected(other, shape.name)),
        };
        self.out.push_str(text);
        self.close(shape)?;
        Ok(text)
    }

    /// Behind the last tag there is nothing but the end of the line.
    pub(super) fn finish(mut self) -> Result<String, DecodeError> {
        match self.advance()? {
            Token::Finished => return Ok(self.out),
            Token::Text(text)
                if text.len() <= MOST_LINE_FEEDS && text.bytes().all(|byte| byte == b'\n') => {}
            other => return Err(unexpected(other, "the end of the document")),
        }
        match self.advance()? {
            Token::Finished => Ok(self.out),
            other => Err(unexpected(other, "the end of the document")),
        }
    }

    fn advance(&mut self) -> Result<Token<'a>, DecodeError> {
        let following = match self.next {
            Token::Finished => Token::Finished,
            Token::Start(_) | Token::End(_) | Token::Text(_) => self.tokens.next()?,
        };
        Ok(std::mem::replace(&mut self.next, following))
    }
}

/// What stood where something else belongs.
pub(super) fn unexpected(found: Token<'_>, expected: &'static str) -> DecodeError {
    match found {
        Token::Start(Start { name, .. }) if name == SIGNATURE.name => {
            DecodeError::SignatureMoved { expected }
        }
        Token::Start(Start { name, .. }) => {
            DecodeError::Element { found: name.to_owned(), expected }
        }
        Token::End(name) => DecodeError::End { found: name.to_owned(), expected },
        Token::Text(_) => DecodeError::Text { expected },
        Token::Finished => DecodeError::Unfinished { expected },
    }
}
