//! Forged answers of the attestation service with one thing changed.

use sealroom_attestation::gpu::GpuError;
use sealroom_attestation::gpu::nras::{NrasClaims, NrasError, verify};
use sealroom_attestation::time::Window;
use sealroom_attestation::{Outcome, Refusal, UnixTime, Verified};
use sealroom_forge::Vendor;
use sealroom_forge::gpu::{NrasSpec, TokenSpec};

use crate::refuses;
use crate::scene::{NOW, Row, SEED, row};

type Verdict = Result<Verified<Vec<NrasClaims>>, Box<Refusal<GpuError, Vec<NrasClaims>>>>;

const NONCE: [u8; 32] = [0x5e; 32];
const KEY: &str = "nv-eat-kid-forged";

fn spec() -> NrasSpec {
    NrasSpec::new(SEED, NONCE, NOW)
}

fn check_at(spec: &NrasSpec, now: u64) -> Verdict {
    let keys = NrasSpec::new(SEED, NONCE, NOW).key_set(KEY);
    verify(&[spec.sign().into_bytes()], &[keys.into_bytes()], Some(NONCE), UnixTime(now))
}

fn changed(change: impl FnOnce(&mut NrasSpec)) -> Verdict {
    let mut spec = spec();
    change(&mut spec);
    check_at(&spec, NOW)
}

fn overall(name: &'static str, value: &str) -> Verdict {
    changed(|spec| *spec.overall.member(name) = value.to_owned())
}

fn device(name: &'static str, value: &str) -> Verdict {
    changed(|spec| *spec.devices[0].1.member(name) = value.to_owned())
}

fn with_keys(keys: &str) -> Verdict {
    verify(&[spec().sign().into_bytes()], &[keys.as_bytes().to_vec()], Some(NONCE), UnixTime(NOW))
}

pub(crate) fn rows() -> Vec<Row> {
    let good = || changed(|_| ());
    let both = |id, name: &'static str, value: &str| {
        vec![row(id, good(), overall(name, value)), row(id, good(), device(name, value))]
    };
    let mut rows = vec![
        row("gpu.nras.decode", good(), overall("exp", "\"soon\"")),
        row("gpu.nras.decode", good(), overall("x-nvidia-overall-att-result", "\"true\"")),
        row("gpu.nras.decode", good(), with_keys("{\"keys\":{}}")),
        row("gpu.nras.decode", good(), with_keys(&spec().key_set(KEY).replace("\"y\"", "\"z\""))),
        row("gpu.nras.decode", good(), changed(|spec| crit(&mut spec.overall))),
        row("gpu.nras.algorithm", good(), overall("alg", "\"none\"")),
        row("gpu.nras.algorithm", good(), device("alg", "\"NONE\"")),
        row("gpu.nras.algorithm", good(), overall("alg", "\"ES256\"")),
        row("gpu.nras.algorithm", good(), device("alg", "\"HS384\"")),
        row("gpu.nras.algorithm", good(), changed(|spec| spec.overall.unsigned = true)),
        row("gpu.nras.issuer", good(), overall("sub", "\"SOMETHING-ELSE\"")),
        row("gpu.nras.digest", good(), changed(|spec| spec.foreign.push("GPU-0".to_owned()))),
        row(
            "gpu.nras.digest",
            changed(|spec| spec.digest_name = "SHA256".to_owned()),
            changed(|spec| spec.digest_name = "SHA-1".to_owned()),
        ),
        row(
            "gpu.nras.digest",
            changed(second),
            changed(|spec| {
                second(spec);
                spec.unnamed.push("GPU-1".to_owned());
            }),
        ),
        row("gpu.nras.digest", good(), changed(|spec| spec.devices.clear())),
        row("gpu.nras.result", good(), overall("x-nvidia-overall-att-result", "false")),
        row("gpu.nras.result", good(), device("measres", "\"fail\"")),
        // NVIDIA's own policies ask for both; older claims leave them out.
        row("gpu.nras.result", device("secboot", "null"), device("secboot", "false")),
        row("gpu.nras.result", device("dbgstat", "null"), device("dbgstat", "\"enabled\"")),
        row("gpu.nras.key", good(), with_keys(&spec().key_set("another"))),
        row("gpu.nras.key", good(), device("kid", "\"another\"")),
        row("gpu.nras.signature", good(), changed(|spec| spec.overall.broken_signature = true)),
        row(
            "gpu.nras.signature",
            good(),
            changed(|spec| spec.devices[0].1.broken_signature = true),
        ),
        row("gpu.nras.signature", good(), changed(|spec| spec.vendor = Vendor::Two)),
    ];
    rows.extend(both("gpu.nras.issuer", "iss", "\"https://example.org\""));
    rows.extend(both("gpu.nras.issuer", "iss", "\"LOCAL_GPU_VERIFIER\""));
    rows.extend(both("gpu.nras.nonce", "eat_nonce", &format!("\"{}\"", "07".repeat(32))));
    rows.extend(both("gpu.nras.nonce", "eat_nonce", "\"\""));
    for (name, inside, outside) in
        [("exp", NOW + 1, NOW), ("nbf", NOW, NOW + 1), ("iat", NOW, NOW + 1)]
    {
        let id = "gpu.nras.validity";
        let text = |time: u64| time.to_string();
        rows.push(row(id, overall(name, &text(inside)), overall(name, &text(outside))));
        rows.push(row(id, device(name, &text(inside)), device(name, &text(outside))));
    }
    rows
}

