//! One device while it is verified.

use std::sync::Arc;

use crate::checks;
use crate::evidence::{GpuClass, GpuEntry};
use crate::time::{UnixTime, Window};
use crate::x509::{Certificate, Signatures};

use super::anchors::{Anchor, Anchors};
use super::chain::{Chain, Presented};
use super::claims::{Challenge, GpuClaims, Identity};
use super::compare::{self, Compared, Decoder, Firmware};
use super::endorsed::Endorsed;
use super::error::{ChainError, ReportError};
use super::fields::{self, Toggle};
use super::ocsp::{Link, Owner};
use super::report::Report;
use super::rim::Rim;
use super::{Case, Checked, Mismatch, bindings, fwid, identity};

/// A report beside the certificates that came with it.
pub(super) struct Device {
    report: Report,
    chain: Option<Chain>,
    anchor: Option<Anchor>,
    challenge: Challenge,
    at: UnixTime,
}

/// The report, read by the rules of the kind of device that is claimed.
pub(super) fn decode(case: &mut Case, entry: &GpuEntry) -> Option<Report> {
    let decoded = Report::decode(entry.class, &entry.report);
    let found = match &decoded {
        Ok(report) => Ok(format!(
            "{:?}, {} measurements, {} bytes",
            report.class,
            report.measurements.len(),
            entry.report.len()
        )),
        Err(error) => Err(Mismatch::because(error.clone(), "one report of SPDM 1.1")),
    };
    if !case.check(&checks::GPU_REPORT_ENCODING, found) {
        super::known::stopped(case, entry.class);
    }
    decoded.ok()
}

/// The report answers the verifier's nonce, where one was given.
pub(super) fn challenge(case: &mut Case, report: &Report, nonce: Option<&[u8; 32]>) -> Challenge {
    match nonce {
        Some(nonce) => {
            case.check(&checks::GPU_NONCE, bindings::nonce(report, nonce));
            Challenge::Answered
        }
        None => {
            let reason = "no nonce was given: the report may be of any time";
            case.not_given(&[&checks::GPU_NONCE], reason);
            Challenge::NotGiven
        }
    }
}

impl Device {
    /// The certificates, up to a root that is trusted, by names, rights and dates.
    pub(super) fn examine(
        case: &mut Case,
        report: Report,
        presented: &Presented,
        anchors: &Anchors,
        (challenge, at): (Challenge, UnixTime),
    ) -> Self {
        let mut chain = decoded(case, presented);
        let anchor = chain.as_ref().and_then(|chain| anchors.device(&chain.root));
        let class = report.class;
        case.check_with(&checks::GPU_CHAIN_ROOT, chain.as_ref(), |chain| {
            bindings::root(&chain.root, anchor.as_ref(), &anchors.shown())
        });
        // The root that came along is not used any further.
        if let (Some(chain), Some(anchor)) = (&mut chain, &anchor) {
            chain.root = anchor.root.clone();
        }
        let with = chain.as_ref();
        case.check_with(&checks::GPU_CHAIN_NAMES, with, bindings::names);
        case.check_with(&checks::GPU_CHAIN_CLASS, with, |chain| bindings::class(chain, class));
        case.check_with(&checks::GPU_CHAIN_KEYS, with, bindings::keys);
        case.check_with(&checks::GPU_CHAIN_CONSTRAINTS, with, bindings::constraints);
        case.check_with(&checks::GPU_CHAIN_VALIDITY, with, |chain| bindings::validity(chain, at));
        case.check_with(&checks::GPU_CHAIN_IDENTITY, with, |chain| bindings::serial(chain, class));
        Self { report, chain, anchor, challenge, at }
    }

    /// What report and certificates both say: firmware, chip, and a switch's own number.
    pub(super) fn compare(&self, case: &mut Case) {
        let Self { report, chain, .. } = self;
        let chain = chain.as_ref();
        let info = chain.map(|chain| (chain, identity::device_info(&chain.leaf)));
        match info {
            Some((_, None)) => {
                let reason = "the attestation key's certificate says nothing about the device";
                case.not_given(&[&checks::GPU_CHAIN_DEVICE], reason);
            }
            Some((chain, Some(info))) => {
                case.check(&checks::GPU_CHAIN_DEVICE, bindings::device_info(chain, info));
            }
            None => case.missing(&checks::GPU_CHAIN_DEVICE, "there is no chain"),
        }
        self.compare_firmware(case);
        if report.class == GpuClass::Ls10 {
            let compared = chain.and_then(|chain| bindings::switch_pdi(report, chain));
            case.check_with(&checks::GPU_SWITCH_PDI, compared, |compared| compared);
        }
    }

    /// Without firmware in the report there is nothing to compare: that proves nothing, and says so.
    fn compare_firmware(&self, case: &mut Case) {
        let Self { report, chain, .. } = self;
        let firmware = chain.as_ref().map(|chain| (chain, fwid::decode(&chain.leaf)));
        match (firmware, report.fields.fwid) {
            (Some((_, Ok(_))), None) => {
                case.not_given(&[&checks::GPU_FWID], "the report names no firmware");
            }
            (firmware, _) => {
                case.check_with(&checks::GPU_FWID, firmware, |(chain, firmware)| {
                    bindings::fwid(report, chain, firmware)
                });
            }
        }
    }

