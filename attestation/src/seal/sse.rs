//! Takes the filler out of a padded event stream, however its bytes arrive.

use super::Plaintext;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    LineStart,
    Field,
    Comment,
}

/// Removes comment lines from a stream of server-sent events, and the blank line of an event that has no
/// other line: a keep-alive leaves nothing. Everything else passes unchanged, byte for byte.
///
/// Lines end with a line feed, as a node writes them.
///
/// ```
/// use sealroom_attestation::seal::{Plaintext, SseStrip};
/// let (mut strip, mut out) = (SseStrip::new(), Plaintext::new());
/// strip.feed(b"data: hi\n:....", &mut out);
/// strip.feed(b"..\n\n:...\n\n", &mut out);
/// assert_eq!(&out[..], b"data: hi\n\n");
/// ```
#[derive(Clone, Debug)]
pub struct SseStrip {
    position: Position,
    /// The event has a line that is not a comment.
    begun: bool,
}

impl SseStrip {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { position: Position::LineStart, begun: false }
    }

    /// Takes the next bytes and adds what is not filler to `out`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Plaintext) {
        while let Some(first) = bytes.first() {
            if self.position == Position::LineStart {
                self.position = if *first == b':' { Position::Comment } else { Position::Field };
                if *first == b'\n' {
                    let (blank, rest) = bytes.split_at(1);
                    if self.begun {
                        out.extend_from_slice(blank);
                    }
                    self.position = Position::LineStart;
                    self.begun = false;
                    bytes = rest;
                    continue;
                }
            }
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at.saturating_add(1));
            let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.position == Position::Field {
                out.extend_from_slice(line);
                self.begun = true;
            }
            if end.is_some() {
                self.position = Position::LineStart;
            }
            bytes = rest;
        }
    }
}

impl Default for SseStrip {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(parts: &[&[u8]]) -> Vec<u8> {
        let (mut strip, mut out) = (SseStrip::new(), Plaintext::new());
        for part in parts {
            strip.feed(part, &mut out);
        }
        out.to_vec()
    }

    #[test]
    fn gives_the_same_bytes_at_every_cut() {
        let stream =
            b":....\n\ndata: a:b\n:..\n\nevent: x\n:\ndata: \n\ndata: [DONE]\n:.......\n\n";
        let expected = b"data: a:b\n\nevent: x\ndata: \n\ndata: [DONE]\n\n";
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(strip(&[head, tail]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn keeps_a_colon_inside_a_line() {
        assert_eq!(strip(&[b"data", b": {\"a\":1}\n", b"\n"]), b"data: {\"a\":1}\n\n");
    }
}
