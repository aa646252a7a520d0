//! Who may answer for an issuer: the issuer itself, or somebody to whom it gave a certificate for that (RFC 6960
//! §4.2.2.2).

use crate::time::UnixTime;
use crate::x509::{Certificate, KeyKind, PublicKey};

use super::error::OcspError;
use super::response::{EXTENDED_KEY_USAGE, Responder, Response, sha1};

/// SEQUENCE { id-kp-OCSPSigning }: for this and for nothing else.
const OCSP_SIGNING: &[u8] = b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09";

/// The responder that a response names, below this issuer.
pub(super) enum Signer<'r> {
    Issuer(&'r Certificate),
    Delegate(&'r Certificate),
}

impl<'r> Signer<'r> {
    /// Finds the responder among the issuer and the certificates of the response; its rights and dates are checked, and
    /// no signature.
    pub(super) fn find(
        response: &'r Response<'r>,
        issuer: &'r Certificate,
        now: UnixTime,
    ) -> Result<Self, OcspError> {
        let named = |one: &&Certificate| match &response.responder {
            Responder::Name(name) => one.subject.der == *name,
            Responder::Key(hash) => sha1(one.key.bytes()).as_ref() == *hash,
        };
        if named(&issuer) {
            return Ok(Self::Issuer(issuer));
        }
        let refused = |why| OcspError::Responder { issuer: issuer.subject.shown().to_owned(), why };
        let delegate = response.certificates.iter().find(named);
        let delegate = delegate.ok_or_else(|| refused("nobody of the name or key it gives"))?;
        let usage =
            delegate.extension(EXTENDED_KEY_USAGE).map(|extension| extension.value.as_slice());
        if delegate.issuer.der != issuer.subject.der {
            return Err(refused("its certificate is by somebody else"));
        }
        if usage != Some(OCSP_SIGNING) {
            return Err(refused("its certificate is not for OCSP"));
        }
        if delegate.authority.is_some() || !delegate.may_sign_data() {
            return Err(refused("its certificate is not for signatures"));
        }
        if delegate.key.kind != KeyKind::P384 {
            return Err(refused("its key is not on P-384"));
        }
        if !delegate.validity.contains(now) {
            return Err(OcspError::ResponderValidity { window: delegate.validity, now });
        }
        Ok(Self::Delegate(delegate))
    }

    pub(super) fn key(&self) -> &'r PublicKey {
        let (Self::Issuer(one) | Self::Delegate(one)) = self;
        &one.key
    }

    pub(super) fn shown(&self) -> &'r str {
        let (Self::Issuer(one) | Self::Delegate(one)) = self;
        one.subject.shown()
    }

    /// The certificate whose signature by the issuer is still to be checked.
    pub(super) const fn delegate(&self) -> Option<&'r Certificate> {
        match self {
            Self::Issuer(_) => None,
            Self::Delegate(one) => Some(one),
        }
    }
}
