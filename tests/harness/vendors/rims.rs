//! NVIDIA's service for reference integrity manifests.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use sealroom_forge::{Fake, FakeGpu, FakeRim, RimKind};
use serde::Serialize;

use super::{
    document::{Document, Missing, Query, base64},
    edition::Edition,
    fault::Variant,
    variant::other,
};

const JSON: &str = "application/json";
/// A driver that no forged device runs.
const ELSEWHERE: &str = "000.00.00";

/// What the service knows, by id.
pub(super) struct Rims {
    seed: [u8; 32],
    known: BTreeMap<String, FakeRim>,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    rim: String,
    sha256: String,
    last_updated: String,
    rim_format: &'static str,
    request_id: &'static str,
}

#[derive(Serialize)]
struct Ids<'a> {
    ids: Vec<&'a String>,
    request_id: &'static str,
}

/// The same for every request, so that the same document has the same bytes.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Rims {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, known: BTreeMap::new() }
    }

    pub(super) fn know_device(&mut self, device: &FakeGpu) {
        for (id, rim) in device.rims() {
            self.known.entry(id).or_insert(rim);
        }
    }

    pub(super) fn know(&mut self, id: &str, rim: &FakeRim) {
        self.known.insert(id.to_owned(), rim.clone());
    }

    pub(super) fn answer(
        &self,
        target: &str,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let (path, query) = Query::split(target)?;
        query.finish()?;
        match path.strip_prefix("/v1/rim/").ok_or(Missing::Unknown)? {
            "ids" => {
                let ids = Ids { ids: self.known.keys().collect(), request_id: REQUEST_ID };
                Ok(json(&ids))
            }
            id => {
                let rim = self.known.get(id).ok_or(Missing::Unknown)?;
                if variant == Variant::OtherResource {
                    let rim = Fake::rim(self.seed, RimKind::Driver).version(ELSEWHERE);
                    let id = format!("NV_GPU_DRIVER_GH100_{ELSEWHERE}");
                    return Ok(json(&answer(&id, rim, edition, variant)));
                }
                Ok(json(&answer(id, rim.clone(), edition, variant)))
            }
        }
    }
}

fn answer(id: &str, rim: FakeRim, edition: Edition, variant: Variant) -> Answer<'_> {
    let edition = edition.under(variant);
    let rim = rim.tag_version(edition.rim);
    let rim = match variant {
        Variant::Genuine
        | Variant::RolledBack
        | Variant::Tampered
        | Variant::OtherResource
        | Variant::Replayed => rim,
        Variant::Stale => rim.signer_window(edition.dates().0, edition.dates().1),
        Variant::OtherKey => rim.signed_by(other(sealroom_forge::Role::RimSigner)),
        Variant::OtherVendor => rim.other_vendor(),
    };
    let mut xml = rim.sign().xml;
    if variant == Variant::Tampered {
        change_first_value(&mut xml);
    }
    Answer {
        id,
        sha256: hex::encode(digest(&SHA256, &xml)),
        rim: base64(&xml),
        last_updated: edition.window.from.to_string(),
        rim_format: "TCG_RIM",
        request_id: REQUEST_ID,
    }
}

/// One digit of the first reference value is another one.
fn change_first_value(xml: &mut [u8]) {
    const BEFORE: &[u8] = b"ns2:Hash0=\"";
    let place = xml.windows(BEFORE.len()).position(|window| window == BEFORE);
    let digit = &mut xml[place.expect("a RIM has values") + BEFORE.len()];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
}

fn json(answer: &impl Serialize) -> Document {
    Document::new(JSON, serde_json::to_vec(answer).expect("plain data"))
}
