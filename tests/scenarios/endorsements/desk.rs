//! An auditor's desk: a store over folders of its own, the vendors on loopback, and evidence of one machine of each.

use std::path::Path;

use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
};
use sealroom_forge::{Fake, FakeGpu, FakeSnp, FakeTdx};
use sealroom_tests::vendors::Vendors;
use sealroom_verifier::{
    Claims, Crypto, Evidence, Input, Mode, Policy, Trust, Verdict, check,
    endorsements::{
        Base, Cache, Gathered, Needs, Ratchet, Service, Services, Store, Update, gather, needs,
    },
};
use tempfile::TempDir;

use super::{NOW, SEED};

/// A machine of one vendor, as a file of evidence, and what accepts its simulated root.
pub(super) struct Machine {
    pub(super) evidence: Evidence,
    /// What the evidence brings of its own, where it does not travel with it.
    pub(super) own: Endorsements,
    pub(super) root: [u8; 32],
}

impl Machine {
    pub(super) fn amd(chip: &FakeSnp) -> Self {
        let signed = chip.sign();
        let evidence = Evidence::from_file(&signed.report).expect("a report");
        Self { evidence, own: Endorsements::default(), root: signed.root_sha256 }
    }

    pub(super) fn intel(platform: &FakeTdx) -> Self {
        let signed = platform.sign();
        let evidence = Evidence::from_file(&signed.quote).expect("a quote");
        Self { evidence, own: Endorsements::default(), root: signed.root_sha256 }
    }

    pub(super) fn nvidia(device: &FakeGpu) -> Self {
        let signed = device.sign();
        let mut own = Endorsements::default();
        own.add_file(&signed.chain_pem).expect("a chain");
        let evidence = Evidence::from_file(&signed.report).expect("a report");
        Self { evidence, own, root: signed.root_sha256 }
    }

    pub(super) fn anchors(&self) -> Anchors {
        Anchors::production().danger_accept_simulated(self.root)
    }

    fn judged(&self, with: &Endorsements, mode: Mode, now: UnixTime) -> Verdict {
        let trust = Trust::new(Policy::built_in(), &self.own, &self.anchors());
        let trust = trust.with_endorsements(with);
        check(&Input { evidence: self.evidence.clone(), nonce: None, mode, at: now }, &trust)
    }

    pub(super) fn claims(&self, with: &Endorsements) -> Option<Claims> {
        self.judged(with, Mode::CryptoOnly, NOW).claims
    }

    /// What it needs before anything came.
    pub(super) fn needs(&self) -> Needs {
        named(&self.claims(&Endorsements::default()).expect("claims"))
    }

    /// Genuine, with revocation checked; or the first check against.
    pub(super) fn proven(&self, gathered: &Gathered, now: UnixTime) -> Result<(), &'static str> {
        let verdict = self.judged(&gathered.endorsements, Mode::Policy, now);
        let revocation = ["snp.revocation", "tdx.revocation", "gpu.revocation"];
        let open = |row: &&sealroom_attestation::claims::Finding| {
            revocation.contains(&row.check.id) && row.outcome != sealroom_attestation::Outcome::Pass
        };
        match (verdict.crypto, verdict.ledger.findings().iter().find(open)) {
            (Crypto::Genuine, None) => Ok(()),
            (Crypto::Genuine, Some(row)) => Err(row.check.id),
            _ => Err(verdict.decisive().map_or("nothing", |row| row.check.id)),
        }
    }
}

/// One of each vendor, known to the services.
pub(super) fn machines(vendors: &Vendors) -> [Machine; 3] {
    let (chip, platform, device) = (Fake::snp(SEED), Fake::tdx(SEED), Fake::gpu(SEED));
    vendors.knows_snp(&chip);
    vendors.knows_tdx(&platform);
    vendors.knows_gpu(&device);
    [Machine::amd(&chip), Machine::intel(&platform), Machine::nvidia(&device)]
}

pub(super) fn vendors() -> Vendors {
    Vendors::start(SEED, NOW).expect("loopback ports")
}

pub(super) fn services(vendors: &Vendors) -> Services {
    let base = |url: String| Base::from_url(&url).expect("an address");
    Services::default()
        .with_mirror(Service::Amd, base(vendors.kds()))
        .with_mirror(Service::Intel, base(vendors.pcs()))
        .with_mirror(Service::IntelCertificates, base(vendors.pcs()))
        .with_mirror(Service::NvidiaRim, base(vendors.rim()))
        .with_mirror(Service::NvidiaOcsp, base(vendors.ocsp()))
}

/// Folders that end with the test.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A store that begins with what lies in the folder.
pub(super) fn store(folder: &Path, services: Option<Services>, machine: &Machine) -> Store {
    let cache = Cache::open(&folder.join("cache")).expect("a cache");
    let ratchet = Ratchet::open(&folder.join("state")).expect("a ratchet");
    Store::new(services, machine.anchors(), cache, ratchet)
}

pub(super) async fn gathered(store: &Store, machine: &Machine, now: UnixTime) -> Gathered {
    gather(store, |with| machine.claims(with), named, now, &|_, _| {}).await.1
}

pub(super) fn named(claims: &Claims) -> Needs {
    needs(claims, Update::Standard, None)
}

/// What refused, by its check, each once.
pub(super) fn problems(gathered: &Gathered) -> Vec<&'static str> {
    let mut ids: Vec<_> = gathered.problems.iter().map(|one| one.error.check().id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
