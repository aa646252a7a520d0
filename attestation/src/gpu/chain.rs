//! The certificates that a driver returns beside a report: PEM, five of them, the device's own first.

use std::sync::Arc;

use crate::x509::{self, Certificate};

use super::error::ChainError;

/// The longest text that is read: three times the driver's buffer.
pub const LONGEST_CHAIN: usize = 0x3c00;
/// Attestation key, identity key, provisioner, family, root.
const CHAIN: usize = 5;
const LABEL: &str = "CERTIFICATE";

/// The certificates as they were given.
#[derive(Debug, Default)]
pub(super) struct Presented {
    certificates: Vec<Vec<u8>>,
    problem: Option<ChainError>,
    pub(super) given: bool,
}

/// A decoded chain, from the device's attestation key up.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// The key that signs reports: made by the firmware that it is bound to.
    pub(super) leaf: Certificate,
    /// The device's own key, burnt in.
    pub(super) identity: Certificate,
    /// Who certified the device when it was made.
    pub(super) provisioner: Certificate,
    /// The authority for its family.
    pub(super) family: Certificate,
    /// What the chain ends in, trusted or not.
    pub(super) root: Certificate,
}

impl Presented {
    /// Takes PEM apart. The driver's buffer is filled up with zeros; they are no part of the text.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let padding = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let text = bytes.get(..bytes.len().saturating_sub(padding)).unwrap_or_default();
        if text.is_empty() {
            return Self::default();
        }
        let certificates = certificates(text);
        let problem = certificates.as_ref().err().cloned();
        Self { certificates: certificates.unwrap_or_default(), problem, given: true }
    }

    /// The decoded chain, or why there is none.
    pub(super) fn decode(&self) -> Result<Chain, ChainError> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let mut chain = Vec::with_capacity(CHAIN);
        for (index, der) in self.certificates.iter().enumerate() {
            let certificate = Certificate::decode(der);
            chain.push(certificate.map_err(|reason| ChainError::Certificate { index, reason })?);
        }
        let chain: [Certificate; CHAIN] =
            chain.try_into().map_err(|chain: Vec<_>| ChainError::Length { found: chain.len() })?;
        let kind = |one: &Certificate| (one.authority.is_some(), one.is_self_issued());
        if !kinds_are_in_order(chain.each_ref().map(kind)) {
            return Err(ChainError::Order);
        }
        let [leaf, identity, provisioner, family, root] = chain;
        Ok(Chain { leaf, identity, provisioner, family, root })
    }
}

/// Which are authorities, and which name themselves as their issuers.
fn kinds_are_in_order(kinds: [(bool, bool); CHAIN]) -> bool {
    kinds == [(false, false), (true, false), (true, false), (true, false), (true, true)]
}

fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, ChainError> {
    if text.len() > LONGEST_CHAIN {
        return Err(ChainError::TooLong { found: text.len() });
    }
    let text = std::str::from_utf8(text).map_err(|_| ChainError::NotText)?;
    let blocks = x509::blocks(text)?;
    if blocks.len() != CHAIN {
        return Err(ChainError::Length { found: blocks.len() });
    }
    if blocks.iter().any(|block| block.label != LABEL) {
        return Err(ChainError::Label);
    }
    Ok(blocks.into_iter().map(|block| block.der).collect())
}

impl Chain {
    /// From the leaf up to the root that is trusted.
    pub(super) const fn links(&self) -> [&Certificate; CHAIN] {
        [&self.leaf, &self.identity, &self.provisioner, &self.family, &self.root]
    }

    /// The same, for the claims.
    pub(super) fn into_links(self) -> Vec<Arc<Certificate>> {
        let Self { leaf, identity, provisioner, family, root } = self;
        [leaf, identity, provisioner, family, root].into_iter().map(Arc::new).collect()
    }

    /// Each certificate beside the one above it, from the root down.
    pub(super) const fn pairs(&self) -> [(&Certificate, &Certificate); 4] {
        [
            (&self.family, &self.root),
            (&self.provisioner, &self.family),
            (&self.identity, &self.provisioner),
            (&self.leaf, &self.identity),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &[u8]) -> Option<ChainError> {
        Presented::read(text).problem
    }

    #[test]
    fn takes_five_blocks_in_any_spelling_with_or_without_the_buffers_zeros() {
        let text = x509::canonical(LABEL, [&[1; 60][..]; 5]);
        assert_eq!(problem(text.as_bytes()), None);
        assert_eq!(problem(text.replace('\n', "\r\n").as_bytes()), None);
        let mut padded = text.into_bytes();
        padded.resize(0x1400, 0);
        assert_eq!(problem(&padded), None);
        padded.push(b'\n');
        assert!(matches!(problem(&padded), Some(ChainError::Pem(_))));
    }

    #[test]
    fn refuses_more_or_less_or_something_else_by_name() {
        let text = |count: usize| x509::canonical(LABEL, vec![&[1][..]; count]).into_bytes();
        assert_eq!(problem(&text(4)), Some(ChainError::Length { found: 4 }));
        assert_eq!(problem(&text(6)), Some(ChainError::Length { found: 6 }));
        let keys = x509::canonical("PUBLIC KEY", [&[1][..]; 5]);
        assert_eq!(problem(keys.as_bytes()), Some(ChainError::Label));
        assert_eq!(problem(b"\xff"), Some(ChainError::NotText));
        let found = LONGEST_CHAIN + 1;
        assert_eq!(problem(&vec![b'\n'; found]), Some(ChainError::TooLong { found }));
        assert!(!Presented::read(&[0; 10]).given && Presented::read(b"\n").given);
    }
}
