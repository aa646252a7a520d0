//! The same evidence before another verifier: where the two differ, and who is right.

use std::collections::BTreeMap;

use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::configs::RingConfig;
use dcap_qvl::verify::QuoteVerifier;

use crate::scene::Scene;

/// What the other verifier accepts and we refuse: by our check, how often, and why we are right.
const LOOSER: [(&str, usize, &str); 17] = [
    ("tdx.quote.encoding", 3, "bytes behind the quote are signed by nobody"),
    (
        "tdx.quote.reserved",
        3,
        "reserved bytes must be zero; a later format may give them a meaning",
    ),
    ("tdx.qe.reserved", 8, "reserved bytes must be zero; a later format may give them a meaning"),
    ("tdx.qe.binding", 2, "the upper half of the report data is zero by the quote's format"),
    ("tdx.endorsements.decode", 1, "a field that is not read may be the one that matters"),
    ("tdx.pck.encoding", 2, "one quote with many spellings has many names"),
    ("tdx.pck.names", 2, "a certificate for something else is no platform's"),
    (
        "tdx.pck.keys",
        1,
        "the pinned root's own fields are not looked at there; a mixed chain is nobody's",
    ),
    ("tdx.pck.constraints", 2, "keyUsage and the root's path length are the issuer's limits"),
    ("tdx.pck.validity", 1, "a root past its end anchors nothing"),
    ("tdx.pck.extensions", 1, "SGX type 3 is not defined"),
    ("tdx.crl.root.validity", 1, "a list from the future was made up"),
    ("tdx.crl.pck.validity", 1, "a list from the future was made up"),
    ("tdx.tcb_info.kind", 2, "levels of another type or version are compared by other rules"),
    ("tdx.tcb_info.platform", 1, "TCB info is for one FMSPC and one PCE-ID"),
    ("tdx.qe_identity.kind", 1, "a version that is not known may have other rules"),
    (
        "tdx.tcb.level",
        2,
        "levels name component versions; CPUSVN, which is compared there, has no order",
    ),
];

/// What the other verifier refuses and we accept: by a part of its reason, how often, and why.
const STRICTER: [(&str, usize, &str); 2] = [
    ("CrlExpired", 2, "nextUpdate is the last second of a list here, the first without it there"),
    ("auth data length", 1, "the length is a field; Intel's own test quotes have none"),
];

/// What the other verifier says; `None` where it cannot be given the same.
fn other(scene: &Scene) -> Option<Result<(), String>> {
    let (root, file) = scene.same.clone()?;
    let collateral: QuoteCollateralV3 = serde_json::from_str(&file).expect("a collateral file");
    let verifier = QuoteVerifier::new(root).with_config::<RingConfig>();
    let verdict = verifier.verify(&scene.quote, &collateral, scene.now);
    Some(verdict.map(drop).map_err(|error| format!("{error:#}")))
}

#[test]
fn every_disagreement_with_another_verifier_is_known() {
    let (mut compared, mut looser, mut stricter) = (0, BTreeMap::new(), BTreeMap::new());
    for row in crate::rows() {
        for (scene, accepted) in [(&row.accepted, true), (&row.refused, false)] {
            let Some(verdict) = other(scene) else { continue };
            compared += 1;
            match (accepted, verdict) {
                (false, Ok(())) => *looser.entry(row.id).or_insert(0) += 1,
                (true, Err(reason)) => {
                    let known = STRICTER.iter().find(|(part, ..)| reason.contains(part));
                    let name = known.map_or(reason, |(part, ..)| (*part).to_owned());
                    *stricter.entry(name).or_insert(0) += 1;
                }
                (true, Ok(())) | (false, Err(_)) => {}
            }
        }
    }
    println!("{compared} verdicts compared with dcap-qvl");
    for (name, count, why) in LOOSER.into_iter().chain(STRICTER) {
        println!("{name} {count}: {why}");
    }
    assert_eq!(looser, LOOSER.map(|(id, count, _)| (id, count)).into());
    assert_eq!(stricter, STRICTER.map(|(part, count, _)| (part.to_owned(), count)).into());
}
