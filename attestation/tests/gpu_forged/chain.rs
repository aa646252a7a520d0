//! The device's certificates, up to a root that is trusted.

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::{Anchors, ChainError, GpuError, LONGEST_CHAIN};
use sealroom_attestation::x509::{AuthorityError, DecodeError, KeyKind, PemError};
use sealroom_attestation::{UnixTime, Window};
use sealroom_forge::{CertificateSpec, FakeGpu, Role, Vendor, pss};

use crate::scene::{NOW, One, Row, accepts, blackwell, fake, refuses, row, switch};

const USAGE: &str = "2.5.29.15";
const BASIC: &str = "2.5.29.19";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const ENCODING: &str = "gpu.chain.encoding";

/// Under the root of another vendor than the one that is trusted.
fn stranger() -> One {
    let mut scene = One::from(fake().other_vendor());
    scene.anchors = One::from(fake()).anchors;
    scene
}

/// The chain as text, changed.
fn spelled(respell: impl FnOnce(String) -> String) -> One {
    One::from(fake()).edited(|entry| {
        let text = String::from_utf8(entry.chain.clone()).expect("PEM");
        entry.chain = respell(text).into_bytes();
    })
}

/// The same blocks in another order, or fewer of them, or more.
fn reordered(order: &[usize]) -> One {
    spelled(|text| {
        let blocks: Vec<_> = text.split_inclusive("-----END CERTIFICATE-----\n").collect();
        order.iter().map(|place| blocks[*place]).collect()
    })
}

/// A chip of another name, in every certificate that says it.
fn chip(name: &'static str) -> FakeGpu {
    let renamed = move |text: &mut String| *text = text.replace("GH100", name);
    let both = move |spec: &mut CertificateSpec| {
        renamed(&mut spec.subject);
        if spec.issuer.contains("A01") || spec.issuer.contains("ICA") {
            renamed(&mut spec.issuer);
        }
    };
    let info = move |spec: &mut CertificateSpec| {
        both(spec);
        let value = spec.extension("2.5.29.17");
        let place = value.windows(5).position(|bytes| bytes == b"GH100").expect("the chip");
        value.splice(place..place + 5, name.bytes());
    };
    fake().leaf(info).identity(both).provisioner(both)
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = identities();
    rows.extend(rights());
    rows.extend(signatures());
    rows
}

fn identities() -> Vec<Row> {
    let named = |change: fn(&mut CertificateSpec)| fake().leaf(change);
    let names = "gpu.chain.names";
    let serial = |serial: &'static [u8]| fake().identity(move |one| one.serial = serial.to_vec());
    let id = "gpu.chain.identity";
    vec![
        row(ENCODING, spelled(|text| text.replace('\n', "\r\n")), reordered(&[0, 1, 2, 3])),
        row(ENCODING, spelled(|text| text + "\0\0"), spelled(|text| text + "\0\0x")),
        row(ENCODING, spelled(|text| text + "\n"), reordered(&[1, 0, 2, 3, 4])),
        row(ENCODING, fake(), reordered(&[0, 1, 2, 3, 4, 4])),
        row("gpu.chain.root", fake().other_vendor(), stranger()),
        row(names, fake(), named(|leaf| leaf.subject = "GH100 A01 GSP FMC".to_owned())),
        row(names, fake(), named(|leaf| leaf.issuer = "GH100 A02 GSP BROM".to_owned())),
        row(
            names,
            fake(),
            fake()
                .family(|family| family.subject = "NVIDIA GH100 Other".to_owned())
                .provisioner(|one| one.issuer = "NVIDIA GH100 Other".to_owned()),
        ),
        row(
            names,
            fake(),
            fake()
                .provisioner(|one| one.subject = "NVIDIA GB100 Provisioner ICA 1".to_owned())
                .identity(|one| one.issuer = "NVIDIA GB100 Provisioner ICA 1".to_owned()),
        ),
        row("gpu.chain.class", fake(), chip("GH200")),
        row(
            "gpu.chain.class",
            fake(),
            One::from(fake()).edited(|entry| entry.class = GpuClass::Blackwell),
        ),
        row(
            "gpu.chain.class",
            blackwell(),
            One::from(blackwell()).edited(|entry| entry.class = GpuClass::Hopper),
        ),
        row(id, serial(&[0x41, 1, 2, 3, 4, 5, 6, 7, 8]), serial(&[0x50, 1, 2, 3, 4, 5, 6, 7, 8])),
        row(id, fake(), serial(&[0x41, 1, 2, 3, 4, 5, 6, 7])),
        row(id, fake(), serial(&[0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9])),
        row(id, fake(), serial(&[0x41, 0, 0, 0, 0, 0, 0, 0, 0])),
    ]
}

