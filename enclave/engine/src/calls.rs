//! Calls of tools inside an answer's text. The syntax is the one that most open models were trained on (Hermes, Qwen):
//! `<tool_call>`, a JSON object with name and arguments, `</tool_call>`. The answer's grammar allows nothing else between the
//! two marks.

use sealroom_request::PrivateText;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::engine::Call;

/// Begins a call.
pub(crate) const BEGIN: &str = "<tool_call>\n";
/// Ends it.
pub(crate) const END: &str = "\n</tool_call>";

/// Takes calls out of a text that comes in pieces.
#[derive(Default)]
pub(crate) struct Calls {
    /// What may still become a mark, or the call that is being written.
    held: Zeroizing<String>,
    inside: bool,
    any: bool,
}

#[derive(Deserialize)]
struct Written<'a> {
    name: String,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

impl Calls {
    /// Adds a piece; gives the text that is none of a call, and the calls that are complete.
    pub(crate) fn push(&mut self, piece: &str) -> (PrivateText, Vec<Call>) {
        let mut held = Zeroizing::new(String::with_capacity(self.held.len() + piece.len()));
        held.push_str(&self.held);
        held.push_str(piece);
        let (mut text, mut calls) = (Zeroizing::new(String::with_capacity(held.len())), Vec::new());
        let mut rest = held.as_str();
        loop {
            let mark = if self.inside { END } else { BEGIN };
            let Some((before, after)) = rest.split_once(mark) else { break };
            if self.inside {
                calls.extend(read(before));
            } else {
                self.text(before, &mut text);
            }
            self.any |= self.inside;
            self.inside = !self.inside;
            rest = after;
        }
        if !self.inside {
            let certain = rest.len() - crate::stop::begun(rest, BEGIN);
            let (before, after) = rest.split_at(certain);
            self.text(before, &mut text);
            rest = after;
        }
        let rest = Zeroizing::new(rest.to_owned());
        self.held = rest;
        (PrivateText::new(std::mem::take(&mut *text)), calls)
    }

    /// The end of the answer. A call that was cut off is not a call, and its text is told as what it is.
    pub(crate) fn finish(&mut self) -> PrivateText {
        let held = std::mem::take(&mut *self.held);
        let begin = if std::mem::take(&mut self.inside) { BEGIN } else { "" };
        let mut text = String::with_capacity(begin.len() + held.len());
        text.push_str(begin);
        text.push_str(&held);
        drop(Zeroizing::new(held));
        PrivateText::new(text)
    }

    /// Whether there was a whole call.
    pub(crate) const fn any(&self) -> bool {
        self.any
    }

    /// Between two calls there is only a line feed.
    fn text(&self, before: &str, text: &mut String) {
        if !self.any || before.trim() != "" {
            text.push_str(before);
        }
    }
}

fn read(written: &str) -> Option<Call> {
    let call: Written<'_> = serde_json::from_str(written).ok()?;
    Some(Call { name: call.name, arguments: call.arguments.get().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>";

    fn call(name: &str, arguments: &str) -> Call {
        Call { name: name.to_owned(), arguments: arguments.into() }
    }

    #[test]
    fn finds_calls_wherever_the_text_is_cut() {
        for cut in 0..=ANSWER.len() {
            let mut reader = Calls::default();
            let (head, tail) = ANSWER.split_at(cut);
            let (first, mut calls) = reader.push(head);
            let (second, more) = reader.push(tail);
            calls.extend(more);
            let text = [first.expose(), second.expose(), reader.finish().expose()].concat();
            assert_eq!(text, "Let me see.\n", "cut at {cut}");
            assert_eq!(calls, [call("weather", r#"{"city": "Rome"}"#), call("time", "{}")]);
            assert!(reader.any());
        }
    }

    #[test]
    fn a_call_that_was_cut_off_is_text() {
        let mut reader = Calls::default();
        let (text, calls) = reader.push("a<tool_call>\n{\"name\"");
        assert_eq!((text.expose(), calls.len()), ("a", 0));
        assert_eq!(reader.finish().expose(), "<tool_call>\n{\"name\"");
        assert!(!reader.any());
    }

    #[test]
    fn text_that_only_begins_like_a_call_is_text() {
        let mut reader = Calls::default();
        assert_eq!(reader.push("a <tool_c").0.expose(), "a ");
        assert_eq!(reader.push("ase>").0.expose(), "<tool_case>");
    }
}
