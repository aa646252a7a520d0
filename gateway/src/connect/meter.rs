//! What the endpoint counts, for Prometheus. Numbers only: no text, no name of a model, no key.

use std::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicI64, AtomicU64},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use sealroom_attestation::{Verified, receipt::Receipt};

/// Bounds of times, seconds.
const TIMES: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Counters, gauges and times of one endpoint.
#[derive(Debug)]
pub(super) struct Meter {
    registry: Registry,
    requests: Family<Labels, Counter<u64, AtomicU64>>,
    tokens: Family<TokenLabels, Counter<u64, AtomicU64>>,
    in_flight: Gauge<i64, AtomicI64>,
    verified: Gauge<i64, AtomicI64>,
    first: Histogram,
    whole: Histogram,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// With a whole answer and, where there was work, a receipt that holds.
    Answered,
    /// Refused here, before anything was sealed.
    Refused,
    /// An error: of the way, of the node, or of what it showed.
    Failed,
    /// The client left.
    Left,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TokenKind {
    Prompt,
    Completion,
    Cached,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Left => "left",
        })
    }
}

impl EncodeLabelValue for TokenKind {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Prompt => "prompt",
            Self::Completion => "completion",
            Self::Cached => "cached",
        })
    }
}

impl Meter {
    pub(super) fn new() -> Self {
        let times = || Histogram::new(TIMES);
        let mut meter = Self {
            registry: Registry::with_prefix("sealroom_connect"),
            requests: Family::default(),
            tokens: Family::default(),
            in_flight: Gauge::default(),
            verified: Gauge::default(),
            first: times(),
            whole: times(),
        };
        let Self { registry, requests, tokens, in_flight, verified, first, whole } = &mut meter;
        registry.register("requests", "Requests by how they ended", requests.clone());
        registry.register("tokens", "Tokens of verified receipts", tokens.clone());
        registry.register("requests_in_flight", "Requests in progress", in_flight.clone());
        registry.register("session_verified", "1 while a node is verified", verified.clone());
        let seconds = Unit::Seconds;
        registry.register_with_unit(
            "first_byte",
            "From a request to the first byte of its answer",
            seconds.clone(),
            first.clone(),
        );
        registry.register_with_unit("answer", "From a request to its end", seconds, whole.clone());
        meter
    }

    /// A request begins. It counts as one whose client left, unless something else is told.
    pub(super) fn begin(&self) -> Metered {
        self.in_flight.inc();
        Metered {
            requests: self.requests.clone(),
            tokens: self.tokens.clone(),
            in_flight: self.in_flight.clone(),
            first: self.first.clone(),
            whole: self.whole.clone(),
            began: Instant::now(),
            outcome: Outcome::Left,
            has_begun: false,
        }
    }

    /// Everything, in the text format of OpenMetrics 1.0.
    pub(super) fn text(&self, is_verified: bool) -> String {
        self.verified.set(is_verified.into());
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("strings take everything");
        text
    }
}

/// One request while it is in progress.
pub(super) struct Metered {
    requests: Family<Labels, Counter<u64, AtomicU64>>,
    tokens: Family<TokenLabels, Counter<u64, AtomicU64>>,
    in_flight: Gauge<i64, AtomicI64>,
    first: Histogram,
    whole: Histogram,
    began: Instant,
    outcome: Outcome,
    has_begun: bool,
}

impl Metered {
    /// The first byte of the answer is here.
    pub(super) fn first_byte(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.first.observe(seconds(self.began.elapsed()));
        }
    }

    /// It ended with an answer.
    pub(super) fn answered(&mut self, receipt: Option<&Verified<Receipt>>) {
        self.outcome = Outcome::Answered;
        let Some(receipt) = receipt else { return };
        let usage = receipt.claims().usage;
        let counted = [
            (TokenKind::Prompt, usage.prompt),
            (TokenKind::Completion, usage.completion),
            (TokenKind::Cached, usage.cached),
        ];
        for (kind, count) in counted {
            self.tokens.get_or_create(&TokenLabels { kind }).inc_by(count);
        }
    }

    /// It ended otherwise.
    pub(super) const fn ended(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.in_flight.dec();
        self.requests.get_or_create(&Labels { outcome: self.outcome }).inc();
        self.whole.observe(seconds(self.began.elapsed()));
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_how_they_ended() {
        let meter = Meter::new();
        meter.begin().ended(Outcome::Refused);
        meter.begin().answered(None);
        let open = meter.begin();
        let text = meter.text(true);
        for line in [
            r#"sealroom_connect_requests_total{outcome="refused"} 1"#,
            r#"sealroom_connect_requests_total{outcome="answered"} 1"#,
            "sealroom_connect_requests_in_flight 1",
            "sealroom_connect_session_verified 1",
            "sealroom_connect_answer_seconds_count 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        drop(open);
        let text = meter.text(false);
        assert!(text.contains(r#"sealroom_connect_requests_total{outcome="left"} 1"#), "{text}");
        assert!(text.contains("sealroom_connect_session_verified 0"), "{text}");
    }
}
