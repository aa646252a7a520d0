//! Which statements evidence stands on: read from what it says, proven or not. A lie asks for a statement that does not
//! exist, or for one that does not fit.

use std::{collections::HashSet, sync::Arc};

use sealroom_attestation::{
    gpu::{self, GpuClaims, ocsp::Owner},
    node::HardwareClaims,
    snp::{Chip, Generation, SigningKey, SnpClaims, VekKind},
    tdx::TdxClaims,
    x509::Certificate,
};

use super::resource::{Resource, RimId, Standing, Update};
use crate::verdict::Claims;

/// What to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Certificates above the evidence's own, which everything else is verified with.
    pub above: Vec<Resource>,
    /// Everything else.
    pub rest: Vec<Resource>,
    /// What could not be named, and why.
    pub unknown: Vec<String>,
}

/// The most certificates whose standing is asked for: eight devices, four switches and the signers of their RIMs need fewer.
const MOST_STANDINGS: usize = 64;
/// The most links of a chain.
const MOST_LINKS: usize = 4;

/// Reads what evidence stands on. `generation` is for reports that do not name their processor.
#[must_use]
pub fn needs(claims: &Claims, update: Update, generation: Option<Generation>) -> Needs {
    let mut needs = Needs::default();
    match claims.hardware() {
        Some(HardwareClaims::Snp(claims)) => needs.snp(claims, generation),
        Some(HardwareClaims::Tdx(claims)) => needs.tdx(claims, update),
        None => {}
    }
    let devices = match claims {
        Claims::Gpu(gpu) => std::slice::from_ref(&**gpu),
        other => {
            other.node().and_then(|node| node.gpus.as_ref()).map_or(&[][..], |set| &set.devices)
        }
    };
    devices.iter().for_each(|device| needs.gpu(device));
    needs
}

impl Needs {
    fn snp(&mut self, claims: &SnpClaims, told: Option<Generation>) {
        let report = &claims.report;
        let stated = report.cpuid.and_then(Generation::from_cpuid);
        let Some(generation) = claims.generation.or(stated).or(told) else {
            let reason = "the report is of version 2 and names no processor: say its generation";
            return self.unknown.push(reason.to_owned());
        };
        let kind = match report.signer.signing_key() {
            SigningKey::Vlek => VekKind::Vlek,
            SigningKey::Vcek | SigningKey::None | SigningKey::Reserved(_) => VekKind::Vcek,
        };
        self.above.push(Resource::AmdChain { generation, kind });
        self.rest.push(Resource::AmdList { generation });
        if claims.vek.is_some() {
            return;
        }
        let hwid = match claims.chip() {
            Chip::Bound(hwid) | Chip::Stated(hwid) if kind == VekKind::Vcek => hwid,
            Chip::Bound(_) | Chip::Stated(_) => {
                let reason = "a VLEK is given to its cloud provider alone: ask the provider for it";
                return self.unknown.push(reason.to_owned());
            }
            Chip::Unknown => {
                let reason = "the report hides its chip: its host must give the VCEK";
                return self.unknown.push(reason.to_owned());
            }
        };
        let hwid = hwid.get(..generation.hwid_length()).unwrap_or(hwid).to_vec();
        self.rest.push(Resource::AmdKey { generation, hwid, tcb: report.reported_tcb });
    }

    fn tdx(&mut self, claims: &TdxClaims, update: Update) {
        let tee = claims.quote.tee;
        let Some(pck) = &claims.pck else {
            let reason = "the quote brings no certificate of its platform that could be read";
            return self.unknown.push(reason.to_owned());
        };
        match pck.authority {
            Some(authority) => self.above.push(Resource::IntelList { authority }),
            None => {
                self.unknown.push("the platform's certificate is by no authority of Intel's".into())
            }
        }
        let fmspc = pck.extensions.fmspc;
        self.above.push(Resource::TcbInfo { tee, fmspc, update });
        self.above.push(Resource::QeIdentity { tee, update });
        self.rest.push(Resource::IntelRootList);
    }

