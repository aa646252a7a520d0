//! What a model file says beside its weights: dimensions, tokenizer, template and the card that describes them.

use std::collections::BTreeMap;

use crate::card::ModelCard;
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::grammar::Grammars;
use crate::llama::Shape;
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// Everything loaded from one file but for the weights, which are their computer's.
pub(crate) struct Model {
    pub(crate) shape: Shape,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) template: Option<ChatTemplate>,
    pub(crate) grammars: Grammars,
    pub(crate) card: ModelCard,
}

impl Model {
    /// Reads all but the weights: a wrong file is refused before they are. `context` bounds a sequence; `arithmetic` is for the
    /// card.
    pub(crate) fn load(
        file: &Gguf<'_>,
        context: Option<usize>,
        arithmetic: &str,
    ) -> Result<Self, LoadError> {
        let tokenizer = Tokenizer::load(file)?;
        let template = template(file, &tokenizer)?;
        let grammars = Grammars::new(tokenizer.vocabulary())?;
        let shape = Shape::load(file)?;
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
        let mut card = card(file, &shape, &tokenizer, template.as_ref(), context)?;
        card.parameters.insert("arithmetic".to_owned(), arithmetic.to_owned());
        Ok(Self { shape, tokenizer, template, grammars, card })
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
    shape: &Shape,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    context: usize,
) -> Result<ModelCard, LoadError> {
    let parameters = [
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
