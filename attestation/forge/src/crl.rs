//! Revocation lists in the shape of AMD's and Intel's.

use crate::certificate::name;
use crate::der;
use crate::keys::{Maker, Role, Vendor, sign};

/// Everything that goes into a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSpec {
    /// Common name of the issuer.
    pub issuer: String,
    /// First second.
    pub this_update: u64,
    /// Last second; none leaves the field out.
    pub next_update: Option<u64>,
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
        let number =
            der::sequence(&[&der::oid("2.5.29.20"), &der::octet_string(&der::integer(&[1]))]);
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
