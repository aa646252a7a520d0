//! Text around the binary: PEM, hexadecimal digits, dates and JSON strings.

use crate::der::civil;

/// PEM with lines of 64 characters (RFC 7468 §2).
pub(crate) fn pem(der: &[u8]) -> String {
    let body = base64(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let word = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) & 0x3f;
            let digit = DIGITS.get(digit as usize).expect("six bits choose among 64");
            text.push(if place <= chunk.len() { char::from(*digit) } else { '=' });
        }
    }
    text
}

/// Small letters, as Intel writes signatures.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Capital letters, as Intel writes everything else.
pub(super) fn upper_hex(bytes: &[u8]) -> String {
    hex(bytes).to_uppercase()
}

/// A date in UTC (RFC 3339 §5.6).
pub(super) fn date(unix: u64) -> String {
    let (year, month, day) = civil(unix / 86_400);
    let (hour, minute, second) = (unix / 3600 % 24, unix / 60 % 60, unix % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A string in quotation marks (RFC 8259 §7).
pub(crate) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// The values of an array, or the members of an object.
pub(crate) fn list(values: impl IntoIterator<Item = String>) -> String {
    values.into_iter().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_pem_dates_and_strings() {
        assert_eq!(
            (base64(b"f"), base64(b"fo"), base64(b"foo")),
            ("Zg==".into(), "Zm8=".into(), "Zm9v".into())
        );
        assert_eq!(pem(&[0; 49]).lines().map(str::len).collect::<Vec<_>>(), [27, 64, 4, 25]);
        assert_eq!(date(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
        assert_eq!(upper_hex(&[0xb0, 0xc0]), "B0C0");
    }
}
