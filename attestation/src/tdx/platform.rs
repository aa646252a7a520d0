//! The platform's certificate and its chain, to a root that is pinned.

use std::sync::Arc;

use crate::checks;
use crate::time::UnixTime;
use crate::x509::Certificate;

use super::anchors::{Anchor, Anchors};
use super::bindings::{self, Links, PLATFORM_CA, PROCESSOR_CA};
use super::chain::Embedded;
use super::claims::{PckAuthority, PckClaims};
use super::error::ChainError;
use super::given::{Chain, Given, Root};
use super::pck::{ExtensionError, PckExtensions};
use super::{Case, Checked, Mismatch};

/// The platform: its certificate, and the chain above it.
pub(super) struct Platform {
    chain: Chain,
    extensions: Option<Result<PckExtensions, ExtensionError>>,
}

impl Platform {
    pub(super) fn examine(
        case: &mut Case,
        given: &Given,
        embedded: &Embedded,
        anchors: &Anchors,
        now: UnixTime,
    ) -> Self {
        case.check(&checks::TDX_PCK_ENCODING, encoding(embedded));
        let chain = given.chain(&embedded.certificates, anchors);
        let extensions = chain.leaf.as_deref().map(PckExtensions::decode);
        let platform = Self { chain, extensions };
        let Chain { leaf, authority, root } = &platform.chain;
        match leaf {
            Some(leaf) => {
                case.check(&checks::TDX_PCK_PRESENT, Ok(leaf.subject.shown().to_owned()));
            }
            None => case.missing(&checks::TDX_PCK_PRESENT, "no such certificate was given"),
        }
        let known = !matches!(root, Root::Missing);
        case.check_with(&checks::TDX_PCK_ROOT, known.then_some(root), |root| {
            bindings::root(root, authority.as_deref(), &anchors.shown())
        });
        let links = platform.links();
        case.check_with(&checks::TDX_PCK_NAMES, links, bindings::names);
        case.check_with(&checks::TDX_PCK_KEYS, links, bindings::keys);
        case.check_with(&checks::TDX_PCK_CONSTRAINTS, links, bindings::constraints);
        case.check_with(&checks::TDX_PCK_VALIDITY, links, |links| bindings::validity(links, now));
        case.check_with(&checks::TDX_PCK_EXTENSIONS, platform.extensions.as_ref(), shown);
        platform
    }

    fn anchor(&self) -> Option<&Anchor> {
        match &self.chain.root {
            Root::Anchored(anchor) => Some(anchor),
            Root::NotPinned(_) | Root::Unknown | Root::Missing => None,
        }
    }

    pub(super) fn root(&self) -> Option<&Certificate> {
        self.anchor().map(|anchor| &*anchor.root)
    }

    pub(super) fn links(&self) -> Option<Links<'_>> {
        Some([self.chain.leaf.as_deref()?, self.chain.authority.as_deref()?, self.root()?])
    }

    /// From the platform's certificate up, trusted or not, as far as they were found.
    pub(super) fn certificates(&self) -> Vec<Arc<Certificate>> {
        let Chain { leaf, authority, root } = &self.chain;
        let root = match root {
            Root::Anchored(anchor) => Some(&anchor.root),
            Root::NotPinned(root) => Some(root),
            Root::Unknown | Root::Missing => None,
        };
        [leaf.as_ref(), authority.as_ref(), root].into_iter().flatten().cloned().collect()
    }

    pub(super) fn pck(&self) -> Option<&PckExtensions> {
        self.extensions.as_ref()?.as_ref().ok()
    }

    pub(super) fn simulated(&self) -> bool {
        self.anchor().is_some_and(|anchor| anchor.simulated)
    }

    pub(super) fn claims(&self) -> Option<PckClaims> {
        let leaf = self.chain.leaf.as_ref()?;
        let authority = match leaf.issuer.common_name.as_deref() {
            Some(PROCESSOR_CA) => Some(PckAuthority::Processor),
            Some(PLATFORM_CA) => Some(PckAuthority::Platform),
            _ => None,
        };
        Some(PckClaims {
            authority,
            extensions: self.pck()?.clone(),
            serial: leaf.serial.to_vec(),
            validity: leaf.validity,
        })
    }
}

fn encoding(embedded: &Embedded) -> Checked {
    match &embedded.problem {
        Some(error) => {
            Err(Mismatch::because(error.clone(), "leaf, authority and root in canonical PEM"))
        }
        None if embedded.expected => Ok("leaf, authority and root in canonical PEM".to_owned()),
        None => Ok("the quote names its platform; the chain lies elsewhere".to_owned()),
    }
}

fn shown(extensions: &Result<PckExtensions, ExtensionError>) -> Checked {
    match extensions {
        Ok(pck) => Ok(format!("FMSPC {}", hex::encode(pck.fmspc.0))),
        Err(error) => {
            let error = ChainError::from(error.clone());
            Err(Mismatch::because(error, "as Intel writes them"))
        }
    }
}
