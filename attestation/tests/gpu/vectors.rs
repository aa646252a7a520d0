//! Evidence of real devices, at the times at which it counts.

use sealroom_attestation::claims::Outcome;
use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{
    Anchors, Challenge, Endorsements, Pdi, Toggle, entry_from_files, verify,
};

use crate::{
    BLACKWELL, HOPPER, SWITCH, Verdict, at, check, entry, failed, hopper, nonce, tell, vector,
};

fn exit_code(outcome: &Verdict) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(refusal) if refusal.error.is_undecided() => 2,
        Err(_) => 1,
    }
}

#[test]
fn every_row_of_the_table_ends_as_it_says() {
    let table = String::from_utf8(vector("gpu/expected.tsv").unwrap()).unwrap();
    let (mut used, mut absent) = (0, 0);
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, with, time, _, exit, fails, ..] = columns[..] else {
            panic!("a row of six columns: {row}")
        };
        let (chain, rims) = with.split_once(',').unwrap_or((with, ""));
        let (Some(report), Some(chain), Some(given)) = (vector(file), vector(chain), given(rims))
        else {
            absent += 1;
            continue;
        };
        used += 1;
        let entry = entry_from_files(&report, &chain).expect("a report");
        let outcome = verify(&entry, &given, &Anchors::production(), None, at(time));
        assert_eq!(exit_code(&outcome).to_string(), exit, "{row}: {outcome:?}");
        if fails != "-" {
            assert!(failed(&outcome).contains(&fails), "{row}: {:?}", failed(&outcome));
        }
    }
    tell(&format!("gpu vectors: {used} rows used, {absent} absent"));
    assert!(used >= 1, "the vectors of this repository were found");
}

fn given(rims: &str) -> Option<Endorsements> {
    let mut given = Endorsements::default();
    for rim in rims.split(',').filter(|rim| !rim.is_empty()) {
        given.add_file(&vector(rim)?).expect("a RIM");
    }
    Some(given)
}

#[test]
fn a_genuine_switch_is_what_its_reference_values_say() {
    let rim = given("gpu/ls10_switch_bios_9610550001_rim.xml");
    let Some((entry, rim)) = entry(SWITCH).zip(rim) else { return };
    let now = at("2026-06-15T00:00:00Z");
    let proven = verify(&entry, &rim, &Anchors::production(), Some(&nonce()), now);
    let proven = proven.expect("genuine");
    let [compared] = proven.claims().compared.as_slice() else { panic!("one RIM") };
    assert_eq!((compared.matched, compared.golden), (31, 31));
    assert_eq!(proven.claims().endorsed.rims.len(), 1);
    assert!(proven.claims().validity.until <= compared.validity.until);
}

#[test]
fn says_what_a_genuine_hopper_says() {
    let proven = check(&hopper(), Some(&nonce())).expect("genuine");
    let claims = proven.claims();
    let fields = &claims.report.fields;
    let gpu = fields.gpu().expect("a GPU");
    assert_eq!((claims.report.class, claims.report.nonce), (GpuClass::Hopper, nonce()));
    assert_eq!((gpu.driver.as_str(), fields.vbios.as_str()), ("550.90.07", "96.00.9F.00.01"));
    let board = (gpu.project.as_str(), gpu.project_sku.as_str(), gpu.chip_sku.as_str());
    assert_eq!(board, ("1010", "0200", "882"));
    assert_eq!((fields.ppcie, fields.nvdec0), (Some(Toggle::Off), Some(Toggle::Off)));
    assert_eq!((fields.version, fields.mode, fields.board_id), (None, None, Some(0x3b1)));
    assert_eq!((fields.measurement_counts.len(), gpu.chip.as_ref(), gpu.links), (64, None, None));
    assert!(fields.fwid.is_some_and(|fwid| fwid.starts_with(&[0xf5, 0xc3, 0x84])));
    let measured = claims.report.measurements.iter().filter(|one| **one != [0; 48]).count();
    assert_eq!((claims.report.measurements.len(), measured), (64, 26));
    let identity = claims.identity.as_ref().unwrap();
    assert_eq!(identity.model, "GH100 A01 GSP BROM");
    assert_eq!(identity.ueid(), "478176379286082186618948445787393647364802107249");
    assert_eq!(identity.pdi, Some(Pdi([0x43, 0x1d, 0x48, 0x0f, 0xe5, 0xe8, 0x72, 0x74])));
    assert_eq!(identity.device_info.as_deref(), Some("NVIDIA:GH100:48B02D92494BADF4"));
    assert_eq!((claims.challenge, claims.simulated), (Challenge::Answered, false));
    assert_eq!(claims.validity.from, at("2022-03-01T00:00:00Z"));
    assert!(claims.evidence_id().is_some());
}

