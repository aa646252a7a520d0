//! RIMs as NVIDIA signed them, at the times at which they count, and measurements of real devices.

use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::Anchors;
use sealroom_attestation::gpu::compare::{self, CompareError, Decoder, Device, Firmware};
use sealroom_attestation::gpu::rim::{RimError, RimKind, verify};

use crate::{
    DRIVER, TIME, VBIOS, VBIOS_G520, at, check, failed, given, own, refuses, tell, vector,
};

/// What a RIM is about and how many measurements it has, or the check that fails.
type Expected = Result<(RimKind, &'static str, &'static str, usize), &'static str>;

/// Each file with a time, the check that fails and, where none does, what it is.
const FILES: &[(&str, &str, Expected)] = &[
    (VBIOS, TIME, Ok((RimKind::Vbios, "GH100", "96.00.5E.00.01", 12))),
    (VBIOS, "2026-06-01T00:00:00Z", Err("gpu.rim.validity")),
    (VBIOS_G520, TIME, Ok((RimKind::Vbios, "GH100", "96.00.6D.00.27", 12))),
    (DRIVER, TIME, Ok((RimKind::Driver, "GH100", "545.00", 21))),
    (
        "gpu/hopper_driver_550_144_03_rim.xml",
        "2025-09-01T00:00:00Z",
        Ok((RimKind::Driver, "GH100", "550.144.03", 21)),
    ),
    ("gpu/hopper_driver_535_86_09_edited_rim.xml", "2025-09-01T00:00:00Z", Err("gpu.rim.digest")),
    (
        "gpu/hopper_vbios_96005E0001_mismatch_rim.xml",
        TIME,
        Ok((RimKind::Vbios, "GH100", "96.00.5E.00.01", 12)),
    ),
    ("gpu/hopper_driver_wrong_chain_rim.xml", "2025-09-01T00:00:00Z", Err("gpu.rim.chain")),
    (
        "gpu/ls10_switch_bios_9610550001_rim.xml",
        "2026-06-15T00:00:00Z",
        Ok((RimKind::SwitchBios, "LS10", "96.10.55.00.01", 31)),
    ),
];

#[test]
fn every_file_ends_as_it_should_at_its_time() {
    let (mut used, mut absent) = (0, 0);
    for (name, time, expected) in FILES {
        let Some(file) = vector(name) else {
            absent += 1;
            continue;
        };
        used += 1;
        let verdict = check(&file, time);
        match expected {
            Err(id) => assert_eq!(failed(&verdict), [*id], "{name}"),
            Ok((kind, product, version, golden)) => {
                let verified = verdict.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
                let [rim] = &verified.claims()[..] else { panic!("one RIM") };
                assert_eq!(
                    (rim.kind, rim.product.as_str(), rim.version.as_str(), rim.golden.len()),
                    (*kind, *product, *version, *golden),
                    "{name}"
                );
                assert!(!rim.simulated && rim.issued == rim.validity.from);
            }
        }
    }
    tell(&format!("RIM vectors: {used} rows used, {absent} absent"));
    assert!(used >= 4, "the vectors of this repository were found");
}

#[test]
fn a_foreign_root_is_named() {
    let Some(file) = vector("gpu/hopper_driver_wrong_chain_rim.xml") else {
        return tell("RIM vectors: the one of a foreign chain is absent");
    };
    let refusal = check(&file, "2025-09-01T00:00:00Z").expect_err("a foreign chain");
    assert_eq!(
        refusal.error.to_string(),
        "the root NVIDIA CoRIM L1 Root CA Debug Only of the RIM is not pinned"
    );
}

#[test]
fn windows_end_with_the_second_that_nvidia_names() {
    for name in [VBIOS, VBIOS_G520, DRIVER] {
        let file = given(&[own(name)]);
        let verdict = |time: u64| verify(&file, &Anchors::production(), UnixTime(time));
        let window = verdict(at(TIME).0).expect("genuine").claims()[0].validity;
        let (from, until) = (window.from.0, window.until.0);
        assert!(verdict(from).is_ok() && verdict(until).is_ok(), "{name}");
        for outside in [from - 1, until + 1] {
            let error = RimError::Validity {
                name: "HCC RIM L4 Signer".to_owned(),
                window,
                now: UnixTime(outside),
            };
            refuses(verdict(outside), "gpu.rim.validity", error);
        }
    }
}

