//! A model file in memory: weights, tokenizer, template and the card that describes them.

use std::collections::BTreeMap;

use crate::card::ModelCard;
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::grammar::Grammars;
use crate::kernels::Pool;
use crate::llama::{Llama, Shape};
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// Everything loaded from one file.
pub(crate) struct Model {
    pub(crate) llama: Llama,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) template: Option<ChatTemplate>,
    pub(crate) grammars: Grammars,
    pub(crate) card: ModelCard,
}

impl Model {
    /// Loads a file from memory. `context` bounds a sequence; `pool` repacks the weights.
    pub(crate) fn load(
        bytes: &[u8],
        context: Option<usize>,
        pool: &mut Pool,
    ) -> Result<Self, LoadError> {
        let file = Gguf::decode(bytes)?;
        // The small and strict parts come first: a wrong file is refused before its weights are read.
        let tokenizer = Tokenizer::load(&file)?;
        let template = template(&file, &tokenizer)?;
        let grammars = Grammars::new(tokenizer.vocabulary())?;
        let shape = Shape::load(&file)?;
        let trained = shape.context;
        let context = match context {
            None => trained,
            Some(asked) if (1..=trained).contains(&asked) => asked,
            Some(asked) => {
                return Err(LoadError::Setting {
                    setting: "context",
                    found: asked.to_string(),
                    expected: format!("1 to {trained}"),
                });
            }
        };
        let llama = Llama::load(&file, shape, context, pool)?;
        let card = card(&file, &llama, &tokenizer, template.as_ref(), context)?;
        Ok(Self { llama, tokenizer, template, grammars, card })
    }
}

fn template(file: &Gguf<'_>, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, LoadError> {
    let vocabulary = tokenizer.vocabulary();
    let name = |id: Option<u32>| id.map_or("", |id| vocabulary.name(id));
    let Some(source) = file.optional_text("tokenizer.chat_template")? else { return Ok(None) };
    let end = vocabulary.end.first().copied();
    Ok(Some(ChatTemplate::parse(source, name(vocabulary.begin), name(end))?))
}

fn card(
    file: &Gguf<'_>,
    llama: &Llama,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    context: usize,
) -> Result<ModelCard, LoadError> {
    let shape = llama.shape();
    let parameters = [
        (
            "arithmetic",
            "int16 for attention and output, int8 elsewhere, by groups of 32, sums in f32"
                .to_owned(),
        ),
        ("kv-cache", "f16".to_owned()),
        ("context", context.to_string()),
        ("context.trained", shape.context.to_string()),
        ("weights", quantisation(file)),
        ("layers", shape.layers.to_string()),
        ("width", shape.width.to_string()),
        ("feed-forward", shape.inner.to_string()),
        ("heads", shape.heads.to_string()),
        ("key-value-heads", shape.groups.to_string()),
        ("norm.epsilon", shape.epsilon.to_string()),
        ("rope.frequency-base", shape.frequency_base.to_string()),
        ("rope.pairs", shape.family.pairing().name().to_owned()),
    ];
    Ok(ModelCard {
        name: file.optional_text("general.name")?.unwrap_or_default().to_owned(),
        architecture: file.text("general.architecture")?.to_owned(),
        context_length: context,
        vocab_size: tokenizer.vocabulary().len(),
        embeds: shape.pooling.is_some(),
        tokenizer_digest: tokenizer.digest(),
        chat_template_digest: template.map(ChatTemplate::digest),
        engine: "candle".to_owned(),
        build: concat!("sealroom-engine ", env!("CARGO_PKG_VERSION"), ", candle-core 0.11")
            .to_owned(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
    })
}

/// How many tensors have which type, such as `f32:61 q4_1:210`.
fn quantisation(file: &Gguf<'_>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    file.tensors().for_each(|(_, kind)| *counts.entry(kind).or_insert(0) += 1);
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
    counts.join(" ")
}

#[cfg(test)]
mod tests;
