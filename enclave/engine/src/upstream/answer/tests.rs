use proptest::prelude::*;

use super::*;
use crate::upstream::sse::Reader;

const MOMENT: Duration = Duration::from_millis(5);

fn rules() -> Rules {
    let stop = vec!["END".into()];
    Rules { most: 4, top: 1, stop, tools: vec!["weather".to_owned()], tells_usage: true }
}

/// What an answer becomes whose stream has these events, each the JSON of one.
fn events(rules: Rules, stream: &[&str]) -> Result<Vec<Event>, UpstreamError> {
    let (mut answer, mut events) = (Answer::new(rules, MOMENT), Vec::new());
    for data in stream {
        for said in Reader::default().push(format!("data: {data}\n\n").as_bytes())? {
            events.extend(answer.take(&said, MOMENT * 2)?);
        }
    }
    Ok(events)
}

fn refused(stream: &[&str]) -> UpstreamError {
    events(rules(), stream).expect_err("a stream that no sound engine sends")
}

/// Texts of all tokens, their ids and log-probabilities.
fn tokens(events: &[Event]) -> Vec<(Option<u32>, &str, &[u8], f32)> {
    let tokens = events.iter().filter_map(|event| match event {
        Event::Token(token) => {
            Some((token.id, token.text.expose(), token.bytes.expose(), token.logprob))
        }
        Event::Started { .. } | Event::Embedded(_) | Event::Finished(_) | Event::Failed(_) => None,
    });
    tokens.collect()
}

fn calls(events: &[Event]) -> Vec<(&str, &str)> {
    let calls = events.iter().flat_map(|event| match event {
        Event::Token(token) => token.calls.as_slice(),
        Event::Started { .. } | Event::Embedded(_) | Event::Finished(_) | Event::Failed(_) => &[],
    });
    calls.map(|call| (call.name.as_str(), call.arguments.expose())).collect()
}

fn end(events: &[Event]) -> (FinishReason, Usage) {
    match events.last() {
        Some(Event::Finished(finished)) => (finished.reason, finished.usage),
        other => panic!("{other:?} is no end"),
    }
}

const HELLO: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":{"content":[{"token":"token_id:9","logprob":-0.5,"bytes":[72,101,108,108,111],"top_logprobs":[]}]}}],"usage":null}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{"content":""},"logprobs":{"content":[{"token":"<|end|>","logprob":-0.25,"bytes":[60,124]}]},"finish_reason":"stop","stop_reason":null,"token_ids":[2]}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}"#;
const DONE: &str = "[DONE]";
const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":{"prompt_tokens":3,"completion_tokens":0,"total_tokens":3}}"#;

#[test]
fn a_chat_of_vllm_has_ids_bytes_and_a_count() {
    let events = events(rules(), &[ROLE, HELLO, STOP, USAGE, DONE]).unwrap();
    assert_eq!(events.first(), Some(&Event::Started { prompt_tokens: Some(3), queue: MOMENT }));
    let expected =
        [(Some(9), "Hello", b"Hello".as_slice(), -0.5), (Some(2), "", b"".as_slice(), -0.25)];
    assert_eq!(tokens(&events), expected);
    assert_eq!(
        end(&events),
        (FinishReason::EndToken, Usage { prompt: 3, completion: 2, cached: 1 })
    );
}

#[test]
fn a_completion_has_lists_of_tokens() {
    let text = r#"{"choices":[{"index":0,"text":" a b","logprobs":{"tokens":[" a"," b"],"token_logprobs":[-1.0,null],"top_logprobs":[{" x":-3.0," a":-1.0},null],"text_offset":[0,2]},"finish_reason":"length"}]}"#;
    let events = events(rules(), &[text, USAGE, DONE]).unwrap();
    let expected =
        [(None, "", b" a".as_slice(), -1.0), (None, " a b", b" b".as_slice(), IMPOSSIBLE)];
    assert_eq!(tokens(&events), expected);
    let Some(Event::Token(first)) = events.get(1) else { panic!("no token") };
    let likeliest = Alternative { id: None, logprob: -1.0, bytes: b" a".as_slice().into() };
    assert_eq!(first.top, [likeliest]);
    assert_eq!(end(&events).0, FinishReason::Length);
}

const IMPOSSIBLE: f32 = -9999.0;

#[test]
fn llama_server_tells_ids_beside_texts() {
    let token = r#"{"choices":[{"delta":{"content":"é"},"logprobs":{"content":[{"id":7,"token":"é","bytes":[195,169],"logprob":-0.5,"top_logprobs":[{"id":8,"token":"e","bytes":[101],"logprob":-1.5}]}]}}]}"#;
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let events = events(rules(), &[token, stop, USAGE, DONE]).unwrap();
    // The end token was told by the count alone.
    let expected = [(Some(7), "é", "é".as_bytes(), -0.5), (None, "", b"".as_slice(), 0.0)];
    assert_eq!(tokens(&events), expected);
}

