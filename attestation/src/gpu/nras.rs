//! Tokens of NVIDIA's remote attestation service: the word of a service about evidence that it saw.
//!
//! This is weaker than everything else here. The key set is the caller's, no root is pinned for it, and what the service
//! looked at is not shown. A token proves nothing about a device by itself: its claims stand beside what was verified.

mod error;
mod keys;
mod token;

use crate::checks::{self, Check};
use crate::time::{UnixTime, Window};
use crate::transcript::sha256;

use super::{Case, Checked, Examined, GpuError, Mismatch};
use keys::Key;
use token::{Answer, Device, Overall, Submodule, Token};

pub use error::NrasError;
pub use keys::LONGEST_KEY_SET;
pub use token::LONGEST_TOKEN;

/// NVIDIA's service.
const ISSUER: &str = "https://nras.attestation.nvidia.com";
const SUBJECT: &str = "NVIDIA-PLATFORM-ATTESTATION";
/// One answer is enough; more are read while a node has several kinds of device.
const MOST_ANSWERS: usize = 4;
const MOST_KEY_SETS: usize = 4;

/// The checks of a token, in their order.
pub const TOKEN: &[&Check] = &[
    &checks::GPU_NRAS_DECODE,
    &checks::GPU_NRAS_ALGORITHM,
    &checks::GPU_NRAS_ISSUER,
    &checks::GPU_NRAS_VALIDITY,
    &checks::GPU_NRAS_NONCE,
    &checks::GPU_NRAS_DIGEST,
    &checks::GPU_NRAS_RESULT,
    &checks::GPU_NRAS_KEY,
    &checks::GPU_NRAS_SIGNATURE,
];

/// What the service says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NrasClaims {
    /// The version of its claims.
    pub version: String,
    /// The nonce of the evidence that it saw.
    pub nonce: [u8; 32],
    /// Whether that nonce was compared with the one of this evidence.
    pub nonce_compared: bool,
    /// When the token was made.
    pub issued: UnixTime,
    /// When all of its tokens count.
    pub validity: Window,
    /// The id of the key that signed the overall token.
    pub key: String,
    /// Each device that it saw, by its name.
    pub devices: Vec<NrasDevice>,
}

/// What the service says about one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NrasDevice {
    /// `GPU-0` and so on.
    pub name: String,
    /// `GH100 A01 GSP BROM` and so on.
    pub model: Option<String>,
    /// The leaf's serial number, in decimal.
    pub ueid: Option<String>,
    /// Of the driver.
    pub driver: Option<String>,
    /// Of the VBIOS, or of a switch's BIOS.
    pub bios: Option<String>,
}

/// Verifies tokens alone. The caller vouches for the key sets.
///
/// # Errors
/// The first reason against, every check that ran and those that did not, and the claims of the tokens that count.
pub fn verify(
    tokens: &[Vec<u8>],
    key_sets: &[Vec<u8>],
    nonce: Option<[u8; 32]>,
    now: UnixTime,
) -> Examined<NrasClaims> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    let claims = examine(&mut case, tokens, key_sets, nonce, now);
    case.conclude(claims, true).map_err(Box::new)
}

/// Examines every token that was given; the claims of those of which every check passed come back.
pub(crate) fn examine(
    case: &mut Case,
    tokens: &[Vec<u8>],
    key_sets: &[Vec<u8>],
    nonce: Option<[u8; 32]>,
    now: UnixTime,
) -> Vec<NrasClaims> {
    if tokens.is_empty() {
        case.not_given(TOKEN, "no token of NVIDIA's attestation service was given");
        return Vec::new();
    }
    let keys = key_set(key_sets);
    let counted = bounded("tokens", tokens.len(), MOST_ANSWERS);
    let problem = counted.err().or_else(|| keys.as_ref().err().cloned());
    if let Some(error) = problem {
        case.check(&checks::GPU_NRAS_DECODE, Err(Mismatch::because(error, "as NVIDIA writes it")));
        case.stopped_before(TOKEN);
        return Vec::new();
    }
    let with = With { keys: keys.unwrap_or_default(), nonce, now };
    tokens.iter().filter_map(|token| with.examine(case, token)).collect()
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), NrasError> {
    if found > limit { Err(NrasError::TooMany { what, found, limit }) } else { Ok(()) }
}

fn key_set(key_sets: &[Vec<u8>]) -> Result<Vec<Key>, NrasError> {
    bounded("key sets", key_sets.len(), MOST_KEY_SETS)?;
    let sets: Result<Vec<_>, _> = key_sets.iter().map(|set| keys::decode(set)).collect();
    Ok(sets?.concat())
}

/// What every token is held against.
struct With {
    keys: Vec<Key>,
    nonce: Option<[u8; 32]>,
    now: UnixTime,
}

/// The claims that both kinds of token have.
struct Common<'t> {
    token: &'t str,
    issuer: &'t str,
    nonce: &'t str,
    window: Window,
    passed: bool,
}

