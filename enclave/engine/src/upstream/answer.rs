//! From what an engine says to the events of one answer. Sans-I/O: events of a stream and the time in, events of the seam out.

use std::time::Duration;

use sealroom_request::PrivateText;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::chunk::{CallDelta, Choice, Chunk, Counted, Weighed};
use super::error::UpstreamError;
use super::sse::Said;
use crate::engine::{Alternative, Call, Event, FinishReason, Finished, Timing, Token, Usage};

/// The longest text of an answer and of its calls, bytes: what a node sends at most.
const LONGEST_TEXT: usize = 32 << 20;
/// The most calls of one answer.
const MOST_CALLS: usize = 128;

/// Tokens that any engine may hold back: the end of a turn, characters that were never finished.
const HELD_BACK: usize = 8;

/// What an answer is held against.
pub(super) struct Rules {
    /// The most tokens that it can have.
    pub(super) most: usize,
    /// How many alternatives of each token are passed on.
    pub(super) top: usize,
    pub(super) stop: Vec<PrivateText>,
    /// Names of what it may call.
    pub(super) tools: Vec<String>,
    /// Whether its stream must count what it used.
    pub(super) tells_usage: bool,
}

impl Rules {
    /// The most tokens that can be counted when `told` came. An engine that reads calls holds back what it read, and one that
    /// found a stop string at most a token for each byte of it: who pays for tokens must not pay for invented ones.
    fn countable(&self, told: usize) -> usize {
        if !self.tools.is_empty() {
            return self.most;
        }
        let stop = self.stop.iter().map(|stop| stop.expose().len()).max().unwrap_or(0);
        self.most.min(told.saturating_add(stop).saturating_add(HELD_BACK))
    }
}

/// One answer, while it comes.
pub(super) struct Answer {
    rules: Rules,
    counted: usize,
    length: usize,
    /// Text that no token came with yet.
    held: Zeroizing<String>,
    calls: Vec<Partial>,
    /// The last token, once there are calls: they are complete only when all is, and a token must carry them.
    pending: Option<Token>,
    /// What was told of the prompt at the beginning.
    began: Option<Option<usize>>,
    reason: Option<FinishReason>,
    usage: Option<Counted>,
    queue: Duration,
    first_token: Option<Duration>,
    is_over: bool,
}

/// A call that is being written.
#[derive(Default)]
struct Partial {
    name: String,
    arguments: Zeroizing<String>,
}

impl Answer {
    /// One that begins; `queue` is how long its request waited for the engine to take it.
    pub(super) fn new(rules: Rules, queue: Duration) -> Self {
        Self {
            rules,
            counted: 0,
            length: 0,
            held: Zeroizing::default(),
            calls: Vec::new(),
            pending: None,
            began: None,
            reason: None,
            usage: None,
            queue,
            first_token: None,
            is_over: false,
        }
    }

    /// Whether a token of it came.
    pub(super) const fn has_begun(&self) -> bool {
        self.first_token.is_some()
    }

    /// Whether its last event was given.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// What one event of the stream means, `now` after the request was submitted.
    ///
    /// # Errors
    /// The first thing that no sound answer has.
    pub(super) fn take(&mut self, said: &Said, now: Duration) -> Result<Vec<Event>, UpstreamError> {
        let data = match said {
            Said::Data(data) => data.bytes(),
            Said::Error => return Err(UpstreamError::Reported),
        };
        if data == b"[DONE]" {
            return self.end(now);
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|_| UpstreamError::Malformed)?;
        if chunk.error.is_some() {
            return Err(UpstreamError::Reported);
        }
        let mut events = Vec::new();
        if self.began.is_none() {
            let prompt_tokens = chunk.usage.as_ref().map(|usage| usage.prompt_tokens);
            self.began = Some(prompt_tokens);
            events.push(Event::Started { prompt_tokens, queue: self.queue });
        }
        self.usage = chunk.usage.or(self.usage.take());
        for choice in chunk.choices {
            self.choice(choice, now, &mut events)?;
        }
        Ok(events)
    }

