//! Verdicts of every kind: of a real chip, of forged ones, of a node with a whole board, and of nothing at all.

use std::{fs, path::Path};

use sealroom_attestation::{
    endorsements::{Anchors, Endorsements},
    snp::Measurement,
    tdx,
};
use sealroom_forge::{Fake, FakeTdx};
use sealroom_verifier::{Evidence, Input, Mode, Policy, Trust, Verdict, check};

pub(crate) use crate::node::NOW;
use crate::node::{Machine, Node, Shown, model_digest};

const SEED: [u8; 32] = [7; 32];
const IMAGE: [u8; 48] = [7; 48];

fn input(evidence: Evidence, mode: Mode) -> Input {
    Input { evidence, nonce: None, mode, at: NOW }
}

/// A Genoa report of a real machine, by a policy or by none.
pub(crate) fn genoa(policy: Option<&str>) -> Verdict {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/testdata");
    let file = |name| fs::read(folder.join(name)).expect("the repository's own");
    let mut endorsements = Endorsements::default();
    for name in ["snp/genoa_v2_vcek.der", "roots/amd_genoa_ask_ark_asvk.pem"] {
        endorsements.add_file(&file(name)).expect("certificates");
    }
    let evidence = Evidence::from_file(&file("snp/genoa_v2_report.bin")).expect("a report");
    let mode = if policy.is_some() { Mode::Policy } else { Mode::CryptoOnly };
    let policy = Policy::from_toml(policy.unwrap_or("version = 1")).expect("a policy");
    check(&input(evidence, mode), &Trust::new(policy, &endorsements, &Anchors::production()))
}

/// A policy under which the Genoa machine is accepted.
pub(crate) const GENOA: &str = "version = 1\nfreshness = \"none\"\n[snp]\ngenerations = [\"genoa\"]\nvmpls = [1]\n\
    revocation = \"if-given\"\nflags = { platform_alias_check = \"any\" }\n[snp.measurements]\n\
    \"image\" = \"GENOA_MEASUREMENT\"\n";

/// The policy with the machine's own measurement.
pub(crate) fn genoa_policy() -> String {
    let verdict = genoa(None);
    let hardware = verdict.claims.as_ref().and_then(|claims| claims.hardware());
    let Some(sealroom_attestation::node::HardwareClaims::Snp(snp)) = hardware else {
        panic!("an SEV-SNP report")
    };
    GENOA.replace("GENOA_MEASUREMENT", &snp.report.measurement.to_string())
}

/// The same policy without its rule for memory aliases, which this machine breaks, and with an exception for it.
pub(crate) fn excepting_policy() -> String {
    let strict = genoa_policy().replace("flags = { platform_alias_check = \"any\" }\n", "");
    let exception = "[danger_exceptions.\"snp.platform.alias_check\"]\n\
        reason = \"firmware with the check is due; ticket <4711>\"\nuntil = \"2027-01-01T00:00:00Z\"\n";
    strict + exception
}

/// A forged trust domain on a platform that is behind, and one that is not.
pub(crate) fn trust_domain(behind: bool) -> Verdict {
    let chip: FakeTdx = Fake::tdx([3; 32]).mr_td(IMAGE).attributes((1_u64 << 28).to_le_bytes());
    let svn = [6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let chip = if behind { chip.tee_tcb_svn(svn) } else { chip };
    let forged = chip.sign();
    let given = tdx::Endorsements::from_json(&forged.collateral_json()).expect("collateral");
    let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
    let image = "07".repeat(48);
    let policy =
        format!("version = 1\nfreshness = \"none\"\n[tdx.images.image]\nmrtd = \"{image}\"");
    let policy = Policy::from_toml(&policy).expect("a policy");
    let evidence = Evidence::from_file(&forged.quote).expect("a quote");
    let trust = Trust::new(policy, &Endorsements::from(given), &anchors);
    check(&input(evidence, Mode::Policy), &trust)
}

/// One forged GPU without its certificates, or with them.
pub(crate) fn gpu(with_chain: bool) -> Verdict {
    let signed = Fake::gpu(SEED).nonce([3; 32]).sign();
    let mut endorsements = Endorsements::default();
    if with_chain {
        endorsements.add_file(&signed.chain_pem).expect("a chain");
    }
    let anchors = Anchors::production().danger_accept_simulated(signed.root_sha256);
    let trust = Trust::new(Policy::built_in(), &endorsements, &anchors);
    let evidence = Evidence::from_file(&signed.report).expect("a report");
    check(&input(evidence, Mode::Policy), &trust)
}

/// Bytes that begin as a bundle and are none.
pub(crate) fn nothing() -> Verdict {
    let anchors = Anchors::production();
    let trust = Trust::new(Policy::built_in(), &Endorsements::default(), &anchors);
    check(&input(Evidence::Bundle(vec![0xa8, 1, 1]), Mode::Policy), &trust)
}

/// A node that computes on eight GPUs behind four switches.
pub(crate) struct Board {
    /// The model's public name.
    pub(crate) model: &'static str,
    /// True where the machine answers for an image that no policy pins.
    pub(crate) other_image: bool,
}

impl Default for Board {
    fn default() -> Self {
        Self { model: "model", other_image: false }
    }
}

impl Board {
    pub(crate) fn verdict(&self) -> Verdict {
        let shown = self.shown();
        let mut policy = Policy::from_toml("version = 1\nfreshness = \"none\"").expect("a policy");
        policy.models = [(self.model.to_owned(), vec![model_digest(self.model)])].into();
        policy.snp.measurements = [("image".to_owned(), Measurement(IMAGE))].into();
        let mut endorsements = Endorsements::default();
        for file in &shown.endorsements {
            endorsements.add_file(file).expect("endorsements");
        }
        let accept = |anchors: Anchors, root: &[u8; 32]| anchors.danger_accept_simulated(*root);
        let anchors = shown.roots.iter().fold(Anchors::production(), accept);
        let trust = Trust::new(policy, &endorsements, &anchors);
        check(&input(Evidence::Bundle(shown.bundle), Mode::Policy), &trust)
    }

    /// What the node shows.
    pub(crate) fn shown(&self) -> Shown {
        let image = if self.other_image { [8; 48] } else { IMAGE };
        let gpus = Fake::hgx(SEED).devices;
        Node { model: self.model, device: "cuda:0", gpus }
            .show(|data| Machine::snp(&Fake::snp([3; 32]).measurement(image).report_data(data)))
    }
}
