use super::*;

fn chat(more: &str) -> Result<Chat, Invalid> {
    let messages = r#""model":"tiny","messages":[{"role":"user","content":"hi"}]"#;
    Chat::decode(format!("{{{messages}{more}}}").as_bytes())
}

fn completion(more: &str) -> Result<Completion, Invalid> {
    Completion::decode(format!("{{\"model\":\"tiny\"{more}}}").as_bytes())
}

fn named(error: &Invalid) -> (&str, &str) {
    (error.code, error.param.as_ref().map_or("", PrivateText::expose))
}

const TOOL: &str = r#"{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}"#;

#[test]
fn each_refusal_names_its_parameter_and_has_an_accepting_twin() {
    let tools = format!(r#","tools":[{TOOL}]"#);
    let with_tools = |more: &str| format!("{tools}{more}");
    let table = [
        (r#","n":32"#.to_owned(), r#","n":33"#.to_owned(), ("invalid_value", "n")),
        (
            r#","temperature":2"#.into(),
            r#","temperature":2.1"#.into(),
            ("invalid_value", "temperature"),
        ),
        (
            r#","temperature":0"#.into(),
            r#","temperature":"hot""#.into(),
            ("invalid_type", "temperature"),
        ),
        (r#","top_k":-1"#.into(), r#","top_k":-2"#.into(), ("invalid_value", "top_k")),
        (
            r#","logit_bias":{"1":5}"#.into(),
            r#","logit_bias":{"x":5}"#.into(),
            ("invalid_type", "logit_bias"),
        ),
        (r#","max_tokens":1"#.into(), r#","max_tokens":0"#.into(), ("invalid_value", "max_tokens")),
        (r#","stop":["a"]"#.into(), r#","stop":[""]"#.into(), ("invalid_value", "stop")),
        (
            r#","logprobs":true,"top_logprobs":20"#.into(),
            r#","logprobs":true,"top_logprobs":21"#.into(),
            ("invalid_value", "top_logprobs"),
        ),
        (
            r#","stream_options":{}"#.into(),
            r#","stream_options":{"tokens":true}"#.into(),
            ("unsupported_parameter", "stream_options.tokens"),
        ),
        (r#","user":"me""#.into(), r#","usre":"me""#.into(), ("unsupported_parameter", "usre")),
        (
            r#","response_format":{"type":"json_object"}"#.into(),
            r#","response_format":{"type":"xml"}"#.into(),
            ("invalid_value", "response_format.type"),
        ),
        (
            r#","response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}}"#
                .into(),
            r#","response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}"#
                .into(),
            ("invalid_value", "response_format.json_schema.name"),
        ),
        (tools.clone(), r#","tools":[{"type":"web"}]"#.into(), ("invalid_value", "tools[0].type")),
        (
            tools.clone(),
            format!(r#","tools":[{TOOL},{TOOL}]"#),
            ("invalid_value", "tools[1].function.name"),
        ),
        (
            with_tools(r#","tool_choice":{"type":"function","function":{"name":"f"}}"#),
            with_tools(r#","tool_choice":{"type":"function","function":{"name":"g"}}"#),
            ("invalid_value", "tool_choice.function.name"),
        ),
        (
            with_tools(r#","tool_choice":"required""#),
            r#","tool_choice":"required""#.into(),
            ("invalid_value", "tool_choice"),
        ),
        (
            with_tools(r#","response_format":{"type":"text"}"#),
            with_tools(r#","response_format":{"type":"json_object"}"#),
            ("invalid_value", "response_format"),
        ),
        (
            r#","modalities":["text"]"#.into(),
            r#","modalities":["audio"]"#.into(),
            ("unsupported_value", "modalities"),
        ),
        (String::new(), r#","model":"tiny""#.into(), ("invalid_json", "")),
    ];
    for (accepted, refused, expected) in table {
        chat(&accepted).unwrap_or_else(|error| panic!("{accepted}: {}", error.message.expose()));
        let error = chat(&refused).expect_err(&refused);
        assert_eq!(named(&error), expected, "{refused}");
    }
}

#[test]
fn messages_are_held_against_their_role() {
    let call = r#"{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}"#;
    let table = [
        (
            r#"{"role":"developer","content":"a"}"#.to_owned(),
            r#"{"role":"owner","content":"a"}"#.to_owned(),
            "role",
        ),
        (r#"{"role":"user","content":"a"}"#.into(), r#"{"role":"user"}"#.into(), "content"),
        (
            r#"{"role":"tool","content":"a","tool_call_id":"1"}"#.into(),
            r#"{"role":"tool","content":"a"}"#.into(),
            "tool_call_id",
        ),
        (
            format!(r#"{{"role":"assistant","content":null,"tool_calls":[{call}]}}"#),
            format!(r#"{{"role":"user","content":"a","tool_calls":[{call}]}}"#),
            "tool_calls",
        ),
        (
            r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#.into(),
            r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#.into(),
            "content[0].type",
        ),
    ];
    let decode = |message: &str| {
        Chat::decode(format!(r#"{{"model":"tiny","messages":[{message}]}}"#).as_bytes())
    };
    for (accepted, refused, place) in table {
        decode(&accepted).unwrap_or_else(|error| panic!("{accepted}: {}", error.message.expose()));
        let error = decode(&refused).expect_err(&refused);
        assert_eq!(named(&error).1, format!("messages[0].{place}"), "{refused}");
    }
}

#[test]
fn a_chat_is_read_as_it_is_written() {
    let read = chat(&format!(
        r#","tools":[{TOOL}],"tool_choice":"auto","parallel_tool_calls":false,"seed":-1,"n":2,
            "max_tokens":1,"max_completion_tokens":3,"logprobs":true,"stream":true,
            "stream_options":{{"include_usage":true}},"top_k":-1,"stop":"a""#
    ))
    .expect("a chat");
    assert_eq!((read.tool_choice, read.parallel_tool_calls), (ToolChoice::Auto, false));
    assert_eq!(read.tools[0].parameters.expose(), r#"{"type":"object"}"#);
    assert_eq!(read.messages, [ChatMessage::new(Role::User, "hi")]);
    let common = read.common;
    assert_eq!((common.seed, common.choices, common.max_tokens), (Some(u64::MAX), 2, Some(3)));
    assert_eq!((common.logprobs, common.stream, common.include_usage), (Some(0), true, true));
    assert_eq!((common.sampling.top_k, common.stop.len()), (0, 1));
}

#[test]
fn prompts_are_texts_or_tokens_and_lists_of_them() {
    let text = |text: &str| Prompt::Text(text.into());
    let tokens = |tokens: &[u32]| Prompt::Tokens(tokens.to_vec().into());
    let table = [
        (r#""a""#, vec![text("a")]),
        (r#"["a","b"]"#, vec![text("a"), text("b")]),
        ("[1,2]", vec![tokens(&[1, 2])]),
        ("[[1,2],[3]]", vec![tokens(&[1, 2]), tokens(&[3])]),
    ];
    for (written, expected) in table {
        let read = completion(&format!(r#","prompt":{written}"#)).map(|asked| asked.prompts);
        assert_eq!(read, Ok(expected), "{written}");
    }
    for refused in ["[]", "[[]]", "[-1]", "1", "[1.5]"] {
        let error = completion(&format!(r#","prompt":{refused}"#)).expect_err(refused);
        assert_eq!(named(&error).1, "prompt", "{refused}");
    }
    let error = completion(r#","prompt":["a","b"],"n":17"#).expect_err("34 answers");
    assert_eq!(named(&error), ("invalid_value", "n"));
    assert_eq!(
        completion(r#","prompt":["a","b"],"n":16"#).map(|asked| asked.common.choices),
        Ok(16)
    );
}

#[test]
fn a_text_or_a_conversation_is_cut_into_tokens() {
    let text = Tokenize::decode(br#"{"model":"tiny","prompt":"a"}"#).expect("a text");
    assert_eq!(text.input, Untokenized::Text("a".into()));
    let json = br#"{"model":"tiny","messages":[{"role":"user","content":"a"}]}"#;
    let messages = Tokenize::decode(json).expect("a conversation");
    let expected = vec![ChatMessage::new(Role::User, "a")];
    assert_eq!(messages.input, Untokenized::Messages(expected));
}

#[test]
fn no_refusal_quotes_what_was_written() {
    for json in ["{\"model\":\"tiny\",\"messages\":\"secret\"}", "secret", "{\"secret"] {
        let error = Chat::decode(json.as_bytes()).expect_err(json);
        assert!(!error.message.expose().contains("secret"), "{}", error.message.expose());
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn vectors_are_asked_for_as_prompts_are() {
    let decode = |more: &str| Embedding::decode(format!(r#"{{"model":"tiny"{more}}}"#).as_bytes());
    let read = decode(r#","input":["a",""],"encoding_format":"base64","user":"me""#);
    let read = read.expect("two texts");
    assert_eq!((read.inputs.len(), read.encoding), (2, Encoding::Base64));
    let table = [
        (r#","input":"a""#, r#","input":1"#, "input"),
        (
            r#","input":"a","encoding_format":"float""#,
            r#","input":"a","encoding_format":"int8""#,
            "encoding_format",
        ),
        (r#","input":"a","dimensions":null"#, r#","input":"a","dimensions":8"#, "dimensions"),
    ];
    for (accepted, refused, place) in table {
        assert_eq!(decode(accepted).err(), None, "{accepted}");
        assert_eq!(named(&decode(refused).expect_err(refused)).1, place);
    }
}
