//! Attestation results: what they say, and everything that they refuse, one change each.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::{UnixTime, digests::Nonce, transcript::sha256};
use sealroom_verifier::{
    Verdict,
    ear::{Binding, Ear, EarError, Expected, FreshnessClass, Status, Vector, issue, verify},
};
use serde_json::{Value, json};

use crate::scene::{self, Board, NOW};

const NONCE: Nonce = Nonce([0x11; 32]);
const LIFETIME: u64 = 300;

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).expect("a key")
}

fn public_key() -> [u8; 32] {
    key().public_key().as_ref().try_into().expect("32 bytes")
}

fn sign(bytes: &[u8]) -> [u8; 64] {
    key().sign(bytes).as_ref().try_into().expect("64 bytes")
}

fn binding() -> Binding<'static> {
    Binding { nonce: NONCE, audience: Some("gateway"), policy: Some(sha256(b"version = 1")) }
}

fn token(verdict: &Verdict) -> String {
    issue(verdict, &binding(), LIFETIME, &public_key(), sign)
}

fn expected() -> Expected<'static> {
    Expected { nonce: NONCE, audience: Some("gateway") }
}

fn read(token: &str) -> Result<Ear, EarError> {
    verify(token.as_bytes(), &public_key(), &expected(), NOW)
}

fn accepted() -> Verdict {
    scene::genoa(Some(&scene::genoa_policy()))
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().expect("three parts")
}

fn claims(token: &str) -> Value {
    let body = BASE64.decode(&parts(token)[1]).expect("base64url");
    serde_json::from_slice(&body).expect("JSON")
}

/// The same token with another text of claims, signed by the same key.
fn with_claims(token: &str, change: impl FnOnce(String) -> String) -> String {
    let [header, body, _] = parts(token);
    let body = String::from_utf8(BASE64.decode(body).expect("base64url")).expect("UTF-8");
    let signed = format!("{header}.{}", BASE64.encode(change(body)));
    format!("{signed}.{}", BASE64.encode(sign(signed.as_bytes())))
}

fn replacing(from: &str, to: &str) -> String {
    with_claims(&token(&accepted()), |body| {
        assert!(body.contains(from), "{body}");
        body.replacen(from, to, 1)
    })
}

#[test]
fn an_accepted_machine_is_affirmed_with_its_reasons() {
    let verdict = accepted();
    let token = token(&verdict);
    let ear = read(&token).expect("a result");
    assert_eq!((ear.status(), ear.simulated()), (Status::Affirming, false));
    assert_eq!((ear.at(), ear.until()), (NOW, NOW.plus(LIFETIME)));
    assert_eq!(ear.freshness(), FreshnessClass::None);
    assert_eq!(
        ear.evidence_id().map(str::to_owned),
        verdict.evidence_id().map(|id| id.to_string())
    );
    let vector = Vector {
        instance_identity: 0,
        configuration: 2,
        executables: 3,
        hardware: 2,
        runtime_opaque: 2,
    };
    assert_eq!(ear.parts().collect::<Vec<_>>(), [("cpu", Status::Affirming, vector)]);
    let claims = claims(&token);
    assert_eq!(claims["eat_profile"], "tag:ietf.org,2026:rats/ear#04");
    assert_eq!(claims["eat_nonce"], BASE64.encode(NONCE.0));
    let policy = format!("ni:///sha-256;{}", BASE64.encode(sha256(b"version = 1")));
    assert_eq!(claims["submods"]["cpu"]["ear_appraisal_policy_ids"], json!([policy]));
    assert_eq!(claims["ear_verifier_id"]["developer"], "Sealroom");
}

#[test]
fn decisions_become_tiers_and_what_is_simulated_is_never_affirmed() {
    let statuses = |verdict: &Verdict| {
        let ear = read(&token(verdict)).expect("a result");
        assert_eq!(ear.simulated(), verdict.simulated());
        let parts: Vec<_> = ear.parts().map(|(_, status, _)| status).collect();
        assert!(parts.iter().all(|status| *status == ear.status()));
        (ear.status(), parts.len())
    };
    assert_eq!(statuses(&accepted()), (Status::Affirming, 1));
    let excepted = scene::genoa(Some(&scene::excepting_policy()));
    assert_eq!(statuses(&excepted), (Status::Warning, 1));
    assert_eq!(excepted.valid_until().to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(statuses(&scene::genoa(None)), (Status::None, 1));
    assert_eq!(statuses(&scene::genoa(Some("version = 1"))), (Status::Contraindicated, 1));
    assert_eq!(statuses(&scene::trust_domain(false)), (Status::Contraindicated, 1));
    assert_eq!(statuses(&scene::trust_domain(true)), (Status::Contraindicated, 1));
    assert_eq!(statuses(&Board::default().verdict()), (Status::Contraindicated, 13));
    assert_eq!(statuses(&scene::gpu(false)), (Status::None, 1));
    assert_eq!(statuses(&scene::nothing()), (Status::Contraindicated, 1));
}

#[test]
fn a_refusal_speaks_against_the_subject_that_it_is_about() {
    let other = scene::genoa_policy().replace("vmpls = [1]", "vmpls = [0]");
    let ear = read(&token(&scene::genoa(Some(&other)))).expect("a result");
    let (_, _, vector) = ear.parts().next().expect("a part");
    assert_eq!((vector.configuration, vector.executables, vector.hardware), (96, 3, 2));
    let excepted = scene::genoa(Some(&scene::excepting_policy()));
    let ear = read(&token(&excepted)).expect("a result");
    let (_, _, vector) = ear.parts().next().expect("a part");
    assert_eq!((vector.configuration, vector.executables, vector.hardware), (32, 3, 2));
    let forged = read(&token(&scene::nothing())).expect("a result");
    assert_eq!(forged.parts().next().expect("a part").2.hardware, 99);
}

#[test]
fn a_result_ends_no_later_than_the_evidence() {
    let verdict = accepted();
    let end = verdict.claims.as_ref().expect("claims").validity().until;
    let token = issue(&verdict, &binding(), u64::MAX, &public_key(), sign);
    assert_eq!(read(&token).expect("a result").until(), end);
}

#[test]
fn refuses_another_nonce_audience_and_time() {
    let token = token(&accepted());
    let at = |expected: &Expected<'_>, now| {
        verify(token.as_bytes(), &public_key(), expected, now).map(|_| ())
    };
    assert_eq!(at(&expected(), NOW), Ok(()));
    assert_eq!(at(&Expected { nonce: Nonce([0x12; 32]), ..expected() }, NOW), Err(EarError::Nonce));
    let found = Some("gateway".to_owned());
    let audience = Err(EarError::Audience { found });
    assert_eq!(at(&Expected { audience: Some("other"), ..expected() }, NOW), audience);
    assert_eq!(at(&Expected { audience: None, ..expected() }, NOW), audience);
    let last = NOW.plus(LIFETIME);
    assert_eq!(at(&expected(), last), Ok(()));
    assert_eq!(at(&expected(), last.plus(1)), Err(EarError::Ended { until: last }));
    let early = Err(EarError::NotYet { from: NOW });
    assert_eq!(at(&expected(), UnixTime(NOW.0 - 1)), early);
}

