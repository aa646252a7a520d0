//! What AMD signs about a chip, as plain data, from wherever it came.

use crate::x509::{self, Certificate, Crl, PemError};

use super::report::REPORT_LENGTH;
use super::table::{EntryKind, TableError, decode_table};

/// Certificates and revocation lists in DER, in any order. Nothing is trusted for where it came from or how it
/// was labelled: each is known by what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsements {
    /// VCEK or VLEK, ASK or ASVK, ARK.
    pub certificates: Vec<Vec<u8>>,
    /// Lists signed by the ARK.
    pub crls: Vec<Vec<u8>>,
}

/// Why a file holds no endorsements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Broken PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A PEM block of another kind.
    #[error("a block labelled {label} is neither a certificate nor a revocation list")]
    Label {
        /// The label.
        label: String,
    },
    /// Neither PEM, nor DER, nor a certificate table.
    #[error("not a certificate, a revocation list or a certificate table")]
    Unknown,
}

impl Endorsements {
    /// Takes what a certificate table holds; entries that are no certificates are left out.
    ///
    /// # Errors
    /// When the bytes are not a certificate table.
    pub fn from_table(table: &[u8]) -> Result<Self, TableError> {
        let mut endorsements = Self::default();
        for entry in decode_table(table)? {
            match entry.kind {
                EntryKind::Ark | EntryKind::Ask | EntryKind::Vcek | EntryKind::Vlek => {
                    endorsements.certificates.push(entry.bytes);
                }
                EntryKind::Crl => endorsements.crls.push(entry.bytes),
                EntryKind::Other(_) => {}
            }
        }
        Ok(endorsements)
    }

    /// Adds another set.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.crls.extend(other.crls);
    }

    /// Adds what a file holds, recognised by content: PEM with any number of blocks, one certificate or one
    /// revocation list in DER, or a certificate table.
    ///
    /// # Errors
    /// When the file is none of these. Nothing is added then.
    pub fn add_file(&mut self, file: &[u8]) -> Result<(), FileError> {
        let added = match std::str::from_utf8(file) {
            Ok(text) if text.trim_start().starts_with("-----BEGIN ") => Self::from_pem(text)?,
            _ => Self::from_der(file)
                .or_else(|| Self::from_table(file).ok())
                .ok_or(FileError::Unknown)?,
        };
        self.extend(added);
        Ok(())
    }

    fn from_pem(text: &str) -> Result<Self, FileError> {
        let mut found = Self::default();
        for block in x509::blocks(text)? {
            match block.label {
                "CERTIFICATE" => found.certificates.push(block.der),
                "X509 CRL" => found.crls.push(block.der),
                label => return Err(FileError::Label { label: label.to_owned() }),
            }
        }
        Ok(found)
    }

    fn from_der(file: &[u8]) -> Option<Self> {
        if Certificate::decode(file).is_ok() {
            Some(Self { certificates: vec![file.to_vec()], crls: Vec::new() })
        } else if Crl::decode(file).is_ok() {
            Some(Self { certificates: Vec::new(), crls: vec![file.to_vec()] })
        } else {
            None
        }
    }
}

/// The bytes of a report from a file: raw, or as hexadecimal text. `None` when it is neither.
#[must_use]
pub fn report_from_file(file: &[u8]) -> Option<Vec<u8>> {
    if file.len() == REPORT_LENGTH {
        return Some(file.to_vec());
    }
    let digits: Vec<u8> = file.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if digits.len() != REPORT_LENGTH.saturating_mul(2) {
        return None;
    }
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| Some((nibble(*high)? << 4) | nibble(*low)?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_report_as_bytes_or_as_text() {
        let report: Vec<u8> =
            (0..REPORT_LENGTH).map(|index| u8::try_from(index % 251).unwrap()).collect();
        assert_eq!(report_from_file(&report).as_ref(), Some(&report));
        let text: Vec<String> = report.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(report_from_file(text.join("\n").as_bytes()).as_ref(), Some(&report));
        assert_eq!(report_from_file(text[1..].join("").as_bytes()), None);
        assert_eq!(report_from_file(text.join("").replace("00", "0g").as_bytes()), None);
    }

    #[test]
    fn refuses_files_that_hold_something_else() {
        let mut endorsements = Endorsements::default();
        assert_eq!(endorsements.add_file(b"hello"), Err(FileError::Unknown));
        let key = b"-----BEGIN PRIVATE KEY-----\nAQI=\n-----END PRIVATE KEY-----\n";
        assert_eq!(
            endorsements.add_file(key),
            Err(FileError::Label { label: "PRIVATE KEY".to_owned() })
        );
        assert_eq!(endorsements, Endorsements::default());
    }
}