#[test]
fn values_lie_where_the_file_has_them() {
    let verified = check(&own(VBIOS), TIME).expect("genuine");
    let [rim] = &verified.claims()[..] else { panic!("one RIM") };
    let indices: Vec<_> = rim.golden.iter().map(|golden| golden.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    let counts: Vec<_> = rim.golden.iter().map(|golden| golden.alternatives.len()).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4]);
    assert_eq!(rim.golden[0].alternatives, [[0; 48]]);
    assert_eq!(rim.golden[1].alternatives[0][..4], [0xc3, 0xf6, 0x5e, 0xf7]);
    assert_eq!(rim.id.get(..16), Some("560b6686b372407d"));
    assert_eq!(hex::encode(&rim.signer_serial), "e8112308c88c6cd2");
    assert_eq!((rim.tag_version, rim.chain.len()), (0, 4));
}

/// The measurements of a report, by the places of its blocks.
fn measurements(name: &str) -> Option<Vec<[u8; 48]>> {
    let text = String::from_utf8(vector(name)?).expect("hexadecimal digits");
    let report = hex::decode(text.trim()).expect("hexadecimal digits");
    let count = usize::from(report[37 + 4]);
    let block = |place: usize| {
        let at = 37 + 8 + place * 55 + 7;
        report[at..at + 48].try_into().expect("48 bytes")
    };
    Some((0..count).map(block).collect())
}

fn hopper(measurements: &[[u8; 48]]) -> Device<'_> {
    Device {
        product: "GH100",
        firmware: Firmware::Gpu { driver: "535.86.09", vbios: "96.00.5e.00.01" },
        decoder: Decoder::Disabled,
        measurements,
    }
}

#[test]
fn a_real_gpu_matches_its_vbios_rim() {
    let Some(found) = measurements("gpu/hopper_535_86_09_report.hex") else {
        return tell("RIM vectors: the report of hopper_535_86_09 is absent");
    };
    let rims = check(&own(VBIOS), TIME).expect("genuine");
    let compared = compare::verify(&rims, &hopper(&found)).expect("it matches");
    let [vbios] = &compared.claims()[..] else { panic!("one RIM") };
    assert_eq!((vbios.matched, vbios.golden, vbios.skipped), (12, 12, None));
    assert_eq!(vbios.to_string(), "12 of 12 values of the RIM for VBIOS 96.00.5E.00.01");
}

#[test]
fn a_real_gpu_differs_from_an_older_rim_which_is_named_with_its_date() {
    let files = ["gpu/hopper_vbios_96005E0001_mismatch_rim.xml", "gpu/hopper_535_86_09_report.hex"];
    let (Some(rim), Some(found)) = (vector(files[0]), measurements(files[1])) else {
        return tell("RIM vectors: the RIM that does not match is absent");
    };
    let rims = check(&rim, TIME).expect("genuine");
    let [rim] = &rims.claims()[..] else { panic!("one RIM") };
    let (id, issued) = (rim.id.clone(), rim.issued);
    assert_eq!(issued, at("2023-12-13T23:58:03Z"));
    let error = CompareError::Measurement { index: 9, id, issued };
    assert!(error.to_string().contains("issued 2023-12-13T23:58:03Z"), "{error}");
    let verdict = compare::verify(&rims, &hopper(&found));
    let claimed = verdict.as_ref().err().and_then(|refusal| refusal.claimed.clone());
    assert_eq!(claimed.map(|claimed| claimed[0].matched), Some(11));
    refuses(verdict, "gpu.rim.measurements", error);
}

#[test]
fn a_real_switch_matches_its_bios_rim() {
    let files = ["gpu/ls10_switch_bios_9610550001_rim.xml", "gpu/ls10_switch_report.hex"];
    let (Some(rim), Some(found)) = (vector(files[0]), measurements(files[1])) else {
        return tell("RIM vectors: the switch is absent");
    };
    let rims = check(&rim, "2026-06-15T00:00:00Z").expect("genuine");
    let device = Device {
        product: "LS10",
        firmware: Firmware::Switch { bios: "96.10.55.00.01" },
        decoder: Decoder::Other,
        measurements: &found,
    };
    let compared = compare::verify(&rims, &device).expect("it matches");
    let [bios] = &compared.claims()[..] else { panic!("one RIM") };
    assert_eq!((bios.kind, bios.matched, bios.golden), (RimKind::SwitchBios, 31, 31));
}