    /// Every signature from the root down; after the first that does not verify there is no more work. Says whether all hold.
    pub(super) fn signatures(&self, case: &mut Case, memory: &Signatures) -> bool {
        let chain = self.chain.as_ref().filter(|_| self.anchor.is_some());
        let hold = chain.is_some_and(|chain| {
            case.check(&checks::GPU_CHAIN_SIGNATURE, chain_signature(memory, chain, self.at))
                && case.check(&checks::GPU_REPORT_SIGNATURE, self.signed_by(&chain.leaf))
        });
        super::known::stopped(case, self.report.class);
        hold
    }

    /// The attestation key over request and response, exactly as they came.
    fn signed_by(&self, leaf: &Certificate) -> Checked {
        match leaf.key.verify_fixed(&self.report.signed, &self.report.signature) {
            Ok(()) => Ok(format!("by {}", leaf.subject.shown())),
            Err(_) => {
                Err(Mismatch::because(ReportError::Signature, "the attestation key's signature"))
            }
        }
    }

    /// As reference values name it.
    pub(super) fn product(&self) -> Option<String> {
        let by_report = self.report.fields.gpu().and_then(|gpu| gpu.chip.clone());
        let by_certificate = || Some(identity::chip(&self.chain.as_ref()?.identity)?.to_owned());
        by_report.or_else(by_certificate).map(|chip| chip.replace('_', ""))
    }

    /// The certificates that may be revoked: all but the leaf, which the device makes itself, and the root.
    pub(super) fn links(&self) -> Vec<Link<'_>> {
        let pairs = self.chain.iter().flat_map(Chain::pairs);
        let own = |subject: &Certificate| self.chain.as_ref().is_some_and(|c| c.leaf == *subject);
        let revocable = pairs.filter(|(subject, _)| !own(subject));
        revocable.map(|(subject, issuer)| Link { subject, issuer, owner: Owner::Device }).collect()
    }

    /// Compares the measurements with the RIMs for this product and these versions.
    pub(super) fn compare_with(&self, case: &mut Case, rims: &[Arc<Rim>]) -> Vec<Compared> {
        let Some(product) = self.product() else {
            case.missing_all(compare::NEEDED);
            return Vec::new();
        };
        let Report { fields, measurements, .. } = &self.report;
        let firmware = match &fields.device {
            fields::Device::Gpu(gpu) => Firmware::Gpu { driver: &gpu.driver, vbios: &fields.vbios },
            fields::Device::Switch(_) => Firmware::Switch { bios: &fields.vbios },
        };
        let decoder = match fields.nvdec0 {
            Some(Toggle::Off) => Decoder::Disabled,
            Some(Toggle::On) | None => Decoder::Other,
        };
        let device = compare::Device { product: &product, firmware, decoder, measurements };
        compare::examine(case, rims, &device)
    }

    pub(super) fn claims(self, compared: Vec<Compared>, endorsed: &Arc<Endorsed>) -> GpuClaims {
        let class = self.report.class;
        let window = self.chain.as_ref().map_or(Window::ALWAYS, bindings::window);
        let simulated = self.anchor.as_ref().is_some_and(|anchor| anchor.simulated);
        GpuClaims {
            identity: self.chain.as_ref().map(|chain| who(chain, class)),
            challenge: self.challenge,
            at: self.at,
            validity: window.intersect(&endorsed.validity()),
            simulated: simulated || endorsed.simulated(),
            compared,
            endorsed: Arc::clone(endorsed),
            report: self.report,
            chain: self.chain.map(Chain::into_links).unwrap_or_default(),
        }
    }
}

fn decoded(case: &mut Case, presented: &Presented) -> Option<Chain> {
    if !presented.given {
        for check in [&checks::GPU_CHAIN_PRESENT, &checks::GPU_CHAIN_ENCODING] {
            case.missing(check, "no certificates were given");
        }
        return None;
    }
    case.check(&checks::GPU_CHAIN_PRESENT, Ok("with the report".to_owned()));
    let decoded = presented.decode();
    let found = match &decoded {
        Ok(_) => Ok("five certificates in PEM".to_owned()),
        Err(error) => {
            Err(Mismatch::because(error.clone(), "leaf, three authorities and root in PEM"))
        }
    };
    case.check(&checks::GPU_CHAIN_ENCODING, found);
    decoded.ok()
}

fn who(chain: &Chain, class: GpuClass) -> Identity {
    Identity {
        model: chain.identity.subject.shown().to_owned(),
        serial: chain.leaf.serial.to_vec(),
        pdi: identity::pdi(&chain.identity, class),
        device_info: identity::device_info(&chain.leaf).flatten().map(str::to_owned),
        key: chain.leaf.key.sha256,
    }
}

/// The root over its family, and so down to the leaf. The root itself is pinned. Devices of one machine share
/// authorities: each link is checked once.
fn chain_signature(memory: &Signatures, chain: &Chain, now: UnixTime) -> Checked {
    for (below, above) in chain.pairs() {
        if memory.verify(below, &above.key, now).is_err() {
            let [subject, issuer] = [below, above].map(|one| one.subject.shown().to_owned());
            let error = ChainError::Signature { subject, issuer };
            return Err(Mismatch::because(error, "ECDSA with SHA-384 by the issuer"));
        }
    }
    Ok(chain.links().map(|link| link.subject.shown()).join(" < "))
}
