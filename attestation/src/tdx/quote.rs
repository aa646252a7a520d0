//! A quote, version 3, 4 or 5, decoded once and kept with the bytes that were signed (Intel TDX DCAP Quoting Library
//! API, appendix A; Intel SGX DCAP Quoting Library API, appendix A for version 3).

use crate::reader::{ReadError, Reader};

use super::body::{
    Body, ENCLAVE_REPORT_LENGTH, EnclaveReport, TD10_LENGTH, TD15_LENGTH, TD15EX_LENGTH, TdReport,
};

/// The longest quote that is read at all: three certificates and a report fit many times.
pub const LONGEST_QUOTE: usize = 16 * 1024;
/// ECDSA with SHA-256 on P-256, the one kind of attestation key.
const ECDSA_P256: u16 = 2;
const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;
/// Certification data that wraps the quoting enclave's report, from version 4.
const QE_REPORT: u16 = 6;

/// Which kind of environment a quote is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tee {
    /// An SGX enclave.
    Sgx,
    /// A trust domain.
    Tdx,
}

/// Why bytes are not a quote that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than anything that is read.
    #[error("{found} bytes are more than the {LONGEST_QUOTE} that are read")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// A version whose fields are not known.
    #[error("quote version {found} is not supported: 3, 4 or 5 expected")]
    Version {
        /// As found.
        found: u16,
    },
    /// Not ECDSA on P-256.
    #[error("attestation key type {found} is not supported: 2 expected")]
    KeyType {
        /// As found.
        found: u16,
    },
    /// Neither SGX nor TDX, or not in this version.
    #[error("environment {found:#x} is not known in version {version}")]
    Tee {
        /// The quote's version.
        version: u16,
        /// As found.
        found: u32,
    },
    /// A body that version 5 does not have for this environment, or with another length than its type has.
    #[error("body type {kind} with {length} bytes is not known for environment {tee:?}")]
    Body {
        /// By the header.
        tee: Tee,
        /// As found.
        kind: u16,
        /// As found.
        length: u32,
    },
    /// Certification data that does not hold the quoting enclave's report.
    #[error("certification data type {found} is not supported: {expected} expected")]
    Certification {
        /// As found.
        found: u16,
        /// What was expected.
        expected: &'static str,
    },
    /// Too short, or bytes left over.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// How the key that signed the quoting enclave's report is certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certification {
    /// Types 1 to 3: the platform is named, its certificate lies elsewhere.
    Elsewhere {
        /// The type.
        kind: u16,
    },
    /// Type 5: the chain, leaf first.
    Chain(Vec<u8>),
}

/// The quoting enclave's part of a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotingEnclave {
    /// Its report, decoded.
    pub report: EnclaveReport,
    /// Its authentication data.
    pub auth_data: Vec<u8>,
    pub(super) signed: [u8; ENCLAVE_REPORT_LENGTH],
    pub(super) signature: [u8; 64],
}

/// A quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// 3, 4 or 5.
    pub version: u16,
    /// What it is about.
    pub tee: Tee,
    /// Bytes 8 to 11: the versions of QE and PCE in version 3, reserved afterwards.
    pub header_svns: [u8; 4],
    /// QE_VENDOR_ID.
    pub qe_vendor_id: [u8; 16],
    /// User data of the quoting library: as a rule the beginning of a QE identifier.
    pub user_data: [u8; 20],
    /// What it says.
    pub body: Body,
    /// The attestation key, X and Y.
    pub attestation_key: [u8; 64],
    /// The quoting enclave that certified the attestation key.
    pub qe: QuotingEnclave,
    /// How the quoting enclave's own signature is certified.
    pub certification: Certification,
    pub(super) signed: Vec<u8>,
    pub(super) signature: [u8; 64],
}

/// Header and body, before the signature.
struct Front {
    version: u16,
    tee: Tee,
    header_svns: [u8; 4],
    qe_vendor_id: [u8; 16],
    user_data: [u8; 20],
    body: Body,
}

impl Quote {
    /// Decodes one quote of which every byte is accounted for.
    ///
    /// # Errors
    /// When the bytes are not exactly one quote of a known version. A buffer's padding is the caller's to cut off: see
    /// [`quote_from_file`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > LONGEST_QUOTE {
            return Err(DecodeError::TooLong { found: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        let front = Front::decode(&mut reader)?;
        let signed = bytes.get(..reader.offset()).unwrap_or_default().to_vec();
        let data = sized(&mut reader, "signature data")?;
        reader.finish()?;
        let mut reader = Reader::new(data);
        let signature = reader.array("quote signature")?;
        let attestation_key = reader.array("attestation key")?;
        let (qe, certification) = if front.version == 3 {
            certified(&mut reader)?
        } else {
            let kind = reader.u16_le("certification data type")?;
            if kind != QE_REPORT {
                return Err(DecodeError::Certification { found: kind, expected: "6" });
            }
            let mut inner = Reader::new(sized(&mut reader, "certification data")?);
            let certified = certified(&mut inner)?;
            inner.finish()?;
            certified
        };
        reader.finish()?;
        let Front { version, tee, header_svns, qe_vendor_id, user_data, body } = front;
        Ok(Self {
            version,
            tee,
            header_svns,
            qe_vendor_id,
            user_data,
            body,
            attestation_key,
            qe,
            certification,
            signed,
            signature,
        })
    }

    /// Header and body: what the attestation key signed.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.signed
    }
}

