//! Forged OCSP responses with one thing changed.

use sealroom_attestation::gpu::GpuError;
use sealroom_attestation::gpu::ocsp::{
    CertificateStanding, DecodeError, OcspError, Owner, Standing, links, verify,
};
use sealroom_attestation::time::Window;
use sealroom_attestation::x509::Certificate;
use sealroom_attestation::{Outcome, Refusal, UnixTime, Verified};
use sealroom_forge::gpu::{AnswerSpec, CertificateHash, CertificateStatus, OcspSpec};
use sealroom_forge::{CertificateSpec, ExtensionSpec, Fake, Vendor};

use crate::refuses;
use crate::scene::{NOW, Row, SEED, fake, row};

type Verdict =
    Result<Verified<Vec<CertificateStanding>>, Box<Refusal<GpuError, Vec<CertificateStanding>>>>;

const WINDOW: (u64, u64) = (NOW - 600, NOW + 600);

/// A chain and the responses about it.
#[derive(Clone)]
struct Scene {
    chain: Vec<CertificateSpec>,
    owner: Owner,
    responses: Vec<Vec<u8>>,
    now: u64,
}

fn device() -> Scene {
    let chain = Fake::gpu(SEED).specs().to_vec();
    Scene { chain, owner: Owner::Device, responses: Vec::new(), now: NOW }
}

fn rim() -> Scene {
    Scene { chain: fake().specs().to_vec(), owner: Owner::Rim, responses: Vec::new(), now: NOW }
}

impl Scene {
    /// One response about each certificate that needs one; the first may be changed.
    fn all(self, change: impl Fn(OcspSpec) -> OcspSpec) -> Self {
        let first = usize::from(self.owner == Owner::Device);
        (first..self.chain.len() - 1).fold(self, |scene, place| {
            let spec = scene.spec(place);
            let spec = if place == first { change(spec) } else { spec };
            scene.give(&spec)
        })
    }

    fn edit(self, change: impl Fn(&mut OcspSpec)) -> Self {
        self.all(|mut spec| {
            change(&mut spec);
            spec
        })
    }

    fn answer(self, change: impl Fn(&mut AnswerSpec)) -> Self {
        self.edit(|spec| change(&mut spec.answers[0]))
    }

    fn status(self, status: CertificateStatus) -> Self {
        self.answer(move |answer| answer.status = status)
    }

    fn delegated(self, change: impl Fn(&mut CertificateSpec) + Copy) -> Self {
        let [subject, issuer] = self.pair();
        self.all(move |spec| spec.delegated(&subject, &issuer, change))
    }

    /// The first certificate that needs a response, and its issuer.
    fn pair(&self) -> [CertificateSpec; 2] {
        let first = usize::from(self.owner == Owner::Device);
        [self.chain[first].clone(), self.chain[first + 1].clone()]
    }

    fn spec(&self, place: usize) -> OcspSpec {
        OcspSpec::new(&self.chain[place], &self.chain[place + 1], WINDOW)
    }

    fn give(mut self, spec: &OcspSpec) -> Self {
        self.responses.push(spec.sign());
        self
    }

    fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    fn verify(&self) -> Verdict {
        let chain: Vec<_> = self.chain.iter().map(CertificateSpec::sign).collect();
        let chain: Vec<_> =
            chain.iter().map(|der| Certificate::decode(der).expect("a certificate")).collect();
        verify(&self.responses, &links(&chain, self.owner), UnixTime(self.now))
    }
}

impl From<Scene> for crate::scene::Outcome {
    fn from(scene: Scene) -> Self {
        scene.verify().into()
    }
}