impl With {
    fn examine(&self, case: &mut Case, bytes: &[u8]) -> Option<NrasClaims> {
        // 1. The bytes are one answer of the service, and somebody signed every token.
        let answer = Answer::decode(bytes);
        let found = match &answer {
            Ok(answer) => Ok(format!("{} devices", answer.devices.len())),
            Err(error) => Err(Mismatch::because(error.clone(), "a detached EAT")),
        };
        case.check(&checks::GPU_NRAS_DECODE, found);
        let Ok(answer) = answer else {
            case.stopped_before(TOKEN);
            return None;
        };
        let mut holds = case.check(&checks::GPU_NRAS_ALGORITHM, algorithms(&answer));

        // 2. What the tokens say of themselves and of each other.
        let common = common(&answer);
        holds &= case.check(&checks::GPU_NRAS_ISSUER, issuer(&answer, &common));
        holds &= case.check(&checks::GPU_NRAS_VALIDITY, self.validity(&common));
        holds &= self.nonce(case, &common);
        holds &= case.check(&checks::GPU_NRAS_DIGEST, digests(&answer));
        holds &= case.check(&checks::GPU_NRAS_RESULT, result(&common));

        // 3. Who signed.
        holds &= self.keys(case, &answer);
        if !holds {
            case.missing_all(&[&checks::GPU_NRAS_SIGNATURE]);
            return None;
        }
        let signed = case.check(&checks::GPU_NRAS_SIGNATURE, self.signatures(&answer));
        signed.then(|| self.claims(answer)).flatten()
    }

