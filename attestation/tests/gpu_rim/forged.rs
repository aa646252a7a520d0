//! Forged RIMs with one thing changed before it was signed.

use sealroom_attestation::UnixTime;
use sealroom_attestation::gpu::Endorsements;
use sealroom_attestation::gpu::rim::{self, Document, RimError, RimKind};
use sealroom_attestation::time::Window;
use sealroom_attestation::x509::{AuthorityError, KeyKind};
use sealroom_forge::{Fake, FakeRim, Vendor};

use crate::refuses;
use crate::scene::{NOW, Row, anchors, driver, fake, row, switch, verdict, verdict_at, verified};

fn named(place: usize, name: &'static str) -> FakeRim {
    fake().certificate(place, move |one| one.subject = name.to_owned())
}

/// A root may have any name: it is known by its digest.
fn root_named(name: &'static str) -> FakeRim {
    fake()
        .certificate(3, move |one| (one.issuer, one.subject) = (name.to_owned(), name.to_owned()))
        .certificate(2, move |one| one.issuer = name.to_owned())
}

/// The name of one authority changed, above and below.
fn renamed(place: usize, name: &'static str) -> FakeRim {
    fake()
        .certificate(place, move |one| one.subject = name.to_owned())
        .certificate(place - 1, move |one| one.issuer = name.to_owned())
}

fn window_of(place: usize, from: u64, until: u64) -> FakeRim {
    fake().certificate(place, move |one| (one.not_before, one.not_after) = (from, until))
}

const USAGE: &str = "2.5.29.15";
const CONSTRAINTS: &str = "2.5.29.19";

fn extension(place: usize, oid: &'static str, value: &'static [u8]) -> FakeRim {
    fake().certificate(place, move |one| *one.extension(oid) = value.to_vec())
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = chain_rows();
    rows.extend([
        row(
            "gpu.rim.decode",
            fake(),
            fake().spec(|one| *one.attribute("edition") = "CPU".to_owned()),
        ),
        row(
            "gpu.rim.decode",
            fake().spec(|one| *one.attribute("tagVersion") = "1".to_owned()),
            fake().spec(|one| *one.attribute("tagVersion") = "1.0".to_owned()),
        ),
        row(
            "gpu.rim.decode",
            fake().spec(|one| one.resources.truncate(13)),
            fake().spec(|one| one.resources.swap(13, 14)),
        ),
        row(
            "gpu.rim.decode",
            fake().spec(|one| one.resource(9).hashes = vec![[9; 48]; 16]),
            fake().spec(|one| one.resource(9).hashes = vec![[9; 48]; 17]),
        ),
        row(
            "gpu.rim.decode",
            fake(),
            fake()
                .spec(|one| one.resource(9).extra = vec![("xml:lang".to_owned(), "en".to_owned())]),
        ),
        row("gpu.rim.digest", fake(), fake().spec(|one| one.digest = Some([7; 48]))),
        row("gpu.rim.signature", fake(), fake().spec(|one| one.broken_signature = true)),
        // Somebody else's chain around a genuine signature, and the other way round.
        row(
            "gpu.rim.signature",
            fake(),
            fake().certificate(0, |one| {
                one.spki =
                    Fake::rim([8; 32], sealroom_forge::RimKind::Vbios).specs()[0].spki.clone()
            }),
        ),
    ]);
    for place in 0..4 {
        let at = |from, until| verdict(&[window_of(place, from, until)]);
        rows.push(row("gpu.rim.validity", at(NOW, NOW + 9), at(NOW + 1, NOW + 9)));
        rows.push(row("gpu.rim.validity", at(9, NOW), at(9, NOW - 1)));
    }
    rows
}

