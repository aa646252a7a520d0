//! A small writer of DER (X.690): what a certificate needs, no more.

/// One element with a low tag number.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len();
    match length {
        0..=0x7f => bytes.push(length.to_le_bytes()[0]),
        0x80..=0xff => bytes.extend([0x81, length.to_le_bytes()[0]]),
        0x100..=0xffff => {
            let [low, high, ..] = length.to_le_bytes();
            bytes.extend([0x82, high, low]);
        }
        _ => {
            let [low, middle, high, ..] = length.to_le_bytes();
            bytes.extend([0x83, high, middle, low]);
        }
    }
    assert!(length <= 0xff_ffff, "the forge writes nothing longer");
    bytes.extend_from_slice(content);
    bytes
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    element(0x31, &parts.concat())
}

/// A number that is not negative, from its bytes, most significant first.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let mut content = Vec::new();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    element(0x02, &content)
}

pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes].concat())
}

pub(crate) fn octet_string(bytes: &[u8]) -> Vec<u8> {
    element(0x04, bytes)
}

/// An object identifier in dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> =
        dotted.split('.').map(|arc| arc.parse().expect("identifiers are dotted numbers")).collect();
    let [first, second, rest @ ..] = arcs.as_slice() else {
        panic!("an identifier has two arcs or more")
    };
    let mut content = base128(first * 40 + second);
    rest.iter().for_each(|arc| content.extend(base128(*arc)));
    element(0x06, &content)
}

fn base128(mut arc: u64) -> Vec<u8> {
    let mut bytes = vec![(arc & 0x7f).to_le_bytes()[0]];
    while arc >= 0x80 {
        arc >>= 7;
        bytes.insert(0, (arc & 0x7f).to_le_bytes()[0] | 0x80);
    }
    bytes
}

/// UTCTime before 2050, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
pub(crate) fn time(unix: u64) -> Vec<u8> {
    let (year, month, day) = civil(unix / 86_400);
    let (hour, minute, second) = (unix / 3600 % 24, unix / 60 % 60, unix % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        element(0x17, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        element(0x18, format!("{year:04}{rest}").as_bytes())
    }
}

/// Year, month and day, counted up from 1970.
pub(crate) fn civil(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_lengths_numbers_and_dates() {
        assert_eq!(element(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(element(4, &[7; 0x100])[..4], [4, 0x82, 1, 0]);
        assert_eq!((integer(&[0]), integer(&[0, 0xd9])), (vec![2, 1, 0], vec![2, 2, 0, 0xd9]));
        assert_eq!(oid("1.3.6.1.4.1.3704.1.4"), [6, 9, 0x2b, 6, 1, 4, 1, 0x9c, 0x78, 1, 4]);
        assert_eq!(time(951_827_696), element(0x17, b"000229123456Z"));
        assert_eq!(time(2_524_608_000), element(0x18, b"20500101000000Z"));
    }
}
