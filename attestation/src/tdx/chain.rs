//! The certificate chain inside a quote: PEM in its one spelling, or a reason why not.

use crate::reader::Reader;
use crate::x509::der::{self, SEQUENCE};
use crate::x509::{self, Certificate};

use super::error::ChainError;
use super::quote::Certification;

/// Leaf, authority, root.
const CHAIN: usize = 3;
const LABEL: &str = "CERTIFICATE";

/// The certificates of a quote, as far as they can be found.
#[derive(Debug, Default)]
pub(super) struct Embedded {
    pub(super) certificates: Vec<Vec<u8>>,
    /// True when the quote should bring its chain.
    pub(super) expected: bool,
    problem: Option<ChainError>,
}

impl Embedded {
    /// Takes the chain out of certification data of type 5.
    pub(super) fn read(certification: &Certification) -> Self {
        match certification {
            Certification::Elsewhere { .. } => Self::default(),
            Certification::Chain(data) => Self::from_text(data),
        }
    }

    fn from_text(data: &[u8]) -> Self {
        // The library counts the zero that ends a string in C as part of the chain; some providers leave it out.
        let text = data.strip_suffix(&[0]).unwrap_or(data);
        let text = std::str::from_utf8(text).unwrap_or_default();
        match x509::blocks(text) {
            Ok(blocks) if !blocks.is_empty() => {
                let certificates: Vec<_> = blocks.into_iter().map(|block| block.der).collect();
                let canonical = x509::canonical(LABEL, certificates.iter().map(Vec::as_slice));
                let problem = match certificates.len() {
                    CHAIN if text == canonical => None,
                    CHAIN => Some(ChainError::NotCanonical),
                    found => Some(ChainError::Length { found }),
                };
                Self { certificates, expected: true, problem }
            }
            // Not PEM. Whose root it names is still worth telling.
            other => {
                let problem = other.err().map_or(ChainError::Length { found: 0 }, ChainError::Pem);
                Self { certificates: concatenated(data), expected: true, problem: Some(problem) }
            }
        }
    }

    /// The decoded chain, and whether it is in its one form.
    pub(super) fn decode(&self) -> (Vec<Certificate<'_>>, Option<ChainError>) {
        let mut problem = self.problem.clone();
        let mut chain = Vec::new();
        for (index, der) in self.certificates.iter().enumerate().take(CHAIN) {
            match Certificate::decode(der) {
                Ok(certificate) => chain.push(certificate),
                Err(reason) => {
                    problem.get_or_insert(ChainError::Certificate { index, reason });
                }
            }
        }
        let kind = |one: &Certificate<'_>| (one.authority.is_some(), one.is_self_issued());
        let kinds: Vec<_> = chain.iter().map(kind).collect();
        if problem.is_none()
            && self.expected
            && kinds != [(false, false), (true, false), (true, true)]
        {
            problem = Some(ChainError::Order);
        }
        (chain, problem)
    }
}

/// Certificates in DER one behind the other.
fn concatenated(data: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(data);
    let elements = std::iter::from_fn(|| der::element(&mut reader, SEQUENCE, "a certificate").ok());
    elements.take(CHAIN).map(|element| element.whole.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(data: &[u8]) -> Option<ChainError> {
        Embedded::from_text(data).problem
    }

    #[test]
    fn takes_one_spelling_with_or_without_the_zero_of_c() {
        let mut text = x509::canonical(LABEL, [&[1][..], &[2], &[3]]).into_bytes();
        assert_eq!(problem(&text), None);
        text.push(0);
        assert_eq!(problem(&text), None);
        text.push(0);
        assert!(matches!(problem(&text), Some(ChainError::Pem(_))));
    }

    #[test]
    fn refuses_every_other_spelling() {
        let text = x509::canonical(LABEL, [&[1; 60][..], &[2], &[3]]);
        let not_canonical = Some(ChainError::NotCanonical);
        assert_eq!(problem(text.replace('\n', "\r\n").as_bytes()), not_canonical);
        assert_eq!(problem(format!("{text}\n").as_bytes()), not_canonical);
        assert_eq!(problem(format!("\n{text}").as_bytes()), not_canonical);
        assert_eq!(
            problem(text.replacen("AQEB", "AQEB ", 1).as_bytes()),
            Some(ChainError::Pem(x509::PemError::Base64 { line: 1 }))
        );
        assert_eq!(problem(text.replacen("AQEB\n", "AQEB  \n", 1).as_bytes()), not_canonical);
        assert_eq!(problem(text.repeat(2).as_bytes()), Some(ChainError::Length { found: 6 }));
        assert_eq!(problem(b""), Some(ChainError::Length { found: 0 }));
    }
}