fn extension(critical: bool, length: usize) -> ExtensionSpec {
    // A nonce (RFC 8954).
    ExtensionSpec { oid: "1.3.6.1.5.5.7.48.1.2".to_owned(), critical, value: vec![7; length] }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = decode_rows();
    rows.extend(standing_rows());
    rows.extend(responder_rows());
    rows.extend([
        row(
            "gpu.ocsp.issuer",
            device().all(|spec| spec),
            // About another device, in place of this one.
            Scene { responses: device_of(1).all(|spec| spec).responses, ..device() },
        ),
        row("gpu.ocsp.issuer", rim().all(|spec| spec), rim().answer(|one| one.serial = vec![1])),
        row("gpu.ocsp.issuer", rim().all(|spec| spec), rim().answer(|one| one.issuer.push(0))),
        row("gpu.ocsp.issuer", rim().all(|spec| spec), rim().answer(|one| one.issuer_key[1] ^= 1)),
        row(
            "gpu.ocsp.signature",
            device().all(|spec| spec),
            device().edit(|spec| spec.broken_signature = true),
        ),
        row(
            "gpu.ocsp.signature",
            rim().all(|spec| spec),
            rim().edit(|spec| spec.signer.0 = Vendor::Two),
        ),
        row(
            "gpu.ocsp.signature",
            rim().delegated(|_| ()),
            rim().delegated(|delegate| delegate.broken_signature = true),
        ),
        row(
            "gpu.ocsp.signature",
            rim().delegated(|_| ()),
            rim().delegated(|one| one.signer.0 = Vendor::Two),
        ),
    ]);
    rows
}

fn device_of(place: u8) -> Scene {
    let chain = Fake::gpu([9; 32]).place(place).specs().to_vec();
    Scene { chain, ..device() }
}

fn decode_rows() -> Vec<Row> {
    let id = "gpu.ocsp.decode";
    let whole = || rim().all(|spec| spec);
    let cut = |mut scene: Scene| {
        scene.responses[0].push(0);
        scene
    };
    vec![
        row(id, whole(), cut(whole())),
        row(id, whole(), rim().edit(|spec| spec.status = 6)),
        row(id, whole(), rim().edit(|spec| spec.kind = "1.3.6.1.5.5.7.48.1.2".to_owned())),
        row(
            id,
            rim().answer(|answer| answer.hash = CertificateHash::Sha384),
            rim().answer(|answer| answer.hash = CertificateHash::Sha256),
        ),
        row(id, whole(), rim().edit(|spec| spec.algorithm = vec![0x30, 2, 5, 0])),
        row(
            id,
            rim().edit(|spec| spec.extensions = vec![extension(false, 34)]),
            rim().edit(|spec| spec.extensions = vec![extension(true, 34)]),
        ),
        row(
            id,
            rim().answer(|answer| answer.extensions = vec![extension(false, 34)]),
            rim().answer(|answer| answer.extensions = vec![extension(true, 34)]),
        ),
        row(
            id,
            rim().edit(|spec| spec.extensions = vec![extension(false, 256)]),
            rim().edit(|spec| spec.extensions = vec![extension(false, 257)]),
        ),
        row(
            id,
            rim().edit(|spec| spec.extensions = vec![extension(false, 9)]),
            rim().edit(|spec| spec.extensions = vec![extension(false, 9); 2]),
        ),
        row(
            id,
            rim().edit(|spec| spec.answers = vec![spec.answers[0].clone(); 16]),
            rim().edit(|spec| spec.answers = vec![spec.answers[0].clone(); 17]),
        ),
        row(
            id,
            rim().delegated(|_| ()),
            rim().delegated(|delegate| delegate.add("1.2.3", true, &[])),
        ),
    ]
}

fn standing_rows() -> Vec<Row> {
    let validity = "gpu.ocsp.validity";
    let window = |from, until| {
        rim().answer(move |answer| (answer.this_update, answer.next_update) = (from, Some(until)))
    };
    let made = |produced| rim().edit(move |spec| spec.produced = produced);
    let revoked = |reason| CertificateStatus::Revoked(NOW - 9, reason);
    let good = |scene: Scene| scene.all(|spec| spec);
    vec![
        row(validity, window(NOW, NOW + 1), window(NOW + 1, NOW + 2)),
        row(validity, window(NOW - 1, NOW), window(NOW - 2, NOW - 1)),
        row(validity, good(rim()), rim().answer(|answer| answer.next_update = None)),
        row(validity, made(NOW), made(NOW + 1)),
        row("gpu.ocsp.revoked", good(device()), device().status(revoked(None))),
        row("gpu.ocsp.revoked", good(device()), device().status(revoked(Some(1)))),
        row("gpu.ocsp.revoked", good(rim()), rim().status(revoked(Some(0)))),
        row("gpu.ocsp.revoked", rim().status(revoked(Some(6))), rim().status(revoked(Some(10)))),
        row("gpu.ocsp.decode", good(rim()), rim().status(revoked(Some(7)))),
        row("gpu.ocsp.unknown", good(device()), device().status(CertificateStatus::Unknown)),
        row("gpu.ocsp.unknown", good(rim()), rim().status(CertificateStatus::Unknown)),
        // A hold on a RIM is the policy's business; on a device it never counts.
        row("gpu.ocsp.hold", rim().status(revoked(Some(6))), device().status(revoked(Some(6)))),
    ]
}

