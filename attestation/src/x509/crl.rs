//! One revocation list (RFC 5280 §5).

use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::X509Version;

use crate::time::Window;
use crate::transcript::sha256;

use super::certificate::{Name, time, without_zeros};
use super::signature::{Algorithm, BadSignature, PublicKey};
use super::{DecodeError, LONGEST_CRL, der};

/// A complete revocation list of version 2 with a date for its successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    /// SHA-256 of all its bytes.
    pub sha256: [u8; 32],
    /// How it was signed.
    pub algorithm: Algorithm,
    /// Who signed it.
    pub issuer: Name,
    /// From its own date to its successor's.
    pub validity: Window,
    revoked: Vec<Vec<u8>>,
    body: Vec<u8>,
    signature: Vec<u8>,
}

impl Crl {
    /// Decodes one list of which every byte is accounted for.
    ///
    /// # Errors
    /// When the bytes are not exactly one complete list, or it has no date for its successor: a list that never
    /// ends would hide every later revocation. Critical extensions are refused: they make a list cover less.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let signed = der::signed(bytes, LONGEST_CRL)?;
        let structure = |field| DecodeError::Structure { field };
        let (rest, parsed) = CertificateRevocationList::from_der(bytes)
            .map_err(|_| structure("the revocation list"))?;
        let body = parsed.tbs_cert_list;
        if !rest.is_empty() || body.version != Some(X509Version::V2) {
            return Err(structure("the version"));
        }
        let entries = body.revoked_certificates.iter().flat_map(|entry| entry.extensions());
        if let Some(extension) =
            body.extensions().iter().chain(entries).find(|extension| extension.critical)
        {
            return Err(DecodeError::Critical { oid: extension.oid.to_id_string() });
        }
        let until = time(body.next_update.ok_or(structure("nextUpdate"))?)?;
        Ok(Self {
            sha256: sha256(bytes),
            algorithm: Algorithm::from_identifier(signed.algorithm)
                .ok_or(DecodeError::Algorithm)?,
            issuer: Name::from_parsed(&body.issuer),
            validity: Window { from: time(body.this_update)?, until },
            revoked: body
                .revoked_certificates
                .iter()
                .map(|entry| without_zeros(entry.raw_serial()).to_vec())
                .collect(),
            body: signed.body.to_vec(),
            signature: signed.signature.to_vec(),
        })
    }

    /// Checks the signature of the authority. Its name and its right to sign lists are the caller's.
    ///
    /// # Errors
    /// When the signature does not verify under that key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        issuer.verify(self.algorithm, &self.body, &self.signature)
    }

    /// True when the list names this serial, given without leading zeros.
    #[must_use]
    pub fn lists(&self, serial: &[u8]) -> bool {
        self.revoked.iter().any(|revoked| revoked == serial)
    }

    /// How many certificates the list names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// True when the list names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }
}
