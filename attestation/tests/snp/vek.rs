//! The certificate of the key that signed: kind, product, TCB and chip.

use sealroom_attestation::snp::{self, ExtensionError, SigningKey, Tcb, VekError};
use sealroom_attestation::x509::KeyKind;
use sealroom_forge::Generation;

use crate::{ARC, accepts, check, fake, refuses};

#[test]
pub(crate) fn refuses_kinds_of_key_that_do_not_agree() {
    let kind = |report, name: &str, issuer: &str| VekError::Kind {
        report,
        name: name.to_owned(),
        issuer: issuer.to_owned(),
    };
    let id = "snp.vek.kind";
    let key = fake().field(0x48, &[1 << 2]);
    refuses(check(&key), id, kind(SigningKey::Vlek, "SEV-VCEK", "SEV-Genoa"));
    let name = fake().vek(|vek| vek.subject = "SEV-VLEK".to_owned());
    refuses(check(&name), id, kind(SigningKey::Vcek, "SEV-VLEK", "SEV-Genoa"));
    let unknown_name = fake().vek(|vek| vek.subject = "VCEK".to_owned());
    refuses(check(&unknown_name), id, kind(SigningKey::Vcek, "VCEK", "SEV-Genoa"));
    let authority = fake().vek(|vek| vek.issuer = "Genoa".to_owned());
    refuses(check(&authority), id, kind(SigningKey::Vcek, "SEV-VCEK", "Genoa"));
    let both = fake().vek(|vek| vek.add("1.3.6.1.4.1.3704.1.5", false, &[0x16, 1, b'x']));
    refuses(check(&both), id, kind(SigningKey::Vcek, "SEV-VCEK", "SEV-Genoa"));
    let neither = fake().vek(|vek| vek.remove("1.3.6.1.4.1.3704.1.4"));
    refuses(check(&neither), id, kind(SigningKey::Vcek, "SEV-VCEK", "SEV-Genoa"));
    let vlek_as_vcek = fake().vlek().field(0x48, &[0]);
    refuses(check(&vlek_as_vcek), id, kind(SigningKey::Vcek, "SEV-VLEK", "SEV-VLEK-Genoa"));
}