fn crit(token: &mut TokenSpec) {
    token.header.push(("crit".to_owned(), "[\"b64\"]".to_owned()));
}

fn second(spec: &mut NrasSpec) {
    let (_, token) = spec.devices[0].clone();
    spec.devices.push(("GPU-1".to_owned(), token));
}

#[test]
fn each_change_of_a_token_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn says_what_the_service_says() {
    let verified = changed(second).expect("a token");
    let [claims] = &verified.claims()[..] else { panic!("one token") };
    assert_eq!((claims.version.as_str(), claims.key.as_str()), ("3.0", KEY));
    assert_eq!((claims.nonce, claims.nonce_compared), (NONCE, true));
    let window = Window { from: UnixTime(NOW), until: UnixTime(NOW + 3599) };
    assert_eq!((claims.issued, claims.validity), (UnixTime(NOW), window));
    let names: Vec<_> = claims.devices.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["GPU-0", "GPU-1"]);
    let first = &claims.devices[0];
    assert_eq!(first.model.as_deref(), Some("GH100 A01 GSP BROM"));
    assert_eq!(first.driver.as_deref(), Some("550.90.07"));
    assert_eq!(first.bios.as_deref(), Some("96.00.9F.00.01"));
}

#[test]
fn without_a_nonce_or_a_key_set_it_says_so() {
    let (token, keys) = (spec().sign().into_bytes(), spec().key_set(KEY).into_bytes());
    let now = UnixTime(NOW);
    let verified = verify(std::slice::from_ref(&token), std::slice::from_ref(&keys), None, now)
        .expect("a token");
    assert!(!verified.claims()[0].nonce_compared);
    let open = |row: &&sealroom_attestation::claims::Finding| row.outcome == Outcome::NotGiven;
    let rows: Vec<_> = verified.ledger().findings().iter().filter(open).collect();
    assert_eq!(rows.iter().map(|row| row.check.id).collect::<Vec<_>>(), ["gpu.nras.nonce"]);
    let refusal = verify(&[token], &[], Some(NONCE), now).expect_err("undecided");
    assert_eq!(refusal.error, GpuError::Undecided { missing: "gpu.nras.key" });
    let none = verify(&[], &[keys], Some(NONCE), now).expect("none is needed");
    assert_eq!(none.claims(), &[]);
}

#[test]
fn keys_may_come_as_certificates() {
    let certificate = spec().certificate().sign();
    with_keys(&spec().certified_key_set(KEY, &certificate)).expect("the same key");
    let mut other = spec().certificate();
    other.spki.pop();
    let key = KEY.to_owned();
    let broken = with_keys(&spec().certified_key_set(KEY, &other.sign()));
    refuses(broken, "gpu.nras.decode", NrasError::Key { key: key.clone() });
    // A certificate for another key than the coordinates beside it.
    let mut stranger = spec();
    stranger.vendor = Vendor::Two;
    let certified = spec().certified_key_set(KEY, &stranger.certificate().sign());
    let x5c =
        certified.split("\"x5c\"").nth(1).and_then(|rest| rest.split("}]}").next()).expect("a key");
    let mixed = spec().key_set(KEY).replace("}]}", &format!(",\"x5c\"{x5c}}}]}}"));
    refuses(with_keys(&mixed), "gpu.nras.decode", NrasError::Key { key });
    // Keys of other kinds are passed over.
    let rsa = "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"},";
    with_keys(&spec().key_set(KEY).replace("{\"keys\":[", rsa)).expect("the other key is there");
}

#[test]
fn says_why_a_token_does_not_count() {
    let token = || "overall".to_owned();
    refuses(
        overall("alg", "\"none\""),
        "gpu.nras.algorithm",
        NrasError::Unsigned { token: token() },
    );
    refuses(
        overall("alg", "\"RS256\""),
        "gpu.nras.algorithm",
        NrasError::Algorithm { token: token() },
    );
    let device_name = || "GPU-0".to_owned();
    let digest = changed(|spec| spec.foreign.push(device_name()));
    refuses(digest, "gpu.nras.digest", NrasError::Digest { device: device_name() });
    let key = "another".to_owned();
    let unknown = NrasError::KeyUnknown { token: device_name(), key };
    refuses(device("kid", "\"another\""), "gpu.nras.key", unknown);
    let long = vec![b' '; 512 * 1024 + 1];
    let verdict = verify(&[long], &[], None, UnixTime(NOW));
    let error =
        NrasError::TooMany { what: "bytes of a token", found: 512 * 1024 + 1, limit: 512 * 1024 };
    refuses(verdict, "gpu.nras.decode", error);
    let many = changed(|spec| {
        let (_, token) = spec.devices[0].clone();
        spec.devices = (0..33).map(|place| (format!("GPU-{place}"), token.clone())).collect();
    });
    refuses(many, "gpu.nras.decode", NrasError::TooMany { what: "devices", found: 33, limit: 32 });
}

#[test]
fn names_of_devices_cannot_write_to_a_terminal() {
    let verified = changed(|spec| spec.devices[0].0 = "GPU\\u001b[2J".to_owned());
    assert!(verified.is_ok() || !format!("{verified:?}").contains('\u{1b}'));
    let shown =
        overall("x-nvidia-ver", "\"3\\u001b[2J\"").expect("a token").claims()[0].version.clone();
    assert_eq!(shown, "3[2J");
}
