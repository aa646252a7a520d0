//! Sampling parameters: OpenAI's names, this engine's settings, and the receipt's list of what took effect.

use std::collections::BTreeMap;

use sealroom_engine::{GenerationRequest, Input, PrivateText, Sampling};
use zeroize::Zeroizing;

use super::fields::{Fields, Text};
use super::{ApiError, Parameters};
use crate::entropy;
use crate::node::State;
use sealroom_attestation::transcript::sha256;

/// Takes every sampling parameter out of `fields` and makes the engine's request.
pub(super) fn take(
    state: &State,
    fields: &mut Fields<'_>,
    input: Input,
    max_tokens: Option<usize>,
) -> Result<(GenerationRequest, Parameters), ApiError> {
    let seed: Option<i64> = fields.take("seed", "an integer")?;
    let seed = seed
        .map_or_else(|| u64::from_be_bytes(entropy::array(state.entropy())), i64::cast_unsigned);
    let mut sampling = Sampling::new(seed);
    let mut number = |name, place: &mut f32| -> Result<(), ApiError> {
        if let Some(value) = fields.take(name, "a number")? {
            *place = value;
        }
        Ok(())
    };
    number("temperature", &mut sampling.temperature)?;
    number("top_p", &mut sampling.top_p)?;
    number("min_p", &mut sampling.min_p)?;
    number("frequency_penalty", &mut sampling.frequency_penalty)?;
    number("presence_penalty", &mut sampling.presence_penalty)?;
    sampling.top_k = top_k(fields)?;
    sampling.logit_bias = logit_bias(fields)?;
    let stop = stop(fields)?;
    let request =
        GenerationRequest { max_tokens, sampling, stop, ..GenerationRequest::new(input, seed) };
    let parameters = parameters(&request);
    Ok((request, parameters))
}

/// 0 and -1 both mean all, as other servers have it.
fn top_k(fields: &mut Fields<'_>) -> Result<usize, ApiError> {
    const EXPECTED: &str = "an integer of at least -1";
    match fields.take::<i64>("top_k", EXPECTED)? {
        None | Some(-1) => Ok(0),
        Some(count) => usize::try_from(count).map_err(|_| fields.wrong("top_k", EXPECTED)),
    }
}

fn logit_bias(fields: &mut Fields<'_>) -> Result<BTreeMap<u32, f32>, ApiError> {
    const EXPECTED: &str = "an object from token ids to numbers";
    let biases: Option<BTreeMap<String, f32>> = fields.take("logit_bias", EXPECTED)?;
    let parsed =
        biases.unwrap_or_default().into_iter().map(|(id, bias)| Some((id.parse().ok()?, bias)));
    parsed.collect::<Option<_>>().ok_or_else(|| fields.wrong("logit_bias", EXPECTED))
}

/// One string or a list of them.
fn stop(fields: &mut Fields<'_>) -> Result<Vec<PrivateText>, ApiError> {
    const EXPECTED: &str = "a string or a list of strings";
    let Some(raw) = fields.take_raw("stop") else { return Ok(Vec::new()) };
    let parsed = if raw.get().starts_with('"') {
        serde_json::from_str::<Text>(raw.get()).map(|text| vec![text])
    } else {
        serde_json::from_str::<Vec<Text>>(raw.get())
    };
    let texts = parsed.map_err(|_| fields.wrong("stop", EXPECTED))?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

/// What took effect, as text, because the wire has no floating point.
fn parameters(request: &GenerationRequest) -> Parameters {
    let Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        frequency_penalty,
        presence_penalty,
        logit_bias,
        seed,
    } = &request.sampling;
    let mut pairs = vec![
        ("frequency_penalty", frequency_penalty.to_string()),
        ("min_p", min_p.to_string()),
        ("presence_penalty", presence_penalty.to_string()),
        ("seed", seed.to_string()),
        ("temperature", temperature.to_string()),
        ("top_k", top_k.to_string()),
        ("top_p", top_p.to_string()),
    ];
    if let Some(tokens) = request.max_tokens {
        pairs.push(("max_tokens", tokens.to_string()));
    }
    if !logit_bias.is_empty() {
        let biases: Vec<_> = logit_bias.iter().map(|(id, bias)| format!("{id}:{bias}")).collect();
        pairs.push(("logit_bias", biases.join(",")));
    }
    if !request.stop.is_empty() {
        pairs.push(("stop_sha256", stop_digest(&request.stop)));
    }
    Parameters(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Stop strings are text of a user; their digest is enough to tell two lists apart.
fn stop_digest(stop: &[PrivateText]) -> String {
    let mut joined = Zeroizing::new(Vec::new());
    for text in stop {
        joined.extend_from_slice(&(text.len() as u64).to_be_bytes());
        joined.extend_from_slice(text.expose().as_bytes());
    }
    crate::weights::hex(&sha256(&joined))
}
