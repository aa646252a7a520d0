//! The signer's chain: signer, two authorities, and the root that is pinned.

use crate::time::{UnixTime, Window};
use crate::x509::{Algorithm, Certificate, KeyKind, Signatures};

use super::error::RimError;
use crate::gpu::anchors::{Anchor, Anchors};
use crate::gpu::{Checked, Mismatch};

/// Signer, authority of a product's third level, authority of the product, root.
const CHAIN: usize = 4;
const SIGNER: &str = "HCC RIM L4 Signer";
const REFERENCE_VALUE: &str = "NVIDIA Reference Value ";

/// The chain of one RIM, from the signer up. The root is the pinned one.
pub(super) struct Links {
    pub(super) links: [Certificate; CHAIN],
    pub(super) simulated: bool,
}

impl Links {
    /// Decodes the chain; its root, names, keys and rights are those of NVIDIA's. Its dates and signatures are not
    /// looked at.
    pub(super) fn read(certificates: &[Vec<u8>], anchors: &Anchors) -> Result<Self, Mismatch> {
        let mut decoded = Vec::new();
        for (index, der) in certificates.iter().enumerate() {
            let certificate = Certificate::decode(der)
                .map_err(|reason| refused(RimError::Certificate { index, reason }, "X.509"))?;
            decoded.push(certificate);
        }
        let Anchor { root, simulated } = root(decoded.last(), anchors)?;
        let [signer, third, second, _] = decoded.as_slice() else {
            let found = decoded.len();
            return Err(refused(RimError::Certificates { found }, "signer to root"));
        };
        let links = [signer.clone(), third.clone(), second.clone(), root];
        let links = Self { links, simulated };
        links.names()?;
        links.links.iter().try_for_each(key)?;
        links.constraints()?;
        Ok(links)
    }

    /// Names of one product's authorities; the signer's is one of two.
    fn names(&self) -> Result<(), Mismatch> {
        let [signer, third, second, root] = &self.links;
        let product = second.subject.shown().strip_prefix(REFERENCE_VALUE);
        let product = product.and_then(|rest| rest.strip_suffix(" CA")).filter(|one| is_word(one));
        let authority = product.map(|product| format!("{REFERENCE_VALUE}L3 {product} "));
        let numbered = authority.and_then(|name| third.subject.shown().strip_prefix(&name));
        let signers =
            [Some(SIGNER.to_owned()), product.map(|p| format!("{REFERENCE_VALUE}L4 {p}"))];
        let is_signer = signers.iter().flatten().any(|name| name == signer.subject.shown());
        name(second, root, product.is_some(), "NVIDIA Reference Value GH100 CA or its like")?;
        let expected = "NVIDIA Reference Value L3 GH100 001 or its like";
        name(third, second, numbered.is_some_and(is_number), expected)?;
        name(signer, third, is_signer, "a signer of RIMs")
    }

    fn constraints(&self) -> Result<(), Mismatch> {
        let [signer, third, second, root] = &self.links;
        for (one, between) in [(third, 0), (second, 1), (root, 2)] {
            one.may_sign(between).map_err(|reason| {
                let name = one.subject.shown().to_owned();
                refused(RimError::Constraints { name, reason }, "it may sign these")
            })?;
        }
        if signer.authority.is_some() || !signer.may_sign_data() {
            let name = signer.subject.shown().to_owned();
            return Err(refused(RimError::Signer { name }, "digitalSignature, no authority"));
        }
        Ok(())
    }

    /// When all four count.
    pub(super) fn window(&self) -> Window {
        self.links.iter().fold(Window::ALWAYS, |all, one| all.intersect(&one.validity))
    }

    /// Each counts at this time, both ends included.
    pub(super) fn validity(&self, now: UnixTime) -> Checked {
        match self.links.iter().find(|one| !one.validity.contains(now)) {
            None => Ok(self.window().to_string()),
            Some(one) => {
                let (name, window) = (one.subject.shown().to_owned(), one.validity);
                Err(Mismatch::because(RimError::Validity { name, window, now }, window))
            }
        }
    }

    /// From the root down. The root itself is pinned.
    pub(super) fn verify(&self, memory: &Signatures, now: UnixTime) -> Result<(), RimError> {
        let [signer, third, second, root] = &self.links;
        for (subject, issuer) in [(second, root), (third, second), (signer, third)] {
            memory.verify(subject, &issuer.key, now).map_err(|_| RimError::Link {
                subject: subject.subject.shown().to_owned(),
                issuer: issuer.subject.shown().to_owned(),
            })?;
        }
        Ok(())
    }

    pub(super) fn signer(&self) -> &Certificate {
        let [signer, ..] = &self.links;
        signer
    }

    pub(super) fn shown(&self) -> String {
        self.links.iter().map(|link| link.subject.shown()).collect::<Vec<_>>().join(" < ")
    }
}

/// The root that came with the RIM adds nothing: it must be one that is trusted already.
fn root(last: Option<&Certificate>, anchors: &Anchors) -> Result<Anchor, Mismatch> {
    let last =
        last.ok_or_else(|| refused(RimError::Certificates { found: 0 }, "signer to root"))?;
    anchors.rim(last).ok_or_else(|| {
        let (name, sha256) = (last.subject.shown().to_owned(), last.sha256);
        let found = format!("{name} {}", hex::encode(sha256));
        Mismatch::new(RimError::RootNotPinned { name, sha256 }, found, anchors.rim_shown())
    })
}

fn name(
    one: &Certificate,
    issuer: &Certificate,
    fits: bool,
    expected: &'static str,
) -> Result<(), Mismatch> {
    if fits && one.issuer.der == issuer.subject.der {
        return Ok(());
    }
    let found = one.subject.shown().to_owned();
    let issuer = one.issuer.shown().to_owned();
    Err(refused(RimError::Name { found, issuer, expected }, expected))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn key(one: &Certificate) -> Result<(), Mismatch> {
    if one.key.kind == KeyKind::P384 && one.algorithm == Algorithm::EcdsaSha384 {
        return Ok(());
    }
    let name = one.subject.shown().to_owned();
    Err(refused(RimError::Key { name, found: one.key.kind }, "ECDSA on P-384"))
}

fn refused(error: RimError, expected: &str) -> Mismatch {
    Mismatch::because(error, expected)
}
