//! Tokens of the little XML that a RIM is written in: visible ASCII, start and end tags, text. Everything else that XML
//! has is refused by name, because two readers may understand it differently.

use super::error::DecodeError;

/// The longest document that is read.
pub const LONGEST_RIM: usize = 256 * 1024;
/// More than any element of the profile has.
const MOST_ATTRIBUTES: usize = 32;
const LONGEST_NAME: usize = 64;

/// One attribute or namespace declaration, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// What stands next. An empty element is a start and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Start(Start<'a>),
    End(&'a str),
    Text(&'a str),
    Finished,
}

/// Walks over a document once, from its first byte to its last.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    length: usize,
    /// The end of an element that was empty.
    end: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    /// Every byte must be visible ASCII, a space or a line feed: no other encoding, no control characters, and no
    /// carriage returns or tabs that a reader would have to turn into something else.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > LONGEST_RIM {
            return Err(DecodeError::TooLong { found: bytes.len(), limit: LONGEST_RIM });
        }
        let allowed = |byte: &u8| matches!(byte, b'\n' | 0x20..=0x7e);
        if let Some((offset, byte)) = bytes.iter().enumerate().find(|(_, byte)| !allowed(byte)) {
            return Err(DecodeError::Character { offset, found: *byte });
        }
        let rest = std::str::from_utf8(bytes).map_err(|_| DecodeError::Tag { offset: 0 })?;
        Ok(Self { rest, length: bytes.len(), end: None })
    }

    fn offset(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }

    fn broken(&self) -> DecodeError {
        DecodeError::Tag { offset: self.offset() }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, DecodeError> {
        if let Some(name) = self.end.take() {
            return Ok(Token::End(name));
        }
        if self.rest.is_empty() {
            return Ok(Token::Finished);
        }
        if !self.rest.starts_with('<') {
            return self.text().map(Token::Text);
        }
        self.refuse_markup()?;
        if self.skip("</") {
            let name = self.name()?;
            return if self.skip(">") { Ok(Token::End(name)) } else { Err(self.broken()) };
        }
        self.start().map(Token::Start)
    }

    /// What begins with `<` and is no tag.
    fn refuse_markup(&self) -> Result<(), DecodeError> {
        let offset = self.offset();
        for (beginning, error) in [
            ("<!--", DecodeError::Comment { offset }),
            ("<![CDATA[", DecodeError::Cdata { offset }),
            ("<!", DecodeError::Dtd { offset }),
            ("<?", DecodeError::ProcessingInstruction { offset }),
        ] {
            if self.rest.starts_with(beginning) {
                return Err(error);
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let text = self.rest.split('<').next().unwrap_or_default();
        self.without_references(text)?;
        if text.contains('>') {
            return Err(self.broken());
        }
        self.advance(text.len());
        Ok(text)
    }

    fn start(&mut self) -> Result<Start<'a>, DecodeError> {
        self.advance(1);
        let name = self.name()?;
        let mut attributes: Vec<Attribute<'a>> = Vec::new();
        loop {
            if self.skip("/>") {
                self.end = Some(name);
                return Ok(Start { name, attributes });
            }
            if self.skip(">") {
                return Ok(Start { name, attributes });
            }
            let attribute = self.attribute()?;
            if attributes.iter().any(|earlier| earlier.name == attribute.name) {
                let name = attribute.name.to_owned();
                return Err(DecodeError::Duplicate { name });
            }
            if attributes.len() == MOST_ATTRIBUTES {
                return Err(DecodeError::TooMany { what: "attributes", limit: MOST_ATTRIBUTES });
            }
            attributes.push(attribute);
        }
    }

    /// One space, a name, an equals sign, and a value in double quotes.
    fn attribute(&mut self) -> Result<Attribute<'a>, DecodeError> {
        if !self.skip(" ") {
            return Err(self.broken());
        }
        let name = self.name()?;
        if !self.skip("=\"") {
            return Err(self.broken());
        }
        let (value, _) = self.rest.split_once('"').ok_or_else(|| self.broken())?;
        self.without_references(value)?;
        if value.contains(['<', '\n']) {
            return Err(self.broken());
        }
        self.advance(value.len().saturating_add(1));
        Ok(Attribute { name, value })
    }

    fn name(&mut self) -> Result<&'a str, DecodeError> {
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
        let length = self.rest.bytes().take_while(inside).count();
        if !(1..=LONGEST_NAME).contains(&length) {
            return Err(self.broken());
        }
        Ok(self.advance(length))
    }

    fn without_references(&self, text: &str) -> Result<(), DecodeError> {
        match text.find('&') {
            None => Ok(()),
            Some(place) => {
                Err(DecodeError::Reference { offset: self.offset().saturating_add(place) })
            }
        }
    }

    fn skip(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Result<Token<'_>, DecodeError> {
        Tokens::new(text.as_bytes())?.next()
    }

    #[test]
    fn an_empty_element_is_a_start_and_an_end() {
        let attributes = vec![Attribute { name: "b:c", value: "d > '" }];
        for text in ["<a b:c=\"d > '\"/>\n", "<a b:c=\"d > '\"></a>\n"] {
            let mut tokens = Tokens::new(text.as_bytes()).unwrap();
            let start = Start { name: "a", attributes: attributes.clone() };
            assert_eq!(tokens.next(), Ok(Token::Start(start)));
            assert_eq!(tokens.next(), Ok(Token::End("a")));
            assert_eq!(tokens.next(), Ok(Token::Text("\n")));
            assert_eq!(tokens.next(), Ok(Token::Finished));
        }
    }

    #[test]
    fn refuses_everything_else_that_xml_has_by_name() {
        assert_eq!(first("<!-- -->"), Err(DecodeError::Comment { offset: 0 }));
        assert_eq!(first("<![CDATA[]]>"), Err(DecodeError::Cdata { offset: 0 }));
        assert_eq!(first("<!DOCTYPE a>"), Err(DecodeError::Dtd { offset: 0 }));
        assert_eq!(first("<?xml?>"), Err(DecodeError::ProcessingInstruction { offset: 0 }));
        assert_eq!(first("a&amp;"), Err(DecodeError::Reference { offset: 1 }));
        assert_eq!(first("<a b=\"&#65;\"/>"), Err(DecodeError::Reference { offset: 6 }));
        assert_eq!(first("a\t"), Err(DecodeError::Character { offset: 1, found: 9 }));
        assert_eq!(first("a\r\n"), Err(DecodeError::Character { offset: 1, found: 13 }));
        assert_eq!(first("\u{feff}<a/>"), Err(DecodeError::Character { offset: 0, found: 0xef }));
        let name = "b".to_owned();
        assert_eq!(first("<a b=\"\" b=\"\"/>"), Err(DecodeError::Duplicate { name }));
    }

    #[test]
    fn refuses_tags_in_any_other_spelling() {
        for (text, offset) in [
            ("<a b='c'/>", 4),
            ("<a  b=\"c\"/>", 3),
            ("<a b =\"c\"/>", 4),
            ("<a b=\"c\" />", 9),
            ("<a b=\"c\"d=\"e\"/>", 8),
            ("<a\n/>", 2),
            ("<a b=\"c\n\"/>", 6),
            ("<a b=\"<\"/>", 6),
            ("<a b=\"c", 6),
            ("< a/>", 1),
            ("</a >", 3),
            ("<a", 2),
            ("a>", 0),
        ] {
            assert_eq!(first(text), Err(DecodeError::Tag { offset }), "{text}");
        }
        let long = format!("<{}/>", "a".repeat(LONGEST_NAME + 1));
        assert_eq!(first(&long), Err(DecodeError::Tag { offset: 1 }));
        let many: String = (0..=MOST_ATTRIBUTES).map(|place| format!(" a{place}=\"\"")).collect();
        let too_many = DecodeError::TooMany { what: "attributes", limit: MOST_ATTRIBUTES };
        assert_eq!(first(&format!("<a{many}/>")), Err(too_many));
    }
}
