//! What Intel signs about platforms, as plain data, from wherever it came.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::x509::{self, Certificate, Crl, PemError};

/// The longest signed document that is read.
pub const LONGEST_DOCUMENT: usize = 256 * 1024;

/// A JSON document with Intel's signature over exactly these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDocument {
    /// The document as it was signed.
    pub body: Vec<u8>,
    /// R and S, as bytes.
    pub signature: Vec<u8>,
}

/// Certificates, lists and documents, in any order. Nothing is trusted for where it came from or how it was
/// labelled: each is known by what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsements {
    /// PCK certificate, PCK CA, TCB signing certificate, root, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// The root's list and the PCK CA's, in DER.
    pub crls: Vec<Vec<u8>>,
    /// TCB info, for SGX or TDX.
    pub tcb_infos: Vec<SignedDocument>,
    /// QE identity, for SGX or TDX.
    pub qe_identities: Vec<SignedDocument>,
}

/// Why JSON is no collateral.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollateralError {
    /// Not JSON, or not one of the known documents.
    #[error("neither TCB info, nor QE identity, nor a collateral file: {0}")]
    Json(String),
    /// Broken PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Not hexadecimal.
    #[error("{field} is not hexadecimal")]
    Hex {
        /// Which field.
        field: &'static str,
    },
}

/// TCB info as the Provisioning Certification Service sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbInfoFile<'a> {
    #[serde(borrow, rename = "tcbInfo")]
    body: &'a RawValue,
    signature: String,
}

/// QE identity as the Provisioning Certification Service sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QeIdentityFile<'a> {
    #[serde(borrow, rename = "enclaveIdentity")]
    body: &'a RawValue,
    signature: String,
}

/// Everything for one quote in one file: the form of the DCAP quote verification library.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollateralFile {
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
    pck_crl: String,
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
    qe_identity_issuer_chain: String,
    qe_identity: String,
    qe_identity_signature: String,
    pck_certificate_chain: Option<String>,
}

impl SignedDocument {
    fn new(body: &str, signature: &str, field: &'static str) -> Result<Self, CollateralError> {
        Ok(Self { body: body.as_bytes().to_vec(), signature: digits(signature, field)? })
    }
}

impl Endorsements {
    /// Adds another set.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.crls.extend(other.crls);
        self.tcb_infos.extend(other.tcb_infos);
        self.qe_identities.extend(other.qe_identities);
    }

    /// Takes what a JSON file holds: TCB info or QE identity with its signature, or one file with all of a quote's
    /// collateral. The signed bytes are kept as they stand; nothing is written anew.
    ///
    /// # Errors
    /// When the file is none of these.
    pub fn from_json(text: &str) -> Result<Self, CollateralError> {
        // Which one it is shows before it is read: an attempt that fails costs more than one that does not.
        if text.contains("\"pck_crl\"")
            && let Ok(file) = serde_json::from_str::<CollateralFile>(text)
        {
            return file.endorsements();
        }
        let mut found = Self::default();
        if let Ok(file) = serde_json::from_str::<TcbInfoFile<'_>>(text) {
            let signed = SignedDocument::new(file.body.get(), &file.signature, "signature")?;
            found.tcb_infos.push(signed);
        } else if let Ok(file) = serde_json::from_str::<QeIdentityFile<'_>>(text) {
            let signed = SignedDocument::new(file.body.get(), &file.signature, "signature")?;
            found.qe_identities.push(signed);
        } else {
            let file: CollateralFile = serde_json::from_str(text)
                .map_err(|error| CollateralError::Json(error.to_string()))?;
            found = file.endorsements()?;
        }
        Ok(found)
    }

    /// Adds a certificate or a revocation list in DER when it is signed the way Intel signs. Says whether it was.
    pub fn add_der(&mut self, der: &[u8]) -> bool {
        let intel = x509::Algorithm::EcdsaSha256;
        if Certificate::decode(der).is_ok_and(|certificate| certificate.algorithm == intel) {
            self.certificates.push(der.to_vec());
        } else if Crl::decode(der).is_ok_and(|crl| crl.algorithm == intel) {
            self.crls.push(der.to_vec());
        } else {
            return false;
        }
        true
    }
}

impl CollateralFile {
    fn endorsements(self) -> Result<Endorsements, CollateralError> {
        let chains = [
            Some(&self.pck_crl_issuer_chain),
            Some(&self.tcb_info_issuer_chain),
            Some(&self.qe_identity_issuer_chain),
            self.pck_certificate_chain.as_ref(),
        ];
        let mut certificates: Vec<Vec<u8>> = Vec::new();
        for chain in chains.into_iter().flatten() {
            // Some tools keep the zero that ends a string in C.
            for block in x509::blocks(chain.trim_end_matches('\0'))? {
                if !certificates.contains(&block.der) {
                    certificates.push(block.der);
                }
            }
        }
        let crls =
            vec![digits(&self.root_ca_crl, "root_ca_crl")?, digits(&self.pck_crl, "pck_crl")?];
        let tcb_info =
            SignedDocument::new(&self.tcb_info, &self.tcb_info_signature, "tcb_info_signature")?;
        let signature = &self.qe_identity_signature;
        let identity = SignedDocument::new(&self.qe_identity, signature, "qe_identity_signature")?;
        Ok(Endorsements {
            certificates,
            crls,
            tcb_infos: vec![tcb_info],
            qe_identities: vec![identity],
        })
    }
}

fn digits(text: &str, field: &'static str) -> Result<Vec<u8>, CollateralError> {
    let mut bytes = vec![0; text.len() / 2];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| CollateralError::Hex { field })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_signed_bytes_as_they_stand() {
        let text = r#"{ "tcbInfo" : {"b": 1,  "a":[ 2 ]} , "signature":"0aFF" }"#;
        let found = Endorsements::from_json(text).expect("TCB info");
        let [signed] = &found.tcb_infos[..] else { panic!("{found:?}") };
        assert_eq!(signed.body, br#"{"b": 1,  "a":[ 2 ]}"#);
        assert_eq!(signed.signature, [0x0a, 0xff]);
        let found = Endorsements::from_json(r#"{"enclaveIdentity":{},"signature":""}"#);
        assert_eq!(found.expect("an identity").qe_identities.len(), 1);
    }

    #[test]
    fn refuses_other_json_and_broken_fields_by_name() {
        let refused = |text| Endorsements::from_json(text).expect_err("no collateral");
        assert!(matches!(refused("{}"), CollateralError::Json(_)));
        assert!(matches!(refused("hello"), CollateralError::Json(_)));
        let odd = refused(r#"{"tcbInfo":{},"signature":"0"}"#);
        assert_eq!(odd, CollateralError::Hex { field: "signature" });
        let more = refused(r#"{"tcbInfo":{},"signature":"","also":1}"#);
        assert!(matches!(more, CollateralError::Json(_)));
    }
}
