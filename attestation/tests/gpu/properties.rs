//! Decoders meet any bytes at all: they answer, and nothing is genuine by chance.

use proptest::prelude::*;
use sealroom_attestation::evidence::{GpuClass, GpuEntry};
use sealroom_attestation::gpu::{Report, entry_from_files, report_from_file};

use crate::{check, hopper};

const CLASSES: [GpuClass; 3] = [GpuClass::Hopper, GpuClass::Blackwell, GpuClass::Ls10];

/// Genuine bytes with some changed and the end cut off or drawn out.
fn damaged(genuine: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (places, any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(
        move |(places, cut, more)| {
            let mut bytes = genuine.clone();
            for (place, value) in places {
                bytes[place.index(genuine.len())] = value;
            }
            if more.is_empty() {
                bytes.truncate(cut.index(genuine.len()).max(genuine.len() / 2));
            }
            bytes.extend(more);
            bytes
        },
    )
}

/// The genuine report up to its fields, other fields, and the rest of it.
fn with_fields(fields: &[u8]) -> Vec<u8> {
    let genuine = hopper().report;
    let opaque = 37 + 8 + 64 * 55 + 32;
    let length = u16::try_from(fields.len()).expect("few").to_le_bytes();
    [&genuine[..opaque], &length, fields, &genuine[genuine.len() - 96..]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_a_report_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let report = [&[0x11, 0xe0, 1, 0xff][..], &bytes].concat();
        for class in CLASSES {
            let _ = (Report::decode(class, &bytes).is_ok(), Report::decode(class, &report).is_ok());
        }
        let _ = (report_from_file(&report), entry_from_files(&report, &bytes));
    }

    #[test]
    fn any_fields_are_known_or_an_error(fields in prop::collection::vec((0_u16..40, 0_usize..300), 0..6)) {
        let field = |(id, length): &(u16, usize)| {
            let bytes = [&id.to_le_bytes()[..], &u16::try_from(*length).unwrap().to_le_bytes()].concat();
            [bytes, vec![0x55; *length]].concat()
        };
        let fields: Vec<u8> = fields.iter().flat_map(field).collect();
        for class in CLASSES {
            let _ = Report::decode(class, &with_fields(&fields)).is_ok();
        }
    }

    #[test]
    fn a_damaged_report_is_refused(report in damaged(hopper().report)) {
        let genuine = hopper();
        let same = report == genuine.report;
        let verdict = check(&GpuEntry { report, ..genuine }, None);
        prop_assert!(same || verdict.is_err());
    }

    #[test]
    fn a_damaged_chain_is_refused_or_says_the_same(chain in damaged(hopper().chain)) {
        let id = |entry: &GpuEntry| {
            check(entry, None).ok().and_then(|proven| proven.claims().evidence_id())
        };
        let genuine = hopper();
        let own = id(&genuine);
        let found = id(&GpuEntry { chain, ..genuine });
        prop_assert!(found.is_none() || found == own);
    }
}
