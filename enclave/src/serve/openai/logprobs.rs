//! Log-probabilities in the shapes of the two interfaces.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::Shape;
use super::said::{Said, Weighed};

/// What OpenAI says where a probability is zero.
const IMPOSSIBLE: f32 = -9999.0;

/// Of the tokens of one event, or of a whole answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Logprobs<'a> {
    Chat { content: Vec<Content<'a>>, refusal: () },
    Completion(Lists<'a>),
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(flatten)]
    token: Token<'a>,
    top_logprobs: Vec<Token<'a>>,
}

#[derive(Serialize)]
struct Token<'a> {
    token: Cow<'a, str>,
    logprob: f32,
    bytes: &'a [u8],
}

#[derive(Serialize)]
pub(super) struct Lists<'a> {
    tokens: Vec<Cow<'a, str>>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Top<'a>>,
    text_offset: Vec<usize>,
}

/// Texts and their log-probabilities, best first.
struct Top<'a>(Vec<(Cow<'a, str>, f32)>);

impl<'a> Logprobs<'a> {
    pub(super) fn new(shape: Shape, said: &'a Said) -> Self {
        match shape {
            Shape::Chat => {
                let content = said.weighed.iter().map(Content::new).collect();
                Self::Chat { content, refusal: () }
            }
            Shape::Completion => Self::Completion(Lists::new(said)),
        }
    }
}

impl<'a> Content<'a> {
    fn new(one: &'a Weighed) -> Self {
        let top = one.top.iter().map(|(bytes, logprob)| Token::new(bytes.expose(), *logprob));
        Self { token: Token::new(one.bytes.expose(), one.logprob), top_logprobs: top.collect() }
    }
}

impl<'a> Token<'a> {
    fn new(bytes: &'a [u8], logprob: f32) -> Self {
        Self { token: String::from_utf8_lossy(bytes), logprob: logprob.max(IMPOSSIBLE), bytes }
    }
}

impl<'a> Lists<'a> {
    fn new(said: &'a Said) -> Self {
        let mut offset = said.characters_before;
        let mut lists = Self {
            tokens: Vec::new(),
            token_logprobs: Vec::new(),
            top_logprobs: Vec::new(),
            text_offset: Vec::new(),
        };
        for one in &said.weighed {
            let text = String::from_utf8_lossy(one.bytes.expose());
            lists.text_offset.push(offset);
            offset = offset.saturating_add(text.chars().count());
            lists.tokens.push(text);
            lists.token_logprobs.push(one.logprob.max(IMPOSSIBLE));
            let top = one.top.iter().map(|(bytes, logprob)| {
                (String::from_utf8_lossy(bytes.expose()), logprob.max(IMPOSSIBLE))
            });
            lists.top_logprobs.push(Top(top.collect()));
        }
        lists
    }
}

impl Serialize for Top<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (index, (text, logprob)) in self.0.iter().enumerate() {
            // Two tokens can show as the same half character: the likelier one stands.
            if !self.0.iter().take(index).any(|(other, _)| other == text) {
                map.serialize_entry(text, logprob)?;
            }
        }
        map.end()
    }
}
