//! How far an answer may leave: a stream event by event, but its end only once the receipt holds;
//! everything else only then.

use sealroom_attestation::seal::{Plaintext, SseStrip};

/// Whether a line tells an OpenAI client that the answer is whole, as leniently as any of them reads it.
fn says_done(line: &[u8]) -> bool {
    let data = line.strip_prefix(b"data:").unwrap_or_default();
    data.strip_prefix(b" ").unwrap_or(data).starts_with(b"[DONE]")
}

/// Opened content on its way out.
pub(super) enum Release {
    /// Server-sent events.
    Stream(Events),
    /// One body, held until its end.
    Whole(Plaintext),
}

impl Release {
    pub(super) fn feed(&mut self, content: &[u8]) {
        match self {
            Self::Stream(events) => events.feed(content),
            Self::Whole(body) => body.extend_from_slice(content),
        }
    }

    /// What may leave now; `None` when nothing may.
    pub(super) fn take(&mut self, proof: Proven) -> Option<Plaintext> {
        let ready = match (self, proof) {
            (Self::Stream(events), proof) => events.take(proof),
            (Self::Whole(body), Proven::Whole) => std::mem::take(body),
            (Self::Whole(_), Proven::SoFar) => Plaintext::new(),
        };
        (!ready.is_empty()).then_some(ready)
    }
}

/// How much of an answer is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proven {
    /// What came is genuine; whether it is everything is not known.
    SoFar,
    /// Its end came, and its receipt holds.
    Whole,
}

/// Events without their filler, of which `[DONE]` waits.
#[derive(Default)]
pub(super) struct Events {
    strip: SseStrip,
    pending: Plaintext,
    /// Bytes of `pending` that were searched for the end of an event.
    searched: usize,
    /// Bytes of `pending` that may leave.
    ready: usize,
    done: bool,
}

impl Events {
    fn feed(&mut self, content: &[u8]) {
        self.strip.feed(content, &mut self.pending);
        while !self.done {
            // The blank line may have been cut between two feeds.
            let from = self.searched.saturating_sub(1).max(self.ready);
            let rest = self.pending.get(from..).unwrap_or_default();
            let Some(at) = rest.windows(2).position(|two| two == b"\n\n") else {
                self.searched = self.pending.len();
                return;
            };
            let end = from.saturating_add(at).saturating_add(2);
            let event = self.pending.get(self.ready..end).unwrap_or_default();
            self.done = event.split(|byte| *byte == b'\n').any(says_done);
            if !self.done {
                self.ready = end;
                self.searched = end;
            }
        }
    }

    fn take(&mut self, proof: Proven) -> Plaintext {
        let leaving = match proof {
            Proven::SoFar => self.ready,
            Proven::Whole => self.pending.len(),
        };
        let (out, rest) = self.pending.split_at_checked(leaving).unwrap_or_default();
        let (out, rest) = (Plaintext::from(out), Plaintext::from(rest));
        if !out.is_empty() {
            self.pending = rest;
            self.searched = self.searched.saturating_sub(leaving);
            self.ready = 0;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"data: {\"a\":1}\n:....\n\n:...\n\ndata: 2\ndata: 3\n\ndata: [DONE]\n:..\n\n";
    const BEFORE_THE_END: &[u8] = b"data: {\"a\":1}\n\ndata: 2\ndata: 3\n\n";
    const ALL: &[u8] = b"data: {\"a\":1}\n\ndata: 2\ndata: 3\n\ndata: [DONE]\n\n";

    fn taken(release: &mut Release, proof: Proven) -> Vec<u8> {
        release.take(proof).map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_stream_leaves_event_by_event_and_its_end_only_when_proven_at_every_cut() {
        for cut in 0..=STREAM.len() {
            let mut release = Release::Stream(Events::default());
            let mut out = Vec::new();
            let (head, tail) = STREAM.split_at(cut);
            for part in [head, tail] {
                release.feed(part);
                out.extend(taken(&mut release, Proven::SoFar));
                assert!(
                    out.is_empty() || out.ends_with(b"\n\n"),
                    "whole events only, cut at {cut}"
                );
            }
            assert_eq!(out, BEFORE_THE_END, "cut at {cut}");
            out.extend(taken(&mut release, Proven::Whole));
            assert_eq!(out, ALL, "cut at {cut}");
            assert_eq!(release.take(Proven::Whole), None);
        }
    }

    #[test]
    fn the_first_event_does_not_wait_for_the_second() {
        let mut release = Release::Stream(Events::default());
        release.feed(b"data: 1\n:....\n\n");
        assert_eq!(taken(&mut release, Proven::SoFar), b"data: 1\n\n");
    }

    #[test]
    fn nothing_leaves_after_the_end_before_it_is_proven() {
        let mut release = Release::Stream(Events::default());
        release.feed(b"data: [DONE]\n\ndata: more\n\n");
        assert_eq!(release.take(Proven::SoFar), None);
        release.feed(b"data: and more\n\n");
        assert_eq!(release.take(Proven::SoFar), None);
    }

    #[test]
    fn every_spelling_of_the_end_waits_for_its_proof() {
        for event in ["data:[DONE]\n\n", "id: 1\ndata: [DONE]\n\n", "data: [DONE] \n\n"] {
            let mut release = Release::Stream(Events::default());
            release.feed(event.as_bytes());
            assert_eq!(release.take(Proven::SoFar), None, "{event:?}");
            assert_eq!(taken(&mut release, Proven::Whole), event.as_bytes());
        }
    }

    #[test]
    fn a_text_that_mentions_the_end_is_not_the_end() {
        let mut release = Release::Stream(Events::default());
        release.feed(b"data: {\"content\":\"data: [DONE]\"}\n\n");
        assert_eq!(taken(&mut release, Proven::SoFar), b"data: {\"content\":\"data: [DONE]\"}\n\n");
    }

    #[test]
    fn any_other_answer_waits_for_its_proof() {
        let mut release = Release::Whole(Plaintext::new());
        release.feed(b"{}");
        assert_eq!(release.take(Proven::SoFar), None);
        assert_eq!(taken(&mut release, Proven::Whole), b"{}");
    }
}
