//! Forged evidence with everything that is said of it, and how a policy judges it.

use sealroom_attestation::{
    digests::Nonce,
    endorsements::{Anchors, Endorsements},
    gpu, tdx,
};
use sealroom_forge::{Fake, FakeGpu, FakeSnp, FakeTdx};
use sealroom_verifier::{Decision, Evidence, Input, Mode, Policy, Trust, Verdict, check};

pub(crate) use crate::node::NOW;
use crate::node::Shown;

/// What the machines here run.
pub(crate) const IMAGE: [u8; 48] = [7; 48];
/// The attribute of a trust domain that the built-in policy needs.
pub(crate) const SEPT_VE_DISABLE: u64 = 1 << 28;

/// Evidence, and what a relying party has beside.
pub(crate) struct Scene {
    pub(crate) evidence: Evidence,
    pub(crate) endorsements: Endorsements,
    pub(crate) roots: Vec<[u8; 32]>,
    pub(crate) nonce: Option<Nonce>,
    /// One that its policy cannot open is not used.
    pub(crate) bulletins: Vec<String>,
}

/// A chip that keeps every rule of the built-in policy.
pub(crate) fn snp_chip() -> FakeSnp {
    Fake::snp([3; 32]).measurement(IMAGE)
}

/// A trust domain that keeps every rule of the built-in policy.
pub(crate) fn tdx_chip() -> FakeTdx {
    Fake::tdx([3; 32]).mr_td(IMAGE).attributes(SEPT_VE_DISABLE.to_le_bytes())
}

impl Scene {
    fn of(evidence: &[u8], endorsements: Endorsements, roots: Vec<[u8; 32]>) -> Self {
        let evidence = Evidence::from_file(evidence).expect("evidence");
        Self { evidence, endorsements, roots, nonce: None, bulletins: Vec::new() }
    }

    /// A bare report with its certificates and AMD's revocation list.
    pub(crate) fn snp(chip: &FakeSnp) -> Self {
        let forged = chip.sign();
        let mut given = Endorsements::default();
        for file in forged.certificates().iter().chain([&forged.crl]) {
            given.add_file(file).expect("certificates and a list");
        }
        Self::of(&forged.report, given, vec![forged.root_sha256])
    }

    /// A bare quote with its collateral.
    pub(crate) fn tdx(chip: &FakeTdx) -> Self {
        let forged = chip.sign();
        let given = tdx::Endorsements::from_json(&forged.collateral_json()).expect("collateral");
        Self::of(&forged.quote, given.into(), vec![forged.root_sha256])
    }

    /// A bare report of a device with its certificates.
    pub(crate) fn gpu(device: &FakeGpu, given: gpu::Endorsements) -> Self {
        let forged = device.sign();
        let mut given = Endorsements { gpu: given, ..Endorsements::default() };
        given.add_file(&forged.chain_pem).expect("a chain");
        Self::of(&forged.report, given, vec![forged.root_sha256])
    }

    /// A node's bundle.
    pub(crate) fn node(shown: Shown) -> Self {
        let mut given = Endorsements::default();
        for file in &shown.endorsements {
            given.add_file(file).expect("endorsements");
        }
        Self::of(&shown.bundle, given, shown.roots)
    }

    pub(crate) fn trust(&self, policy: Policy) -> Trust {
        let accept = |anchors: Anchors, root: &[u8; 32]| anchors.danger_accept_simulated(*root);
        let anchors = self.roots.iter().fold(Anchors::production(), accept);
        let trust = Trust::new(policy, &self.endorsements, &anchors);
        self.bulletins
            .iter()
            .fold(trust, |trust, signed| trust.clone().with_bulletin(signed).unwrap_or(trust))
    }

    pub(crate) fn judged(&self, policy: Policy) -> Verdict {
        let (evidence, nonce) = (self.evidence.clone(), self.nonce);
        let input = Input { evidence, nonce, mode: Mode::Policy, at: NOW };
        check(&input, &self.trust(policy))
    }
}

#[track_caller]
pub(crate) fn accepted(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Accepted, "{:?}", verdict.decisive());
}

/// The only check that failed.
#[track_caller]
pub(crate) fn refused(verdict: &Verdict) -> &'static str {
    assert_eq!(verdict.decision, Decision::Refused, "{:?}", verdict.decisive());
    let mut failed: Vec<_> = verdict.ledger.failed().map(|row| row.check.id).collect();
    // Of two RIMs, two certificates or two devices each has its row.
    failed.dedup();
    let [id] = failed[..] else { panic!("{failed:?}") };
    id
}
