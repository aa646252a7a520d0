//! The firmware that an attestation key belongs to, by the key's certificate (TCG DICE Attestation Architecture 1.1,
//! §6.1.1; and the composite device id that it replaced).

use crate::reader::Reader;
use crate::x509::Certificate;
use crate::x509::der::{self, Element, SEQUENCE};

/// "tcg-dice" composite device id: version, the device's key, and the firmware. Hopper and LS10.
const COMPOSITE: &str = "2.23.133.5.4.1";
/// "tcg-dice-TcbInfo". Blackwell.
const TCB_INFO: &str = "2.23.133.5.4.1.1";
/// 2.16.840.1.101.3.4.2.2, encoded.
const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
const INTEGER: u8 = 2;
const OCTET_STRING: u8 = 4;
const OBJECT: u8 = 6;
/// The members of DiceTcbInfo in their order: vendor, model, version, svn, layer, index, fwids, flags, vendorInfo, type.
const MEMBERS: [u8; 10] = [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, FWIDS, 0x87, 0x88, 0x89];
const FWIDS: u8 = 0xa6;
/// More digests of firmware than any device has.
const MOST: usize = 8;

/// Why a certificate does not name its firmware, or names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FwidError {
    /// The report names firmware, the certificate does not.
    #[error("the attestation key's certificate names no firmware")]
    Missing,
    /// In both forms at once.
    #[error("the attestation key's certificate names its firmware twice")]
    Twice,
    /// Not as the specification has it.
    #[error("the attestation key's certificate: {field} is not encoded as the specification says")]
    Encoding {
        /// Which part.
        field: &'static str,
    },
    /// The composite device id is about another device's key.
    #[error("the attestation key's certificate names another identity key")]
    DeviceKey,
    /// Two different digests.
    #[error("the attestation key belongs to other firmware than the report names")]
    Differs,
}

/// What the certificate says.
pub(super) struct Firmware<'a> {
    pub(super) fwid: [u8; 48],
    /// The device's own key, where it is named too.
    pub(super) device_key: Option<&'a [u8]>,
}

/// Reads the one of two forms that is there.
pub(super) fn decode(leaf: &Certificate) -> Result<Option<Firmware<'_>>, FwidError> {
    match (leaf.extension(COMPOSITE), leaf.extension(TCB_INFO)) {
        (None, None) => Ok(None),
        (Some(extension), None) => composite(&extension.value).map(Some),
        (None, Some(extension)) => tcb_info(&extension.value).map(Some),
        (Some(_), Some(_)) => Err(FwidError::Twice),
    }
}

/// `SEQUENCE { INTEGER 1, SubjectPublicKeyInfo, FWID }`.
fn composite(value: &[u8]) -> Result<Firmware<'_>, FwidError> {
    let mut parts = whole(value, "composite device id")?;
    let version = element(&mut parts, INTEGER, "version")?;
    if version.content != [1] {
        return Err(FwidError::Encoding { field: "version" });
    }
    let key = element(&mut parts, SEQUENCE, "device key")?;
    let fwid = fwid(&mut parts)?;
    finish(parts, "composite device id")?;
    Ok(Firmware { fwid, device_key: Some(key.whole) })
}

/// DiceTcbInfo: every member at most once and in order. Of several digests the first is the firmware's.
fn tcb_info(value: &[u8]) -> Result<Firmware<'_>, FwidError> {
    let mut parts = whole(value, "TCB info")?;
    let mut found = None;
    for tag in MEMBERS {
        if parts.clone().u8("tag") != Ok(tag) {
            continue;
        }
        let member = element(&mut parts, tag, "TCB info")?;
        if tag == FWIDS {
            found = Some(fwids(member.content)?);
        }
    }
    finish(parts, "TCB info")?;
    let fwid = found.ok_or(FwidError::Encoding { field: "firmware digests" })?;
    Ok(Firmware { fwid, device_key: None })
}

fn fwids(list: &[u8]) -> Result<[u8; 48], FwidError> {
    let mut reader = Reader::new(list);
    let first = fwid(&mut reader)?;
    for _ in 1..MOST {
        if reader.left() == 0 {
            break;
        }
        fwid(&mut reader)?;
    }
    finish(reader, "firmware digests")?;
    Ok(first)
}

/// `SEQUENCE { OBJECT IDENTIFIER sha384, OCTET STRING of 48 }`.
fn fwid(reader: &mut Reader<'_>) -> Result<[u8; 48], FwidError> {
    let field = "firmware digest";
    let mut parts = Reader::new(element(reader, SEQUENCE, field)?.content);
    let algorithm = element(&mut parts, OBJECT, field)?;
    let digest = element(&mut parts, OCTET_STRING, field)?;
    finish(parts, field)?;
    if algorithm.content != SHA384 {
        return Err(FwidError::Encoding { field });
    }
    digest.content.try_into().map_err(|_| FwidError::Encoding { field })
}

fn whole<'a>(value: &'a [u8], field: &'static str) -> Result<Reader<'a>, FwidError> {
    let mut reader = Reader::new(value);
    let all = element(&mut reader, SEQUENCE, field)?;
    finish(reader, field)?;
    Ok(Reader::new(all.content))
}

fn element<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Element<'a>, FwidError> {
    der::element(reader, tag, field).map_err(|_| FwidError::Encoding { field })
}

fn finish(reader: Reader<'_>, field: &'static str) -> Result<(), FwidError> {
    der::finish(reader, field).map_err(|_| FwidError::Encoding { field })
}
