//! Vectors of texts in OpenAI's shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealroom_attestation::seal::Plaintext;
use sealroom_request::Encoding;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::writer::json;

/// Vectors of texts, in the order in which they were asked for.
pub(in crate::serve) struct Vectors {
    all: Vec<Zeroizing<Vec<f32>>>,
    encoding: Encoding,
}

#[derive(Serialize)]
struct EmbeddingList<'a> {
    object: &'static str,
    model: &'a str,
    data: Vec<Embedding<'a>>,
    usage: PromptUsage,
}

#[derive(Serialize)]
struct PromptUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'static str,
    index: usize,
    embedding: Numbers<'a>,
}

/// Numbers, as they were asked for.
struct Numbers<'a>(&'a [f32], Encoding);

impl Vectors {
    /// Room for `count` of them.
    pub(in crate::serve) fn new(count: usize, encoding: Encoding) -> Self {
        Self { all: vec![Zeroizing::default(); count], encoding }
    }

    pub(in crate::serve) fn set(&mut self, index: usize, vector: Zeroizing<Vec<f32>>) {
        if let Some(place) = self.all.get_mut(index) {
            *place = vector;
        }
    }

    /// The whole answer.
    pub(in crate::serve) fn body(&self, model: &str, prompt_tokens: u64) -> Plaintext {
        let data = self.all.iter().enumerate().map(|(index, vector)| Embedding {
            object: "embedding",
            index,
            embedding: Numbers(vector, self.encoding),
        });
        let usage = PromptUsage { prompt_tokens, total_tokens: prompt_tokens };
        let mut out = Plaintext::new();
        json(&EmbeddingList { object: "list", model, data: data.collect(), usage }, &mut out);
        out
    }
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(numbers, encoding) = self;
        match encoding {
            Encoding::Float => serializer.collect_seq(*numbers),
            // Little-endian, in standard base64: so OpenAI's SDKs read them.
            Encoding::Base64 => {
                let mut bytes = Zeroizing::new(Vec::with_capacity(4 * numbers.len()));
                numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
                let text = Zeroizing::new(STANDARD.encode(&*bytes));
                serializer.serialize_str(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_list_or_base64_of_little_endian_floats() {
        let body = |encoding| {
            let mut vectors = Vectors::new(1, encoding);
            vectors.set(0, vec![1.0, -0.5].into());
            String::from_utf8(vectors.body("tiny", 3).to_vec()).expect("UTF-8")
        };
        let around = |embedding: &str| {
            format!(
                r#"{{"object":"list","model":"tiny","data":[{{"object":"embedding","index":0,"embedding":{embedding}}}],"usage":{{"prompt_tokens":3,"total_tokens":3}}}}"#
            )
        };
        assert_eq!(body(Encoding::Float), around("[1.0,-0.5]"));
        assert_eq!(body(Encoding::Base64), around(r#""AACAPwAAAL8=""#));
    }
}
