//! From a request that keeps the rules to work for the engine.

use sealroom_engine::{Form, GenerationRequest, Input};
use sealroom_request::{
    Chat, Common, Completion, Embedding, Format, PrivateText, Prompt, Tokenize, ToolChoice,
    Untokenized,
};

use super::{ApiError, Call, Generation, Parameters, Shape, Work};
use crate::entropy;
use crate::node::State;

/// `POST /v1/chat/completions`.
pub(super) fn chat(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let chat = Chat::decode(&call.inner.content)?;
    check_model(call.state, &chat.common.model)?;
    let seed = seed(call.state, &chat.common);
    let mut parameters = Parameters::of(&chat.common, seed);
    parameters.format(&chat.format);
    parameters.tools(&chat.tools, &chat.tool_choice);
    let may_call = chat.tool_choice != ToolChoice::None;
    let tools = if may_call { chat.tools } else { Vec::new() };
    let form = match chat.format {
        Format::Object => Form::Object,
        Format::Schema(schema) => Form::Schema(schema),
        Format::Text if may_call => Form::Calls {
            tools: tools.clone(),
            choice: chat.tool_choice,
            parallel: chat.parallel_tool_calls,
        },
        Format::Text => Form::Text,
    };
    let input = Input::Chat { messages: chat.messages, tools };
    Ok((generate(call, chat.common, seed, vec![input], form, Shape::Chat), parameters))
}

/// `POST /v1/completions`.
pub(super) fn completion(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let Completion { common, prompts } = Completion::decode(&call.inner.content)?;
    check_model(call.state, &common.model)?;
    let seed = seed(call.state, &common);
    let parameters = Parameters::of(&common, seed);
    let inputs = prompts.into_iter().map(input).collect();
    Ok((generate(call, common, seed, inputs, Form::Text, Shape::Completion), parameters))
}

/// `POST /v1/embeddings`.
pub(super) fn embeddings(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let asked = Embedding::decode(&call.inner.content)?;
    check_model(call.state, &asked.model)?;
    let inputs = asked.inputs.into_iter().map(input).collect();
    Ok((Work::Embed(inputs, asked.encoding), Parameters::default()))
}

/// `POST /tokenize`.
pub(super) fn tokenize(call: &Call<'_>) -> Result<(Work, Parameters), ApiError> {
    let asked = Tokenize::decode(&call.inner.content)?;
    check_model(call.state, &asked.model)?;
    let input = match asked.input {
        Untokenized::Text(text) => Input::Text(text),
        Untokenized::Messages(messages) => Input::Chat { messages, tools: Vec::new() },
    };
    Ok((Work::Tokenize(Box::new(input)), Parameters::default()))
}

fn input(prompt: Prompt) -> Input {
    match prompt {
        Prompt::Text(text) => Input::Text(text),
        Prompt::Tokens(tokens) => Input::Tokens(tokens),
    }
}

/// Every answer's own request: the choices of a prompt one after the other, each with a seed of its own.
fn generate(
    call: &Call<'_>,
    common: Common,
    seed: u64,
    inputs: Vec<Input>,
    form: Form,
    shape: Shape,
) -> Work {
    let choices =
        inputs.iter().flat_map(|input| (0..common.choices as u64).map(move |n| (input, n)));
    let requests = choices.map(|(input, choice)| {
        let mut request = GenerationRequest::new(input.clone(), 0);
        request.sampling = common.sampling.clone();
        request.sampling.seed = seed.wrapping_add(choice);
        request.max_tokens = common.max_tokens;
        request.stop = common.stop.clone();
        request.form = form.clone();
        request.top_logprobs = common.logprobs.unwrap_or(0);
        request.salt = call.inner.salt.clone();
        request
    });
    Work::Generate(Box::new(Generation {
        requests: requests.collect(),
        choices: common.choices,
        shape,
        stream: common.stream,
        include_usage: common.include_usage,
        logprobs: common.logprobs.is_some(),
    }))
}

fn seed(state: &State, common: &Common) -> u64 {
    common.seed.unwrap_or_else(|| u64::from_be_bytes(entropy::array(state.entropy())))
}

fn check_model(state: &State, asked: &PrivateText) -> Result<(), ApiError> {
    let known = state.config().model_name();
    if asked.expose() == known {
        return Ok(());
    }
    Err(ApiError::model_not_found(asked.expose(), known))
}
