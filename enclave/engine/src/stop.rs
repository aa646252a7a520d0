//! Stop strings over streamed text: nothing that could begin one leaves too early.

use zeroize::Zeroizing;

use sealroom_request::PrivateText;

/// Watches one answer for its stop strings.
pub(crate) struct StopWatch {
    stops: Vec<PrivateText>,
    held: Zeroizing<String>,
}

/// What a piece of text led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// This text is certain; the answer goes on.
    Release(PrivateText),
    /// This text is the rest of the answer: the stop string of this index follows it.
    Stop(PrivateText, usize),
}

impl StopWatch {
    /// Watches for `stops`, none of which is empty.
    pub(crate) fn new(stops: Vec<PrivateText>) -> Self {
        Self { stops, held: Zeroizing::default() }
    }

    /// Adds a piece of the answer. The earliest match wins; of two that begin together, the first
    /// in the request.
    pub(crate) fn push(&mut self, piece: &str) -> Watched {
        let mut held = Zeroizing::new(String::with_capacity(self.held.len() + piece.len()));
        held.push_str(&self.held);
        held.push_str(piece);
        self.held = held;
        let found = self.stops.iter().enumerate().filter_map(|(index, stop)| {
            self.held.find(stop.expose()).map(|position| (position, index))
        });
        if let Some((position, index)) = found.min() {
            let text = self.held.get(..position).unwrap_or_default().into();
            self.held = Zeroizing::default();
            return Watched::Stop(text, index);
        }
        let keep = self.stops.iter().map(|stop| begun(&self.held, stop.expose())).max();
        let certain = self.held.len() - keep.unwrap_or(0);
        let text = self.held.get(..certain).unwrap_or_default().into();
        self.held.drain(..certain);
        Watched::Release(text)
    }

    /// The end of the answer: what was held back is ordinary text after all.
    pub(crate) fn finish(&mut self) -> PrivateText {
        PrivateText::new(std::mem::take(&mut *self.held))
    }
}

/// Length of the longest end of `text` that begins `stop`.
pub(crate) fn begun(text: &str, stop: &str) -> usize {
    let ends = stop.char_indices().map(|(at, _)| at).rev();
    ends.filter(|&at| stop.get(..at).is_some_and(|begin| text.ends_with(begin))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watch(stops: &[&str]) -> StopWatch {
        StopWatch::new(stops.iter().map(|&stop| stop.into()).collect())
    }

    #[test]
    fn releases_text_at_once_when_nothing_can_match() {
        assert_eq!(watch(&["###"]).push("hello"), Watched::Release("hello".into()));
    }

    #[test]
    fn holds_back_only_what_could_begin_a_stop_string() {
        let mut watch = watch(&["###"]);
        assert_eq!(watch.push("a##"), Watched::Release("a".into()));
        assert_eq!(watch.push("b"), Watched::Release("##b".into()));
    }

    #[test]
    fn finds_a_stop_string_across_pieces() {
        let mut watch = watch(&["###"]);
        assert_eq!(watch.push("a##"), Watched::Release("a".into()));
        assert_eq!(watch.push("#rest"), Watched::Stop("".into(), 0));
    }

    #[test]
    fn the_earliest_stop_string_wins() {
        assert_eq!(watch(&["b", "a"]).push("xab"), Watched::Stop("x".into(), 1));
    }

    #[test]
    fn text_held_back_is_released_at_the_end() {
        let mut watch = watch(&["é!"]);
        assert_eq!(watch.push("caf"), Watched::Release("caf".into()));
        assert_eq!(watch.push("é"), Watched::Release("".into()));
        assert_eq!(watch.finish().expose(), "é");
    }

    proptest! {
        #[test]
        fn pieces_give_what_the_whole_text_gives(
            pieces in proptest::collection::vec("[ab]{0,3}", 0..12),
            stops in proptest::collection::vec("[ab]{1,4}", 0..3),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (mut pieced, mut text, mut stopped) = (watch(&stops), String::new(), false);
            for piece in &pieces {
                match pieced.push(piece) {
                    Watched::Release(released) => text += released.expose(),
                    Watched::Stop(released, _) => { text += released.expose(); stopped = true; break; }
                }
            }
            if !stopped { text += pieced.finish().expose(); }
            let all = pieces.concat();
            let first = stops.iter().filter_map(|stop| all.find(stop)).min();
            match first {
                // A shorter stop string may end before an earlier-beginning longer one is complete.
                Some(position) => prop_assert!(stopped && text.len() >= position && all.starts_with(&text)),
                None => prop_assert_eq!(text, all),
            }
        }
    }
}