#[test]
fn a_report_without_firmware_or_nonce_proves_nothing_about_them() {
    let Some(entry) = entry("hopper_535_86_09") else { return };
    let proven = check(&entry, None).expect("genuine");
    let open = proven.ledger().findings().iter().filter(|row| row.outcome == Outcome::NotGiven);
    let open: Vec<_> = open.map(|row| row.check.id).collect();
    assert!(open.starts_with(&["gpu.nonce", "gpu.fwid"]), "{open:?}");
    let given = ["gpu.rim.", "gpu.ocsp.", "gpu.nras."];
    assert!(open[2..].iter().all(|id| given.iter().any(|begin| id.starts_with(begin))), "{open:?}");
    assert_eq!(proven.claims().challenge, Challenge::NotGiven);
    assert_eq!(proven.claims().report.fields.fwid, None);
}

#[test]
fn says_what_a_genuine_blackwell_says() {
    let Some(entry) = entry(BLACKWELL) else { return };
    let proven = check(&entry, Some(&nonce())).expect("genuine");
    let claims = proven.claims();
    let fields = &claims.report.fields;
    let gpu = fields.gpu().expect("a GPU");
    assert_eq!(claims.report.class, GpuClass::Blackwell);
    assert_eq!((gpu.driver.as_str(), fields.vbios.as_str()), ("575.32", "97.00.88.00.0F"));
    assert_eq!((fields.version, fields.mode, gpu.chip.as_ref()), (Some(0), None, None));
    let identity = claims.identity.as_ref().unwrap();
    assert_eq!(identity.model, "GB100 A01 GSP BROM");
    assert_eq!(identity.device_info.as_deref(), Some("NVIDIA:GB100:48B02DD4C0CB1539"));
    assert!(fields.unread.contains(&("SYS_ENABLE_STATUS", vec![7, 7])));
    let own = |id: &str| !["gpu.rim.", "gpu.ocsp.", "gpu.nras."].iter().any(|b| id.starts_with(b));
    let mut rows = proven.ledger().findings().iter().filter(|row| own(row.check.id));
    assert!(rows.all(|row| row.outcome == Outcome::Pass));
}

#[test]
fn says_what_a_genuine_switch_says() {
    let Some(entry) = entry(SWITCH) else { return };
    let proven = check(&entry, Some(&nonce())).expect("genuine");
    let claims = proven.claims();
    let switch = claims.report.fields.switch().expect("a switch");
    let pdi = Pdi([0x20, 0x3e, 0xb3, 0x1a, 0xd9, 0xed, 0, 8]);
    assert_eq!((claims.report.class, switch.pdi), (GpuClass::Ls10, pdi));
    assert_eq!(claims.identity.as_ref().unwrap().pdi, Some(pdi));
    assert_eq!(claims.report.fields.vbios, "96.10.55.00.01");
    assert_eq!(claims.report.measurements.len(), 31);
    assert_eq!(switch.gpus.expect("GPUs")[0].to_string(), "40b9c6b3d748fd90");
}

#[test]
fn a_gpu_names_its_switch_in_the_other_order_of_bytes() {
    let Some((gpu, switch)) = vector("gpu/hopper_bad_signature_report.hex").zip(entry(SWITCH))
    else {
        return tell("gpu/hopper_bad_signature: absent");
    };
    let chain = hopper().chain;
    let gpu = entry_from_files(&gpu, &chain).expect("a report");
    // It is of the board that the switch's evidence is of; its own certificates were not published.
    let gpu = check(&gpu, None).expect_err("another GPU's certificates").claimed.expect("a report");
    let links = gpu.report.fields.gpu().and_then(|gpu| gpu.links).expect("links");
    let switch = check(&switch, None).expect("genuine");
    assert!(links.contains(&switch.claims().report.fields.switch().expect("a switch").pdi));
    assert_eq!(gpu.report.fields.ppcie, Some(Toggle::On));
}

#[test]
fn what_is_missing_leaves_the_answer_open() {
    let mut entry = hopper();
    entry.chain.clear();
    let open = check(&entry, Some(&nonce())).expect_err("undecided");
    assert!(open.error.is_undecided() && !open.ledger.has_failed(), "{:?}", open.ledger);
    assert_eq!(open.claimed.expect("a report").evidence_id(), None);
}

#[test]
fn the_certificates_say_which_kind_of_device_a_file_is_of() {
    for (name, class) in
        [(HOPPER, GpuClass::Hopper), (BLACKWELL, GpuClass::Blackwell), (SWITCH, GpuClass::Ls10)]
    {
        assert!(entry(name).is_none_or(|entry| entry.class == class), "{name}");
    }
}
