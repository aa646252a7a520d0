//! NVIDIA's OCSP responder (RFC 6960 over POST): it answers for every certificate of the devices and RIMs it knows.

mod request;

use std::collections::{HashMap, HashSet};

use sealroom_forge::{
    CertificateSpec, ExtensionSpec, FakeGpu, FakeRim, Vendor,
    gpu::{AnswerSpec, CertificateStatus, OcspSpec},
};

use super::{document::Document, edition::Edition, fault::Variant, variant::other};
use request::{Asked, Request};

/// The media type of requests (RFC 6960 §A.1).
pub(super) const REQUEST: &str = "application/ocsp-request";
const RESPONSE: &str = "application/ocsp-response";

/// A response without an answer: OCSPResponse with this status alone.
const MALFORMED: [u8; 5] = [0x30, 3, 0x0a, 1, 1];
const UNAUTHORIZED: [u8; 5] = [0x30, 3, 0x0a, 1, 6];

/// The nonce of somebody else's request: an OCTET STRING of sixteen bytes.
const OTHER_NONCE: &[u8] = b"\x04\x10of someone else.";

/// What the responder knows.
#[derive(Default)]
pub(super) struct Ocsp {
    issuers: Vec<Issuer>,
    standings: HashMap<Vec<u8>, CertificateStatus>,
}

/// An authority, and what it issued.
struct Issuer {
    certificate: CertificateSpec,
    /// One certificate that it issued: who signs, with which key.
    issued: CertificateSpec,
    serials: HashSet<Vec<u8>>,
}

impl Ocsp {
    /// Every certificate of a device but its own key's, which no authority issues.
    pub(super) fn know_device(&mut self, device: &FakeGpu) {
        self.chain(&device.specs()[1..]);
        device.rims().iter().for_each(|(_, rim)| self.know(rim));
    }

    pub(super) fn know(&mut self, rim: &FakeRim) {
        self.chain(&rim.specs());
    }

    fn chain(&mut self, chain: &[CertificateSpec]) {
        for (subject, issuer) in chain.iter().zip(&chain[1..]) {
            let serial = significant(&subject.serial).to_vec();
            match self.issuers.iter_mut().find(|known| known.certificate == *issuer) {
                Some(known) => _ = known.serials.insert(serial),
                None => self.issuers.push(Issuer {
                    certificate: issuer.clone(),
                    issued: subject.clone(),
                    serials: [serial].into(),
                }),
            }
        }
    }

    /// From now on this is said of the certificates of this serial.
    pub(super) fn say(&mut self, serial: &[u8], status: CertificateStatus) {
        self.standings.insert(significant(serial).to_vec(), status);
    }

    /// Answers a request. One key signs: certificates below several issuers are nobody's to answer for together.
    pub(super) fn answer(&self, request: &[u8], edition: Edition, variant: Variant) -> Document {
        let edition = edition.under(variant);
        let response = match Request::decode(request) {
            None => MALFORMED.to_vec(),
            Some(request) => {
                let response = self.response(&request, edition, variant);
                response.unwrap_or_else(|| UNAUTHORIZED.to_vec())
            }
        };
        Document::new(RESPONSE, response)
    }

    fn response(
        &self,
        request: &Request<'_>,
        edition: Edition,
        variant: Variant,
    ) -> Option<Vec<u8>> {
        let first = request.asked.first()?;
        let issuer = self.issuers.iter().find(|issuer| first.issued_by(&issuer.answer(edition)))?;
        let usual = issuer.answer(edition);
        if !request.asked.iter().all(|asked| asked.issued_by(&usual)) {
            return None;
        }
        let mut spec = OcspSpec::new(&issuer.issued, &issuer.certificate, edition.dates());
        spec.answers = request.asked.iter().map(|asked| self.said(asked, issuer, &usual)).collect();
        let nonce = if variant == Variant::Replayed { Some(OTHER_NONCE) } else { request.nonce };
        if let Some(nonce) = nonce {
            spec.extensions.push(ExtensionSpec {
                oid: "1.3.6.1.5.5.7.48.1.2".to_owned(),
                critical: false,
                value: nonce.to_vec(),
            });
        }
        Some(signed(spec, issuer, variant))
    }

    /// What is said of one certificate below this issuer, whom the caller compared.
    fn said(&self, asked: &Asked<'_>, issuer: &Issuer, usual: &AnswerSpec) -> AnswerSpec {
        let serial = significant(asked.serial);
        let status = match issuer.serials.contains(serial) {
            true => CertificateStatus::Good,
            false => CertificateStatus::Unknown,
        };
        let status = self.standings.get(serial).copied().unwrap_or(status);
        AnswerSpec { hash: asked.hash, serial: serial.to_vec(), status, ..usual.clone() }
    }
}

impl Issuer {
    /// An answer about something that it issued: it names the issuer.
    fn answer(&self, edition: Edition) -> AnswerSpec {
        AnswerSpec::new(&self.issued, &self.certificate, edition.dates())
    }
}

fn signed(mut spec: OcspSpec, issuer: &Issuer, variant: Variant) -> Vec<u8> {
    match variant {
        Variant::Genuine | Variant::Stale | Variant::RolledBack | Variant::Replayed => spec.sign(),
        Variant::Tampered => one_second_later(spec.sign()),
        Variant::OtherKey => {
            spec.signer.1 = other(spec.signer.1);
            spec.sign()
        }
        Variant::OtherVendor => {
            let mut subject = issuer.issued.clone();
            subject.signer.0 = Vendor::Two;
            spec.delegated(&subject, &issuer.certificate, |_| ()).sign()
        }
        Variant::OtherResource => {
            for answer in &mut spec.answers {
                answer.serial.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            }
            spec.sign()
        }
    }
}

/// The last digit of `producedAt`, the first GeneralizedTime, is another one.
fn one_second_later(mut response: Vec<u8>) -> Vec<u8> {
    let place = response.windows(2).position(|window| window == [0x18, 15]);
    response[place.expect("a response has a date") + 15] ^= 1;
    response
}

/// A number's bytes without the zeros before it.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