fn rights() -> Vec<Row> {
    let window = |fake: FakeGpu, now| One::from(fake).at(now);
    let (from, until) = (NOW - 1000, NOW + 1000);
    let leaf = move || fake().leaf(move |leaf| (leaf.not_before, leaf.not_after) = (from, until));
    let root = move || fake().root(move |root| (root.not_before, root.not_after) = (from, until));
    let constraints = "gpu.chain.constraints";
    let path = |length| {
        fake().root(move |root| *root.extension(BASIC) = vec![0x30, 6, 1, 1, 0xff, 2, 1, length])
    };
    vec![
        row(
            "gpu.chain.keys",
            fake(),
            fake().root(|root| root.algorithm = pss(SHA384, SHA384, 48, false)),
        ),
        row(
            constraints,
            fake().leaf(|leaf| *leaf.extension(USAGE) = vec![3, 2, 6, 0xc0]),
            fake().leaf(|leaf| *leaf.extension(USAGE) = vec![3, 2, 6, 0x40]),
        ),
        row(constraints, fake(), fake().leaf(|leaf| leaf.remove(USAGE))),
        row(constraints, fake(), fake().identity(|one| *one.extension(USAGE) = vec![3, 2, 1, 2])),
        row(constraints, fake(), fake().family(|one| *one.extension(USAGE) = vec![3, 2, 1, 2])),
        row(constraints, path(3), path(2)),
        row("gpu.chain.validity", window(leaf(), from), window(leaf(), from - 1)),
        row("gpu.chain.validity", window(leaf(), until), window(leaf(), until + 1)),
        row("gpu.chain.validity", window(root(), from), window(root(), from - 1)),
        row("gpu.chain.validity", window(root(), until), window(root(), until + 1)),
    ]
}

fn signatures() -> Vec<Row> {
    let id = "gpu.chain.signature";
    let broken = |one: &mut CertificateSpec| one.broken_signature = true;
    vec![
        // The root is pinned: its own signature is nobody's business.
        row(id, fake().root(broken), fake().family(broken)),
        row(id, fake(), fake().provisioner(broken)),
        row(id, switch(), switch().identity(broken)),
        row(id, blackwell(), blackwell().leaf(broken)),
        row(id, fake(), fake().leaf(|leaf| leaf.signer.0 = Vendor::Two)),
        row(id, fake(), fake().identity(|one| one.signer.1 = Role::GpuFamily)),
    ]
}

#[test]
fn says_why_text_is_no_chain() {
    let length = |found| ChainError::Length { found };
    refuses(reordered(&[0, 1, 2, 3]), ENCODING, length(4));
    refuses(reordered(&[0, 1, 2, 3, 4, 4]), ENCODING, length(6));
    refuses(reordered(&[0, 1, 2, 4, 3]), ENCODING, ChainError::Order);
    refuses(reordered(&[0, 0, 2, 3, 4]), ENCODING, ChainError::Order);
    refuses(spelled(|text| text.replace("CERTIFICATE", "KEY")), ENCODING, ChainError::Label);
    let line = spelled(|text| format!("hello\n{text}"));
    refuses(line, ENCODING, ChainError::Pem(PemError::Outside { line: 1 }));
    let long = One::from(fake()).edited(|entry| entry.chain = vec![b'\n'; LONGEST_CHAIN + 1]);
    refuses(long, ENCODING, ChainError::TooLong { found: LONGEST_CHAIN + 1 });
    let bytes = One::from(fake()).edited(|entry| entry.chain = vec![0xff]);
    refuses(bytes, ENCODING, ChainError::NotText);
    let unknown = fake().identity(|one| one.add("1.2.3.4", true, &[5, 0]));
    let reason = DecodeError::Critical { oid: "1.2.3.4".to_owned() };
    refuses(unknown, ENCODING, ChainError::Certificate { index: 1, reason });
}

#[test]
fn says_which_root_is_not_trusted() {
    let evidence = fake().sign();
    let (name, sha256) = ("Sealroom Forge Device Identity CA".to_owned(), evidence.root_sha256);
    let mut scene = One::from(fake());
    scene.anchors = Anchors::production();
    refuses(scene, "gpu.chain.root", ChainError::RootNotPinned { name, sha256 });
    // A root that takes NVIDIA's name is still not NVIDIA's.
    let name = "NVIDIA Device Identity CA".to_owned();
    let named = || {
        let name = name.clone();
        let below = name.clone();
        let root = move |root: &mut CertificateSpec| {
            (root.subject, root.issuer) = (name.clone(), name.clone());
        };
        fake().root(root).family(move |family| family.issuer.clone_from(&below))
    };
    let mut scene = One::from(named());
    scene.anchors = Anchors::production();
    let sha256 = named().sign().root_sha256;
    let error = ChainError::RootNotPinned { name: name.clone(), sha256 };
    refuses(scene, "gpu.chain.root", error);
}

