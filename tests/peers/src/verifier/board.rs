//! A node that computes on eight forged GPUs behind four switches, as the files that an auditor has.

use std::{ffi::OsString, fs, path::Path};

use anyhow::Result;
use sealroom_forge::Fake;

#[path = "../../../../verifier/tests/support/node.rs"]
mod node;

use node::{Machine, NOW, Node};

const MODEL: &str = "model";
const IMAGE: [u8; 48] = [7; 48];

/// Writes bundle, policy and endorsements into a folder, and says how to ask about them.
pub(super) fn write(folder: &Path) -> Result<Vec<OsString>> {
    let gpus = Fake::hgx([7; 32]).devices;
    let shown = Node { model: MODEL, device: "cuda:0", gpus }
        .show(|data| Machine::snp(&Fake::snp([3; 32]).measurement(IMAGE).report_data(data)));
    let (bundle, policy) = (folder.join("bundle.cbor"), folder.join("policy.toml"));
    let endorsements = folder.join("endorsements");
    fs::create_dir(&endorsements)?;
    for (number, file) in shown.endorsements.iter().enumerate() {
        fs::write(endorsements.join(number.to_string()), file)?;
    }
    fs::write(&bundle, &shown.bundle)?;
    let (image, manifest) = (hex::encode(IMAGE), node::model_digest(MODEL));
    let rules = format!(
        "version = 1\nfreshness = \"none\"\n[snp.measurements]\nimage = \"{image}\"\n\
         [models]\n{MODEL} = [\"{manifest}\"]\n"
    );
    fs::write(&policy, rules)?;
    let mut arguments = vec!["check".into(), bundle.into(), "--policy".into(), policy.into()];
    arguments.extend(["--with".into(), endorsements.into(), "--at".into()]);
    arguments.extend([NOW.to_string().into(), "--json".into()]);
    for root in &shown.roots {
        arguments.extend(["--danger-accept-simulated".into(), hex::encode(root).into()]);
    }
    Ok(arguments)
}
