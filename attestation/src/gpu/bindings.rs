//! The checks of one device that need no signature: do report and certificates speak of the same device, at this time?

use crate::evidence::GpuClass;
use crate::time::{UnixTime, Window};
use crate::transcript::sha256;
use crate::x509::{Algorithm, Certificate, KeyKind};

use super::anchors::Anchor;
use super::chain::Chain;
use super::error::{ChainError, ReportError};
use super::fwid::{Firmware, FwidError};
use super::report::Report;
use super::{Checked, Mismatch, identity};

const KEY_USAGE: &str = "2.5.29.15";

/// The chain ends at a root that is pinned.
pub(super) fn root(root: &Certificate, anchor: Option<&Anchor>, trusted: &str) -> Checked {
    let (name, sha256) = (root.subject.shown().to_owned(), root.sha256);
    let found = format!("{name} {}", hex::encode(sha256));
    match anchor {
        Some(_) => Ok(found),
        None => Err(Mismatch::new(ChainError::RootNotPinned { name, sha256 }, found, trusted)),
    }
}

/// Each names the next as its issuer, and the common names are those of one device's chain.
pub(super) fn names(chain: &Chain) -> Checked {
    for (below, above) in chain.pairs() {
        if below.issuer.der != above.subject.der {
            let [subject, issuer] =
                [&below.subject, &below.issuer].map(|name| name.shown().to_owned());
            let expected = above.subject.shown().to_owned();
            let error = ChainError::Issuer { subject, issuer, expected: expected.clone() };
            return Err(Mismatch::because(error, expected));
        }
    }
    let chip = identity::chip(&chain.identity).unwrap_or_default();
    named(&chain.leaf, &format!("{chip} "), " FMC LF")?;
    named(&chain.identity, &format!("{chip} "), " BROM")?;
    named(&chain.provisioner, &format!("NVIDIA {chip} Provisioner ICA "), "")?;
    named(&chain.family, "NVIDIA ", " Identity")?;
    Ok(chain.links().map(|link| link.subject.shown()).join(" < "))
}

fn named(one: &Certificate, begin: &str, end: &str) -> Result<(), Mismatch> {
    let found = one.subject.shown();
    let rest = found.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    if rest.is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    let (found, expected) = (found.to_owned(), format!("{begin}…{end}"));
    Err(Mismatch::because(ChainError::Name { found, expected: expected.clone() }, expected))
}

/// The certificates are of the kind of device by whose rules the report was read.
pub(super) fn class(chain: &Chain, expected: GpuClass) -> Checked {
    let chip = identity::chip(&chain.identity).unwrap_or("(no single common name)");
    if identity::class(chain) == Some(expected) {
        return Ok(format!("{chip} is {expected:?}"));
    }
    let error = ChainError::Class { chip: chip.to_owned(), expected };
    Err(Mismatch::new(error, chip, format!("{expected:?}")))
}

/// Every key is on P-384, and every certificate is signed with SHA-384.
pub(super) fn keys(chain: &Chain) -> Checked {
    for one in chain.links() {
        if one.key.kind != KeyKind::P384 || one.algorithm != Algorithm::EcdsaSha384 {
            let name = one.subject.shown().to_owned();
            let error = ChainError::Key { name, found: one.key.kind };
            return Err(Mismatch::because(error, "ECDSA on P-384"));
        }
    }
    Ok("ECDSA on P-384".to_owned())
}

/// What each may sign, by basicConstraints and keyUsage. That the leaf is no authority was seen when it was decoded.
pub(super) fn constraints(chain: &Chain) -> Checked {
    if !signs(&chain.leaf) {
        let name = chain.leaf.subject.shown().to_owned();
        return Err(Mismatch::because(ChainError::Usage { name }, "digitalSignature"));
    }
    let above = [&chain.identity, &chain.provisioner, &chain.family, &chain.root];
    for (between, one) in (0_u32..).zip(above) {
        one.may_sign(between).map_err(|reason| {
            let name = one.subject.shown().to_owned();
            Mismatch::because(ChainError::Constraints { name, reason }, "it may sign these")
        })?;
    }
    Ok("four authorities may sign, the leaf signs reports".to_owned())
}

