//! The rules a request must keep before it is queued.

use sealroom_request::{MAX_TOP_LOGPROBS, OutOfRange, check_stop};

use crate::engine::{GenerationRequest, Input};
use crate::error::EngineError;

/// Checks everything that does not depend on the prompt's length.
pub(crate) fn check(request: &GenerationRequest, vocabulary: usize) -> Result<(), OutOfRange> {
    request.sampling.check()?;
    check_stop(&request.stop)?;
    if request.top_logprobs > MAX_TOP_LOGPROBS {
        let expected = format_args!("0 to {MAX_TOP_LOGPROBS}");
        return Err(OutOfRange::new("top_logprobs", request.top_logprobs, expected));
    }
    if request.max_tokens == Some(0) {
        return Err(OutOfRange::new("max_tokens", 0, "1 or more"));
    }
    let unknown = |id: &u32| *id as usize >= vocabulary;
    let expected = format_args!("a token id below {vocabulary}");
    if let Some(id) = request.sampling.logit_bias.keys().find(|id| unknown(id)) {
        return Err(OutOfRange::new("logit_bias", format_args!("for token {id}"), expected));
    }
    match &request.input {
        // The id is the user's: it is not told.
        Input::Tokens(tokens) if tokens.iter().any(unknown) => {
            Err(OutOfRange::new("prompt", "a list with an unknown token", expected))
        }
        _ => Ok(()),
    }
}

/// Refuses a text that cannot fit however well it is tokenized, before seconds are spent on tokenizing it.
pub(crate) fn check_length(
    input: &Input,
    longest_token: usize,
    context: usize,
) -> Result<(), EngineError> {
    let bytes = match input {
        Input::Chat { messages, .. } => messages.iter().map(|message| message.content.len()).sum(),
        Input::Text(text) => text.len(),
        Input::Tokens(tokens) => tokens.len().saturating_mul(longest_token),
    };
    let least = bytes / longest_token;
    if least > context {
        return Err(EngineError::ContextLength { prompt: least, context });
    }
    Ok(())
}

/// How many tokens may be generated after a prompt of `prompt` tokens: never more than the context has room for, as the finish
/// reason then says.
pub(crate) fn room(
    prompt: usize,
    max_tokens: Option<usize>,
    context: usize,
) -> Result<usize, EngineError> {
    if prompt == 0 {
        return Err(EngineError::EmptyPrompt);
    }
    match context.saturating_sub(prompt) {
        0 => Err(EngineError::ContextLength { prompt, context }),
        left => Ok(max_tokens.map_or(left, |most| most.min(left))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut GenerationRequest);

    fn checked(change: Change) -> Result<(), OutOfRange> {
        let mut request = GenerationRequest::new(Input::Text("a".into()), 0);
        change(&mut request);
        check(&request, 10)
    }

    #[test]
    fn accepts_each_limit_and_refuses_the_next_value() {
        let table: [(&str, Change, Change); 13] = [
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
            ("top_p is 0: 0.000001 to 1", |r| r.sampling.top_p = 0.01, |r| r.sampling.top_p = 0.0),
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
            (
                "prompt is a list with an unknown token: a token id below 10",
                |r| r.input = Input::Tokens(vec![0, 9].into()),
                |r| r.input = Input::Tokens(vec![0, 10].into()),
            ),
            ("top_logprobs is 21: 0 to 20", |r| r.top_logprobs = 20, |r| r.top_logprobs = 21),
            (
                "stop is 17: at most 16 strings",
                |r| r.stop = vec!["x".into(); 16],
                |r| r.stop = vec!["x".into(); 17],
            ),
            (
                "stop is a string of 0 characters: 1 to 1024 characters",
                |r| r.stop = vec!["x".into()],
                |r| r.stop = vec!["".into()],
            ),
            ("max_tokens is 0: 1 or more", |r| r.max_tokens = Some(1), |r| r.max_tokens = Some(0)),
        ];
        for (message, accepted, refused) in table {
            assert_eq!(checked(accepted), Ok(()), "{message}");
            let error = checked(refused).map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("parameter {message} expected")));
        }
    }

    #[test]
    fn an_answer_ends_where_the_context_does() {
        assert_eq!(room(3, Some(5), 8), Ok(5));
        assert_eq!(room(3, Some(6), 8), Ok(5));
    }

    #[test]
    fn without_a_limit_the_answer_may_fill_the_context() {
        assert_eq!(room(7, None, 8), Ok(1));
        let error = EngineError::ContextLength { prompt: 8, context: 8 };
        assert_eq!(room(8, None, 8), Err(error));
    }

    #[test]
    fn a_text_that_cannot_fit_is_refused_before_it_is_tokenized() {
        let of = |bytes: usize| check_length(&Input::Text("x".repeat(bytes).into()), 4, 8);
        assert_eq!(of(35), Ok(()));
        let error = EngineError::ContextLength { prompt: 9, context: 8 };
        assert_eq!(of(36), Err(error));
    }

    #[test]
    fn refuses_an_empty_prompt() {
        assert_eq!(room(1, Some(1), 8), Ok(1));
        assert_eq!(room(0, Some(1), 8), Err(EngineError::EmptyPrompt));
    }
}
