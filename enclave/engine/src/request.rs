//! The rules a request must keep before it is queued.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::engine::{
    GenerationRequest, Input, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, Sampling,
};
use crate::error::EngineError;

/// Checks everything that does not depend on the prompt's length.
pub(crate) fn check(request: &GenerationRequest, vocabulary: usize) -> Result<(), EngineError> {
    check_sampling(&request.sampling, vocabulary)?;
    within("top_logprobs", request.top_logprobs, 0..=MAX_TOP_LOGPROBS)?;
    if let Some(max_tokens) = request.max_tokens {
        within("max_tokens", max_tokens, 1..=usize::MAX)?;
    }
    if request.stop.len() > MAX_STOP_STRINGS {
        return Err(refusal(
            "stop",
            request.stop.len(),
            format!("at most {MAX_STOP_STRINGS} strings"),
        ));
    }
    for stop in &request.stop {
        if !(1..=MAX_STOP_BYTES).contains(&stop.len()) {
            let found = format!("a string of {} bytes", stop.len());
            return Err(refusal("stop", found, format!("1 to {MAX_STOP_BYTES} bytes")));
        }
    }
    Ok(())
}

fn check_sampling(sampling: &Sampling, vocabulary: usize) -> Result<(), EngineError> {
    within("temperature", sampling.temperature, 0.0..=2.0)?;
    within("top_p", sampling.top_p, f32::MIN_POSITIVE..=1.0)
        .map_err(|_| refusal("top_p", sampling.top_p, "above 0, up to 1".to_owned()))?;
    within("min_p", sampling.min_p, 0.0..=1.0)?;
    within("frequency_penalty", sampling.frequency_penalty, -2.0..=2.0)?;
    within("presence_penalty", sampling.presence_penalty, -2.0..=2.0)?;
    for (&id, &bias) in &sampling.logit_bias {
        if id as usize >= vocabulary {
            let expected = format!("a token id below {vocabulary}");
            return Err(refusal("logit_bias", format!("for token {id}"), expected));
        }
        within("logit_bias", bias, -100.0..=100.0)?;
    }
    Ok(())
}

/// Refuses a text that cannot fit however well it is tokenized, before seconds are spent on tokenizing it.
pub(crate) fn check_length(
    input: &Input,
    longest_token: usize,
    context: usize,
) -> Result<(), EngineError> {
    let bytes = match input {
        Input::Chat(messages) => messages.iter().map(|message| message.content.len()).sum(),
        Input::Text(text) => text.len(),
    };
    let least = bytes / longest_token;
    if least > context {
        return Err(EngineError::ContextLength { prompt: least, completion: 1, context });
    }
    Ok(())
}

/// How many tokens may be generated after a prompt of `prompt` tokens.
pub(crate) fn room(
    prompt: usize,
    max_tokens: Option<usize>,
    context: usize,
) -> Result<usize, EngineError> {
    let completion = max_tokens.unwrap_or_else(|| context.saturating_sub(prompt).max(1));
    if prompt == 0 {
        return Err(EngineError::EmptyPrompt);
    }
    if prompt.saturating_add(completion) > context {
        return Err(EngineError::ContextLength { prompt, completion, context });
    }
    Ok(completion)
}

/// Not-a-number lies in no range and is refused like any other value outside.
fn within<T: PartialOrd + Display + Copy>(
    parameter: &'static str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), EngineError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(refusal(parameter, found, format!("{} to {}", range.start(), range.end())))
}

fn refusal(parameter: &'static str, found: impl Display, expected: String) -> EngineError {
    EngineError::Parameter { parameter, found: found.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut GenerationRequest);

    fn checked(change: Change) -> Result<(), EngineError> {
        let mut request = GenerationRequest::new(Input::Text("a".into()), 0);
        change(&mut request);
        check(&request, 10)
    }

    #[test]
    fn accepts_each_limit_and_refuses_the_next_value() {
        let table: [(&str, Change, Change); 12] = [
            (
                "temperature is 2.1: 0 to 2",
                |r| r.sampling.temperature = 2.0,
                |r| r.sampling.temperature = 2.1,
            ),
            (
                "temperature is NaN: 0 to 2",
                |r| r.sampling.temperature = 0.0,
                |r| r.sampling.temperature = f32::NAN,
            ),
            (
                "top_p is 0: above 0, up to 1",
                |r| r.sampling.top_p = 0.01,
                |r| r.sampling.top_p = 0.0,
            ),
            ("min_p is 1.5: 0 to 1", |r| r.sampling.min_p = 1.0, |r| r.sampling.min_p = 1.5),
            (
                "frequency_penalty is -2.5: -2 to 2",
                |r| r.sampling.frequency_penalty = -2.0,
                |r| r.sampling.frequency_penalty = -2.5,
            ),
            (
                "presence_penalty is 3: -2 to 2",
                |r| r.sampling.presence_penalty = 2.0,
                |r| r.sampling.presence_penalty = 3.0,
            ),
            (
                "logit_bias is for token 10: a token id below 10",
                |r| r.sampling.logit_bias = [(9, 1.0)].into(),
                |r| r.sampling.logit_bias = [(10, 1.0)].into(),
            ),
            (
                "logit_bias is 101: -100 to 100",
                |r| r.sampling.logit_bias = [(1, 100.0)].into(),
                |r| r.sampling.logit_bias = [(1, 101.0)].into(),
            ),
            ("top_logprobs is 21: 0 to 20", |r| r.top_logprobs = 20, |r| r.top_logprobs = 21),
            (
                "stop is 17: at most 16 strings",
                |r| r.stop = vec!["x".into(); 16],
                |r| r.stop = vec!["x".into(); 17],
            ),
            (
                "stop is a string of 0 bytes: 1 to 1024 bytes",
                |r| r.stop = vec!["x".into()],
                |r| r.stop = vec!["".into()],
            ),
            (
                "max_tokens is 0: 1 to 18446744073709551615",
                |r| r.max_tokens = Some(1),
                |r| r.max_tokens = Some(0),
            ),
        ];
        for (message, accepted, refused) in table {
            assert_eq!(checked(accepted), Ok(()), "{message}");
            let error = checked(refused).map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("parameter {message} expected")));
        }
    }

    #[test]
    fn the_answer_must_fit_behind_the_prompt() {
        assert_eq!(room(3, Some(5), 8), Ok(5));
        let error = EngineError::ContextLength { prompt: 3, completion: 6, context: 8 };
        assert_eq!(room(3, Some(6), 8), Err(error));
    }

    #[test]
    fn without_a_limit_the_answer_may_fill_the_context() {
        assert_eq!(room(7, None, 8), Ok(1));
        let error = EngineError::ContextLength { prompt: 8, completion: 1, context: 8 };
        assert_eq!(room(8, None, 8), Err(error));
    }

    #[test]
    fn a_text_that_cannot_fit_is_refused_before_it_is_tokenized() {
        let of = |bytes: usize| check_length(&Input::Text("x".repeat(bytes).into()), 4, 8);
        assert_eq!(of(35), Ok(()));
        let error = EngineError::ContextLength { prompt: 9, completion: 1, context: 8 };
        assert_eq!(of(36), Err(error));
    }

    #[test]
    fn refuses_an_empty_prompt() {
        assert_eq!(room(1, Some(1), 8), Ok(1));
        assert_eq!(room(0, Some(1), 8), Err(EngineError::EmptyPrompt));
    }
}
