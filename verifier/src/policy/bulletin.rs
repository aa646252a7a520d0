//! Bulletins: floors and deny lists that somebody publishes, dated, numbered and signed, for many policies at once. A
//! bulletin can only make a policy stricter.

use std::collections::{BTreeMap, BTreeSet};

use ring::signature::{ED25519, UnparsedPublicKey};
use sealroom_attestation::{
    UnixTime, Window,
    snp::{Generation, TcbComponents},
    transcript::Transcript,
};
use serde::Deserialize;

use super::{Architecture, Need, Policy, PolicyError, Version, raw};

/// Whose bulletins count, and whether one is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulletinRules {
    /// Name to public key, Ed25519 (RFC 8032).
    pub keys: BTreeMap<String, [u8; 32]>,
    /// Whether a current one is needed.
    pub need: Need,
    /// The most seconds since it was issued.
    pub maximum_age: Option<u64>,
}

/// Floors and deny lists, as somebody whom the policy names signed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    /// By the policy's name for the key.
    pub publisher: String,
    /// Counted by its publisher, growing.
    pub sequence: u64,
    /// When it counts, from its issue on.
    pub window: Window,
    limits: Limits,
}

/// What a bulletin adds to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Limits {
    minimum_tcb: BTreeMap<Generation, TcbComponents>,
    chips_denied: BTreeSet<Vec<u8>>,
    minimum_evaluation: u32,
    minimum_tcb_date: Option<UnixTime>,
    advisories_denied: BTreeSet<String>,
    platforms_denied: BTreeSet<[u8; 16]>,
    minimum_driver: Option<Version>,
    drivers_denied: BTreeSet<Version>,
    minimum_vbios: BTreeMap<Architecture, Version>,
    vbios_denied: BTreeSet<Version>,
}

/// Why a bulletin was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BulletinError {
    /// Its last line is no signature.
    #[error("the last line is not \"# signature ed25519 KEY SIGNATURE\": sign the bulletin first")]
    Unsigned,
    /// Its last line is one: signing again would sign the signature.
    #[error("the bulletin is signed already")]
    Signed,
    /// The policy does not name this key.
    #[error("signed by {key}, and the policy's bulletins.keys do not name that key")]
    Stranger {
        /// In hexadecimal digits.
        key: String,
    },
    /// The bytes are not what was signed.
    #[error("its signature by {publisher} does not verify")]
    Signature {
        /// By the policy's name.
        publisher: String,
    },
    /// Longer than anything that is read.
    #[error("{found} bytes, {LONGEST} at most expected")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It ends before it begins.
    #[error("it counts until {until}, and was issued {issued}")]
    Window {
        /// First second.
        issued: UnixTime,
        /// Last second.
        until: UnixTime,
    },
    /// Not TOML, or a key, type or value that bulletins do not have.
    #[error(transparent)]
    Content(#[from] PolicyError),
}

