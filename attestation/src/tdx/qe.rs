//! The quoting enclave: is it Intel's, and did it certify this attestation key? (Intel TDX DCAP Quoting Library API,
//! appendix A.3.8; QE identity of the Provisioning Certification Service.)

use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::x509::BadSignature;

use super::error::QeError;
use super::json::QeIdentity;
use super::quote::Quote;
use super::tcb::enclave_level;
use super::{Checked, Mismatch};

/// QE_VENDOR_ID of Intel's quoting enclaves.
pub(super) const INTEL_VENDOR_ID: [u8; 16] =
    *b"\x93\x9a\x72\x33\xf7\x9c\x4c\xa9\x94\x0a\x0d\xb3\x95\x7f\x06\x07";

/// Only Intel's quoting enclave follows the rules that are checked here.
pub(super) fn vendor(quote: &Quote) -> Checked {
    if quote.qe_vendor_id == INTEL_VENDOR_ID {
        return Ok("Intel".to_owned());
    }
    let (found, intel) = (hex::encode(quote.qe_vendor_id), hex::encode(INTEL_VENDOR_ID));
    Err(Mismatch::new(QeError::Vendor, found, intel))
}

/// A reserved byte says something that nobody here knows.
pub(super) fn reserved(quote: &Quote) -> Checked {
    if quote.qe.report.reserved_set {
        return Err(Mismatch::because(QeError::Reserved, "zeros"));
    }
    Ok("zeros".to_owned())
}

/// Report data is SHA-256 of attestation key and authentication data, and 32 zero bytes: all 64 are compared.
pub(super) fn binding(quote: &Quote) -> Checked {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&quote.attestation_key);
    hash.update(&quote.qe.auth_data);
    let mut expected = [0; 64];
    if let Some(half) = expected.first_chunk_mut::<32>() {
        half.copy_from_slice(hash.finish().as_ref());
    }
    let found = quote.qe.report.report_data;
    if found == expected {
        return Ok("SHA-256 of the attestation key".to_owned());
    }
    Err(Mismatch::new(QeError::Binding, hex::encode(found), hex::encode(expected)))
}

/// MRSIGNER.
pub(super) fn signer(quote: &Quote, identity: &QeIdentity) -> Checked {
    let (found, expected) = (quote.qe.report.mr_signer, identity.mrsigner.0);
    if found == expected {
        return Ok(hex::encode(found));
    }
    Err(Mismatch::new(QeError::Signer, hex::encode(found), hex::encode(expected)))
}

/// ISVPRODID.
pub(super) fn product(quote: &Quote, identity: &QeIdentity) -> Checked {
    let (found, expected) = (quote.qe.report.isv_prod_id, identity.isvprodid);
    if found == expected {
        return Ok(found.to_string());
    }
    Err(Mismatch::new(QeError::Product { found, expected }, found, expected))
}

/// MISCSELECT under the mask.
pub(super) fn misc_select(quote: &Quote, identity: &QeIdentity) -> Checked {
    let found = quote.qe.report.misc_select;
    let (expected, mask) = (identity.miscselect.0, identity.miscselect_mask.0);
    masked(QeError::MiscSelect, &found, &expected, &mask)
}

/// ATTRIBUTES under the mask; debug mode is refused whatever the mask says.
pub(super) fn attributes(quote: &Quote, identity: &QeIdentity) -> Checked {
    let found = quote.qe.report.attributes;
    if quote.qe.report.debug() {
        return Err(Mismatch::new(QeError::Attributes, "debug mode", "no debug mode"));
    }
    let (expected, mask) = (identity.attributes.0, identity.attributes_mask.0);
    masked(QeError::Attributes, &found, &expected, &mask)
}

fn masked(error: QeError, found: &[u8], expected: &[u8], mask: &[u8]) -> Checked {
    let pairs = found.iter().zip(expected).zip(mask);
    if pairs.into_iter().all(|((found, expected), mask)| found & mask == expected & mask) {
        return Ok(hex::encode(found));
    }
    let wanted = format!("{} under {}", hex::encode(expected), hex::encode(mask));
    Err(Mismatch::new(error, hex::encode(found), wanted))
}

/// ISVSVN reaches some level.
pub(super) fn level(quote: &Quote, identity: &QeIdentity) -> Checked {
    let found = quote.qe.report.isv_svn;
    match enclave_level(&identity.tcb_levels, found) {
        Some(level) => Ok(format!("{found}: {}", level.tcb_status)),
        None => {
            let least = identity.tcb_levels.iter().map(|level| level.tcb.isvsvn).min();
            let expected = least.map_or("a level".to_owned(), |least| format!("at least {least}"));
            Err(Mismatch::new(QeError::Level { found }, found, expected))
        }
    }
}

/// ECDSA with SHA-256 by a key on P-256 that is X and Y side by side.
pub(super) fn key_signed(
    key: &[u8; 64],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), BadSignature> {
    let mut point = [4; 65];
    if let Some(coordinates) = point.last_chunk_mut::<64>() {
        coordinates.copy_from_slice(key);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(message, signature)
        .map_err(|_| BadSignature)
}
