//! What engines say in their streams, as JSON. Fields that nobody asked for are ignored.

use std::fmt;

use sealroom_request::PrivateText;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

use super::error::UpstreamError;

/// How vLLM writes a token by its id.
const BY_ID: &str = "token_id:";

/// The data of one event.
#[derive(Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Counted>,
    pub(super) error: Option<IgnoredAny>,
}

/// More of an answer.
#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: usize,
    pub(super) delta: Option<Delta>,
    /// Of completions.
    pub(super) text: Option<PrivateText>,
    pub(super) logprobs: Option<Logprobs>,
    pub(super) finish_reason: Option<String>,
    /// What ended it, as vLLM names it.
    stop_reason: Option<Ended>,
    /// The same in SGLang.
    matched_stop: Option<Ended>,
    /// vLLM's ids of the tokens of this event.
    #[serde(default, deserialize_with = "wiped")]
    token_ids: Option<Zeroizing<Vec<u32>>>,
}

/// A stop string, or the number of a token.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ended {
    By(PrivateText),
    Otherwise(IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<PrivateText>,
    /// Thoughts, by both names that engines have for them; some use both at once.
    reasoning: Option<PrivateText>,
    reasoning_content: Option<PrivateText>,
    pub(super) tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
pub(super) struct CallDelta {
    #[serde(default)]
    pub(super) index: usize,
    pub(super) function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
pub(super) struct FunctionDelta {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<PrivateText>,
}

/// Log-probabilities in either of the two shapes: chats have a list of tokens, completions a list for each field. Some engines
/// have the first shape for both.
#[derive(Deserialize)]
pub(super) struct Logprobs {
    content: Option<Vec<Content>>,
    tokens: Option<Vec<PrivateText>>,
    token_logprobs: Option<Vec<Option<f32>>>,
    top_logprobs: Option<Vec<Option<Pairs>>>,
}

#[derive(Deserialize)]
struct Content {
    token: PrivateText,
    id: Option<u32>,
    #[serde(default, deserialize_with = "wiped")]
    bytes: Option<Zeroizing<Vec<u8>>>,
    logprob: Option<f32>,
    #[serde(default)]
    top_logprobs: Vec<Content>,
}

/// A map from texts to log-probabilities, in its own order.
struct Pairs(Vec<(PrivateText, Option<f32>)>);

/// What a whole answer used.
#[derive(Deserialize)]
pub(super) struct Counted {
    pub(super) prompt_tokens: usize,
    #[serde(default)]
    pub(super) completion_tokens: Option<usize>,
    pub(super) prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
pub(super) struct Details {
    pub(super) cached_tokens: Option<usize>,
}

/// A token with its probability, and those of the likeliest in its place.
pub(super) struct Weighed {
    pub(super) one: Weight,
    pub(super) top: Vec<Weight>,
}

/// A token and its probability.
pub(super) struct Weight {
    pub(super) id: Option<u32>,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) logprob: f32,
}

/// What stands for a probability of zero.
const IMPOSSIBLE: f32 = -9999.0;

impl Choice {
    /// The stop string that ended it, where the engine tells that.
    pub(super) fn stopped_by(&self) -> Option<&PrivateText> {
        match self.stop_reason.as_ref().or(self.matched_stop.as_ref())? {
            Ended::By(text) => Some(text),
            Ended::Otherwise(_) => None,
        }
    }

    /// Its tokens in the order in which they were generated, each with the likeliest first.
    pub(super) fn tokens(&mut self) -> Result<Vec<Weighed>, UpstreamError> {
        let mut tokens = match self.logprobs.take() {
            Some(logprobs) => logprobs.tokens()?,
            None => Vec::new(),
        };
        // Ids that are not for these tokens are for none.
        if let Some(ids) = self.token_ids.take().filter(|ids| ids.len() == tokens.len()) {
            for (token, id) in tokens.iter_mut().zip(ids.iter()) {
                token.one.id = Some(*id);
            }
        }
        for token in &mut tokens {
            token.top.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        }
        Ok(tokens)
    }
}

impl Delta {
    /// Whether there are thoughts in it.
    pub(super) fn has_reasoning(&self) -> bool {
        let mut both = [&self.reasoning, &self.reasoning_content].into_iter().flatten();
        both.any(|thought| !thought.is_empty())
    }
}

impl Logprobs {
    fn tokens(self) -> Result<Vec<Weighed>, UpstreamError> {
        if let Some(content) = self.content {
            return Ok(content.into_iter().map(Content::weighed).collect());
        }
        let tokens = self.tokens.unwrap_or_default();
        let logprobs = self.token_logprobs.unwrap_or_default();
        if tokens.len() != logprobs.len() {
            return Err(UpstreamError::Malformed);
        }
        let top = self.top_logprobs.unwrap_or_default().into_iter();
        let mut top = top.map(|pairs| pairs.map_or_else(Vec::new, |Pairs(pairs)| pairs));
        let all = tokens.into_iter().zip(logprobs).map(|(token, logprob)| Weighed {
            one: Weight::new(&token, None, logprob),
            top: top.next().unwrap_or_default().iter().map(Weight::of_pair).collect(),
        });
        Ok(all.collect())
    }
}

impl Content {
    fn weighed(self) -> Weighed {
        let top = self.top_logprobs.into_iter().map(|one| one.weight());
        let top = top.collect();
        let one = Self { top_logprobs: Vec::new(), ..self }.weight();
        Weighed { one, top }
    }

    fn weight(self) -> Weight {
        let mut weight = Weight::new(&self.token, self.bytes, self.logprob);
        weight.id = self.id.or(weight.id);
        weight
    }
}

impl Weight {
    /// From the text of a token, or from its id written as text; its bytes where they are told beside.
    fn new(text: &PrivateText, bytes: Option<Zeroizing<Vec<u8>>>, logprob: Option<f32>) -> Self {
        let id = text.expose().strip_prefix(BY_ID).and_then(|id| id.parse().ok());
        let mut bytes =
            bytes.unwrap_or_else(|| Zeroizing::new(text.expose().as_bytes().to_owned()));
        if id.is_some() && *bytes == text.expose().as_bytes() {
            // The name of an id is no text of a token.
            bytes = Zeroizing::default();
        }
        Self { id, bytes, logprob: logprob.unwrap_or(IMPOSSIBLE).clamp(IMPOSSIBLE, 0.0) }
    }

    fn of_pair((text, logprob): &(PrivateText, Option<f32>)) -> Self {
        Self::new(text, None, *logprob)
    }
}

fn wiped<'de, D, T>(deserializer: D) -> Result<Option<Zeroizing<Vec<T>>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Zeroize,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.map(Zeroizing::new))
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from texts to log-probabilities")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Map)
    }
}
