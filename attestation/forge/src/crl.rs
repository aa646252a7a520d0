//! Revocation lists in the shape of AMD's.

use crate::certificate::name;
use crate::der;
use crate::keys::{Role, Vendor, sign_rsa};

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
    /// Whose key signs.
    pub signer: (Vendor, Role),
}

impl CrlSpec {
    /// Encodes and signs.
    #[must_use]
    pub fn sign(&self) -> Vec<u8> {
        let entry = |serial: &Vec<u8>| {
            der::sequence(&[&der::integer(serial), &der::time(self.this_update)])
        };
        let entries: Vec<u8> = self.revoked.iter().flat_map(entry).collect();
        let revoked = if entries.is_empty() { Vec::new() } else { der::element(0x30, &entries) };
        let number =
            der::sequence(&[&der::oid("2.5.29.20"), &der::octet_string(&der::integer(&[1]))]);
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
            &name(&self.issuer),
            &der::time(self.this_update),
            &self.next_update.map_or(Vec::new(), der::time),
            &revoked,
            &der::element(0xa0, &der::sequence(&[&number, &critical])),
        ]);
        let (vendor, role) = self.signer;
        der::sequence(&[&body, &self.algorithm, &der::bit_string(&sign_rsa(vendor, role, &body))])
    }
}
