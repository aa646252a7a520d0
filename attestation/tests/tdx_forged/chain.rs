//! The platform's certificate, the chain above it, and revocation.

use sealroom_attestation::tdx::{
    Anchors, ChainError, CrlError, EndorsementError, ExtensionError, Revocation,
};
use sealroom_attestation::x509::{self, AuthorityError};
use sealroom_attestation::{UnixTime, Window};
use sealroom_forge::{FakeTdx, Role, Vendor, pss};

use crate::scene::{NOW, Row, Scene, accepts, failed, fake, refuses, row, undecided};

const USAGE: &str = "2.5.29.15";
const BASIC: &str = "2.5.29.19";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";

/// Under the root of another vendor than the one that is trusted.
fn stranger() -> Scene {
    let trusted = Scene::from(fake());
    let mut scene = Scene::from(fake().other_vendor());
    scene.anchors = trusted.anchors;
    for (other, own) in scene.same.iter_mut().zip(trusted.same) {
        other.0 = own.0;
    }
    scene
}

fn spelled(respell: fn(String) -> String) -> FakeTdx {
    fake().certification(move |data| {
        let text = String::from_utf8(data.chain.clone()).expect("PEM");
        data.chain = respell(text).into_bytes();
    })
}

fn renamed_authority(name: &'static str) -> FakeTdx {
    fake()
        .authority(|authority| authority.subject = name.to_owned())
        .pck(|pck| pck.issuer = name.to_owned())
        .pck_crl(|crl| crl.issuer = name.to_owned())
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = certificates();
    rows.extend(lists());
    rows
}

fn certificates() -> Vec<Row> {
    let window = |fake: FakeTdx, now| Scene::from(fake).at(now);
    let (from, until) = (NOW - 1000, NOW + 1000);
    let pck = move || fake().pck(move |pck| (pck.not_before, pck.not_after) = (from, until));
    let root = move || fake().root(move |root| (root.not_before, root.not_after) = (from, until));
    let decode = "tdx.endorsements.decode";
    let more = |scene: Scene| scene.with(|given| given.certificates[0].push(0));
    vec![
        row(decode, fake(), more(fake().into())),
        row(decode, fake(), Scene::from(fake()).with(|given| given.crls[0].push(0))),
        // With or without the zero that ends strings in C: services differ.
        row(
            "tdx.pck.encoding",
            spelled(|text| text.trim_end_matches('\0').to_owned()),
            spelled(|text| text.replace('\n', "\r\n")),
        ),
        row("tdx.pck.encoding", fake(), spelled(|text| text.replacen("-----\n", "-----\n\n", 1))),
        row("tdx.pck.root", fake(), stranger()),
        row(
            "tdx.pck.names",
            fake().processor_ca(),
            fake().pck(|pck| pck.subject = "Intel SGX TCB Signing".to_owned()),
        ),
        row("tdx.pck.names", fake(), renamed_authority("Intel SGX PCK Other CA")),
        row(
            "tdx.pck.keys",
            fake(),
            fake().root(|root| root.algorithm = pss(SHA384, SHA384, 48, false)),
        ),
        row(
            "tdx.pck.constraints",
            fake(),
            fake().authority(|authority| *authority.extension(USAGE) = vec![3, 2, 1, 2]),
        ),
        row(
            "tdx.pck.constraints",
            fake().root(|root| *root.extension(BASIC) = vec![0x30, 3, 1, 1, 0xff]),
            fake().root(|root| *root.extension(BASIC) = vec![0x30, 6, 1, 1, 0xff, 2, 1, 0]),
        ),
        row("tdx.pck.validity", window(pck(), from), window(pck(), from - 1)),
        row("tdx.pck.validity", window(pck(), until), window(pck(), until + 1)),
        row("tdx.pck.validity", window(root(), until), window(root(), until + 1)),
        row(
            "tdx.pck.extensions",
            fake().sgx(|sgx| sgx.configuration = Some([Some(true), None, None])),
            fake().sgx(|sgx| sgx.sgx_type = 3),
        ),
        row("tdx.pck.signature", fake(), fake().pck(|pck| pck.broken_signature = true)),
        row("tdx.pck.signature", fake(), fake().pck(|pck| pck.signer.0 = Vendor::Two)),
        row("tdx.pck.signature", fake(), fake().authority(|one| one.broken_signature = true)),
        row("tdx.pck.signature", fake(), fake().pck(|pck| pck.signer.1 = Role::TcbSigning)),
    ]
}