impl Front {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u16_le("version")?;
        if !(3..=5).contains(&version) {
            return Err(DecodeError::Version { found: version });
        }
        let found = reader.u16_le("attestation key type")?;
        if found != ECDSA_P256 {
            return Err(DecodeError::KeyType { found });
        }
        let tee = match (reader.u32_le("environment")?, version) {
            (TEE_SGX, _) => Tee::Sgx,
            (TEE_TDX, 4 | 5) => Tee::Tdx,
            (found, _) => return Err(DecodeError::Tee { version, found }),
        };
        Ok(Self {
            version,
            tee,
            header_svns: reader.array("reserved bytes")?,
            qe_vendor_id: reader.array("QE_VENDOR_ID")?,
            user_data: reader.array("user data")?,
            body: body(reader, version, tee)?,
        })
    }
}

/// The body; version 5 says its type and length before it.
fn body(reader: &mut Reader<'_>, version: u16, tee: Tee) -> Result<Body, DecodeError> {
    let length = match (version, tee) {
        (5, _) => {
            let kind = reader.u16_le("body type")?;
            let length = reader.u32_le("body length")?;
            let expected = match (kind, tee) {
                (1, Tee::Sgx) => Some(ENCLAVE_REPORT_LENGTH),
                (2, Tee::Tdx) => Some(TD10_LENGTH),
                (3, Tee::Tdx) => Some(TD15_LENGTH),
                (4, Tee::Tdx) => Some(TD15EX_LENGTH),
                _ => None,
            };
            let found = usize::try_from(length).ok();
            expected.filter(|expected| Some(*expected) == found).ok_or(DecodeError::Body {
                tee,
                kind,
                length,
            })?
        }
        (_, Tee::Sgx) => ENCLAVE_REPORT_LENGTH,
        (_, Tee::Tdx) => TD10_LENGTH,
    };
    let bytes = reader.bytes("body", length)?;
    Ok(match tee {
        Tee::Sgx => Body::Enclave(Box::new(EnclaveReport::decode(bytes)?)),
        Tee::Tdx => Body::Td(Box::new(TdReport::decode(bytes)?)),
    })
}

/// The quoting enclave's report, its signature, its authentication data and the certification of its signer.
fn certified(reader: &mut Reader<'_>) -> Result<(QuotingEnclave, Certification), DecodeError> {
    let signed: [u8; ENCLAVE_REPORT_LENGTH] = reader.array("QE report")?;
    let signature = reader.array("QE report signature")?;
    let length = reader.u16_le("QE authentication data length")?;
    let auth_data = reader.bytes("QE authentication data", usize::from(length))?.to_vec();
    let kind = reader.u16_le("certification data type")?;
    let data = sized(reader, "certification data")?;
    let certification = match kind {
        1..=3 => Certification::Elsewhere { kind },
        5 => Certification::Chain(data.to_vec()),
        found => return Err(DecodeError::Certification { found, expected: "1, 2, 3 or 5" }),
    };
    let report = EnclaveReport::decode(&signed)?;
    Ok((QuotingEnclave { report, auth_data, signed, signature }, certification))
}

/// Bytes behind their own length of four bytes.
fn sized<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], ReadError> {
    let length = reader.u32_le(field)?;
    reader.bytes(field, usize::try_from(length).unwrap_or(usize::MAX))
}

/// The bytes of a quote from a file: `None` when it does not begin like one. Libraries hand out the whole buffer in
/// which the quote was made, so zero bytes after its end are cut off here; anything else that follows is kept, and
/// refused by [`Quote::decode`].
#[must_use]
pub fn quote_from_file(file: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(file);
    let vendor = file.get(12..28).is_some_and(|vendor| vendor == super::qe::INTEL_VENDOR_ID);
    if Front::decode(&mut reader).is_err() {
        // Intel's, and of a version or form that is not known: the decoder says why.
        return vendor.then(|| file.to_vec());
    }
    let Ok(length) = reader.u32_le("signature data") else { return Some(file.to_vec()) };
    let end = usize::try_from(length).ok().and_then(|length| reader.offset().checked_add(length));
    let (quote, padding) = end.and_then(|end| file.split_at_checked(end)).unwrap_or((file, &[]));
    let padded = padding.iter().all(|byte| *byte == 0);
    Some(if padded { quote.to_vec() } else { file.to_vec() })
}