fn chain_rows() -> Vec<Row> {
    let id = "gpu.rim.chain";
    let own = |change: fn(&mut Vec<Vec<u8>>)| fake().order(change);
    let other_root = fake().sign().certificates[3].clone();
    let mut rows = vec![
        row(id, own(|_| ()), own(|all| all.truncate(3))),
        row(id, own(|_| ()), own(|all| drop(all.remove(1)))),
        row(id, own(|_| ()), own(|all| all.insert(1, all[1].clone()))),
        row(id, own(|_| ()), own(|all| all.swap(0, 1))),
        row(id, own(|_| ()), own(|all| all.swap(1, 2))),
        row(id, own(|_| ()), own(|all| all[1].push(0))),
        // A pinned root above an authority that it did not sign.
        row(
            id,
            fake(),
            fake().certificate(2, |one| one.signer.0 = Vendor::Two).order(move |all| {
                all[3].clone_from(&other_root);
            }),
        ),
        row(id, fake(), fake().certificate(0, |one| one.broken_signature = true)),
        row(id, fake(), fake().certificate(1, |one| one.broken_signature = true)),
        row(id, fake(), fake().certificate(2, |one| one.broken_signature = true)),
        row(id, fake(), fake().certificate(1, |one| one.seed = [9; 32])),
        // Names.
        row(id, root_named("Any name"), renamed(2, "NVIDIA Reference Value GH100")),
        row(
            id,
            renamed(1, "NVIDIA Reference Value L3 GH100 002"),
            renamed(1, "NVIDIA Reference Value L3 GH100 2"),
        ),
        row(id, fake(), renamed(1, "NVIDIA Reference Value L3 GH100 001 Debug Only")),
        row(id, fake(), renamed(1, "NVIDIA Reference Value L3 LS10 001")),
        row(
            id,
            named(0, "NVIDIA Reference Value L4 GH100"),
            named(0, "NVIDIA Reference Value L4 LS10"),
        ),
        row(id, fake(), named(0, "HCC RIM L5 Signer")),
        row(id, fake(), fake().certificate(0, |one| one.issuer = "Somebody".to_owned())),
        // Rights.
        row(
            id,
            extension(1, CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]),
            extension(1, CONSTRAINTS, &[0x30, 0]),
        ),
        row(
            id,
            extension(2, CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 1]),
            extension(2, CONSTRAINTS, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]),
        ),
        row(id, extension(1, USAGE, &[3, 2, 2, 4]), extension(1, USAGE, &[3, 2, 1, 2])),
        row(id, extension(0, USAGE, &[3, 2, 6, 0xc0]), extension(0, USAGE, &[3, 2, 6, 0x40])),
        row(id, fake(), fake().certificate(0, |one| one.remove(USAGE))),
        row(id, fake(), extension(0, CONSTRAINTS, &[0x30, 3, 1, 1, 0xff])),
        row(id, fake(), fake().certificate(1, |one| one.extensions[0].critical = false)),
        row(id, fake(), fake().certificate(0, |one| one.add("1.2.3", true, &[]))),
    ];
    let elsewhere = fake().other_vendor().sign();
    let given = |xml: Vec<u8>| Endorsements { rims: vec![xml], ..Endorsements::default() };
    let own = fake().sign();
    let under = |xml: Vec<u8>| rim::verify(&given(xml), &anchors(&own), UnixTime(NOW));
    rows.push(row(id, under(own.xml.clone()), under(elsewhere.xml)));
    rows
}

#[test]
fn each_change_of_a_rim_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn three_kinds_of_rim_say_what_they_are_about() {
    let kinds = [fake(), driver(), switch(), fake().blackwell(), driver().blackwell()];
    let verified = verified(&kinds);
    let found: Vec<_> = verified
        .claims()
        .iter()
        .map(|rim| (rim.kind, rim.product.as_str(), rim.version.as_str(), rim.golden.len()))
        .collect();
    assert_eq!(
        found,
        [
            (RimKind::Vbios, "GH100", "96.00.9F.00.01", 12),
            (RimKind::Driver, "GH100", "550.90.07", 21),
            (RimKind::SwitchBios, "LS10", "96.10.73.00.01", 31),
            (RimKind::Vbios, "GB100", "97.00.88.00.0F", 20),
            (RimKind::Driver, "GB100", "575.32", 21),
        ]
    );
    assert!(verified.claims().iter().all(|rim| rim.simulated));
}

#[test]
fn one_digest_anchors_forged_devices_and_forged_rims() {
    let device = Fake::gpu([7; 32]).sign();
    assert_eq!(device.root_sha256, fake().sign().root_sha256);
    assert_eq!(device.root, switch().sign().certificates[3]);
}

