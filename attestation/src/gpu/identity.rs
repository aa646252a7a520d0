//! Who a device is, by its certificates.

use crate::evidence::GpuClass;
use crate::reader::Reader;
use crate::x509::Certificate;
use crate::x509::der::{self, SEQUENCE};

use super::chain::Chain;
use super::fields::Pdi;

/// Subject alternative name (RFC 5280 §4.2.1.6).
const ALTERNATIVE_NAME: &str = "2.5.29.17";
/// "id-DMTF-device-info" (DMTF DSP0274, "Leaf certificate"), encoded: 1.3.6.1.4.1.412.274.1.
const DEVICE_INFO: &[u8] = b"\x2b\x06\x01\x04\x01\x83\x1c\x82\x12\x01";
const CONTEXT_0: u8 = 0xa0;
const OBJECT: u8 = 6;
const UTF8: u8 = 12;

/// The chip's name: the first word of a device certificate's common name, as in "GH100 A01 GSP BROM".
pub(super) fn chip(one: &Certificate) -> Option<&str> {
    one.subject.common_name.as_deref()?.split(' ').next()
}

/// The kind of device whose identity key this is.
pub(super) fn class(chain: &Chain) -> Option<GpuClass> {
    match chip(&chain.identity)? {
        "GH100" => Some(GpuClass::Hopper),
        "LS_10" => Some(GpuClass::Ls10),
        chip => {
            let digits = chip.strip_prefix("GB")?;
            let is_number = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then_some(GpuClass::Blackwell)
        }
    }
}

/// How the serial number of a device's identity key begins.
pub(super) const fn class_byte(class: GpuClass) -> u8 {
    match class {
        GpuClass::Hopper | GpuClass::Blackwell => 0x41,
        GpuClass::Ls10 => 0x50,
    }
}

/// The device's own number: what follows the class in the serial number of its identity key.
pub(super) fn pdi(identity: &Certificate, class: GpuClass) -> Option<Pdi> {
    let (first, rest) = identity.serial.split_first()?;
    let pdi = (*first == class_byte(class)).then(|| rest.try_into().ok())?;
    pdi.map(Pdi).filter(|pdi| *pdi != Pdi::NONE)
}

/// What the leaf says about the device, as "vendor:product:serial". `None` when it says nothing; an inner `None`
/// when it says it in another form.
pub(super) fn device_info(leaf: &Certificate) -> Option<Option<&str>> {
    leaf.extension(ALTERNATIVE_NAME).map(|extension| other_name(&extension.value))
}

/// `SEQUENCE { [0] { OBJECT IDENTIFIER, [0] { UTF8String } } }` and nothing else.
fn other_name(value: &[u8]) -> Option<&str> {
    let names = only(value, SEQUENCE)?;
    let name = only(names, CONTEXT_0)?;
    let mut parts = Reader::new(name);
    let object = der::element(&mut parts, OBJECT, "device info").ok()?;
    let text = der::element(&mut parts, CONTEXT_0, "device info").ok()?;
    der::finish(parts, "device info").ok()?;
    let text = only(text.content, UTF8).filter(|_| object.content == DEVICE_INFO)?;
    std::str::from_utf8(text).ok()
}

/// The content of the one element that there is.
fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let element = der::element(&mut reader, tag, "device info").ok()?;
    der::finish(reader, "device info").ok()?;
    Some(element.content)
}

/// A serial number as NVIDIA's own claims write it: in decimal.
pub(super) fn decimal(serial: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in serial {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit).saturating_mul(256).saturating_add(carry);
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0'.saturating_add(*digit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = b"\x30\x0f\xa0\x0d\x06\x04\x2a\x03\x04\x05\xa0\x05\x0c\x03A:B";

    #[test]
    fn device_info_has_one_name_and_one_form() {
        let info = |object: &[u8]| {
            let mut name = [&[6, 10], object, b"\xa0\x05\x0c\x03A:B"].concat();
            name.splice(0..0, [0xa0, u8::try_from(name.len()).unwrap()]);
            name.splice(0..0, [0x30, u8::try_from(name.len()).unwrap()]);
            name
        };
        assert_eq!(other_name(&info(DEVICE_INFO)), Some("A:B"));
        assert_eq!(other_name(INFO), None);
        let mut more = info(DEVICE_INFO);
        more.push(0);
        assert_eq!(other_name(&more), None);
    }

    #[test]
    fn writes_numbers_of_any_length_in_decimal() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&[0xff; 8]), u64::MAX.to_string());
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
    }
}