fn lists() -> Vec<Row> {
    let window = |fake: FakeTdx, now| Scene::from(fake).at(now);
    let (from, until) = (NOW - 1000, NOW + 1000);
    let dated = move |crl: &mut sealroom_forge::CrlSpec| {
        (crl.this_update, crl.next_update) = (from, Some(until));
    };
    let root = move || fake().root_crl(dated);
    let pck = move || fake().pck_crl(dated);
    let serial = vec![0x91; 20];
    let with_serial = |serial: Vec<u8>| fake().pck(move |pck| pck.serial = serial.clone());
    let listed = {
        let (serial, listed) = (serial.clone(), serial.clone());
        with_serial(serial).pck_crl(move |crl| crl.revoked.push(listed.clone()))
    };
    let signer = || fake().tcb_signer(|signer| signer.serial = vec![5]);
    let authority = || fake().authority(|authority| authority.serial = vec![0x80, 1]);
    vec![
        row(
            "tdx.crl.issuer",
            Scene::from(fake()).with(|given| drop(given.crls.pop())),
            fake().pck_crl(|crl| crl.issuer = "Intel SGX PCK Processor CA".to_owned()),
        ),
        row("tdx.crl.root.validity", window(root(), from), window(root(), from - 1)),
        row("tdx.crl.root.validity", window(root(), until), window(root(), until + 1)),
        row("tdx.crl.pck.validity", window(pck(), from), window(pck(), from - 1)),
        row("tdx.crl.pck.validity", window(pck(), until), window(pck(), until + 1)),
        row(
            "tdx.crl.root.revoked",
            signer(),
            signer().root_crl(|crl| crl.revoked = vec![vec![0, 5]]),
        ),
        row(
            "tdx.crl.root.revoked",
            authority().root_crl(|crl| crl.revoked = vec![vec![1]]),
            authority().root_crl(|crl| crl.revoked = vec![vec![1], vec![0x80, 1]]),
        ),
        row("tdx.crl.pck.revoked", with_serial(serial), listed),
        row("tdx.crl.root.signature", fake(), fake().root_crl(|crl| crl.signer.0 = Vendor::Two)),
        row("tdx.crl.pck.signature", fake(), fake().pck_crl(|crl| crl.signer.0 = Vendor::Two)),
        row("tdx.crl.pck.signature", fake(), fake().pck_crl(|crl| crl.signer.1 = Role::SgxRoot)),
    ]
}

#[test]
fn each_change_of_a_chain_or_list_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

/// A root that counts must not lend itself to a chain below another one.
#[test]
fn a_trusted_root_beside_the_chain_changes_nothing() {
    let root = fake().sign().root;
    let both = stranger().with(|given| given.certificates.push(root.clone()));
    assert_eq!(failed(&both), failed(&stranger()));
    accepts(Scene::from(fake()).with(|given| given.certificates.push(root)));
}

