//! How a signed object is made wrong before or after it is signed.

use sealroom_forge::{CertificateSpec, CrlSpec, Role};

use super::{der, edition::Edition, fault::Variant};

/// One certificate. Whose it is and what it is about was decided before.
pub(super) fn certificate(
    mut spec: CertificateSpec,
    variant: Variant,
    edition: Edition,
) -> Vec<u8> {
    match variant {
        Variant::Genuine
        | Variant::RolledBack
        | Variant::OtherVendor
        | Variant::OtherResource
        | Variant::Replayed => spec.sign(),
        Variant::Stale => {
            (spec.not_before, spec.not_after) = edition.under(variant).dates();
            spec.sign()
        }
        Variant::OtherKey => {
            spec.signer.1 = other(spec.signer.1);
            spec.sign()
        }
        Variant::Tampered => tampered(spec.sign()),
    }
}

/// One revocation list. Its dates and number were decided before.
pub(super) fn list(mut spec: CrlSpec, variant: Variant) -> Vec<u8> {
    match variant {
        Variant::Genuine
        | Variant::Stale
        | Variant::RolledBack
        | Variant::OtherVendor
        | Variant::OtherResource
        | Variant::Replayed => spec.sign(),
        Variant::OtherKey => {
            spec.signer.1 = other(spec.signer.1);
            spec.sign()
        }
        Variant::Tampered => tampered(spec.sign()),
    }
}

/// A role of the same vendor that never signs what this one signs.
pub(super) const fn other(role: Role) -> Role {
    match role {
        Role::Ark | Role::Asvk => Role::Ask,
        Role::Ask => Role::Asvk,
        Role::SgxRoot | Role::PckAuthority | Role::Pck => Role::TcbSigning,
        Role::TcbSigning => Role::PckAuthority,
        Role::RimSigner => Role::AttestationService,
        Role::GpuRoot
        | Role::GpuFamily
        | Role::GpuProvisioner
        | Role::GpuIdentity
        | Role::GpuAttestation
        | Role::RimProduct
        | Role::RimAuthority
        | Role::OcspResponder
        | Role::AttestationService => Role::RimSigner,
    }
}

/// The last signed byte with another lowest bit: part of a number or a name, never of the structure.
fn tampered(mut whole: Vec<u8>) -> Vec<u8> {
    let end = der::signed_end(&whole).expect("the forge writes DER");
    whole[end - 1] ^= 1;
    whole
}