#[test]
fn two_canonicalisations_agree_on_two_spellings() {
    let nvidia = fake().sign().xml;
    let canonical = fake().spec(|one| one.canonical = true).sign().xml;
    assert_ne!(nvidia, canonical);
    let [one, other] = [nvidia, canonical].map(|xml| Document::decode(&xml).expect("a RIM"));
    assert_eq!(one.canonical(), other.canonical());
    assert_eq!(one.signed_info(), other.signed_info());
    verified(&[fake().spec(|one| one.canonical = true)]);
    // Ten and more values: numbers are sorted as text.
    verified(&[fake().spec(|one| one.resource(9).hashes = (0..16).map(|n| [n; 48]).collect())]);
}

#[test]
fn says_why_a_chain_does_not_count() {
    let name = || "NVIDIA Reference Value L3 GH100 001".to_owned();
    let id = "gpu.rim.chain";
    let found = verdict(&[fake().order(|all| all.truncate(3))]).expect_err("no root").error;
    let text = "the root NVIDIA Reference Value GH100 CA of the RIM is not pinned";
    assert_eq!(found.to_string(), text);
    refuses(
        verdict(&[fake().order(|all| drop(all.remove(1)))]),
        id,
        RimError::Certificates { found: 3 },
    );
    let reason = AuthorityError::NotAnAuthority;
    refuses(
        verdict(&[extension(1, CONSTRAINTS, &[0x30, 0])]),
        id,
        RimError::Constraints { name: name(), reason },
    );
    let signer = "HCC RIM L4 Signer".to_owned();
    refuses(
        verdict(&[extension(0, CONSTRAINTS, &[0x30, 3, 1, 1, 0xff])]),
        id,
        RimError::Signer { name: signer.clone() },
    );
    refuses(
        verdict(&[fake().certificate(0, |one| one.broken_signature = true)]),
        id,
        RimError::Link { subject: signer, issuer: name() },
    );
}

#[test]
fn every_key_is_on_the_one_curve() {
    let intel = || Fake::tdx([1; 32]).sign().pck;
    let spki = |der: &[u8]| {
        // The key of a P-256 certificate: SEQUENCE of 89 bytes that begins with these.
        let begin = [0x30, 0x59, 0x30, 0x13];
        let place = der.windows(4).position(|bytes| bytes == begin).expect("a key");
        der[place..place + 91].to_vec()
    };
    let key = spki(&intel());
    for (place, name) in [
        (0, "HCC RIM L4 Signer"),
        (1, "NVIDIA Reference Value L3 GH100 001"),
        (2, "NVIDIA Reference Value GH100 CA"),
    ] {
        let key = key.clone();
        let other = fake().certificate(place, move |one| one.spki.clone_from(&key));
        let error = RimError::Key { name: name.to_owned(), found: KeyKind::P256 };
        refuses(verdict(&[other]), "gpu.rim.chain", error);
    }
}

#[test]
fn a_rim_counts_to_its_last_second() {
    let at = |now| verdict_at(&[fake().signer_window(NOW - 9, NOW + 9)], now);
    let rim = at(NOW).expect("a RIM").claims()[0].clone();
    let window = Window { from: UnixTime(NOW - 9), until: UnixTime(NOW + 9) };
    assert_eq!((rim.issued, rim.validity), (window.from, window));
    assert!(at(NOW - 9).is_ok() && at(NOW + 9).is_ok());
    for now in [NOW - 10, NOW + 10] {
        let name = "HCC RIM L4 Signer".to_owned();
        let error = RimError::Validity { name, window, now: UnixTime(now) };
        refuses(at(now), "gpu.rim.validity", error);
    }
}

#[test]
fn the_same_rim_twice_is_one_and_too_many_are_refused() {
    assert_eq!(verified(&[fake(), fake()]).claims().len(), 1);
    let files = (0..=64).map(|number| vec![number]).collect();
    let given = Endorsements { rims: files, ..Endorsements::default() };
    let verdict = rim::verify(&given, &anchors(&fake().sign()), UnixTime(NOW));
    refuses(verdict, "gpu.rim.decode", RimError::TooMany { found: 65, limit: 64 });
    let none = rim::verify(&Endorsements::default(), &anchors(&fake().sign()), UnixTime(NOW));
    assert_eq!(none.expect("none is needed").claims(), &[]);
}

#[test]
fn the_same_rim_is_signed_with_the_same_bytes() {
    assert_eq!(fake().sign(), fake().sign());
    assert_ne!(fake().sign().xml, fake().other_vendor().sign().xml);
}