/// keyUsage has its first bit, digitalSignature (RFC 5280 §4.2.1.3).
fn signs(leaf: &Certificate) -> bool {
    let usage = leaf.extension(KEY_USAGE).map(|extension| extension.value.as_slice());
    matches!(usage, Some([3, _, _, bits, ..]) if bits & 0x80 != 0)
}

/// Each counts at this time, both ends included.
pub(super) fn validity(chain: &Chain, now: UnixTime) -> Checked {
    for one in chain.links() {
        let window = one.validity;
        if !window.contains(now) {
            let name = one.subject.shown().to_owned();
            return Err(Mismatch::new(ChainError::Validity { name, window, now }, now, window));
        }
    }
    Ok(window(chain).to_string())
}

/// When all of them count.
pub(super) fn window(chain: &Chain) -> Window {
    let windows = chain.links().map(|link| link.validity);
    windows.into_iter().fold(Window::ALWAYS, |all, window| all.intersect(&window))
}

/// The identity key's serial number is the kind of device and the device's own number.
pub(super) fn serial(chain: &Chain, class: GpuClass) -> Checked {
    match identity::pdi(&chain.identity, class) {
        Some(pdi) => Ok(format!("{class:?} {pdi}")),
        None => {
            let serial = hex::encode(&chain.identity.serial);
            let expected = format!("{:02x} and eight bytes", identity::class_byte(class));
            Err(Mismatch::new(
                ChainError::Serial { serial: serial.clone(), class },
                serial,
                expected,
            ))
        }
    }
}

/// The leaf's device info is about this chip: "NVIDIA", the chip, and a serial number.
pub(super) fn device_info(chain: &Chain, info: Option<&str>) -> Checked {
    let expected = format!("NVIDIA:{}:", identity::chip(&chain.identity).unwrap_or_default());
    let serial = info.and_then(|info| info.strip_prefix(&expected)).unwrap_or_default();
    if !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("{expected}{serial}"));
    }
    let found = info.map_or_else(|| "(not readable)".to_owned(), shown);
    let error = ChainError::Device { found, expected: expected.clone() };
    Err(Mismatch::because(error, expected))
}

/// The start of a text that is not known to be harmless.
fn shown(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_graphic() { c } else { '\u{fffd}' };
    text.chars().take(80).map(harmless).collect()
}

/// The attestation key belongs to the firmware that the report names, and to this device.
pub(super) fn fwid(
    report: &Report,
    chain: &Chain,
    firmware: Result<Option<Firmware<'_>>, FwidError>,
) -> Checked {
    let refused = |error: FwidError| Mismatch::because(error, "the report's firmware");
    let firmware = firmware.map_err(refused)?.ok_or_else(|| refused(FwidError::Missing))?;
    if firmware.device_key.is_some_and(|key| sha256(key) != chain.identity.key.sha256) {
        return Err(Mismatch::because(FwidError::DeviceKey, "the identity key above"));
    }
    let (found, expected) = (hex::encode(firmware.fwid), report.fields.fwid);
    if expected == Some(firmware.fwid) {
        return Ok(found);
    }
    let expected = expected.map(hex::encode).unwrap_or_default();
    Err(Mismatch::new(FwidError::Differs, found, expected))
}

/// A switch names itself as its certificate does.
pub(super) fn switch_pdi(report: &Report, chain: &Chain) -> Option<Checked> {
    let found = report.fields.switch()?.pdi;
    let expected = identity::pdi(&chain.identity, report.class)?;
    Some(if found == expected {
        Ok(found.to_string())
    } else {
        Err(Mismatch::new(ReportError::SwitchPdi { found, expected }, found, expected))
    })
}

/// The report answers this nonce.
pub(super) fn nonce(report: &Report, expected: &[u8; 32]) -> Checked {
    let found = hex::encode(report.nonce);
    if report.nonce == *expected {
        return Ok(found);
    }
    Err(Mismatch::new(ReportError::Nonce, found, hex::encode(expected)))
}
