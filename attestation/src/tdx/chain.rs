//! The certificate chain inside a quote: PEM in its one spelling, or a reason why not.

use std::sync::Arc;

use crate::memory::Memory;
use crate::reader::Reader;
use crate::time::UnixTime;
use crate::transcript::sha256;
use crate::x509::der::{self, SEQUENCE};
use crate::x509::{self, Certificate};

use super::error::ChainError;
use super::given::Given;
use super::quote::Certification;

/// Leaf, authority, root.
const CHAIN: usize = 3;
const LABEL: &str = "CERTIFICATE";

/// The certificates of a quote, as far as they can be found and read.
#[derive(Debug, Default)]
pub(super) struct Embedded {
    pub(super) certificates: Vec<Arc<Certificate>>,
    /// True when the quote should bring its chain.
    pub(super) expected: bool,
    /// Why it is not in its one form.
    pub(super) problem: Option<ChainError>,
}

impl Embedded {
    /// Takes the chain out of certification data of type 5.
    pub(super) fn read(certification: &Certification, given: &Given) -> Self {
        match certification {
            Certification::Elsewhere { .. } => Self::default(),
            Certification::Chain(data) => {
                let (ders, problem) = split(data);
                Self::decode(&ders, problem, given)
            }
        }
    }

    fn decode(ders: &[Vec<u8>], mut problem: Option<ChainError>, given: &Given) -> Self {
        let mut certificates = Vec::new();
        for (index, der) in ders.iter().enumerate().take(CHAIN) {
            match given.certificate(der) {
                Ok(certificate) => certificates.push(certificate),
                Err(reason) => {
                    problem.get_or_insert(ChainError::Certificate { index, reason });
                }
            }
        }
        let kind = |one: &Arc<Certificate>| (one.authority.is_some(), one.is_self_issued());
        let kinds: Vec<_> = certificates.iter().map(kind).collect();
        if kinds != [(false, false), (true, false), (true, true)] {
            problem.get_or_insert(ChainError::Order);
        }
        Self { certificates, expected: true, problem }
    }
}

/// Chains that were verified, by SHA-256 of their bytes.
#[derive(Debug, Default)]
pub(super) struct Chains {
    verified: Memory<[u8; 32], Arc<Embedded>>,
}

/// A chain, and its name in the memory.
pub(super) struct Named {
    pub(super) embedded: Arc<Embedded>,
    digest: Option<[u8; 32]>,
}

impl Chains {
    /// The chain of a quote: as it was read before, or read now.
    pub(super) fn read(
        &self,
        certification: &Certification,
        given: &Given,
        now: UnixTime,
    ) -> Named {
        let digest = match certification {
            Certification::Chain(data) => Some(sha256(data)),
            Certification::Elsewhere { .. } => None,
        };
        let known = digest.and_then(|digest| self.verified.recall(&digest, now));
        let embedded = known.unwrap_or_else(|| Arc::new(Embedded::read(certification, given)));
        Named { embedded, digest }
    }

    /// Keeps a chain of a quote that was verified, until everything that was verified with it ends.
    pub(super) fn keep(&self, chain: Named, until: UnixTime, now: UnixTime) {
        if let Some(digest) = chain.digest {
            self.verified.keep(digest, chain.embedded, until, now);
        }
    }
}

/// The certificates in DER, and whether the text around them is in its one form.
fn split(data: &[u8]) -> (Vec<Vec<u8>>, Option<ChainError>) {
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
            (certificates, problem)
        }
        // Not PEM. Whose root it names is still worth telling.
        other => {
            let problem = other.err().map_or(ChainError::Length { found: 0 }, ChainError::Pem);
            (concatenated(data), Some(problem))
        }
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
        split(data).1
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
