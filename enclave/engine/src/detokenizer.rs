//! Bytes of tokens to text, never half a character.

use zeroize::Zeroizing;

use sealroom_request::PrivateText;

/// Collects the bytes of one answer and gives them out as soon as they are whole characters.
#[derive(Default)]
pub(crate) struct Detokenizer {
    pending: Zeroizing<Vec<u8>>,
}

impl Detokenizer {
    /// Adds the bytes of one token; returns what became certain. Bytes that can never become a
    /// character show as U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> PrivateText {
        let mut pending = Zeroizing::new(Vec::with_capacity(self.pending.len() + bytes.len()));
        pending.extend_from_slice(&self.pending);
        pending.extend_from_slice(bytes);
        // A replacement character is three bytes long: the text never moves while it grows.
        let mut text = Zeroizing::new(String::with_capacity(3 * pending.len()));
        let mut rest: &[u8] = &pending;
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    rest = after;
                    let Some(broken) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = rest.get(broken..).unwrap_or_default();
                }
            }
        }
        self.pending = Zeroizing::new(rest.to_vec());
        PrivateText::new(std::mem::take(&mut *text))
    }

    /// The end of the answer: an unfinished character shows as one U+FFFD.
    pub(crate) fn finish(&mut self) -> PrivateText {
        let pending = std::mem::take(&mut self.pending);
        PrivateText::new(String::from_utf8_lossy(&pending).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holds_back_half_a_character() {
        let mut detokenizer = Detokenizer::default();
        let crab = "🦀".as_bytes();
        assert_eq!(detokenizer.push(&crab[..3]).expose(), "");
        assert_eq!(detokenizer.push(&crab[3..]).expose(), "🦀");
        assert_eq!(detokenizer.finish().expose(), "");
    }

    #[test]
    fn shows_an_impossible_byte_as_a_replacement_character() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(b"a\xFFb").expose(), "a\u{FFFD}b");
    }

    #[test]
    fn shows_an_unfinished_character_at_the_end_as_a_replacement_character() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(&"é".as_bytes()[..1]).expose(), "");
        assert_eq!(detokenizer.finish().expose(), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn pieces_add_up_to_the_lossy_text(bytes: Vec<u8>, cuts in proptest::collection::vec(1usize..5, 0..64)) {
            let mut detokenizer = Detokenizer::default();
            let (mut text, mut rest) = (String::new(), bytes.as_slice());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                text += detokenizer.push(piece).expose();
                rest = after;
            }
            text += detokenizer.push(rest).expose();
            text += detokenizer.finish().expose();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
