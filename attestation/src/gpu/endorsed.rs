//! What NVIDIA says of devices beside their own evidence: reference values, revocation, and its service's opinion.

use std::sync::Arc;

use crate::time::{UnixTime, Window};

use super::Case;
use super::compare;
use super::device::Device;
use super::endorsements::Endorsements;
use super::known::Known;
use super::nras::{self, NrasClaims};
use super::ocsp::{self, CertificateStanding, Link, Owner};
use super::rim::{self, Rim};

/// What was given about all devices that were verified together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsed {
    /// The RIMs, verified; which of them a device was compared with its own claims say.
    pub rims: Vec<Arc<Rim>>,
    /// The standing of every certificate of a device and of a RIM that needs a response.
    pub standings: Vec<CertificateStanding>,
    /// The opinions of NVIDIA's attestation service. They add to what was verified here, and stand for nothing of it.
    pub opinions: Vec<NrasClaims>,
}

impl Endorsed {
    /// Verifies what was given, once for all devices. The caller has verified the devices' own signatures.
    pub(super) fn examine(
        case: &mut Case,
        known: &Known,
        devices: &[&Device],
        nonce: Option<&[u8; 32]>,
        now: UnixTime,
    ) -> Arc<Self> {
        let Known { endorsements, anchors, rims, signatures } = known;
        let rims = rims.examine(case, anchors, signatures, now);
        let products: Vec<_> = devices.iter().filter_map(|device| device.product()).collect();
        let products: Vec<_> = products.iter().map(String::as_str).collect();
        compare::products(case, &rims, &products);
        let mut links: Vec<Link<'_>> = devices.iter().flat_map(|device| device.links()).collect();
        links.extend(rims.iter().flat_map(|rim| ocsp::links(&rim.chain, Owner::Rim)));
        let standings = ocsp::examine(case, &endorsements.ocsp, &links, signatures, now);
        let (tokens, key_sets) = (&endorsements.tokens, &endorsements.key_sets);
        let opinions = nras::examine(case, tokens, key_sets, nonce.copied(), now);
        Arc::new(Self { rims, standings, opinions })
    }

    /// When all of it counts.
    pub(super) fn validity(&self) -> Window {
        let rims = self.rims.iter().map(|rim| rim.validity);
        let standings = self.standings.iter().filter_map(|one| one.validity);
        let opinions = self.opinions.iter().map(|one| one.validity);
        let windows = rims.chain(standings).chain(opinions);
        windows.fold(Window::ALWAYS, |all, window| all.intersect(&window))
    }

    /// True when a simulated root anchors a RIM.
    pub(super) fn simulated(&self) -> bool {
        self.rims.iter().any(|rim| rim.simulated)
    }
}

/// What was given and not looked at, since a device is not genuine, is said to be missing; what was not given is said
/// not to be.
pub(super) fn not_reached(case: &mut Case, endorsements: &Endorsements) {
    let Endorsements { rims, ocsp, tokens, certificates: _, key_sets: _ } = endorsements;
    let kinds = [
        (rims, [rim::NEEDED, compare::NEEDED].concat(), "no RIM was given"),
        (ocsp, ocsp::RESPONSE.to_vec(), "no OCSP response was given"),
        (tokens, nras::TOKEN.to_vec(), "no token of NVIDIA's attestation service was given"),
    ];
    for (given, checks, reason) in kinds {
        if given.is_empty() {
            case.not_given(&checks, reason);
        } else {
            case.stopped_before(&checks);
        }
    }
}