#[test]
fn says_why_a_chain_does_not_count() {
    let name = || "Intel SGX Root CA".to_owned();
    let sha256 = fake().other_vendor().sign().root_sha256;
    refuses(stranger(), "tdx.pck.root", ChainError::RootNotPinned { name: name(), sha256 });
    let mut production = Scene::from(fake());
    production.anchors = Anchors::production();
    let sha256 = fake().sign().root_sha256;
    refuses(production, "tdx.pck.root", ChainError::RootNotPinned { name: name(), sha256 });
    let short = fake().root(|root| *root.extension(BASIC) = vec![0x30, 6, 1, 1, 0xff, 2, 1, 0]);
    let reason = AuthorityError::TooDeep { allowed: 0, found: 1 };
    refuses(short, "tdx.pck.constraints", ChainError::Constraints { name: name(), reason });
    let late = fake().pck(|pck| pck.not_after = NOW - 1);
    let window = Window { from: UnixTime(1_577_836_800), until: UnixTime(NOW - 1) };
    let name = "Intel SGX PCK Certificate".to_owned();
    let error = ChainError::Validity { name, window, now: UnixTime(NOW) };
    refuses(late, "tdx.pck.validity", error);
}

#[test]
fn refuses_extensions_that_are_not_written_as_intel_writes_them() {
    let refused = |change: fn(&mut sealroom_forge::tdx::SgxSpec), error| {
        refuses(fake().sgx(change), "tdx.pck.extensions", ChainError::Extensions(error));
    };
    let unknown = |sgx: &mut sealroom_forge::tdx::SgxSpec| {
        sgx.extra =
            b"\x30\x0f\x06\x0a\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x08\x02\x01\x00".to_vec();
    };
    let oid = "08".to_owned();
    refused(unknown, ExtensionError::Unknown { oid });
    let twice = |sgx: &mut sealroom_forge::tdx::SgxSpec| {
        sgx.extra =
            b"\x30\x0f\x06\x0a\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01\x05\x0a\x01\x00".to_vec();
    };
    refused(twice, ExtensionError::Duplicate { field: "SGX type" });
    refused(|sgx| sgx.sgx_type = 9, ExtensionError::Encoding { field: "SGX type" });
    let none = fake().pck(|pck| pck.remove("1.2.840.113741.1.13.1"));
    undecided(none, "tdx.pck.present");
}

#[test]
fn refuses_endorsements_that_cannot_be_read() {
    let broken = Scene::from(fake()).with(|given| given.certificates[1].push(0));
    let reason = x509::DecodeError::Der { field: "the whole structure" };
    let error = EndorsementError::Certificate { index: 1, reason };
    refuses(broken, "tdx.endorsements.decode", error);
    let many = Scene::from(fake()).with(|given| {
        given.certificates = (0..48).map(|number| vec![number]).collect();
    });
    let error = EndorsementError::TooMany { found: 52, limit: 48 };
    refuses(many, "tdx.endorsements.decode", error);
}

#[test]
fn takes_the_chain_from_elsewhere_when_the_quote_names_its_platform() {
    let elsewhere = || {
        fake().certification(|data| {
            data.kind = 3;
            data.chain = vec![0; 404];
        })
    };
    accepts(elsewhere());
    let without = Scene::from(elsewhere()).with(|given| {
        let pck = fake().sign().pck;
        given.certificates.retain(|one| *one != pck);
    });
    undecided(without, "tdx.pck.present");
}

#[test]
fn says_whether_anybody_looked_for_revoked_platforms() {
    assert_eq!(accepts(fake()).revocation, Revocation::Checked);
    for left in [0, 1] {
        let scene = Scene::from(fake()).with(|given| drop(given.crls.remove(left)));
        assert_eq!(accepts(scene).revocation, Revocation::NotGiven);
    }
    let scene = Scene::from(fake()).with(|given| given.crls.clear());
    assert_eq!(accepts(scene).revocation, Revocation::NotGiven);
    let name = "Intel SGX PCK Certificate".to_owned();
    let serial = || fake().pck(|pck| pck.serial = vec![0x91; 20]);
    let listed = serial().pck_crl(|crl| crl.revoked = vec![vec![0x91; 20]]);
    refuses(listed, "tdx.crl.pck.revoked", CrlError::Revoked { name });
}