    fn choice(
        &mut self,
        mut choice: Choice,
        now: Duration,
        events: &mut Vec<Event>,
    ) -> Result<(), UpstreamError> {
        let tokens = choice.tokens()?;
        if choice.index != 0 {
            return Err(UpstreamError::Malformed);
        }
        let ended_before = self.reason.is_some();
        let before = (self.length, self.calls.len());
        self.text(&choice)?;
        let reason = reason(&choice, &self.rules.stop)?;
        // Nothing follows the end but counting.
        let silent = tokens.is_empty() && before == (self.length, self.calls.len());
        if ended_before && !(silent && reason.is_none()) {
            return Err(UpstreamError::Malformed);
        }
        let ends = reason == Some(FinishReason::EndToken);
        let count = tokens.len();
        for (index, weighed) in tokens.into_iter().enumerate() {
            let is_last = index + 1 == count;
            let token = self.token(weighed, is_last, ends, now)?;
            events.extend(self.pending.take().map(Event::Token));
            if self.calls.is_empty() {
                events.push(Event::Token(token));
            } else {
                self.pending = Some(token);
            }
        }
        self.reason = self.reason.or(reason);
        Ok(())
    }

    /// The text and the parts of calls that came.
    fn text(&mut self, choice: &Choice) -> Result<(), UpstreamError> {
        if let Some(text) = &choice.text {
            self.say(text)?;
        }
        let Some(delta) = &choice.delta else { return Ok(()) };
        if delta.has_reasoning() {
            return Err(UpstreamError::Reasoning);
        }
        if let Some(text) = &delta.content {
            self.say(text)?;
        }
        delta.tool_calls.iter().flatten().try_for_each(|call| self.call(call))
    }

    fn say(&mut self, text: &PrivateText) -> Result<(), UpstreamError> {
        self.lengthen(text.len())?;
        append(&mut self.held, text.expose());
        Ok(())
    }

    fn call(&mut self, delta: &CallDelta) -> Result<(), UpstreamError> {
        if delta.index == self.calls.len() && delta.index < MOST_CALLS {
            self.calls.push(Partial::default());
        }
        let Some(function) = &delta.function else { return Ok(()) };
        let name = function.name.as_deref().unwrap_or_default();
        let arguments = function.arguments.as_ref().map_or("", PrivateText::expose);
        self.lengthen(name.len().saturating_add(arguments.len()))?;
        let call = self.calls.get_mut(delta.index).ok_or(UpstreamError::Malformed)?;
        // Some engines repeat the name with every part.
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        append(&mut call.arguments, arguments);
        Ok(())
    }

    fn lengthen(&mut self, by: usize) -> Result<(), UpstreamError> {
        self.length = self.length.saturating_add(by);
        if self.length > LONGEST_TEXT { Err(UpstreamError::TooLong) } else { Ok(()) }
    }

    /// One token. The last one of an event brings its text along, and one that only ends the answer stands for no text.
    fn token(
        &mut self,
        weighed: Weighed,
        is_last: bool,
        ends: bool,
        now: Duration,
    ) -> Result<Token, UpstreamError> {
        self.count(1)?;
        self.first_token.get_or_insert(now);
        let text = if is_last { std::mem::take(&mut self.held) } else { Zeroizing::default() };
        let bytes = weighed.one.bytes;
        let is_end = is_last && ends && !text.as_bytes().ends_with(&bytes);
        let bytes = if is_end { Zeroizing::default() } else { bytes };
        let top = weighed.top.into_iter().take(self.rules.top);
        let top = top.map(|one| Alternative {
            id: one.id,
            logprob: one.logprob,
            bytes: one.bytes.as_slice().into(),
        });
        Ok(Token {
            id: weighed.one.id,
            text: text.as_str().into(),
            calls: Vec::new(),
            bytes: bytes.as_slice().into(),
            logprob: weighed.one.logprob,
            top: top.collect(),
        })
    }

    fn count(&mut self, more: usize) -> Result<(), UpstreamError> {
        self.counted = self.counted.saturating_add(more);
        if self.counted > self.rules.most { Err(UpstreamError::TooManyTokens) } else { Ok(()) }
    }