#[test]
fn says_which_certificate_is_not_as_it_should_be() {
    let name = || "GH100 A01 GSP FMC LF".to_owned();
    let leaf = fake().leaf(|leaf| leaf.issuer = "GH100 A02 GSP BROM".to_owned());
    let issuer = "GH100 A02 GSP BROM".to_owned();
    let expected = "GH100 A01 GSP BROM".to_owned();
    refuses(leaf, "gpu.chain.names", ChainError::Issuer { subject: name(), issuer, expected });
    let leaf = fake().leaf(|leaf| leaf.subject = "GH100 A01".to_owned());
    let (found, expected) = ("GH100 A01".to_owned(), "GH100 … FMC LF".to_owned());
    refuses(leaf, "gpu.chain.names", ChainError::Name { found, expected });
    let leaf = fake().leaf(|leaf| leaf.remove(USAGE));
    refuses(leaf, "gpu.chain.constraints", ChainError::Usage { name: name() });
    let identity = fake().identity(|one| *one.extension(USAGE) = vec![3, 2, 1, 2]);
    let (name, reason) = ("GH100 A01 GSP BROM".to_owned(), AuthorityError::MayNotSign);
    refuses(identity, "gpu.chain.constraints", ChainError::Constraints { name, reason });
    let root = fake().root(|root| root.algorithm = pss(SHA384, SHA384, 48, false));
    let name = "Sealroom Forge Device Identity CA".to_owned();
    refuses(root, "gpu.chain.keys", ChainError::Key { name, found: KeyKind::P384 });
    let broken = fake().provisioner(|one| one.broken_signature = true);
    let subject = "NVIDIA GH100 Provisioner ICA 1".to_owned();
    let issuer = "NVIDIA GH100 Identity".to_owned();
    refuses(broken, "gpu.chain.signature", ChainError::Signature { subject, issuer });
    let serial = fake().identity(|one| one.serial = vec![0x50, 1, 2, 3, 4, 5, 6, 7, 8]);
    let (serial_text, class) = ("500102030405060708".to_owned(), GpuClass::Hopper);
    refuses(serial, "gpu.chain.identity", ChainError::Serial { serial: serial_text, class });
    refuses(
        chip("GB10X"),
        "gpu.chain.class",
        ChainError::Class { chip: "GB10X".to_owned(), expected: class },
    );
}

#[test]
fn another_blackwell_chip_is_a_blackwell() {
    let other = One::from(chip("GB202")).edited(|entry| entry.class = GpuClass::Blackwell);
    let identity = accepts(other).identity.expect("certificates");
    assert_eq!(identity.model, "GB202 A01 GSP BROM");
}

#[test]
fn says_when_a_certificate_counts() {
    let window = Window { from: UnixTime(NOW - 10), until: UnixTime(NOW + 10) };
    let dated = || {
        fake().family(move |one| (one.not_before, one.not_after) = (window.from.0, window.until.0))
    };
    assert_eq!(accepts(dated()).validity, window);
    let (name, now) = ("NVIDIA GH100 Identity".to_owned(), UnixTime(NOW + 11));
    let error = ChainError::Validity { name, window, now };
    refuses(One::from(dated()).at(now.0), "gpu.chain.validity", error);
}

#[test]
fn a_key_on_another_curve_signs_nothing_here() {
    let point = [&[4][..], &[1; 64]].concat();
    let mut spki = vec![0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8];
    spki.extend([0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42, 0]);
    spki.extend(point);
    let refusal = One::from(fake().leaf(move |leaf| leaf.spki.clone_from(&spki))).verify();
    let refusal = refusal.expect_err("a refusal");
    let failed: Vec<_> = refusal.ledger.failed().map(|row| row.check.id).collect();
    assert_eq!(failed, ["gpu.chain.keys", "gpu.report.signature"]);
}

#[test]
fn without_certificates_the_answer_is_open() {
    let none = One::from(fake()).edited(|entry| entry.chain.clear());
    let refusal = none.verify().expect_err("undecided");
    assert_eq!(refusal.error, GpuError::Undecided { missing: "gpu.chain.present" });
    assert!(!refusal.ledger.has_failed());
    // The driver's buffer with nothing in it.
    let zeros = One::from(fake()).edited(|entry| entry.chain = vec![0; 0x1400]);
    let refusal = zeros.verify().expect_err("undecided");
    assert_eq!(refusal.error, GpuError::Undecided { missing: "gpu.chain.present" });
}
