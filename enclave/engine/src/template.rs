//! The model's own chat template: messages to one text.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;

use minijinja::{Environment, Error, ErrorKind, context};
use sealroom_request::{ChatMessage, PrivateText, Role, Tool};
use serde::Serialize;
use serde_json::{Value, json};

use crate::calls::{BEGIN, END};
use crate::card::Digest;
use crate::error::TemplateError;

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
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
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

    /// The text of a conversation, with the assistant's turn opened. A template that knows nothing of tools gets them as
    /// text.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        tools: &[Tool],
    ) -> Result<PrivateText, TemplateError> {
        let native = self.source.contains("tools");
        let mut turns: Vec<_> = messages.iter().map(|message| turn(message, native)).collect();
        let tools: Vec<_> = tools.iter().map(described).collect();
        if !native && !tools.is_empty() {
            tell(&tools, &mut turns);
        }
        let context = context! {
            messages => turns,
            tools => (native && !tools.is_empty()).then_some(tools),
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
struct Turn<'a> {
    role: &'a str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

fn turn(message: &ChatMessage, native: bool) -> Turn<'_> {
    let (role, content) = (message.role.name(), Cow::Borrowed(message.content.expose()));
    let calls = message.tool_calls.iter().map(|call| {
        // Templates write arguments as JSON themselves.
        let arguments = call.arguments.expose();
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into());
        json!({"name": call.name.expose(), "arguments": arguments})
    });
    if native {
        let calls = calls.map(|call| json!({"type": "function", "function": call}));
        let tool_call_id = message.tool_call_id.as_ref().map(PrivateText::expose);
        return Turn { role, content, tool_calls: calls.collect(), tool_call_id };
    }
    let (role, content) = match message.role {
        Role::Tool => ("user", format!("<tool_response>\n{content}\n</tool_response>").into()),
        _ if message.tool_calls.is_empty() => (role, content),
        _ => {
            let calls: Vec<_> = calls.map(|call| format!("{BEGIN}{call}{END}")).collect();
            let gap = if content.is_empty() { "" } else { "\n" };
            (role, format!("{content}{gap}{}", calls.join("\n")).into())
        }
    };
    Turn { role, content, tool_calls: Vec::new(), tool_call_id: None }
}

/// A tool as templates see it: as OpenAI writes it.
fn described(tool: &Tool) -> Value {
    let parameters: Value = serde_json::from_str(tool.parameters.expose()).unwrap_or_default();
    let description = tool.description.as_ref().map(PrivateText::expose);
    let mut function = json!({"name": tool.name, "parameters": parameters});
    if let (Some(object), Some(description)) = (function.as_object_mut(), description) {
        object.insert("description".to_owned(), description.into());
    }
    json!({"type": "function", "function": function})
}

/// Tells a model about its tools in the system's turn.
fn tell(tools: &[Value], turns: &mut Vec<Turn<'_>>) {
    let list: Vec<_> = tools.iter().map(Value::to_string).collect();
    let told = format!(
        "You may call one or more functions to help with the user's question. Their signatures are:\n<tools>\n{}\n</tools>\n\
         For each call write a JSON object with its name and arguments between marks:\n\
         {BEGIN}{{\"name\": <name>, \"arguments\": <object>}}{END}",
        list.join("\n"),
    );
    match turns.first_mut() {
        Some(first) if first.role == "system" => {
            first.content = format!("{}\n\n{told}", first.content).into();
        }
        _ => turns.insert(
            0,
            Turn {
                role: "system",
                content: told.into(),
                tool_calls: Vec::new(),
                tool_call_id: None,
            },
        ),
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
    use sealroom_request::ToolCall;

    use super::*;

    fn render(source: &str, roles: &[Role]) -> Result<String, TemplateError> {
        let messages: Vec<_> = roles.iter().map(|&role| ChatMessage::new(role, "hi")).collect();
        rendered(source, &messages, &[])
    }

    fn rendered(
        source: &str,
        messages: &[ChatMessage],
        tools: &[Tool],
    ) -> Result<String, TemplateError> {
        let template = ChatTemplate::parse(source, "<s>", "</s>")?;
        template.render(messages, tools).map(|text| text.expose().to_owned())
    }

    fn conversation() -> (Vec<ChatMessage>, Vec<Tool>) {
        let call = ToolCall { id: "1".into(), name: "f".into(), arguments: r#"{"a":1}"#.into() };
        let calls = ChatMessage { tool_calls: vec![call], ..ChatMessage::new(Role::Assistant, "") };
        let answer =
            ChatMessage { tool_call_id: Some("1".into()), ..ChatMessage::new(Role::Tool, "2") };
        let tool = Tool {
            name: "f".to_owned(),
            description: Some("adds".into()),
            parameters: r#"{"type":"object"}"#.into(),
        };
        (vec![ChatMessage::new(Role::User, "hi"), calls, answer], vec![tool])
    }

    const STRICT: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
        {{ raise_exception('no ' + m.role) }}{% endif %}{{ m.role }}: {{ m.content }}{{ eos_token }}\
        {% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

    #[test]
    fn renders_messages_and_opens_the_turn_of_the_assistant() {
        assert_eq!(render(STRICT, &[Role::User]), Ok("<s>user: hi</s>assistant: ".to_owned()));
    }

    #[test]
    fn a_refusal_of_the_template_keeps_its_words_private() {
        let error = render(STRICT, &[Role::System]).unwrap_err();
        assert_eq!(error, TemplateError::Refused { message: "no system".into() });
        assert!(!format!("{error} {error:?}").contains("system"));
    }

    #[test]
    fn refuses_a_template_that_does_not_parse() {
        assert_eq!(render("a\n{% for %}", &[]), Err(TemplateError::Malformed { line: 2 }));
    }

    #[test]
    fn a_failure_while_rendering_names_the_line_only() {
        assert_eq!(
            render("\n{{ messages[0].content.missing.deeper }}", &[Role::User]),
            Err(TemplateError::Render { line: 2 })
        );
    }

    const NATIVE: &str = "{{ tools[0].function.name }};{% for m in messages %}{{ m.role }}:{{ m.content.strip() }}\
        {% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %};{% endfor %}";

    #[test]
    fn a_template_that_knows_tools_gets_them_as_they_are() {
        let (messages, tools) = conversation();
        let text = rendered(NATIVE, &messages, &tools);
        assert_eq!(text, Ok(r#"f;user:hi;assistant:f({"a":1});tool:2;"#.to_owned()));
    }

    #[test]
    fn a_template_that_does_not_gets_them_as_text() {
        const PLAIN: &str = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
        let (messages, tools) = conversation();
        let text = rendered(PLAIN, &messages, &tools).expect("a prompt");
        assert!(text.starts_with("system:You may call one or more functions"), "{text}");
        let tool = r#"{"type":"function","function":{"name":"f","parameters":{"type":"object"},"description":"adds"}}"#;
        assert!(text.contains(tool), "{text}");
        let rest = "user:hi;assistant:<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":1}}\n</tool_call>;user:<tool_response>\n2\n</tool_response>;";
        assert!(text.ends_with(rest), "{text}");
    }
}