#[test]
fn refuses_another_key_another_algorithm_and_a_changed_signature() {
    let token = token(&accepted());
    assert_eq!(read(&token).map(|ear| ear.status()), Ok(Status::Affirming));
    let other = verify(token.as_bytes(), &[9; 32], &expected(), NOW);
    assert_eq!(other, Err(EarError::Header));
    let [_, body, signature] = parts(&token);
    for header in [json!({"alg": "none"}), json!({"alg": "HS256", "typ": "eat+jwt"})] {
        let header = BASE64.encode(header.to_string());
        assert_eq!(read(&format!("{header}.{body}.{signature}")), Err(EarError::Header));
        assert_eq!(read(&format!("{header}.{body}.")), Err(EarError::Header));
    }
    let [header, body, mut signature] = parts(&token);
    assert_eq!(read(&format!("{header}.{body}.")), Err(EarError::Signature));
    signature.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    assert_eq!(read(&format!("{header}.{body}.{signature}")), Err(EarError::Signature));
}

#[test]
fn refuses_changed_claims_even_of_the_right_key() {
    let same = read(&replacing("\"iat\"", "\"iat\""));
    assert_eq!(same.map(|ear| ear.status()), Ok(Status::Affirming));
    let found = "tag:ietf.org,2026:rats/ear#03".to_owned();
    assert_eq!(read(&replacing("ear#04", "ear#03")), Err(EarError::Profile { found }));
    let cases = [
        ("{\"eat_profile\"", "{ \"eat_profile\""),
        ("\"aud\":\"gateway\"", "\"aud\":\"gateway\",\"also\":1"),
        ("\"aud\":\"gateway\"", "\"aud\":\"gateway\",\"aud\":\"gateway\""),
        ("\"submods\":{\"cpu\":", "\"submods\":{\"cpu\":1,\"cpu\":"),
        ("\"affirming\"", "\"great\""),
        ("\"hardware\":2", "\"hardware\":2000"),
        ("\"iat\":1", "\"iat\":-1"),
    ];
    for (from, to) in cases {
        assert_eq!(read(&replacing(from, to)), Err(EarError::Claims), "{to}");
    }
}

#[test]
fn refuses_a_part_that_says_better_than_its_reasons() {
    let part = |name: &str| Err(EarError::Inconsistent(name.to_owned()));
    assert_eq!(read(&replacing("\"hardware\":2", "\"hardware\":96")), part("cpu"));
    assert_eq!(read(&replacing("\"hardware\":2", "\"hardware\":0")), part("cpu"));
    assert_eq!(read(&replacing("\"configuration\":2", "\"configuration\":1")), part("cpu"));
    let whole = "\"ear_status\":\"affirming\",\"ear_verifier_id\"";
    let none = "\"ear_status\":\"none\",\"ear_verifier_id\"";
    assert_eq!(read(&replacing(whole, none)), part("cpu"));
    let simulated = replacing("\"sealroom_simulated\":false", "\"sealroom_simulated\":true");
    assert_eq!(read(&simulated), part("all"));
}

#[test]
fn refuses_what_is_no_token() {
    for text in ["", "a", "a.b", "..", "a.b.c.d", "é.b.c", "YQ==.YQ.YQ"] {
        let error = read(text).expect_err("no token");
        assert!(matches!(error, EarError::Form | EarError::Header), "{text}: {error:?}");
    }
    let found = 64 * 1024 + 1;
    assert_eq!(read(&"a".repeat(found)), Err(EarError::TooLong { found }));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&bytes, &public_key(), &expected(), NOW).is_err());
    }

    #[test]
    fn no_claims_panic_and_no_change_is_overlooked(place in 0_usize..4000, byte in any::<u8>()) {
        let whole = token(&scene::nothing());
        let mut bytes = whole.clone().into_bytes();
        let place = place % bytes.len();
        bytes[place] = byte;
        let read = verify(&bytes, &public_key(), &expected(), NOW);
        prop_assert_eq!(read.is_ok(), bytes == whole.as_bytes());
        let changed = with_claims(&whole, |body| {
            let mut body = body.into_bytes();
            let place = place % body.len();
            body[place] = byte;
            String::from_utf8_lossy(&body).into_owned()
        });
        drop(verify(changed.as_bytes(), &public_key(), &expected(), NOW));
    }
}