#[test]
fn a_stop_string_is_named_where_the_engine_names_it() {
    for field in ["stop_reason", "matched_stop"] {
        let stop = STOP.replace("\"stop_reason\":null", &format!("\"{field}\":\"END\""));
        let events = events(rules(), &[HELLO, &stop, USAGE, DONE]).unwrap();
        assert_eq!(end(&events).0, FinishReason::StopString(0));
    }
    let number = STOP.replace("\"stop_reason\":null", "\"matched_stop\":2");
    let events = events(rules(), &[HELLO, &number, USAGE, DONE]).unwrap();
    assert_eq!(end(&events).0, FinishReason::EndToken);
}

fn part(delta: &str) -> String {
    format!(
        r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{delta}]}},"logprobs":{{"content":[{{"token":"x","logprob":-1.0}}]}}}}]}}"#
    )
}

#[test]
fn parts_of_calls_become_calls() {
    let name = part(r#"{"index":0,"id":"c","function":{"name":"weather","arguments":""}}"#);
    let head = part(r#"{"index":0,"function":{"arguments":"{\"city\":"}}"#);
    let tail = part(r#"{"index":0,"function":{"arguments":"\"Rome\"}"}}"#);
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;
    let usage = USAGE.replace("\"completion_tokens\":2", "\"completion_tokens\":3");
    let of = |stop: &str| events(rules(), &[&name, &head, &tail, stop, &usage, DONE]);
    let complete = of(stop).unwrap();
    assert_eq!(calls(&complete), [("weather", r#"{"city":"Rome"}"#)]);
    assert_eq!((tokens(&complete).len(), end(&complete).0), (3, FinishReason::Calls));
    // Some engines say `stop` after a call that had to be.
    assert_eq!(end(&of(&stop.replace("tool_calls", "stop")).unwrap()).0, FinishReason::Calls);
    let other = name.replace("weather", "shell");
    assert_eq!(refused(&[&other, &head, &tail, stop, &usage, DONE]), UpstreamError::Call);
    let usage = USAGE;
    assert_eq!(refused(&[&name, &head, stop, usage, DONE]), UpstreamError::Call);
    // A call that was cut off is none.
    let cut = events(rules(), &[&name, &head, &stop.replace("tool_calls", "length"), usage, DONE]);
    let cut = cut.unwrap();
    assert_eq!((calls(&cut), end(&cut).0), (Vec::new(), FinishReason::Length));
}

#[test]
fn refuses_a_stream_that_is_not_whole() {
    assert!(matches!(
        end(&events(rules(), &[HELLO, STOP, USAGE, DONE]).unwrap()).0,
        FinishReason::EndToken
    ));
    let open = STOP.replace("\"finish_reason\":\"stop\",", "");
    assert_eq!(refused(&[HELLO, &open, USAGE, DONE]), UpstreamError::FinishReason);
    assert_eq!(refused(&[HELLO, STOP, DONE]), UpstreamError::NoUsage);
    for other in ["abort", "content_filter", "error"] {
        let other =
            STOP.replace("\"finish_reason\":\"stop\"", &format!("\"finish_reason\":\"{other}\""));
        assert_eq!(refused(&[HELLO, &other, USAGE, DONE]), UpstreamError::FinishReason);
    }
}

#[test]
fn a_kind_that_counts_nothing_is_counted() {
    let rules = Rules { tells_usage: false, ..rules() };
    let events = events(rules, &[HELLO, STOP, DONE]).unwrap();
    assert_eq!(end(&events).1, Usage { prompt: 0, completion: 2, cached: 0 });
}

#[test]
fn refuses_a_count_that_is_not_what_came() {
    let with = |from: &str, to: &str| {
        let usage = USAGE.replace(from, to);
        events(rules(), &[ROLE, HELLO, STOP, &usage, DONE]).map(|events| end(&events).1.completion)
    };
    // More than were told were held back; more than were asked for cannot be.
    assert_eq!(with("\"completion_tokens\":2", "\"completion_tokens\":4"), Ok(4));
    let wrong = Err(UpstreamError::Usage);
    assert_eq!(with("\"completion_tokens\":2", "\"completion_tokens\":5"), wrong);
    assert_eq!(with("\"completion_tokens\":2", "\"completion_tokens\":1"), wrong);
    assert_eq!(with("\"prompt_tokens\":3", "\"prompt_tokens\":4"), wrong);
    assert_eq!(with("\"cached_tokens\":1", "\"cached_tokens\":3"), Ok(2));
    assert_eq!(with("\"cached_tokens\":1", "\"cached_tokens\":4"), wrong);
}

#[test]
fn refuses_invented_tokens_where_nothing_can_have_been_held_back() {
    // Two came; "END" can hide three, and any engine eight.
    let with = |count: usize, tools: &[&str]| {
        let tools = tools.iter().map(|name| (*name).to_owned()).collect();
        let usage =
            USAGE.replace("\"completion_tokens\":2", &format!("\"completion_tokens\":{count}"));
        let rules = Rules { most: 100, tools, ..rules() };
        events(rules, &[HELLO, STOP, &usage, DONE]).map(|events| end(&events).1.completion)
    };
    assert_eq!(with(13, &[]), Ok(13));
    assert_eq!(with(14, &[]), Err(UpstreamError::Usage));
    assert_eq!(with(14, &["weather"]), Ok(14));
}

#[test]
fn refuses_more_tokens_than_were_asked_for() {
    let usage = USAGE.replace("\"completion_tokens\":2", "\"completion_tokens\":4");
    let most = events(rules(), &[HELLO, HELLO, HELLO, STOP, &usage, DONE]).unwrap();
    assert_eq!(tokens(&most).len(), 4);
    assert_eq!(refused(&[HELLO, HELLO, HELLO, HELLO, STOP]), UpstreamError::TooManyTokens);
}

#[test]
fn refuses_text_without_probabilities() {
    let bare = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    assert_eq!(refused(&[&bare("a"), stop, USAGE, DONE]), UpstreamError::NoProbabilities);
    // Text that is held back comes with the next token.
    let events = events(rules(), &[&bare("a "), HELLO, STOP, USAGE, DONE]).unwrap();
    assert_eq!(tokens(&events)[0].1, "a Hello");
    // Text that no token is left for.
    assert_eq!(
        refused(&[
            HELLO,
            STOP.replace("\"content\":\"\"", "\"role\":null").as_str(),
            &bare("b"),
            USAGE,
            DONE
        ]),
        UpstreamError::Malformed
    );
    assert_eq!(refused(&[HELLO, HELLO, &bare("b"), stop, USAGE, DONE]), UpstreamError::Usage);
}

#[test]
fn refuses_what_is_no_event_of_an_answer() {
    let reported = r#"{"error":{"message":"the prompt was: secret","code":500}}"#;
    assert_eq!(refused(&[HELLO, reported]), UpstreamError::Reported);
    for garbage in ["{", "null", "<html>", r#"{"choices":{}}"#, r#"{"choices":[{"index":1}]}"#] {
        assert_eq!(refused(&[HELLO, garbage]), UpstreamError::Malformed, "{garbage}");
    }
    let lists = r#"{"choices":[{"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[]}}]}"#;
    assert_eq!(refused(&[lists]), UpstreamError::Malformed);
    assert_eq!(refused(&[HELLO, STOP, HELLO]), UpstreamError::Malformed);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refused(&[&format!(r#"{{"choices":{deep}}}"#)]), UpstreamError::Malformed);
}

#[test]
fn refuses_reasoning_that_would_not_be_shown() {
    for field in ["reasoning", "reasoning_content"] {
        let with = |thought: &str| {
            HELLO.replace(
                "\"content\":\"Hello\"",
                &format!("\"content\":\"Hello\",\"{field}\":{thought}"),
            )
        };
        assert_eq!(refused(&[&with("\"hm\"")]), UpstreamError::Reasoning);
        let events = events(rules(), &[&with("null"), STOP, USAGE, DONE]).unwrap();
        assert_eq!(tokens(&events).len(), 2);
    }
}

#[test]
fn nothing_of_an_answer_is_printed() {
    let text = format!("{:?}", events(rules(), &[ROLE, HELLO, STOP, USAGE, DONE]).unwrap());
    assert!(!text.contains("Hello"), "{text}");
}

proptest! {
    /// Whatever an engine sends, an answer that ends well has as many tokens as it says, and no more than were asked for.
    #[test]
    fn an_answer_that_ends_well_is_counted_right(
        order in prop::collection::vec(0_usize..6, 0..8),
        flip in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let call = part(r#"{"index":0,"function":{"name":"weather","arguments":"{}"}}"#);
        let parts = [ROLE, HELLO, STOP, USAGE, DONE, call.as_str()];
        let stream: String = order.iter().map(|&index| format!("data: {}\n\n", parts[index])).collect();
        let mut bytes = stream.into_bytes();
        if !bytes.is_empty() {
            let index = flip.index(bytes.len());
            bytes[index] = byte;
        }
        let (mut answer, mut events) = (Answer::new(rules(), MOMENT), Vec::new());
        for said in Reader::default().push(&bytes).into_iter().flatten() {
            match answer.take(&said, MOMENT) {
                Ok(more) => events.extend(more),
                Err(_) => break,
            }
            if answer.is_over() {
                break;
            }
        }
        let tokens = tokens(&events).len();
        prop_assert!(tokens <= 4);
        if answer.is_over() {
            prop_assert_eq!(tokens, end(&events).1.completion);
        }
    }
}
