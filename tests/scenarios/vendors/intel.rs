//! Intel's provisioning certification service.

use sealroom_attestation::{
    Refusal,
    endorsements::{Anchors, Endorsements},
    tdx::{self, Revocation, TdxClaims, TdxError},
    x509::Crl,
};
use sealroom_forge::{Body, Fake, FakeTdx};
use sealroom_tests::{
    canary::Canary,
    vendors::{Fault, Service, Vendors},
};

use super::{
    NOW, SEED,
    client::{Reply, get},
    failed, vendors,
};

const FMSPC: [u8; 6] = [0x90, 0xc0, 0x6f, 0, 0, 1];

struct Asked {
    /// `sgx` or `tdx`.
    tee: &'static str,
    /// `platform` or `processor`.
    authority: &'static str,
    fmspc: [u8; 6],
}

const TDX: Asked = Asked { tee: "tdx", authority: "platform", fmspc: FMSPC };

fn machine() -> FakeTdx {
    Fake::tdx(SEED).fmspc(FMSPC)
}

impl Asked {
    /// Every path that one quote needs, with the header that has the issuers.
    fn targets(&self) -> [(String, Option<&'static str>); 4] {
        let Self { tee, authority, fmspc } = self;
        let (sgx, own) = ("/sgx/certification/v4", format!("/{tee}/certification/v4"));
        [
            (format!("{sgx}/pckcrl?ca={authority}&encoding=der"), Some("SGX-PCK-CRL-Issuer-Chain")),
            ("/IntelSGXRootCA.der".to_owned(), None),
            (
                format!("{own}/tcb?fmspc={}&update=standard", hex::encode_upper(fmspc)),
                Some("TCB-Info-Issuer-Chain"),
            ),
            (
                format!("{own}/qe/identity?update=standard"),
                Some("SGX-Enclave-Identity-Issuer-Chain"),
            ),
        ]
    }

    fn endorsements(&self, vendors: &Vendors) -> Endorsements {
        let mut given = Endorsements::default();
        for (target, chain) in self.targets() {
            let reply = get(&vendors.pcs(), &target);
            assert_eq!(reply.status, 200, "{target}");
            given.add_file(&reply.body).expect("an endorsement");
            if let Some(name) = chain {
                given.add_file(&reply.chain(name)).expect("issuers");
            }
        }
        given
    }

    /// Verifies a quote with what the service has, and nothing else.
    fn verify(
        &self,
        vendors: &Vendors,
        machine: &FakeTdx,
    ) -> Result<(), Box<Refusal<TdxError, TdxClaims>>> {
        let (given, evidence) = (self.endorsements(vendors), machine.sign());
        let anchors =
            Anchors::production().danger_accept_simulated(Fake::tdx(SEED).sign().root_sha256);
        let claims = tdx::verify(&evidence.quote, &given.tdx, &anchors.tdx, NOW)?;
        assert_eq!(claims.claims().revocation, Revocation::Checked);
        Ok(())
    }
}

#[test]
fn pcs_has_everything_that_a_quote_needs() {
    let vendors = vendors();
    let domain = machine().quote(5, Body::Td15).platform(3);
    vendors.knows_tdx(&domain);
    TDX.verify(&vendors, &domain).expect("genuine");
    let enclave = machine().quote(3, Body::Sgx);
    Asked { tee: "sgx", ..TDX }.verify(&vendors, &enclave).expect("the same model runs enclaves");
    let processor = Fake::tdx(SEED).processor_ca();
    vendors.knows_tdx(&processor);
    let fmspc = processor.specs().sgx.fmspc;
    let asked = Asked { authority: "processor", fmspc, ..TDX };
    asked.verify(&vendors, &processor).expect("genuine");
}

#[test]
fn pcs_has_the_roots_list_as_bytes_and_as_digits() {
    let vendors = vendors();
    let bytes = get(&vendors.pcs(), "/IntelSGXRootCA.der").body;
    let digits = get(&vendors.pcs(), "/sgx/certification/v4/rootcacrl").body;
    assert_eq!(hex::encode(&bytes).into_bytes(), digits);
    let list = "/sgx/certification/v4/pckcrl?ca=platform";
    let (der, pem) =
        (get(&vendors.pcs(), &format!("{list}&encoding=der")), get(&vendors.pcs(), list));
    let read = |reply: &Reply| {
        let mut given = Endorsements::default();
        given.add_file(&reply.body).expect("a list");
        given.tdx.crls
    };
    assert_eq!(read(&der), read(&pem));
    assert_eq!(Crl::decode(&der.body).expect("a list").number, Some(vec![10]));
}

#[test]
fn early_and_standard_updates_are_two_documents() {
    let vendors = vendors();
    vendors.knows_tdx(&machine());
    for path in ["tcb?fmspc=90c06f000001&", "qe/identity?"] {
        let number = |rest: &str| {
            let target = format!("/tdx/certification/v4/{path}{rest}");
            let text = String::from_utf8(get(&vendors.pcs(), &target).body).expect("JSON");
            let (_, rest) = text.split_once("\"tcbEvaluationDataNumber\":").expect("a number");
            rest.split(',').next().map(str::to_owned).expect("digits")
        };
        assert_eq!(["", "update=standard", "update=early"].map(number), ["20", "20", "21"]);
        vendors.set(Service::Pcs, Fault::RolledBack);
        assert_eq!(["update=standard", "update=early"].map(number), ["19", "20"]);
        vendors.clear(Service::Pcs);
    }
}

#[test]
fn pcs_refuses_what_it_does_not_know_or_understand() {
    let vendors = vendors();
    vendors.knows_tdx(&machine());
    let status = |target: &str| get(&vendors.pcs(), target).status;
    assert_eq!(status("/tdx/certification/v4/tcb?fmspc=90C06F000001"), 200);
    assert_eq!(status("/tdx/certification/v4/tcb?fmspc=90C06F000002"), 404);
    assert_eq!(status("/tdx/certification/v3/tcb?fmspc=90C06F000001"), 404);
    let malformed = [
        "/tdx/certification/v4/tcb",
        "/tdx/certification/v4/tcb?fmspc=90C06F",
        "/tdx/certification/v4/tcb?fmspc=90C06F000001&update=late",
        "/tdx/certification/v4/tcb?fmspc=90C06F000001&x=1",
        "/sgx/certification/v4/pckcrl?ca=root",
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=xml",
    ];
    for target in malformed {
        assert_eq!(status(target), 400, "{target}");
    }
}

#[test]
fn pcs_signs_wrongly_when_told() {
    let vendors = vendors();
    vendors.knows_tdx(&machine());
    let [(pck, _), (root, _), (tcb, _), (qe, _)] = TDX.targets();
    let cases = [
        (&pck, Fault::Stale, "tdx.crl.pck.validity"),
        (&pck, Fault::Tampered, "tdx.crl.pck.signature"),
        (&pck, Fault::OtherKey, "tdx.crl.pck.signature"),
        (&pck, Fault::OtherResource, "tdx.crl.issuer"),
        (&root, Fault::Stale, "tdx.crl.root.validity"),
        (&root, Fault::Tampered, "tdx.crl.root.signature"),
        (&root, Fault::OtherKey, "tdx.crl.root.signature"),
        (&root, Fault::OtherVendor, "tdx.crl.root.signature"),
        (&tcb, Fault::Stale, "tdx.tcb_info.validity"),
        (&tcb, Fault::Tampered, "tdx.tcb_info.signature"),
        (&tcb, Fault::OtherKey, "tdx.tcb_info.signature"),
        (&tcb, Fault::OtherVendor, "tdx.signer.signature"),
        (&tcb, Fault::OtherResource, "tdx.tcb_info.platform"),
        (&qe, Fault::Stale, "tdx.qe_identity.validity"),
        (&qe, Fault::Tampered, "tdx.qe_identity.signature"),
        (&qe, Fault::OtherKey, "tdx.qe_identity.signature"),
        (&qe, Fault::OtherResource, "tdx.qe_identity.kind"),
    ];
    let mut wrong = Vec::new();
    for (target, fault, check) in cases {
        vendors.set_for(Service::Pcs, target, fault.clone());
        let refused = TDX.verify(&vendors, &machine()).expect_err("it is wrong");
        if failed(&refused.ledger).first() != Some(&check) {
            wrong.push((target, fault, check, failed(&refused.ledger)));
        }
        vendors.clear(Service::Pcs);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    TDX.verify(&vendors, &machine()).expect("all is well again");
}

#[test]
fn certificates_may_name_places_that_nobody_calls() {
    let (vendors, canary) = (vendors(), Canary::start().expect("a port"));
    let named = machine().pck(canary.named()).tcb_signer(canary.named()).authority(canary.named());
    vendors.knows_tdx(&named);
    TDX.verify(&vendors, &named).expect("genuine");
    let given = TDX.endorsements(&vendors);
    let url = canary.url().into_bytes();
    let count = |der: &Vec<u8>| der.windows(url.len()).filter(|window| *window == url).count();
    assert_eq!(given.tdx.certificates.iter().map(count).sum::<usize>(), 9);
    assert_eq!(canary.connections(), 0);
}
