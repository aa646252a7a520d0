//! Revocation lists in the shape of AMD's and Intel's.

use crate::certificate::name;
use crate::der;
use crate::keys::{Maker, Role, Vendor, sign};

/// What a vendor counts and dates on its revocation lists, apart from their certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CrlIssue {
    pub(crate) number: u64,
    pub(crate) window: (u64, u64),
}

impl CrlIssue {
    /// The first list, dated as the certificates are.
    pub(crate) const fn first(window: (u64, u64)) -> Self {
        Self { number: 1, window }
    }

    pub(crate) fn number(self) -> Vec<u8> {
        self.number.to_be_bytes().to_vec()
    }
}

/// Everything that goes into a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSpec {
    /// Common name of the issuer.
    pub issuer: String,
    /// First second.
    pub this_update: u64,
    /// Last second; none leaves the field out.
    pub next_update: Option<u64>,
    /// Grows with every list, most significant byte first; none leaves the field out.
    pub number: Option<Vec<u8>>,
    /// Serial numbers, most significant byte first.
    pub revoked: Vec<Vec<u8>>,
    /// AlgorithmIdentifier, inside and outside.
    pub algorithm: Vec<u8>,
    /// Critical extension to add, in dotted form.
    pub critical_extension: Option<String>,
    /// Names the key that signs, when it is named.
    pub authority_key: Option<[u8; 20]>,
    /// Whose key signs.
    pub signer: (Vendor, Role),
    /// What Intel's keys follow from.
    pub seed: [u8; 32],
}

impl CrlSpec {
    /// Encodes and signs.
    #[must_use]
    pub fn sign(&self) -> Vec<u8> {
        let reason = match self.signer.1.maker() {
            Maker::Intel => key_compromise(),
            Maker::Amd | Maker::Nvidia => Vec::new(),
        };
        let entry = |serial: &Vec<u8>| {
            der::sequence(&[&der::integer(serial), &der::time(self.this_update), &reason])
        };
        let entries: Vec<u8> = self.revoked.iter().flat_map(entry).collect();
        let revoked = if entries.is_empty() { Vec::new() } else { der::element(0x30, &entries) };
        let number = self.number.as_deref().map_or(Vec::new(), list_number);
        let authority = self.authority_key.map_or(Vec::new(), authority_key);
        let critical = self.critical_extension.as_ref().map_or(Vec::new(), |oid| {
            der::sequence(&[
                &der::oid(oid),
                &[1, 1, 0xff],
                &der::octet_string(&der::element(0x30, &[])),
            ])
        });
        let body = der::sequence(&[
            &der::integer(&[1]),
            &self.algorithm,
            &name(self.signer.1, &self.issuer),
            &der::time(self.this_update),
            &self.next_update.map_or(Vec::new(), der::time),
            &revoked,
            &der::element(0xa0, &der::sequence(&[&number, &authority, &critical])),
        ]);
        let signature = sign(self.signer, &self.seed, &body);
        der::sequence(&[&body, &self.algorithm, &der::bit_string(&signature)])
    }
}

/// The extension that counts the lists of one issuer (RFC 5280 §5.2.3).
fn list_number(number: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid("2.5.29.20"), &der::octet_string(&der::integer(number))])
}

/// The extensions of one entry: the key was compromised (RFC 5280 §5.3.1).
fn key_compromise() -> Vec<u8> {
    let reason = der::octet_string(&der::element(0x0a, &[1]));
    der::sequence(&[&der::sequence(&[&der::oid("2.5.29.21"), &reason])])
}

/// The extension that names the key that signed (RFC 5280 §5.2.1).
fn authority_key(key: [u8; 20]) -> Vec<u8> {
    let identifier = der::sequence(&[&der::element(0x80, &key)]);
    der::sequence(&[&der::oid("2.5.29.35"), &der::octet_string(&identifier)])
}

#[cfg(test)]
mod tests {
    use crate::{Fake, der};

    #[test]
    fn lists_have_numbers_and_dates_of_their_own() {
        let chip = Fake::snp([1; 32]);
        let first = chip.specs().crl;
        assert_eq!(super::list_number(&[0, 1]), super::list_number(&[1]));
        let second = chip.list(300, 1_800_000_000, 1_800_086_400).specs().crl;
        assert_eq!((second.this_update, second.next_update), (1_800_000_000, Some(1_800_086_400)));
        let number = der::octet_string(&[2, 2, 1, 44]);
        let has = |list: Vec<u8>| list.windows(number.len()).any(|window| window == number);
        assert!(has(second.sign()) && !has(first.sign()));
    }
}
