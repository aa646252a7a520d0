//! Markup that is ours, and text that may be anybody's: the types keep them apart.

use std::fmt::{self, Display, Write};

use sealroom_attestation::UnixTime;

use crate::report::visible::visible;

/// A page while it is written. What is not a literal of this program can only be added as text.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// Adds markup: only what the compiler has seen.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Adds text, also inside the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        write!(Escaped(&mut self.out), "{text}").expect("writing to a string");
        self
    }

    /// Adds one element around a text; `open` and `close` are its tags.
    pub(super) fn element(
        &mut self,
        open: &'static str,
        text: impl Display,
        close: &'static str,
    ) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// Adds a time, which stays on one line.
    pub(super) fn time(&mut self, time: UnixTime) -> &mut Self {
        self.element("<time>", time, "</time>")
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// What is written here ends up as characters of the page, never as markup.
struct Escaped<'o>(&'o mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars().map(visible) {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup_and_never_turns_the_line_round() {
        let mut out = Html::default();
        out.raw("<b>").text("</b><i a=\"'&\u{202e}\u{0}").raw("</b>");
        let expected = "<b>&lt;/b&gt;&lt;i a=&quot;&#39;&amp;\u{fffd}\u{fffd}</b>";
        assert_eq!(out.finish(), expected);
    }
}
