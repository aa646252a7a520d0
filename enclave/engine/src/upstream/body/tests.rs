use sealroom_request::{PrivateText, Role, Sampling, ToolCall};
use serde_json::{Value, json};

use super::*;

const KINDS: [Kind; 4] = [Kind::Vllm, Kind::Sglang, Kind::LlamaServer, Kind::LlamaCppPython];

fn chat() -> GenerationRequest {
    let mut request = GenerationRequest::new(Input::user("Hi"), 7);
    request.max_tokens = Some(5);
    request
}

fn written(
    kind: Kind,
    request: &GenerationRequest,
) -> Result<(&'static str, Value), UpstreamError> {
    let asked = write(kind, "m", request, request.max_tokens, 3)?;
    Ok((asked.path, serde_json::from_slice(asked.body.bytes()).unwrap()))
}

fn tool() -> Tool {
    let parameters = r#"{"type":"object","properties":{"b":{},"a":{}}}"#.into();
    Tool { name: "weather".to_owned(), description: None, parameters }
}

#[test]
fn every_default_is_written_out_for_every_kind() {
    let common = json!({
        "model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": true,
        "stream_options": {"include_usage": true}, "max_tokens": 5, "temperature": 1.0, "top_p": 1.0,
        "min_p": 0.0, "frequency_penalty": 0.0, "presence_penalty": 0.0, "seed": 7,
    });
    let counts = json!({"include_usage": true, "continuous_usage_stats": true});
    let own = [
        json!({"stream_options": counts, "top_k": -1, "logprobs": true, "top_logprobs": 0,
               "repetition_penalty": 1.0, "return_token_ids": true,
               "return_tokens_as_token_ids": true, "cache_salt": "alone-3"}),
        json!({"stream_options": counts, "top_k": -1, "logprobs": true, "top_logprobs": 0,
               "repetition_penalty": 1.0, "cache_salt": "alone-3"}),
        json!({"top_k": 0, "n_probs": 1, "repeat_penalty": 1.0, "cache_prompt": false,
               "reasoning_format": "none"}),
        json!({"top_k": 0, "logprobs": true, "top_logprobs": 0, "repeat_penalty": 1.0}),
    ];
    for (kind, own) in KINDS.into_iter().zip(own) {
        let mut expected = common.clone();
        let fields = expected.as_object_mut().unwrap();
        fields.extend(own.as_object().unwrap().clone());
        let sorted = |value: &Value| {
            let mut fields: Vec<_> = value.as_object().unwrap().clone().into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields
        };
        let (path, found) = written(kind, &chat()).unwrap();
        assert_eq!(path, "/v1/chat/completions");
        assert_eq!(sorted(&found), sorted(&expected), "{kind:?}");
    }
}

#[test]
fn every_parameter_that_is_asked_for_is_passed_on() {
    let mut request = chat();
    request.sampling = Sampling {
        temperature: 0.7,
        top_k: 40,
        top_p: 0.9,
        min_p: 0.05,
        frequency_penalty: 0.5,
        presence_penalty: -0.5,
        logit_bias: [(50, -100.0)].into(),
        seed: u64::MAX,
    };
    request.stop = vec!["END".into()];
    request.top_logprobs = 3;
    request.ignore_end = true;
    request.salt = Some(CacheSalt::new([0xab; 32]));
    let (_, body) = written(Kind::Vllm, &request).unwrap();
    let expected = json!({
        "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "frequency_penalty": 0.5,
        "presence_penalty": -0.5, "logit_bias": {"50": -100.0}, "seed": i64::MAX, "stop": ["END"],
        "top_logprobs": 3, "ignore_eos": true, "cache_salt": "ab".repeat(32),
    });
    let rounded = |value: &Value| value.as_f64().map(|number| number as f32);
    for (name, value) in expected.as_object().unwrap() {
        let same = body[name] == *value || rounded(&body[name]) == rounded(value);
        assert!(same, "{name} is {}", body[name]);
    }
    // With alternatives their texts are wanted more than their ids.
    assert_eq!(body.get("return_tokens_as_token_ids"), None);
}

#[test]
fn a_seed_fits_the_engine() {
    for (seed, long, short) in [(1, 1, 1), (u64::MAX, i64::MAX as u64, 0), (1 << 32, 1 << 32, 1)] {
        let found = KINDS.map(|kind| self::seed(kind, seed));
        assert_eq!(found, [long, long, short, short]);
    }
}

#[test]
fn texts_and_tokens_are_completions() {
    let text = GenerationRequest::new(Input::Text("a".into()), 0);
    let (path, body) = written(Kind::Sglang, &text).unwrap();
    assert_eq!(
        (path, &body["prompt"], &body["logprobs"]),
        ("/v1/completions", &json!("a"), &json!(0))
    );
    assert_eq!(body["max_tokens"], Value::Null);
    let tokens = GenerationRequest::new(Input::Tokens(vec![1, 2].into()), 0);
    assert_eq!(written(Kind::LlamaServer, &tokens).unwrap().1["prompt"], json!([1, 2]));
    let refused = UpstreamError::Unsupported { feature: "prompts of tokens" };
    assert_eq!(written(Kind::LlamaCppPython, &tokens), Err(refused));
}

#[test]
fn a_form_is_one_of_a_chat() {
    let mut request = chat();
    request.form = Form::Object;
    assert_eq!(
        written(Kind::Vllm, &request).unwrap().1["response_format"],
        json!({"type": "json_object"})
    );
    request.input = Input::Text("a".into());
    let refused = UpstreamError::Unsupported { feature: "forms of plain texts" };
    assert_eq!(written(Kind::Vllm, &request), Err(refused));
}

#[test]
fn a_schema_is_passed_on_as_it_was_written() {
    let mut request = chat();
    let schema = r#"{"type":"object", "b":1,"a":2}"#;
    request.form = Form::Schema(schema.into());
    let named = format!(r#""json_schema":{{"name":"answer","strict":true,"schema":{schema}}}"#);
    for (kind, expected) in
        KINDS.into_iter().zip([&named, &named, &named, &format!(r#""schema":{schema}"#)])
    {
        let asked = write(kind, "m", &request, None, 0).unwrap();
        let text = str::from_utf8(asked.body.bytes()).unwrap();
        assert!(text.contains(expected.as_str()), "{kind:?}: {text}");
    }
}

#[test]
fn tools_and_earlier_calls_are_passed_on() {
    let mut request = chat();
    let mut said = ChatMessage::new(Role::Assistant, "");
    let (id, name): (PrivateText, PrivateText) = ("c1".into(), "weather".into());
    said.tool_calls = vec![ToolCall { id: id.clone(), name, arguments: "{}".into() }];
    let mut told = ChatMessage::new(Role::Tool, "rain");
    told.tool_call_id = Some(id);
    request.input = Input::Chat { messages: vec![said, told], tools: vec![tool()] };
    let choice = ToolChoice::Function("weather".to_owned());
    request.form = Form::Calls { tools: vec![tool()], choice, parallel: false };
    let (_, body) = written(Kind::LlamaServer, &request).unwrap();
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        ])
    );
    let parameters: Value = serde_json::from_str(tool().parameters.expose()).unwrap();
    let function = json!({"name": "weather", "parameters": parameters});
    assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "weather"}}));
    assert_eq!(body["parallel_tool_calls"], json!(false));
    // Beside tools `llama-server` refuses the other name.
    assert_eq!((body.get("logprobs"), &body["n_probs"]), (None, &json!(1)));
}
