use super::*;
use crate::gguf::Gguf;
use crate::random::Random;
use crate::sampling::Sampler;
use crate::tiny::Tiny;
use sealroom_request::Sampling;

fn vocabulary() -> Vocabulary {
    Vocabulary::load(&Gguf::decode(&Tiny::new().encode()).unwrap(), false).unwrap()
}

fn tool(name: &str, parameters: &str) -> Tool {
    Tool { name: name.to_owned(), description: None, parameters: parameters.into() }
}

/// What a model without sense says within a form, and whether it came to its end.
fn babble(form: &Form, seed: u64, most: usize) -> (String, bool) {
    let vocabulary = vocabulary();
    let mut grammar = Grammars::new(&vocabulary).unwrap().start(form).unwrap().expect("a form");
    let (mut random, mut said) = (Random::new(seed), Vec::new());
    let mut sampler = Sampler::new(Sampling::new(seed));
    for _ in 0..most {
        let mut logits: Vec<f32> =
            (0..vocabulary.len()).map(|_| random.fraction() as f32 * 4.0).collect();
        // Without sense every string would go on for long: what ends things is likelier.
        b"\"}]".iter().for_each(|&byte| logits[byte as usize] += 4.0);
        logits[crate::tiny::END as usize] += 4.0;
        grammar.restrict(&mut logits).unwrap();
        let (id, _) = sampler.choose(&mut logits);
        if vocabulary.end.contains(&id) {
            return (String::from_utf8(said).expect("UTF-8"), true);
        }
        said.extend_from_slice(vocabulary.bytes(id));
        if grammar.take(id).unwrap() {
            return (String::from_utf8(said).expect("UTF-8"), true);
        }
    }
    (String::from_utf8_lossy(&said).into_owned(), false)
}

#[test]
fn an_object_is_an_object_whatever_the_model_thinks() {
    let mut ended = 0;
    for seed in 0..20 {
        let (said, is_whole) = babble(&Form::Object, seed, 400);
        if is_whole {
            let value: Value = serde_json::from_str(&said).expect(&said);
            assert!(value.is_object(), "seed {seed}: {said}");
            ended += 1;
        }
    }
    assert!(ended > 10, "{ended} of 20 ended");
}

#[test]
fn a_schema_is_kept_to() {
    let schema = r##"{"type":"object","properties":{"a":{"enum":["x","yz"]},"b":{"$ref":"#/$defs/n"}},
        "required":["a","b"],"additionalProperties":false,"$defs":{"n":{"type":"integer","minimum":3,"maximum":12}}}"##;
    for seed in 0..20 {
        let (said, is_whole) = babble(&Form::Schema(schema.into()), seed, 200);
        assert!(is_whole, "seed {seed}: {said}");
        let value: Value = serde_json::from_str(&said).expect(&said);
        assert!(["x", "yz"].contains(&value["a"].as_str().unwrap()), "seed {seed}: {said}");
        assert!((3..=12).contains(&value["b"].as_i64().unwrap()), "seed {seed}: {said}");
    }
}

#[test]
fn a_forced_call_is_a_call_with_arguments_that_keep_the_schema() {
    let parameters = r#"{"type":"object","properties":{"on":{"type":"boolean"}},"required":["on"],"additionalProperties":false}"#;
    let tools = vec![tool("light", parameters), tool("other", "{}")];
    let choice = ToolChoice::Function("light".to_owned());
    let form = Form::Calls { tools, choice, parallel: false };
    for seed in 0..20 {
        let (said, is_whole) = babble(&form, seed, 200);
        assert!(is_whole, "seed {seed}: {said}");
        let mut reader = crate::calls::Calls::default();
        let (text, calls) = reader.push(&said);
        assert_eq!((text.expose(), calls.len()), ("", 1), "seed {seed}: {said}");
        assert_eq!(calls[0].name, "light");
        let arguments: Value = serde_json::from_str(calls[0].arguments.expose()).unwrap();
        assert!(arguments["on"].is_boolean(), "seed {seed}: {said}");
    }
}

#[test]
fn whoever_may_call_may_also_talk() {
    let tools = vec![tool("f", r#"{"type":"object","additionalProperties":false}"#)];
    let form = Form::Calls { tools, choice: ToolChoice::Auto, parallel: true };
    let vocabulary = vocabulary();
    let grammars = Grammars::new(&vocabulary).unwrap();
    let says = |text: &str| {
        let mut grammar = grammars.start(&form).unwrap().expect("a form");
        text.bytes().all(|byte| {
            let mut logits = vec![0.0; vocabulary.len()];
            grammar.restrict(&mut logits).unwrap();
            logits[byte as usize] == 0.0 && grammar.take(byte.into()).is_ok()
        })
    };
    assert!(says("I cannot say <tool"));
    assert!(says("Wait.<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"));
    let two = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n";
    assert!(says(&two.repeat(2)[..2 * two.len() - 1]));
    assert!(!says("<tool_call>\n{\"name\": \"g"));
    assert!(!says("<tool_call>\nI"));
}

#[test]
fn a_schema_that_cannot_be_kept_to_is_refused_without_a_word_of_it() {
    let schema =
        Form::Schema(r#"{"secret":1,"if":{"type":"string"},"then":{"pattern":"a"}}"#.into());
    let grammars = Grammars::new(&vocabulary()).unwrap();
    let error = grammars.start(&schema).err().expect("not supported");
    assert!(matches!(error, EngineError::Schema { tool: None, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
    let tools = vec![tool("a", "{}"), tool("b", r#"{"type":"wish"}"#)];
    let form = Form::Calls { tools, choice: ToolChoice::Required, parallel: true };
    let error = grammars.start(&form).err().expect("not supported");
    assert!(matches!(error, EngineError::Schema { .. }), "{error:?}");
}
