//! What chats and completions have in common.

use std::collections::BTreeMap;

use crate::fields::Fields;
use crate::sampling::{Sampling, check_stop, within};
use crate::{Invalid, PrivateText};

/// Most answers that one request may ask for.
pub const MOST_CHOICES: usize = 32;

/// Parameters that change no answer. They name the user to the server's owner, who is not told.
const IGNORED: [&str; 6] = [
    "user",
    "metadata",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];

/// What chats and completions have in common.
#[derive(Debug, PartialEq)]
pub struct Common {
    /// The model's name.
    pub model: PrivateText,
    /// Most tokens of each answer; `None` is what is left of the context.
    pub max_tokens: Option<usize>,
    /// How each token is chosen. The seed is 0 where the client gave none.
    pub sampling: Sampling,
    /// The client's own seed.
    pub seed: Option<u64>,
    /// Texts that end an answer.
    pub stop: Vec<PrivateText>,
    /// Answers for each prompt.
    pub choices: usize,
    /// Whether the answer comes in events.
    pub stream: bool,
    /// Whether the last event counts tokens.
    pub include_usage: bool,
    /// How many alternatives are told for each token; `None` tells no probability at all.
    pub logprobs: Option<usize>,
}

impl Common {
    /// Takes everything out of `fields`, and refuses what is left in it.
    pub(crate) fn take(
        mut fields: Fields<'_>,
        max_tokens: Option<usize>,
        logprobs: Option<usize>,
    ) -> Result<Self, Invalid> {
        let model = fields.require("model", "a string")?;
        let seed = fields.integer("seed", "an integer of at most 2^53")?.map(i64::cast_unsigned);
        let sampling = sampling(&mut fields, seed.unwrap_or(0))?;
        let stop = stop(&mut fields)?;
        let choices = fields.count("n", "a positive integer")?.unwrap_or(1);
        within("n", choices, 1..=MOST_CHOICES)?;
        if let Some(tokens) = max_tokens {
            within("max_tokens", tokens, 1..=usize::MAX)?;
        }
        fields.only("service_tier", &["\"auto\"", "\"default\""])?;
        let stream = fields.take("stream", "true or false")?.unwrap_or(false);
        let include_usage = include_usage(&mut fields)?;
        for name in IGNORED {
            fields.take_raw(name);
        }
        fields.finish()?;
        Ok(Self {
            model,
            max_tokens,
            sampling,
            seed,
            stop,
            choices,
            stream,
            include_usage,
            logprobs,
        })
    }
}

fn sampling(fields: &mut Fields<'_>, seed: u64) -> Result<Sampling, Invalid> {
    let mut sampling = Sampling::new(seed);
    let mut number = |name, place: &mut f32| -> Result<(), Invalid> {
        if let Some(value) = fields.take(name, "a number")? {
            *place = value;
        }
        Ok(())
    };
    number("temperature", &mut sampling.temperature)?;
    number("top_p", &mut sampling.top_p)?;
    number("min_p", &mut sampling.min_p)?;
    number("frequency_penalty", &mut sampling.frequency_penalty)?;
    number("presence_penalty", &mut sampling.presence_penalty)?;
    sampling.top_k = top_k(fields)?;
    sampling.logit_bias = logit_bias(fields)?;
    sampling.check()?;
    Ok(sampling)
}

/// 0 and -1 both mean all, as other servers have it.
fn top_k(fields: &mut Fields<'_>) -> Result<usize, Invalid> {
    const EXPECTED: &str = "an integer of at least -1";
    match fields.integer("top_k", EXPECTED)? {
        None | Some(-1) => Ok(0),
        Some(count) => usize::try_from(count).map_err(|_| fields.value("top_k", EXPECTED)),
    }
}

fn logit_bias(fields: &mut Fields<'_>) -> Result<BTreeMap<u32, f32>, Invalid> {
    const EXPECTED: &str = "an object from token ids to numbers";
    let biases: Option<BTreeMap<String, f32>> = fields.take("logit_bias", EXPECTED)?;
    let parsed =
        biases.unwrap_or_default().into_iter().map(|(id, bias)| Some((id.parse().ok()?, bias)));
    parsed.collect::<Option<_>>().ok_or_else(|| fields.kind("logit_bias", EXPECTED))
}

/// One string or a list of them.
fn stop(fields: &mut Fields<'_>) -> Result<Vec<PrivateText>, Invalid> {
    const EXPECTED: &str = "a string or a list of strings";
    let Some(raw) = fields.take_raw("stop") else { return Ok(Vec::new()) };
    let parsed = if raw.get().starts_with('"') {
        serde_json::from_str(raw.get()).map(|text| vec![text])
    } else {
        serde_json::from_str(raw.get())
    };
    let stop: Vec<PrivateText> = parsed.map_err(|_| fields.kind("stop", EXPECTED))?;
    check_stop(&stop)?;
    Ok(stop)
}

fn include_usage(fields: &mut Fields<'_>) -> Result<bool, Invalid> {
    let Some(raw) = fields.take_raw("stream_options") else { return Ok(false) };
    let mut options = Fields::inside(raw, "stream_options")?;
    let include = options.take("include_usage", "true or false")?.unwrap_or(false);
    // Every event is padded anyway: there is nothing to obfuscate.
    options.take::<bool>("include_obfuscation", "true or false")?;
    options.finish()?;
    Ok(include)
}