    fn validity(&self, common: &[Common<'_>]) -> Checked {
        let now = self.now;
        match common.iter().find(|one| !one.window.contains(now)) {
            None => Ok(window(common).to_string()),
            Some(one) => {
                let (token, window) = (one.token.to_owned(), one.window);
                Err(Mismatch::because(NrasError::Validity { token, window, now }, window))
            }
        }
    }

    /// Every token has the same nonce, which is this evidence's where that is known.
    fn nonce(&self, case: &mut Case, common: &[Common<'_>]) -> bool {
        let first = common.first().and_then(|overall| nonce(overall.nonce));
        let expected = self.nonce.or(first);
        let other = common.iter().find(|one| nonce(one.nonce).is_none_or(|n| Some(n) != expected));
        if let Some(other) = other {
            let error = NrasError::Nonce { token: other.token.to_owned() };
            let expected = expected.map_or("32 bytes".to_owned(), hex::encode);
            let refused = Mismatch::because(error, expected);
            return case.check(&checks::GPU_NRAS_NONCE, Err(refused));
        }
        match self.nonce {
            Some(nonce) => {
                case.check(&checks::GPU_NRAS_NONCE, Ok(hex::encode(nonce)));
            }
            None => case.not_given(&[&checks::GPU_NRAS_NONCE], "no nonce was given to compare"),
        }
        true
    }

    fn key<C>(&self, token: &Token<C>) -> Option<&Key> {
        let id = short(token.header.kid.as_deref()?);
        self.keys.iter().find(|key| key.id == id)
    }

    /// Every key that is named is in a key set that was given.
    fn keys(&self, case: &mut Case, answer: &Answer) -> bool {
        if self.keys.is_empty() {
            case.missing(
                &checks::GPU_NRAS_KEY,
                "no key set was given, or none has a key for ES384",
            );
            return false;
        }
        let named = |name: &str, id: &Option<String>, found: bool| {
            if found {
                return Ok(());
            }
            let key = short(id.as_deref().unwrap_or("(none)"));
            let error = NrasError::KeyUnknown { token: name.to_owned(), key };
            Err(Mismatch::because(error, "a key of the key set"))
        };
        let overall = &answer.overall;
        let mut result = named(&overall.name, &overall.header.kid, self.key(overall).is_some());
        for device in &answer.devices {
            let found = self.key(device).is_some();
            result = result.and_then(|()| named(&device.name, &device.header.kid, found));
        }
        case.check(&checks::GPU_NRAS_KEY, result.map(|()| format!("{} keys", self.keys.len())))
    }

    fn signatures(&self, answer: &Answer) -> Checked {
        self.signature(&answer.overall)?;
        for device in &answer.devices {
            self.signature(device)?;
        }
        Ok(format!(
            "{} tokens, by keys that the caller vouches for",
            answer.devices.len().saturating_add(1)
        ))
    }

    fn signature<C>(&self, token: &Token<C>) -> Result<(), Mismatch> {
        let key = self.key(token);
        if key.is_some_and(|key| key.signed(token.signed.as_bytes(), &token.signature)) {
            return Ok(());
        }
        let key = key.map_or("(none)".to_owned(), |key| key.id.clone());
        let error = NrasError::Signature { token: token.name.clone(), key };
        Err(Mismatch::because(error, "ES384 by the key that it names"))
    }

    fn claims(&self, answer: Answer) -> Option<NrasClaims> {
        let validity = window(&common(&answer));
        let Token { header, claims, .. } = answer.overall;
        let device = |token: Token<Device>| NrasDevice {
            name: token.name,
            model: token.claims.hwmodel.as_deref().map(short),
            ueid: token.claims.ueid.as_deref().map(short),
            driver: token.claims.driver.as_deref().map(short),
            bios: token.claims.vbios.or(token.claims.bios).as_deref().map(short),
        };
        Some(NrasClaims {
            version: short(&claims.version),
            nonce: nonce(&claims.eat_nonce)?,
            nonce_compared: self.nonce.is_some(),
            issued: UnixTime(claims.iat),
            validity,
            key: short(header.kid.as_deref()?),
            devices: answer.devices.into_iter().map(device).collect(),
        })
    }
}

fn common(answer: &Answer) -> Vec<Common<'_>> {
    let Token { name, claims, .. } = &answer.overall;
    let Overall { iss, eat_nonce, exp, iat, nbf, result, .. } = claims;
    let mut all = vec![Common {
        token: name,
        issuer: iss,
        nonce: eat_nonce,
        window: times(*exp, *iat, *nbf),
        passed: *result,
    }];
    all.extend(answer.devices.iter().map(|token| {
        let Device { iss, eat_nonce, exp, iat, nbf, .. } = &token.claims;
        Common {
            token: &token.name,
            issuer: iss,
            nonce: eat_nonce,
            window: times(*exp, *iat, *nbf),
            passed: passed(&token.claims),
        }
    }));
    all
}

/// The measurements are good, and nothing that is said beside them opens the device.
fn passed(device: &Device) -> bool {
    let locked = device.dbgstat.as_deref().is_none_or(|state| state == "disabled");
    device.measres == "success" && device.secboot != Some(false) && locked
}

/// It counts once it was issued and its time has come, and no more at the second of its end (RFC 7519 §4.1.4).
fn times(exp: u64, iat: u64, nbf: Option<u64>) -> Window {
    let from = UnixTime(iat.max(nbf.unwrap_or_default()));
    Window { from, until: UnixTime(exp.saturating_sub(1)) }
}

fn window(common: &[Common<'_>]) -> Window {
    common.iter().fold(Window::ALWAYS, |all, one| all.intersect(&one.window))
}

fn nonce(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The algorithm of every token is the one, and none is unsigned.
fn algorithms(answer: &Answer) -> Checked {
    algorithm(&answer.overall)?;
    answer.devices.iter().try_for_each(algorithm)?;
    Ok("ES384".to_owned())
}

fn algorithm<C>(token: &Token<C>) -> Result<(), Mismatch> {
    let name = token.name.clone();
    let error = match token.header.alg.as_str() {
        "ES384" if !token.signature.is_empty() => return Ok(()),
        alg if alg.eq_ignore_ascii_case("none") || token.signature.is_empty() => {
            NrasError::Unsigned { token: name }
        }
        _ => NrasError::Algorithm { token: name },
    };
    Err(Mismatch::because(error, "ES384"))
}

fn issuer(answer: &Answer, common: &[Common<'_>]) -> Checked {
    let other = common.iter().find(|one| one.issuer != ISSUER);
    let other = other
        .map(|one| one.token)
        .or_else(|| (answer.overall.claims.sub != SUBJECT).then_some(answer.overall.name.as_str()));
    match other {
        None => Ok(ISSUER.to_owned()),
        Some(token) => {
            Err(Mismatch::because(NrasError::Issuer { token: token.to_owned() }, ISSUER))
        }
    }
}

/// The overall token names exactly these devices' tokens, each by its digest.
fn digests(answer: &Answer) -> Checked {
    let submods = &answer.overall.claims.submods;
    let fits = |token: &Token<Device>| {
        submods.get(&token.name).is_some_and(|Submodule(kind, (algorithm, digest))| {
            kind == "DIGEST"
                && ["SHA-256", "SHA256"].contains(&algorithm.as_str())
                && *digest == hex::encode(sha256(token.compact.as_bytes()))
        })
    };
    let broken = answer.devices.iter().find(|token| !fits(token)).map(|token| token.name.clone());
    let has = |name: &String| answer.devices.iter().any(|token| token.name == *name);
    let absent = submods.keys().find(|name| !has(name)).map(|name| short(name));
    let none = submods.is_empty().then(|| "any device".to_owned());
    match broken.or(absent).or(none) {
        None => Ok(format!("{} devices", submods.len())),
        Some(device) => Err(Mismatch::because(
            NrasError::Digest { device },
            "the digest of each device's token",
        )),
    }
}

fn result(common: &[Common<'_>]) -> Checked {
    match common.iter().find(|one| !one.passed) {
        None => Ok("the service's verifier accepted".to_owned()),
        Some(one) => {
            let error = NrasError::Result { token: one.token.to_owned() };
            Err(Mismatch::because(error, "true, and success for each device"))
        }
    }
}

/// Text of a token, for people: short, and nothing that a terminal would act on.
fn short(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).take(96).collect()
}