/// The longest bulletin that is read, bytes.
const LONGEST: usize = 1024 * 1024;
const MARK: &str = "# signature ed25519 ";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u64,
    sequence: u64,
    issued: String,
    until: String,
    #[serde(default)]
    snp: RawSnp,
    #[serde(default)]
    tdx: RawTdx,
    #[serde(default)]
    gpu: RawGpu,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSnp {
    #[serde(default)]
    minimum_tcb: BTreeMap<String, raw::Tcb>,
    #[serde(default)]
    chips_denied: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTdx {
    #[serde(default)]
    minimum_evaluation: u32,
    minimum_tcb_date: Option<String>,
    #[serde(default)]
    advisories_denied: BTreeSet<String>,
    #[serde(default)]
    platforms_denied: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGpu {
    minimum_driver: Option<String>,
    #[serde(default)]
    drivers_denied: Vec<String>,
    #[serde(default)]
    minimum_vbios: BTreeMap<String, String>,
    #[serde(default)]
    vbios_denied: Vec<String>,
}

/// The bytes that are signed: the text up to its last line.
fn to_be_signed(text: &str) -> Vec<u8> {
    Transcript::new("sealroom/1 bulletin").part(text.as_bytes()).bytes()
}

impl Bulletin {
    /// Signs a bulletin that can be read, and adds the signature as its last line. `sign` makes an Ed25519 signature.
    ///
    /// # Errors
    /// [`BulletinError`] where the text is no bulletin, or signed already.
    pub fn sign(
        text: &str,
        key: &[u8; 32],
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<String, BulletinError> {
        if split(text).is_some() {
            return Err(BulletinError::Signed);
        }
        Self::draft(text)?;
        let body = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
        let signature = hex::encode(sign(&to_be_signed(&body)));
        Ok(format!("{body}{MARK}{} {signature}\n", hex::encode(key)))
    }

    /// Reads a signed bulletin of somebody whom the policy names. The signature comes before the content.
    ///
    /// # Errors
    /// [`BulletinError`] names what is wrong. Whether its time has come is the policy's rule.
    pub fn open(signed: &str, rules: &BulletinRules) -> Result<Self, BulletinError> {
        bounded(signed)?;
        let (body, key, signature) = split(signed).ok_or(BulletinError::Unsigned)?;
        let named = rules.keys.iter().find(|(_, known)| **known == key);
        let (publisher, _) =
            named.ok_or_else(|| BulletinError::Stranger { key: hex::encode(key) })?;
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&to_be_signed(body), &signature)
            .map_err(|_| BulletinError::Signature { publisher: publisher.clone() })?;
        Ok(Self { publisher: publisher.clone(), ..Self::draft(body)? })
    }

    /// Reads a bulletin that nobody has signed yet, to see what it would do.
    ///
    /// # Errors
    /// [`BulletinError`] where the text is no bulletin.
    pub fn draft(text: &str) -> Result<Self, BulletinError> {
        bounded(text)?;
        let raw: Raw =
            toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        if raw.version != 1 {
            return Err(PolicyError::Version { found: raw.version }.into());
        }
        let (issued, until) = (raw::time("issued", &raw.issued)?, raw::time("until", &raw.until)?);
        if until < issued {
            return Err(BulletinError::Window { issued, until });
        }
        let window = Window { from: issued, until };
        let limits = Limits::read(raw.snp, raw.tdx, raw.gpu)?;
        Ok(Self { publisher: "nobody".to_owned(), sequence: raw.sequence, window, limits })
    }
}

fn bounded(text: &str) -> Result<(), BulletinError> {
    if text.len() > LONGEST {
        return Err(BulletinError::TooLong { found: text.len() });
    }
    Ok(())
}

/// The text that was signed, the key and the signature.
fn split(signed: &str) -> Option<(&str, [u8; 32], [u8; 64])> {
    let whole = signed.strip_suffix('\n')?;
    let start = whole.rfind('\n')?.checked_add(1)?;
    let (key, signature) = whole.get(start..)?.strip_prefix(MARK)?.split_once(' ')?;
    Some((whole.get(..start)?, raw::bytes(key)?, raw::bytes(signature)?))
}

impl Limits {
    fn read(snp: RawSnp, tdx: RawTdx, gpu: RawGpu) -> Result<Self, PolicyError> {
        let date = tdx.minimum_tcb_date.map(|text| raw::time("tdx.minimum_tcb_date", &text));
        let driver = gpu.minimum_driver.map(|text| raw::driver("gpu.minimum_driver", &text));
        let drivers = gpu.drivers_denied.iter();
        let vbios = gpu.vbios_denied.iter();
        Ok(Self {
            minimum_tcb: raw::floors(snp.minimum_tcb)?,
            chips_denied: raw::chips("snp.chips_denied", &snp.chips_denied)?,
            minimum_evaluation: tdx.minimum_evaluation,
            minimum_tcb_date: date.transpose()?,
            advisories_denied: tdx.advisories_denied,
            platforms_denied: raw::set("tdx.platforms_denied", &tdx.platforms_denied)?,
            minimum_driver: driver.transpose()?,
            drivers_denied: drivers
                .map(|text| raw::driver("gpu.drivers_denied", text))
                .collect::<Result<_, _>>()?,
            minimum_vbios: gpu
                .minimum_vbios
                .into_iter()
                .map(raw::vbios_floor)
                .collect::<Result<_, _>>()?,
            vbios_denied: vbios
                .map(|text| raw::vbios("gpu.vbios_denied", text))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Policy {
    /// This policy with a bulletin's floors and denials: whatever it accepts, the policy alone accepts too.
    #[must_use]
    pub fn tightened(&self, bulletin: &Bulletin) -> Self {
        let Limits {
            minimum_tcb,
            chips_denied,
            minimum_evaluation,
            minimum_tcb_date,
            advisories_denied,
            platforms_denied,
            minimum_driver,
            drivers_denied,
            minimum_vbios,
            vbios_denied,
        } = bulletin.limits.clone();
        let mut policy = self.clone();
        for (generation, floor) in minimum_tcb {
            let own = policy.snp.minimum_tcb.get(&generation).copied();
            let higher = own.map_or(floor, |own| highest(own, floor));
            policy.snp.minimum_tcb.insert(generation, higher);
        }
        policy.snp.chips_denied.extend(chips_denied);
        let tdx = &mut policy.tdx;
        tdx.minimum_evaluation = tdx.minimum_evaluation.max(minimum_evaluation);
        tdx.minimum_tcb_date = tdx.minimum_tcb_date.max(minimum_tcb_date);
        tdx.advisories_denied.extend(advisories_denied);
        tdx.platforms_denied.extend(platforms_denied);
        let gpu = &mut policy.gpu;
        gpu.minimum_driver = gpu.minimum_driver.take().max(minimum_driver);
        gpu.drivers_denied.extend(drivers_denied);
        for (architecture, floor) in minimum_vbios {
            let own = gpu.minimum_vbios.remove(&architecture);
            gpu.minimum_vbios.insert(architecture, own.map_or(floor.clone(), |own| own.max(floor)));
        }
        gpu.vbios_denied.extend(vbios_denied);
        policy
    }
}

/// Each component's higher floor.
fn highest(one: TcbComponents, other: TcbComponents) -> TcbComponents {
    TcbComponents {
        fmc: one.fmc.max(other.fmc),
        boot_loader: one.boot_loader.max(other.boot_loader),
        tee: one.tee.max(other.tee),
        snp: one.snp.max(other.snp),
        microcode: one.microcode.max(other.microcode),
        reserved: [0; 4],
    }
}
