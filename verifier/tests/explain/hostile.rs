//! Evidence of an attacker: cut, lengthened, changed. It is explained whole or refused by name, and nothing panics.

use proptest::prelude::*;
use sealroom_attestation::{cbor::Item, evidence::Hardware, tdx};
use sealroom_verifier::{
    Evidence,
    explain::{ExplainError, explain, text},
};

use crate::evidence::{bundles, forged};
use crate::on_file;

fn refused(bytes: &[u8], message: &str) {
    let output = on_file(bytes, &[]);
    let told = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{told}");
    assert!(told.trim_end().ends_with(message), "{told}");
}

fn forged_bytes(name: &str) -> Vec<u8> {
    let found = forged().into_iter().find(|(known, _)| known == name).expect("forged").1;
    let (Evidence::Bundle(bytes)
    | Evidence::SnpReport(bytes)
    | Evidence::TdxQuote(bytes)
    | Evidence::GpuReport(bytes)) = found;
    bytes
}

#[test]
fn refuses_evidence_that_is_cut_or_goes_on() {
    let quote = forged_bytes("quote 4 Td10");
    let left = quote.len() - 636;
    refused(
        &quote[..quote.len() - 1],
        &format!("signature data needs {left} bytes at offset 636, {} are left", left - 1),
    );
    let longer = [&quote[..], &[1]].concat();
    refused(&longer, &format!("1 bytes follow the last field at offset {}", quote.len()));
    let report = forged_bytes("report of Hopper");
    let longer = [&report[..], &[1]].concat();
    refused(&longer, &format!("1 bytes follow the last field at offset {}", report.len()));
    let report = forged_bytes("SNP 5 Genoa");
    refused(&report[1..], "nor a TDX quote nor a GPU's report");
    refused(&[&[6], &report[1..]].concat(), "report version 6 is not supported: 2 to 5 expected");
    let bundle = forged_bytes("SNP bundle");
    refused(&[&bundle[..], &[0]].concat(), "evidence bundle is not in deterministic encoding");
}

#[test]
fn zeros_after_the_end_are_shown_as_what_is_left_of_a_buffer() {
    let quote = forged_bytes("quote 4 Td10");
    let output = on_file(&[&quote[..], &[0; 5]].concat(), &[]);
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    assert!(shown.contains("\npadding, 5 bytes\n"), "{shown}");
}

#[test]
fn refuses_a_bundle_whose_parts_cannot_be_explained_by_their_names() {
    let (_, mut bundle) = bundles().remove(1);
    bundle.hardware = Hardware::Tdx { quote: vec![3, 0, 2, 0], event_log: None };
    let error = explain(&Evidence::Bundle(bundle.encode())).expect_err("no quote");
    let ExplainError::Part { part, reason } = &error else { panic!("{error}") };
    assert_eq!(part, "bundle/hardware/quote");
    assert!(matches!(**reason, ExplainError::Tdx(tdx::DecodeError::Read(_))), "{reason}");
}

fn looked_at(bytes: &[u8]) {
    let all = [
        Evidence::Bundle(bytes.to_vec()),
        Evidence::SnpReport(bytes.to_vec()),
        Evidence::TdxQuote(bytes.to_vec()),
        Evidence::GpuReport(bytes.to_vec()),
    ];
    for evidence in all {
        match explain(&evidence) {
            Ok(documents) => assert!(text(&documents).starts_with('\u{1b}')),
            Err(ExplainError::Uncovered(error)) => panic!("{error}"),
            Err(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_explained_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        looked_at(&bytes);
    }

    /// One length for every decoder: 1,184 bytes of anything are a report of SEV-SNP if their version is.
    #[test]
    fn any_report_of_sev_snp_is_explained(mut bytes in prop::collection::vec(any::<u8>(), 1184..=1184), version in 2..=5_u8) {
        bytes[..4].copy_from_slice(&[version, 0, 0, 0]);
        let documents = explain(&Evidence::SnpReport(bytes));
        prop_assert_eq!(documents.map(|documents| documents.len()), Ok(1));
    }

    #[test]
    fn changed_evidence_is_explained_or_refused(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let names: Vec<_> = forged_once().iter().collect();
        let mut bytes = names[which.index(names.len())].clone();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        looked_at(&bytes);
    }
}

/// Signing them takes longer than looking at them.
fn forged_once() -> &'static [Vec<u8>] {
    static FORGED: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    FORGED.get_or_init(|| {
        let names = ["SNP 2 Milan", "SNP 5 Turin", "quote 3 Sgx", "quote 5 Td15Ex"];
        let more =
            ["report of Hopper", "report of Ls10", "SNP bundle", "TDX bundle", "vTPM bundle"];
        names.into_iter().chain(more).map(forged_bytes).collect()
    })
}