    /// The end: what is left, and the books.
    fn end(&mut self, now: Duration) -> Result<Vec<Event>, UpstreamError> {
        let reason = self.reason.ok_or(UpstreamError::FinishReason)?;
        let usage = self.books()?;
        let calls = self.complete(reason)?;
        let reason = match reason {
            FinishReason::EndToken if !calls.is_empty() => FinishReason::Calls,
            FinishReason::Calls if calls.is_empty() => return Err(UpstreamError::Call),
            other => other,
        };
        let untold = usage.completion.saturating_sub(self.counted);
        let mut tokens: Vec<_> = self.pending.take().into_iter().collect();
        tokens.extend((0..untold).map(|_| untold_token()));
        if untold > 0 {
            self.first_token.get_or_insert(now);
        }
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() || !calls.is_empty() {
            let last = tokens.last_mut().ok_or(UpstreamError::Usage)?;
            let text = Zeroizing::new([last.text.expose(), &held].concat());
            last.text = text.as_str().into();
            last.calls = calls;
        }
        self.is_over = true;
        let first_token = self.first_token.unwrap_or(now);
        let timing = Timing { queue: self.queue, first_token, total: now };
        let mut events: Vec<_> = tokens.into_iter().map(Event::Token).collect();
        events.push(Event::Finished(Finished { reason, usage, timing }));
        Ok(events)
    }

    /// Holds what the engine counted against what it sent. Tokens that it held back and never told are only counted, within
    /// bounds.
    fn books(&self) -> Result<Usage, UpstreamError> {
        let Some(counted) = &self.usage else {
            let own = Usage { prompt: 0, completion: self.counted, cached: 0 };
            return if self.rules.tells_usage { Err(UpstreamError::NoUsage) } else { Ok(own) };
        };
        let cached = counted.prompt_tokens_details.as_ref();
        let usage = Usage {
            prompt: counted.prompt_tokens,
            completion: counted.completion_tokens.unwrap_or_default(),
            cached: cached.and_then(|details| details.cached_tokens).unwrap_or_default(),
        };
        let told = self.began.flatten().unwrap_or(usage.prompt);
        let most = self.rules.countable(self.counted);
        let holds = (self.counted..=most).contains(&usage.completion)
            && usage.cached <= usage.prompt
            && told == usage.prompt;
        if !holds {
            return Err(UpstreamError::Usage);
        }
        if self.counted == 0 && self.length > 0 {
            return Err(UpstreamError::NoProbabilities);
        }
        Ok(usage)
    }

    /// The calls, each of them one that was offered, with arguments that are JSON. One that was cut off is none.
    fn complete(&mut self, reason: FinishReason) -> Result<Vec<Call>, UpstreamError> {
        let mut calls = Vec::new();
        for call in std::mem::take(&mut self.calls) {
            let arguments = if call.arguments.is_empty() { "{}" } else { call.arguments.as_str() };
            let is_json = serde_json::from_str::<IgnoredAny>(arguments).is_ok();
            if !is_json && reason == FinishReason::Length {
                break;
            }
            if !is_json || !self.rules.tools.contains(&call.name) {
                return Err(UpstreamError::Call);
            }
            calls.push(Call { arguments: arguments.into(), name: call.name });
        }
        Ok(calls)
    }
}

/// Grows without leaving a copy of the old text behind.
fn append(text: &mut Zeroizing<String>, more: &str) {
    let needed = text.len().saturating_add(more.len());
    if needed > text.capacity() {
        let room = needed.max(text.capacity().saturating_mul(2));
        let mut grown = Zeroizing::new(String::with_capacity(room));
        grown.push_str(text);
        *text = grown;
    }
    text.push_str(more);
}

/// A token of which only its being is known.
fn untold_token() -> Token {
    Token {
        id: None,
        text: PrivateText::default(),
        calls: Vec::new(),
        bytes: Default::default(),
        logprob: 0.0,
        top: Vec::new(),
    }
}

fn reason(choice: &Choice, stop: &[PrivateText]) -> Result<Option<FinishReason>, UpstreamError> {
    let Some(name) = choice.finish_reason.as_deref() else { return Ok(None) };
    let stopped_by = choice.stopped_by().and_then(|by| stop.iter().position(|stop| stop == by));
    match name {
        "stop" => Ok(Some(stopped_by.map_or(FinishReason::EndToken, FinishReason::StopString))),
        "length" => Ok(Some(FinishReason::Length)),
        "tool_calls" => Ok(Some(FinishReason::Calls)),
        _ => Err(UpstreamError::FinishReason),
    }
}

#[cfg(test)]
mod tests;