fn responder_rows() -> Vec<Row> {
    let id = "gpu.ocsp.responder";
    let usage = |value: &'static [u8]| {
        move |delegate: &mut CertificateSpec| *delegate.extension("2.5.29.37") = value.to_vec()
    };
    let window =
        |from, until| rim().delegated(move |one| (one.not_before, one.not_after) = (from, until));
    vec![
        row(
            id,
            rim().all(|spec| spec),
            rim().edit(|spec| spec.responder = device().spec(1).responder),
        ),
        row(id, rim().delegated(|_| ()), rim().delegated(|one| one.issuer = "Somebody".to_owned())),
        row(id, rim().delegated(|_| ()), rim().delegated(|one| one.remove("2.5.29.37"))),
        // serverAuth, and OCSP signing beside any purpose.
        row(
            id,
            rim().delegated(|_| ()),
            rim().delegated(usage(b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01")),
        ),
        row(
            id,
            rim().delegated(|_| ()),
            rim().delegated(usage(
                b"\x30\x10\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09\x06\x04\x55\x1d\x25\x00",
            )),
        ),
        row(
            id,
            rim().delegated(|_| ()),
            rim().delegated(|one| *one.extension("2.5.29.15") = vec![3, 2, 6, 0x40]),
        ),
        row(
            id,
            rim().delegated(|_| ()),
            rim().delegated(|one| one.add("2.5.29.19", true, &[0x30, 3, 1, 1, 0xff])),
        ),
        row(id, window(NOW, NOW + 1), window(NOW + 1, NOW + 2)),
        row(id, window(NOW - 1, NOW), window(NOW - 2, NOW - 1)),
        // Named, and not there.
        row(
            id,
            rim().delegated(|_| ()),
            rim().all(|spec| {
                let [subject, issuer] = rim().pair();
                let mut spec = spec.delegated(&subject, &issuer, |_| ());
                spec.delegate = None;
                spec
            }),
        ),
    ]
}

#[test]
fn each_change_of_a_response_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn every_certificate_from_the_identity_key_up_needs_a_response_and_a_rim_s_from_its_signer() {
    let names = |scene: Scene| -> Vec<_> {
        let standings = scene.all(|spec| spec).verify().expect("good");
        assert!(standings.claims().iter().all(|one| one.standing == Some(Standing::Good)));
        standings.claims().iter().map(|one| one.name.clone()).collect()
    };
    let device = ["GH100 A01 GSP BROM", "NVIDIA GH100 Provisioner ICA 1", "NVIDIA GH100 Identity"];
    assert_eq!(names(super::ocsp::device()), device);
    let rim = [
        "HCC RIM L4 Signer",
        "NVIDIA Reference Value L3 GH100 001",
        "NVIDIA Reference Value GH100 CA",
    ];
    assert_eq!(names(super::ocsp::rim()), rim);
}

#[test]
fn responders_are_named_by_name_or_by_key() {
    for by_key in [false, true] {
        rim().edit(|spec| spec.by_key = by_key).verify().expect("the issuer");
        let [subject, issuer] = rim().pair();
        let delegated = rim().all(|spec| {
            let mut spec = spec.delegated(&subject, &issuer, |_| ());
            spec.by_key = by_key;
            spec
        });
        delegated.verify().expect("its delegate");
    }
}

#[test]
fn a_hold_on_a_rim_is_told_and_not_decided() {
    let held = rim().status(CertificateStatus::Revoked(NOW - 9, Some(6)));
    let verified = held.verify().expect("the policy decides");
    let [signer, ..] = &verified.claims()[..] else { panic!("three certificates") };
    assert_eq!((signer.standing, signer.owner), (Some(Standing::Hold), Owner::Rim));
    // A second response that says good does not lift it.
    let also_good = held.all(|spec| spec).verify().expect("the policy decides");
    assert_eq!(also_good.claims()[0].standing, Some(Standing::Hold));
}

#[test]
fn a_revocation_is_not_hidden_by_a_good_response() {
    let scene = device().status(CertificateStatus::Revoked(NOW - 9, None)).all(|spec| spec);
    let (name, at) = ("GH100 A01 GSP BROM".to_owned(), UnixTime(NOW - 9));
    refuses(scene.verify(), "gpu.ocsp.revoked", OcspError::Revoked { name, at });
}

#[test]
fn what_has_no_response_is_told() {
    let rows = |verdict: &Verdict| -> Vec<_> {
        let ledger = verdict.as_ref().expect("nothing failed").ledger();
        let last = ledger.findings().last().cloned().expect("rows");
        assert_eq!(last.check.id, "gpu.ocsp.coverage");
        vec![(last.outcome, last.found)]
    };
    let (outcome, found) = rows(&device().verify()).remove(0);
    assert_eq!(outcome, Outcome::NotGiven);
    assert!(found.starts_with("3 of 3 certificates have no response"), "{found}");
    let one = device();
    let spec = one.spec(2);
    let (outcome, found) = rows(&one.give(&spec).verify()).remove(0);
    assert_eq!(outcome, Outcome::NotGiven);
    assert!(found.ends_with("GH100 A01 GSP BROM, NVIDIA GH100 Identity"), "{found}");
    let (outcome, _) = rows(&device().all(|spec| spec).verify()).remove(0);
    assert_eq!(outcome, Outcome::Pass);
    // Responses about others do no harm beside those that are needed.
    let mut more = device().all(|spec| spec);
    more.responses.extend(rim().all(|spec| spec).responses);
    more.verify().expect("all are covered");
}

#[test]
fn one_response_may_answer_for_several_certificates_of_one_issuer() {
    let scene = rim();
    let mut spec = scene.spec(0);
    spec.answers.push(AnswerSpec { serial: vec![0x77], ..spec.answers[0].clone() });
    scene.give(&spec).verify().expect("the other answer is about nobody here");
    // An issuer does not answer for another's certificates.
    let scene = rim();
    let mut spec = scene.spec(0);
    spec.answers = vec![scene.spec(1).answers[0].clone()];
    let verdict = scene.give(&spec).verify();
    let issuer = "NVIDIA Reference Value GH100 CA".to_owned();
    let why = "nobody of the name or key it gives";
    refuses(verdict, "gpu.ocsp.responder", OcspError::Responder { issuer, why });
}

#[test]
fn windows_count_to_their_last_second() {
    let scene = rim().all(|spec| spec);
    let verified = scene.verify().expect("good");
    let window = Window { from: UnixTime(WINDOW.0), until: UnixTime(WINDOW.1) };
    assert!(verified.claims().iter().all(|one| one.validity == Some(window)));
    for inside in [WINDOW.0, WINDOW.1] {
        scene.clone().at(inside).verify().expect("its first and last second");
    }
    for outside in [WINDOW.0 - 1, WINDOW.1 + 1] {
        let failed = crate::failed(&scene.clone().at(outside).verify());
        assert_eq!(failed, ["gpu.ocsp.validity"; 3]);
    }
}

#[test]
fn says_what_cannot_be_read() {
    let error = |change: fn(&mut OcspSpec)| rim().edit(change).verify().expect_err("refused").error;
    let expected = |error: DecodeError| GpuError::from(OcspError::from(error));
    assert_eq!(error(|spec| spec.status = 1), expected(DecodeError::Status { found: 1 }));
    assert_eq!(error(|spec| spec.kind = "1.2.3".to_owned()), expected(DecodeError::Kind));
    let critical = DecodeError::Critical { oid: "2b0601050507300102".to_owned() };
    assert_eq!(error(|spec| spec.extensions = vec![extension(true, 9)]), expected(critical));
    let mut many = rim();
    many.responses = (0..=128_u8).map(|number| vec![number]).collect();
    let too_many = OcspError::TooMany { found: 129, limit: 128 };
    refuses(many.verify(), "gpu.ocsp.decode", too_many);
    let mut long = rim();
    long.responses = vec![vec![0x30; 64 * 1024 + 1]];
    let error = DecodeError::TooLong { found: 64 * 1024 + 1, limit: 64 * 1024 };
    refuses(long.verify(), "gpu.ocsp.decode", OcspError::from(error));
}
