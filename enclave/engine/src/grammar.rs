//! Which tokens an answer of a given form may go on with. `llguidance` does the work; here are its inputs and its bounds.

use std::fmt::Display;
use std::sync::Arc;

use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::{Matcher, ParserFactory};
use sealroom_request::{PrivateText, Tool, ToolChoice};
use serde_json::Value;
use toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::calls::{BEGIN, END};
use crate::engine::Form;
use crate::error::{EngineError, LoadError};
use crate::vocabulary::Vocabulary;

/// Makes grammars for one vocabulary.
pub(crate) struct Grammars(ParserFactory);

/// The state of one answer's form.
pub(crate) struct Grammar(Matcher);

impl Grammars {
    pub(crate) fn new(vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        let tokens: TokEnv = Arc::new(Tokens::new(vocabulary));
        let factory = ParserFactory::new_simple(&tokens);
        let mut factory =
            factory.map_err(|error| LoadError::Tokenizer { reason: error.to_string() })?;
        // What it would write to the terminal is somebody's schema.
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Self(factory))
    }

    /// The beginning of a form; nothing for plain text.
    pub(crate) fn start(&self, form: &Form) -> Result<Option<Grammar>, EngineError> {
        let grammar = match form {
            Form::Text => return Ok(None),
            Form::Object => {
                TopLevelGrammar::from_json_schema(serde_json::json!({"type": "object"}))
            }
            Form::Schema(schema) => TopLevelGrammar::from_json_schema(parsed(schema, None)?),
            Form::Calls { tools, choice, parallel } => calls(tools, choice, *parallel)?,
        };
        let parser = self.0.create_parser(grammar).map_err(|error| unsupported(&error, None))?;
        Ok(Some(Grammar(Matcher::new(Ok(parser)))))
    }
}

/// A step of everybody waits for each of these: a schema that needs more is refused, or its answer fails.
fn limits() -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 100_000,
        step_max_items: 50_000,
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}

impl Grammar {
    /// Makes impossible what the form does not allow next.
    pub(crate) fn restrict(&mut self, logits: &mut [f32]) -> Result<(), EngineError> {
        let allowed = self.0.compute_mask_or_eos().map_err(|_| EngineError::Form)?;
        for (id, logit) in (0..).zip(logits) {
            if !allowed.is_allowed(id) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes the chosen token. True where nothing can follow.
    pub(crate) fn take(&mut self, id: TokenId) -> Result<bool, EngineError> {
        self.0.consume_token(id).map_err(|_| EngineError::Form)?;
        Ok(self.0.is_stopped())
    }
}

/// Calls as [`crate::calls`] reads them: each between two marks, name first, arguments by their own schema.
fn calls(
    tools: &[Tool],
    choice: &ToolChoice,
    parallel: bool,
) -> Result<TopLevelGrammar, EngineError> {
    let allowed = |tool: &Tool| match choice {
        ToolChoice::None => false,
        ToolChoice::Auto | ToolChoice::Required => true,
        ToolChoice::Function(name) => *name == tool.name,
    };
    let (mut names, mut rules) = (Vec::new(), String::new());
    for (index, tool) in tools.iter().enumerate().filter(|(_, tool)| allowed(tool)) {
        let schema = parsed(&tool.parameters, Some(index))?;
        let begin = quoted(&format!("{{\"name\": \"{}\", \"arguments\": ", tool.name));
        let end = quoted(&format!("}}{END}"));
        rules += &format!("call_{index}: {begin} arguments_{index} {end}\n");
        rules += &format!("arguments_{index}: %json {schema}\n");
        names.push(format!("call_{index}"));
    }
    let (begin, again) = (quoted(BEGIN), quoted(&format!("\n{BEGIN}")));
    let more = match (parallel, choice) {
        (true, ToolChoice::Auto | ToolChoice::Required) => format!(" ({again} call)*"),
        _ => String::new(),
    };
    let start = match choice {
        ToolChoice::Auto => {
            rules += &format!("text[lazy]: TEXT {begin}\nTEXT: /(\\n|.)*/\n");
            format!("text call{more} | TEXT")
        }
        _ => format!("{begin} call{more}"),
    };
    let grammar = format!("start: {start}\ncall: {}\n{rules}", names.join(" | "));
    Ok(TopLevelGrammar::from_lark(grammar))
}

/// A literal, as grammars write it: as JSON does.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn parsed(schema: &PrivateText, tool: Option<usize>) -> Result<Value, EngineError> {
    serde_json::from_str(schema.expose()).map_err(|error| unsupported(&error, tool))
}

fn unsupported(error: &dyn Display, tool: Option<usize>) -> EngineError {
    EngineError::Schema { tool, reason: PrivateText::new(format!("{error:#}")) }
}

/// A vocabulary as `llguidance` sees it.
struct Tokens(TokTrie);

impl Tokens {
    fn new(vocabulary: &Vocabulary) -> Self {
        let ids = 0..vocabulary.len() as u32;
        let words = ids.map(|id| match vocabulary.bytes(id) {
            // What stands for no text can be no part of a form.
            [] => [&[TokTrie::SPECIAL_TOKEN_MARKER], vocabulary.name(id).as_bytes()].concat(),
            bytes => bytes.to_vec(),
        });
        let words: Vec<_> = words.collect();
        let end = vocabulary.end.first().copied().unwrap_or_default();
        let trie = TokTrie::from(&TokRxInfo::new(vocabulary.len() as u32, end), &words);
        Self(trie.with_eos_tokens(&vocabulary.end))
    }
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.0.greedy_tokenize(bytes)
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
