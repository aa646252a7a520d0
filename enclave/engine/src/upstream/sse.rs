//! Server-sent events, as far as engines use them: bytes in, events out. Cut anywhere, they are the same events.

use super::error::UpstreamError;
use super::wiped::Wiped;

/// The longest event, bytes: far above one token with all its alternatives.
pub(super) const LONGEST_EVENT: usize = 1 << 20;

/// One event.
pub(super) enum Said {
    /// What its `data` lines said, joined by line feeds.
    Data(Wiped),
    /// It had an `error` line, which is how some engines end a stream that they cannot go on with.
    Error,
}

/// Takes events out of a stream.
#[derive(Default)]
pub(super) struct Reader {
    /// A line that did not end yet.
    line: Wiped,
    /// `data` lines of the event that did not end yet.
    data: Wiped,
    has_data: bool,
    has_error: bool,
    /// The last byte was a carriage return: a line feed right behind it belongs to it.
    after_return: bool,
}

impl Reader {
    /// Adds bytes; gives the events that they complete.
    ///
    /// # Errors
    /// [`UpstreamError::TooLong`] for an event of more than [`LONGEST_EVENT`] bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Said>, UpstreamError> {
        let (mut said, mut rest) = (Vec::new(), bytes);
        while let Some((&first, behind)) = rest.split_first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                rest = behind;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (line, ending) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + self.data.len() + line.len() > LONGEST_EVENT {
                return Err(UpstreamError::TooLong);
            }
            self.line.extend(line);
            let Some((&mark, behind)) = ending.split_first() else { break };
            self.after_return = mark == b'\r';
            rest = behind;
            said.extend(self.end_line());
        }
        Ok(said)
    }

    fn end_line(&mut self) -> Option<Said> {
        if self.line.bytes().is_empty() {
            let data = std::mem::take(&mut self.data);
            let has_data = std::mem::take(&mut self.has_data);
            if std::mem::take(&mut self.has_error) {
                return Some(Said::Error);
            }
            return has_data.then_some(Said::Data(data));
        }
        let line = self.line.bytes();
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.extend(b"\n");
                }
                self.data.extend(value);
            }
            b"error" => self.has_error = true,
            // Comments have no name, and the names of events and their numbers say nothing here.
            _ => {}
        }
        self.line.clear();
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events as text; `None` is an error.
    fn read(pieces: &[&[u8]]) -> Result<Vec<Option<String>>, UpstreamError> {
        let (mut reader, mut all) = (Reader::default(), Vec::new());
        for piece in pieces {
            all.extend(reader.push(piece)?.into_iter().map(|said| match said {
                Said::Data(data) => Some(String::from_utf8_lossy(data.bytes()).into_owned()),
                Said::Error => None,
            }));
        }
        Ok(all)
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn every_way_to_end_a_line_is_one() {
        for end in ["\n", "\r\n", "\r"] {
            let stream =
                format!(": hi{end}data: a{end}data:b{end}{end}event: x{end}data: c{end}{end}");
            assert_eq!(read(&[stream.as_bytes()]), Ok(some(&["a\nb", "c"])), "{end:?}");
        }
    }

    #[test]
    fn an_event_without_its_empty_line_is_none() {
        assert_eq!(read(&[b"data: a\n\ndata: b\n"]), Ok(some(&["a"])));
        assert_eq!(read(&[b"data: a\n\ndata: b\n\n"]), Ok(some(&["a", "b"])));
    }

    #[test]
    fn an_error_line_is_an_error() {
        assert_eq!(read(&[b"error: {}\n\n"]), Ok(vec![None]));
    }

    #[test]
    fn takes_the_longest_event_and_refuses_one_byte_more() {
        let head = b"data: ";
        let longest = vec![b'x'; LONGEST_EVENT - head.len()];
        let read = |more: &[u8]| {
            let events = read(&[head, &longest, more, b"\n\n"])?;
            Ok(events.first().cloned().flatten().map(|text| text.len()))
        };
        assert_eq!(read(b""), Ok(Some(longest.len())));
        assert_eq!(read(b"x"), Err(UpstreamError::TooLong));
    }

    #[test]
    fn an_event_of_many_lines_has_the_same_bound() {
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        let lines = line.repeat(2 * LONGEST_EVENT / 1000);
        assert_eq!(read(&[&lines]), Err(UpstreamError::TooLong));
    }

    proptest! {
        #[test]
        fn every_cut_gives_the_same_events(
            stream in "(data|data:|data: |:|error|x|[a-c]{0,3}|\n|\r|\r\n){0,40}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[bytes]));
        }
    }
}
