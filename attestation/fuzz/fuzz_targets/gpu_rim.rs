//! RIMs: nothing but genuine documents is genuine, and canonical form is a fixed point of reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::rim::{Document, verify};
use sealroom_attestation::gpu::{Anchors, Endorsements};

/// Every RIM of the repository is genuine, and may be among the seeds.
const RIMS: [&[u8]; 3] = [
    include_bytes!("../../testdata/gpu/hopper_vbios_1010_0200_882_96005E0001_rim.xml"),
    include_bytes!("../../testdata/gpu/hopper_vbios_g520_0202_885_96006D0027_rim.xml"),
    include_bytes!("../../testdata/gpu/hopper_driver_545_00_rim.xml"),
];
const NOW: UnixTime = UnixTime(1_717_200_000);

fuzz_target!(|file: &[u8]| {
    let mut given = Endorsements::default();
    let _ = given.add_file(file);
    if let Ok(document) = Document::decode(file) {
        // The same signature behind the canonical form: the same canonical form.
        let end: &[u8] = b"</SoftwareIdentity>";
        let begin = b"<ds:Signature ";
        let place = file.windows(begin.len()).position(|bytes| bytes == begin).unwrap();
        let body = document.canonical().strip_suffix(end).unwrap();
        let again = Document::decode(&[body, &file[place..]].concat()).unwrap();
        assert_eq!(again.canonical(), document.canonical());
        assert_eq!(again.signed_info(), document.signed_info());
    }
    let given = Endorsements { rims: vec![file.to_vec()], ..Endorsements::default() };
    if verify(&given, &Anchors::production(), NOW).is_ok() {
        let found = Document::decode(file).unwrap();
        let genuine = |rim: &&[u8]| Document::decode(rim).unwrap().canonical() == found.canonical();
        assert!(RIMS.iter().any(genuine));
    }
});
