//! How a token is chosen, within which bounds.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::PrivateText;

/// Most stop strings one request may carry.
pub const MAX_STOP_STRINGS: usize = 16;
/// Longest stop string, in characters: this much text can be held back.
pub const MAX_STOP_CHARS: usize = 1024;
/// Most alternatives one token event may carry.
pub const MAX_TOP_LOGPROBS: usize = 20;

/// How a token is chosen from the logits. Applied in this order: bias, penalties, temperature,
/// `min_p`, `top_k`, `top_p`, draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token; otherwise at most 2.
    pub temperature: f32,
    /// Keeps the k likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the smallest set whose probabilities sum up to this.
    pub top_p: f32,
    /// Drops tokens less likely than this times the likeliest.
    pub min_p: f32,
    /// Subtracted from a token's logit for every time it was generated before, -2 to 2.
    pub frequency_penalty: f32,
    /// Subtracted once from the logit of every token generated before, -2 to 2.
    pub presence_penalty: f32,
    /// Added to the logits of single tokens, -100 to 100.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Start of the random sequence: same request, same seed, same answer. The caller draws it.
    pub seed: u64,
}

impl Sampling {
    /// OpenAI's defaults: temperature 1, nothing cut, nothing penalised.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: BTreeMap::new(),
            seed,
        }
    }

    /// Always the likeliest token.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::new(0) }
    }

    /// Holds every number against its range. Whether a token exists only its model knows.
    ///
    /// # Errors
    /// The first number that is outside.
    pub fn check(&self) -> Result<(), OutOfRange> {
        within("temperature", self.temperature, 0.0..=2.0)?;
        within("top_p", self.top_p, 1e-6..=1.0)?;
        within("min_p", self.min_p, 0.0..=1.0)?;
        within("frequency_penalty", self.frequency_penalty, -2.0..=2.0)?;
        within("presence_penalty", self.presence_penalty, -2.0..=2.0)?;
        self.logit_bias.values().try_for_each(|&bias| within("logit_bias", bias, -100.0..=100.0))
    }
}

/// A number outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter {parameter} is {found}: {expected} expected")]
pub struct OutOfRange {
    /// Name as in the OpenAI interface.
    pub parameter: &'static str,
    /// The value given; never text of users.
    pub found: String,
    /// The range accepted.
    pub expected: String,
}

impl OutOfRange {
    /// A value and what was expected instead.
    #[must_use]
    pub fn new(parameter: &'static str, found: impl Display, expected: impl Display) -> Self {
        Self { parameter, found: found.to_string(), expected: expected.to_string() }
    }
}

/// Not-a-number lies in no range and is refused like any other value outside.
pub(crate) fn within<T: PartialOrd + Display + Copy>(
    parameter: &'static str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), OutOfRange> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(OutOfRange::new(parameter, found, format_args!("{} to {}", range.start(), range.end())))
}

/// Holds stop strings against their bounds.
///
/// # Errors
/// Too many, an empty one, or one that is too long.
pub fn check_stop(stop: &[PrivateText]) -> Result<(), OutOfRange> {
    if stop.len() > MAX_STOP_STRINGS {
        let expected = format_args!("at most {MAX_STOP_STRINGS} strings");
        return Err(OutOfRange::new("stop", stop.len(), expected));
    }
    let lengths = stop.iter().map(|stop| stop.expose().chars().count());
    let wrong = lengths.into_iter().find(|length| !(1..=MAX_STOP_CHARS).contains(length));
    wrong.map_or(Ok(()), |length| {
        let found = format_args!("a string of {length} characters");
        Err(OutOfRange::new("stop", found, format_args!("1 to {MAX_STOP_CHARS} characters")))
    })
}