    /// Ids as NVIDIA's verifiers make them of a report.
    fn gpu(&mut self, claims: &GpuClaims) {
        let fields = &claims.report.fields;
        let digits = fields.vbios.replace('.', "").to_ascii_uppercase();
        let ids = match fields.gpu() {
            Some(gpu) => {
                let (project, sku, chip) = (&gpu.project, &gpu.project_sku, &gpu.chip_sku);
                let driver = match &gpu.chip {
                    Some(chip) => format!("NV_GPU_CC_DRIVER_{chip}_{}", gpu.driver),
                    None => format!("NV_GPU_DRIVER_GH100_{}", gpu.driver),
                };
                vec![driver, format!("NV_GPU_VBIOS_{project}_{sku}_{chip}_{digits}")]
            }
            None => vec![format!("NV_SWITCH_BIOS_5612_0002_890_{digits}")],
        };
        // The leaf is the device's own, and the root is pinned: nobody has anything to say of their standing.
        self.standings(claims.chain.iter().skip(1), Owner::Device);
        for rim in &claims.endorsed.rims {
            let chain: Vec<_> = rim.chain.iter().cloned().map(Arc::new).collect();
            self.standings(chain.iter(), Owner::Rim);
        }
        for id in ids {
            let Some(id) = RimId::new(&id) else {
                self.unknown.push("a device's versions make no id that could be asked for".into());
                continue;
            };
            self.add(Resource::Rim { id });
        }
    }

    /// Each certificate of a chain below the one after it.
    fn standings<'c>(&mut self, chain: impl Iterator<Item = &'c Arc<Certificate>>, owner: Owner) {
        let chain: Vec<_> = chain.collect();
        for (subject, issuer) in chain.iter().zip(chain.iter().skip(1)) {
            self.add(Resource::Standing(Standing::new(subject, issuer, owner)));
        }
    }

    /// The same without standings that nobody should be asked for: those of certificates that lead to no trusted root by
    /// their signatures, and more than any evidence needs. Whoever shows evidence could else have the responder asked, and
    /// the memory of its answers filled, about as many certificates as he likes to make.
    pub(super) fn under(mut self, anchors: &gpu::Anchors) -> Self {
        let all = self.rest.iter().filter_map(|resource| match resource {
            Resource::Standing(standing) => Some(standing),
            _ => None,
        });
        let led = led_to_a_root(&all.collect::<Vec<_>>(), anchors);
        let (mut strangers, mut asked) = (0_usize, 0_usize);
        self.rest.retain(|resource| {
            let Resource::Standing(Standing { subject, issuer, .. }) = resource else {
                return true;
            };
            let is_led = led.contains(&(subject.sha256, issuer.sha256));
            let count = if is_led { &mut asked } else { &mut strangers };
            *count = count.saturating_add(1);
            is_led && asked <= MOST_STANDINGS
        });
        if strangers > 0 {
            let reason = "certificates of a device lead to no trusted root: nobody is asked for their standing";
            self.unknown.push(reason.to_owned());
        }
        if asked > MOST_STANDINGS {
            let reason =
                "more certificates of devices than are asked about for one piece of evidence";
            self.unknown.push(reason.to_owned());
        }
        self
    }

    /// Devices share what they stand on.
    fn add(&mut self, resource: Resource) {
        if !self.rest.contains(&resource) {
            self.rest.push(resource);
        }
    }
}

/// The links, by both digests, from which signatures lead to a trusted root.
fn led_to_a_root(all: &[&Standing], anchors: &gpu::Anchors) -> HashSet<([u8; 32], [u8; 32])> {
    let mut led = HashSet::new();
    let mut below: HashSet<[u8; 32]> = HashSet::new();
    // Links of several chains stand in any order: each pass goes down by one more.
    for _ in 0..MOST_LINKS {
        for Standing { subject, issuer, owner, .. } in all {
            let is_trusted = anchors.trusts(issuer, *owner) || below.contains(&issuer.sha256);
            if is_trusted
                && !led.contains(&(subject.sha256, issuer.sha256))
                && issuer.authority.is_some()
                && subject.verify_signature(&issuer.key).is_ok()
            {
                led.insert((subject.sha256, issuer.sha256));
                below.insert(subject.sha256);
            }
        }
    }
    led
}
