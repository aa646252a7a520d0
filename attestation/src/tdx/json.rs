//! Intel's two signed documents, field by field: TCB info (version 3) and QE identity (version 2), of the Provisioning
//! Certification Service, version 4. A field that is not known is refused: it may be the one that matters.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::time::{UnixTime, Window};

/// The state of a TCB level, as Intel spells it. The two last are never in a document: they come out of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum TcbStatus {
    /// Everything is current.
    UpToDate,
    /// Current, and software in the environment must harden itself.
    SWHardeningNeeded,
    /// Current, and the platform's configuration must change.
    ConfigurationNeeded,
    /// Both.
    ConfigurationAndSWHardeningNeeded,
    /// Behind.
    OutOfDate,
    /// Behind, and the configuration must change too.
    OutOfDateConfigurationNeeded,
    /// Not to be trusted any more.
    Revoked,
    /// The TD was launched on a TCB that is behind; the TCB that runs now is not. Launching again helps.
    #[serde(skip)]
    RelaunchAdvised,
    /// The same, and the configuration must change.
    #[serde(skip)]
    RelaunchAdvisedConfigurationNeeded,
}

impl TcbStatus {
    /// As Intel spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SWHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSWHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::Revoked => "Revoked",
            Self::RelaunchAdvised => "TDRelaunchAdvised",
            Self::RelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
        }
    }

    /// True for the states that a TDX module's level can have.
    pub(super) const fn is_of_an_enclave(self) -> bool {
        matches!(self, Self::UpToDate | Self::OutOfDate | Self::Revoked)
    }
}

impl fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes in hexadecimal, either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(from)?;
        let mut bytes = [0; N];
        hex::decode_to_slice(&digits, &mut bytes).map_err(D::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// RFC 3339 in UTC.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
    let text = String::deserialize(from)?;
    UnixTime::from_rfc3339(&text).ok_or_else(|| D::Error::custom("a time is not RFC 3339 in UTC"))
}

/// Which environment a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum TcbInfoId {
    #[serde(rename = "SGX")]
    Sgx,
    #[serde(rename = "TDX")]
    Tdx,
}

/// TCB info, version 3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TcbInfo {
    pub(super) id: TcbInfoId,
    pub(super) version: u32,
    #[serde(deserialize_with = "time")]
    pub(super) issue_date: UnixTime,
    #[serde(deserialize_with = "time")]
    pub(super) next_update: UnixTime,
    pub(super) fmspc: Hex<6>,
    pub(super) pce_id: Hex<2>,
    pub(super) tcb_type: u32,
    pub(super) tcb_evaluation_data_number: u32,
    pub(super) tdx_module: Option<TdxModule>,
    #[serde(default)]
    pub(super) tdx_module_identities: Vec<ModuleIdentity>,
    /// Highest first, once they are given.
    pub(super) tcb_levels: Vec<PlatformLevel>,
}

impl TcbInfo {
    /// From its issue to its next update.
    pub(super) const fn window(&self) -> Window {
        Window { from: self.issue_date, until: self.next_update }
    }
}

/// Who signs the TDX module where its major version is 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TdxModule {
    pub(super) mrsigner: Hex<48>,
    pub(super) attributes: Hex<8>,
    pub(super) attributes_mask: Hex<8>,
}

/// One major version of the TDX module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ModuleIdentity {
    pub(super) id: String,
    pub(super) mrsigner: Hex<48>,
    pub(super) attributes: Hex<8>,
    pub(super) attributes_mask: Hex<8>,
    pub(super) tcb_levels: Vec<EnclaveLevel>,
}

/// A level of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PlatformLevel {
    pub(super) tcb: PlatformTcb,
    #[serde(deserialize_with = "time")]
    pub(super) tcb_date: UnixTime,
    pub(super) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(super) advisory_ids: Vec<String>,
}

/// The versions of a level.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformTcb {
    pub(super) sgxtcbcomponents: [Component; 16],
    pub(super) pcesvn: u16,
    pub(super) tdxtcbcomponents: Option<[Component; 16]>,
}

/// One version, with what Intel says it is of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) svn: u8,
    pub(super) category: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// A level of a quoting enclave or of a TDX module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct EnclaveLevel {
    pub(super) tcb: EnclaveTcb,
    #[serde(deserialize_with = "time")]
    pub(super) tcb_date: UnixTime,
    pub(super) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(super) advisory_ids: Vec<String>,
}

/// The version of a level.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnclaveTcb {
    pub(super) isvsvn: u16,
}

/// Which quoting enclave an identity is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum QeIdentityId {
    #[serde(rename = "QE")]
    Sgx,
    #[serde(rename = "TD_QE")]
    Tdx,
}

/// QE identity, version 2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct QeIdentity {
    pub(super) id: QeIdentityId,
    pub(super) version: u32,
    #[serde(deserialize_with = "time")]
    pub(super) issue_date: UnixTime,
    #[serde(deserialize_with = "time")]
    pub(super) next_update: UnixTime,
    pub(super) tcb_evaluation_data_number: u32,
    pub(super) miscselect: Hex<4>,
    pub(super) miscselect_mask: Hex<4>,
    pub(super) attributes: Hex<16>,
    pub(super) attributes_mask: Hex<16>,
    pub(super) mrsigner: Hex<32>,
    pub(super) isvprodid: u16,
    pub(super) tcb_levels: Vec<EnclaveLevel>,
}

impl QeIdentity {
    /// From its issue to its next update.
    pub(super) const fn window(&self) -> Window {
        Window { from: self.issue_date, until: self.next_update }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = r#"{"id":"TD_QE","version":2,"issueDate":"2026-01-01T00:00:00Z","nextUpdate":"2026-02-01T00:00:00Z","tcbEvaluationDataNumber":17,"miscselect":"00000000","miscselectMask":"FFFFFFFF","attributes":"11000000000000000000000000000000","attributesMask":"FBFFFFFFFFFFFFFF0000000000000000","mrsigner":"DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5","isvprodid":2,"tcbLevels":[{"tcb":{"isvsvn":4},"tcbDate":"2024-03-13T00:00:00Z","tcbStatus":"UpToDate"}]}"#;

    fn refused(text: &str) -> String {
        serde_json::from_str::<QeIdentity>(text)
            .expect_err("a document that is not known")
            .to_string()
    }

    #[test]
    fn reads_an_identity_and_refuses_what_it_does_not_know() {
        let identity: QeIdentity = serde_json::from_str(IDENTITY).expect("an identity");
        assert_eq!((identity.id, identity.isvprodid), (QeIdentityId::Tdx, 2));
        let unknown = refused(&IDENTITY.replace("\"version\":2,", "\"version\":2,\"more\":1,"));
        assert!(unknown.contains("unknown field `more`"), "{unknown}");
        let twice = refused(&IDENTITY.replace("\"version\":2,", "\"version\":2,\"version\":2,"));
        assert!(twice.contains("duplicate field `version`"), "{twice}");
        for invented in ["TDRelaunchAdvised", "RelaunchAdvised", "uptodate"] {
            let status = refused(&IDENTITY.replace("UpToDate", invented));
            assert!(status.contains("unknown variant"), "{status}");
        }
        let date = refused(&IDENTITY.replace("2026-02-01T00:00:00Z", "2026-02-30T00:00:00Z"));
        assert!(date.contains("RFC 3339"), "{date}");
    }
}
