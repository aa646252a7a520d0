//! The model's own chat template: messages to one text.

use std::error::Error as _;
use std::fmt;

use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;

use crate::card::Digest;
use crate::engine::ChatMessage;
use crate::error::TemplateError;
use crate::private::PrivateText;

/// A template that was parsed once; rendering cannot meet a syntax error any more.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    begin: String,
    end: String,
}

impl ChatTemplate {
    /// Checks `source`; `begin` and `end` are the names of the tokens around a text.
    pub(crate) fn parse(source: &str, begin: &str, end: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        // Templates are written for a renderer that trims around blocks.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_function("raise_exception", raise_exception);
        if let Err(error) = environment.template_from_str(source) {
            return Err(TemplateError::Malformed { line: error.line().unwrap_or(0) });
        }
        let [source, begin, end] = [source, begin, end].map(str::to_owned);
        Ok(Self { environment, source, begin, end })
    }

    /// Digest of the template's own bytes.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.source.as_bytes())
    }

    /// The text of a conversation, with the assistant's turn opened.
    pub(crate) fn render(&self, messages: &[ChatMessage]) -> Result<PrivateText, TemplateError> {
        let messages: Vec<_> = messages.iter().map(Message::from).collect();
        let context = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.begin,
            eos_token => self.end,
        };
        let text = self.environment.render_str(&self.source, context);
        text.map(PrivateText::new).map_err(|error| reason(&error))
    }
}

/// A message as templates see it.
#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

impl<'a> From<&'a ChatMessage> for Message<'a> {
    fn from(message: &'a ChatMessage) -> Self {
        Self { role: &message.role, content: message.content.expose() }
    }
}

/// The template's own refusal, carried through the renderer.
#[derive(Debug)]
struct Raised(PrivateText);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("raised by the template")
    }
}

impl std::error::Error for Raised {}

fn raise_exception(message: String) -> Result<String, Error> {
    let raised = Raised(PrivateText::new(message));
    Err(Error::new(ErrorKind::InvalidOperation, "raised").with_source(raised))
}

fn reason(error: &Error) -> TemplateError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(Raised(message)) = cause.downcast_ref() {
            return TemplateError::Refused { message: message.clone() };
        }
        source = cause.source();
    }
    TemplateError::Render { line: error.line().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, roles: &[&str]) -> Result<String, TemplateError> {
        let template = ChatTemplate::parse(source, "<s>", "</s>")?;
        let message = |role: &&str| ChatMessage { role: (*role).to_owned(), content: "hi".into() };
        let messages: Vec<_> = roles.iter().map(message).collect();
        template.render(&messages).map(|text| text.expose().to_owned())
    }

    const STRICT: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'tool' %}\
        {{ raise_exception('no ' + m.role) }}{% endif %}{{ m.role }}: {{ m.content }}{{ eos_token }}\
        {% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

    #[test]
    fn renders_messages_and_opens_the_turn_of_the_assistant() {
        assert_eq!(render(STRICT, &["user"]), Ok("<s>user: hi</s>assistant: ".to_owned()));
    }

    #[test]
    fn a_refusal_of_the_template_keeps_its_words_private() {
        let error = render(STRICT, &["tool"]).unwrap_err();
        assert_eq!(error, TemplateError::Refused { message: "no tool".into() });
        assert!(!format!("{error} {error:?}").contains("tool"));
    }

    #[test]
    fn refuses_a_template_that_does_not_parse() {
        assert_eq!(render("a\n{% for %}", &[]), Err(TemplateError::Malformed { line: 2 }));
    }

    #[test]
    fn a_failure_while_rendering_names_the_line_only() {
        assert_eq!(
            render("\n{{ messages[0].content.missing.deeper }}", &["user"]),
            Err(TemplateError::Render { line: 2 })
        );
    }
}
