//! Holds an answer's receipt against what this end saw: the wire specification, section 10.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealroom_attestation::{
    Verified,
    cbor::Item,
    endpoints::{OPENING_TRAILER, RECEIPT_TRAILER},
    receipt::{self, Exchange, Opening, Receipt},
    seal::bhttp::Field,
};
use sealroom_verifier::Accepted;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{error::ExchangeError, request::Asked};

/// A receipt that holds, and its bytes as they were signed.
pub(super) struct Checked {
    pub(super) receipt: Verified<Receipt>,
    pub(super) signed: Vec<u8>,
}

/// Verifies the receipt in the trailers. `None` when there is none.
pub(super) fn check(
    trailers: &[Field],
    asked: &Asked,
    accepted: &Accepted,
    answer: &[u8],
) -> Result<Option<Checked>, ExchangeError> {
    let named = |name: &str| trailers.iter().find(|field| field.name() == name).map(Field::value);
    let Some(signed) = named(RECEIPT_TRAILER) else { return Ok(None) };
    let unreadable = ExchangeError::ReceiptMissing;
    let signed =
        URL_SAFE_NO_PAD.decode(signed).map_err(|_| unreadable("the receipt is not base64url"))?;
    let opening = named(OPENING_TRAILER).ok_or(unreadable("it has no opening"))?;
    let opening = URL_SAFE_NO_PAD
        .decode(opening)
        .map_err(|_| unreadable("the opening is not base64url"))
        .map(Zeroizing::new)?;
    let opening = Opening::decode(&opening).map_err(|_| unreadable("the opening is malformed"))?;
    let claims = accepted.claims();
    let exchange = Exchange {
        boot_id: claims.boot_id,
        receipt_key: claims.statement.receipt_key,
        manifest: claims.manifest_digest,
        kem: asked.key,
        request_id: asked.id.0,
        request_digest: asked.digest,
        request: &asked.content,
        answer,
    };
    let receipt = receipt::verify(&signed, &opening, &exchange)
        .map_err(|refusal| ExchangeError::Receipt(Box::new(refusal)))?;
    compare_usage(receipt.claims(), answer)?;
    Ok(Some(Checked { receipt, signed }))
}

/// What bills are made of must be what the client was told, where the client was told.
fn compare_usage(receipt: &Receipt, answer: &[u8]) -> Result<(), ExchangeError> {
    let Some(told) = usage_in(answer) else { return Ok(()) };
    let receipt = (receipt.usage.prompt, receipt.usage.completion);
    let answer = (told.prompt_tokens, told.completion_tokens);
    if receipt == answer { Ok(()) } else { Err(ExchangeError::Usage { receipt, answer }) }
}

#[derive(Deserialize)]
struct Counted {
    usage: Option<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Told {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// The last usage object of an answer, be it one body or events.
fn usage_in(answer: &[u8]) -> Option<Told> {
    // Inside a JSON string the quotes would be escaped: this sequence is always a key.
    const KEY: &[u8] = b"\"usage\":";
    let told = |text: &[u8]| serde_json::from_slice::<Counted>(text).ok()?.usage;
    let mentions = |text: &[u8]| text.windows(KEY.len()).any(|window| window == KEY);
    if answer.first() == Some(&b'{') {
        return told(answer);
    }
    let events =
        answer.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    events.filter(|event| mentions(event)).filter_map(told).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: Option<Told> = Some(Told { prompt_tokens: 3, completion_tokens: 5 });

    #[test]
    fn finds_the_count_of_a_body_and_of_a_stream() {
        let body =
            br#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;
        assert_eq!(usage_in(body), TOLD);
        let stream = b"data: {\"usage\":null}\n:...\n\ndata: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n";
        assert_eq!(usage_in(stream), TOLD);
    }

    #[test]
    fn a_stream_that_tells_nothing_and_a_text_about_usage_count_nothing() {
        assert_eq!(usage_in(b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n"), None);
        assert_eq!(usage_in(br#"data: {"content":"\"usage\":{\"prompt_tokens\":9}"}"#), None);
    }
}
