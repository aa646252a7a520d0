//! Decoders meet any bytes at all: they answer, and what they accept is what was written.

use proptest::prelude::*;
use sealroom_attestation::snp::{Anchors, Endorsements, Report, verify};
use sealroom_attestation::x509::{Certificate, Crl, blocks};

use crate::{NOW, fake};

/// One of the vendor's structures with some bytes changed and the end cut off or drawn out.
fn damaged(genuine: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
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

proptest! {
    #[test]
    fn a_report_keeps_every_byte_of_its_fields(body in prop::collection::vec(any::<u8>(), 1180), version in 0_u8..8) {
        let mut bytes = vec![version, 0, 0, 0];
        bytes.extend(body);
        let decoded = Report::decode(&bytes);
        prop_assert_eq!(decoded.is_ok(), (2..=5).contains(&version));
        let Ok(report) = decoded else { return Ok(()) };
        prop_assert_eq!(&report.policy.0.to_le_bytes(), &bytes[0x008..0x010]);
        prop_assert_eq!(&report.current_tcb.0, &bytes[0x038..0x040]);
        prop_assert_eq!(&report.platform_info.0.to_le_bytes(), &bytes[0x040..0x048]);
        prop_assert_eq!(&report.report_data.0, &bytes[0x050..0x090]);
        prop_assert_eq!(&report.measurement.0, &bytes[0x090..0x0c0]);
        prop_assert_eq!(&report.report_id_ma, &bytes[0x160..0x180]);
        prop_assert_eq!(&report.reported_tcb.0, &bytes[0x180..0x188]);
        prop_assert_eq!(&report.chip_id.0, &bytes[0x1a0..0x1e0]);
        prop_assert_eq!(&report.committed_tcb.0, &bytes[0x1e0..0x1e8]);
        prop_assert_eq!(&report.launch_tcb.0, &bytes[0x1f0..0x1f8]);
        for offset in &report.reserved_set {
            prop_assert_ne!(bytes[usize::from(*offset)], 0);
        }
    }

    #[test]
    fn a_damaged_list_is_refused_or_not_signed(bytes in damaged(fake().crl(|crl| crl.revoked = vec![vec![7]]).sign().crl)) {
        let evidence = fake().sign();
        let root = Certificate::decode(&evidence.root).expect("the forge's root");
        let genuine = fake().crl(|crl| crl.revoked = vec![vec![7]]).sign().crl;
        if let Ok(crl) = Crl::decode(&bytes) {
            prop_assert_eq!(crl.verify_signature(&root.key).is_ok(), bytes == genuine);
        }
    }

    #[test]
    fn a_damaged_certificate_is_refused_or_not_signed(bytes in damaged(fake().sign().vek)) {
        let evidence = fake().sign();
        let authority = Certificate::decode(&evidence.authority).expect("the forge's authority");
        if let Ok(vek) = Certificate::decode(&bytes) {
            prop_assert_eq!(vek.verify_signature(&authority.key).is_ok(), bytes == evidence.vek);
        }
    }

    #[test]
    fn any_text_is_blocks_or_an_error(text in "(-----(BEGIN|END) [A-Z]{0,2}-----\n|[A-Za-z0-9+/=]{0,8}\n|.){0,12}") {
        if let Ok(blocks) = blocks(&text) {
            prop_assert!(blocks.iter().all(|block| text.contains(block.label)));
        }
    }

    #[test]
    fn any_bytes_get_an_answer(report in prop::collection::vec(any::<u8>(), 0..1300), file in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut endorsements = Endorsements::default();
        if endorsements.add_file(&file).is_err() {
            prop_assert_eq!(&endorsements, &Endorsements::default());
        }
        let with = Endorsements { certificates: vec![file.clone()], crls: vec![file] };
        prop_assert!(verify(&report, &with, &Anchors::production(), NOW).is_err());
    }
}
