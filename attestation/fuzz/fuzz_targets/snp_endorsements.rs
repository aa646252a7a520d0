//! Certificates, lists and files of them: whatever is accepted is one exact encoding, and is never genuine by chance.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::snp::{Anchors, Endorsements, verify};
use sealroom_attestation::x509::{Certificate, Crl};

const REPORT: &[u8] = include_bytes!("../../testdata/snp/genoa_v2_report.bin");
const VCEK: &[u8] = include_bytes!("../../testdata/snp/genoa_v2_vcek.der");
const CHAIN: &[u8] = include_bytes!("../../testdata/roots/amd_genoa_ask_ark_asvk.pem");

fuzz_target!(|file: &[u8]| {
    // Every byte of what is read is accounted for: with one more it is something else.
    let longer = [file, &[0]].concat();
    assert!(Certificate::decode(file).is_err() || Certificate::decode(&longer).is_err());
    assert!(Crl::decode(file).is_err() || Crl::decode(&longer).is_err());
    let mut endorsements = Endorsements::default();
    if endorsements.add_file(file).is_err() {
        assert_eq!(endorsements, Endorsements::default());
    }
    let has_key = endorsements.certificates.iter().any(|der| der == VCEK);
    endorsements.add_file(CHAIN).unwrap();
    let verdict = verify(REPORT, &endorsements, &Anchors::production(), UnixTime(1_780_272_000));
    assert!(has_key || verdict.is_err());
});