#[test]
pub(crate) fn refuses_a_key_on_another_curve() {
    // SubjectPublicKeyInfo of the generator of P-256.
    let mut spki = vec![0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    spki.extend([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42, 0, 4]);
    spki.extend([0x6b; 64]);
    let other = fake().vek(move |vek| vek.spki.clone_from(&spki));
    refuses(check(&other), "snp.vek.key", VekError::Key { found: KeyKind::P256 });
}

#[test]
pub(crate) fn refuses_extensions_that_are_not_as_the_key_service_writes_them() {
    let oid = |name: &str| format!("{ARC}.{name}");
    let cases: [(&str, Vec<u8>, ExtensionError); 10] = [
        ("1", vec![2, 1, 2], ExtensionError::StructVersion { found: 2 }),
        ("1", vec![2, 2, 0, 1], ExtensionError::Encoding { oid: oid("1") }),
        ("2", vec![0x0c, 5, 71, 101, 110, 111, 97], ExtensionError::Encoding { oid: oid("2") }),
        ("2", vec![0x16, 4, 71, 101, 110, 111, 97], ExtensionError::Encoding { oid: oid("2") }),
        (
            "2",
            [&[0x16, 0x80][..], &[b'a'; 128]].concat(),
            ExtensionError::Encoding { oid: oid("2") },
        ),
        ("3.1", vec![2, 1, 0x80], ExtensionError::Encoding { oid: oid("3.1") }),
        ("3.8", vec![4, 1, 84], ExtensionError::Encoding { oid: oid("3.8") }),
        ("4", vec![0; 63], ExtensionError::Encoding { oid: oid("4") }),
        ("4", [&[4, 64][..], &[0; 63]].concat(), ExtensionError::Encoding { oid: oid("4") }),
        ("4", [&[4, 8][..], &[0; 7]].concat(), ExtensionError::Encoding { oid: oid("4") }),
    ];
    for (name, value, error) in cases {
        let name = oid(name);
        let fake = fake().vek(move |vek| vek.extension(&name).clone_from(&value));
        refuses(check(&fake), "snp.vek.extensions", VekError::Extensions(error));
    }
    for name in ["1", "2"] {
        let fake = fake().vek(move |vek| vek.remove(&format!("{ARC}.{name}")));
        let error = ExtensionError::Missing { oid: oid(name) };
        refuses(check(&fake), "snp.vek.extensions", VekError::Extensions(error));
    }
    for name in ["3.10", "6", "3.0", "3"] {
        let fake = fake().vek(move |vek| vek.add(&format!("{ARC}.{name}"), false, &[2, 1, 0]));
        let error = ExtensionError::Unknown { oid: oid(name) };
        refuses(check(&fake), "snp.vek.extensions", VekError::Extensions(error));
    }
}

#[test]
pub(crate) fn refuses_products_that_do_not_agree() {
    let product = |name: &str, issuer: &str| VekError::Product {
        product: name.to_owned(),
        issuer: issuer.to_owned(),
        root: snp::Generation::Genoa,
    };
    for name in ["Milan-B0", "Genoas", "genoa"] {
        let mut value = vec![0x16, u8::try_from(name.len()).unwrap()];
        value.extend_from_slice(name.as_bytes());
        let fake = fake().vek(move |vek| vek.extension("1.3.6.1.4.1.3704.1.2").clone_from(&value));
        refuses(check(&fake), "snp.vek.product", product(name, "SEV-Genoa"));
    }
    accepts(
        &fake().vek(|vek| *vek.extension("1.3.6.1.4.1.3704.1.2") = b"\x16\x08Genoa-B1".to_vec()),
    );
    let issuer = fake()
        .vek(|vek| vek.issuer = "SEV-Milan".to_owned())
        .authority(|authority| authority.subject = "SEV-Milan".to_owned());
    refuses(check(&issuer), "snp.vek.product", product("Genoa", "SEV-Milan"));
}

#[test]
pub(crate) fn refuses_a_key_for_another_tcb_in_each_component() {
    for generation in [Generation::Genoa, Generation::Turin] {
        let same = accepts(&fake().generation(generation)).report.reported_tcb;
        for byte in 0..8 {
            let mut other = same.0;
            other[byte] ^= 1;
            let fake = fake().generation(generation).field(0x180, &other);
            refuses(
                check(&fake),
                "snp.vek.tcb",
                VekError::Tcb { certificate: same, report: Tcb(other) },
            );
        }
    }
    let oid = format!("{ARC}.3.8");
    let missing = fake().vek(|vek| vek.remove("1.3.6.1.4.1.3704.1.3.8"));
    refuses(check(&missing), "snp.vek.tcb", VekError::Extensions(ExtensionError::Missing { oid }));
    let oid = format!("{ARC}.3.9");
    let fmc = fake().vek(|vek| vek.add("1.3.6.1.4.1.3704.1.3.9", false, &[2, 1, 0]));
    refuses(check(&fmc), "snp.vek.tcb", VekError::Extensions(ExtensionError::Unknown { oid }));
    accepts(&fake().tcb([255, 128, 127, 1, 2, 3, 4, 0]));
}

#[test]
pub(crate) fn refuses_a_key_of_another_chip() {
    let mut chip = fake().chip_id();
    chip[63] ^= 1;
    refuses(check(&fake().field(0x1a0, &chip)), "snp.vek.hwid", VekError::Hwid);
    let turin = fake().generation(Generation::Turin);
    refuses(check(&turin.clone().field(0x1a8, &[1])), "snp.vek.hwid", VekError::Hwid);
    refuses(check(&turin.clone().field(0x1a0, &[0])), "snp.vek.hwid", VekError::Hwid);
    let long = turin.vek(|vek| *vek.extension("1.3.6.1.4.1.3704.1.4") = vec![7; 64]);
    refuses(check(&long), "snp.vek.hwid", VekError::HwidLength { found: 64, expected: 8 });
    let short = fake().vek(|vek| *vek.extension("1.3.6.1.4.1.3704.1.4") = vec![7; 8]);
    refuses(check(&short), "snp.vek.hwid", VekError::HwidLength { found: 8, expected: 64 });
}

#[test]
fn accepts_the_chip_bare_or_in_an_octet_string() {
    for generation in [Generation::Genoa, Generation::Turin] {
        accepts(&fake().generation(generation).vek(|vek| {
            let bare = vek.extension("1.3.6.1.4.1.3704.1.4");
            let length = u8::try_from(bare.len()).unwrap();
            bare.splice(0..0, [4, length]);
        }));
    }
}
