//! What can be fetched: a closed list. Nothing that evidence says is ever an address.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use sealroom_attestation::{
    gpu::ocsp::{self, Owner},
    snp::{Generation, Tcb, VekKind},
    tdx::{Fmspc, PckAuthority, Tee},
    transcript::sha256,
    x509::Certificate,
};

/// One thing that a vendor publishes, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// ASK or ASVK with the root above it.
    AmdChain {
        /// Of this generation.
        generation: Generation,
        /// Above which keys.
        kind: VekKind,
    },
    /// The root's revocation list.
    AmdList {
        /// Of this generation.
        generation: Generation,
    },
    /// The VCEK of one chip at one TCB.
    AmdKey {
        /// Of this generation.
        generation: Generation,
        /// The chip: 64 bytes, or 8 from Turin.
        hwid: Vec<u8>,
        /// The TCB that the report names.
        tcb: Tcb,
    },
    /// Intel's root's revocation list.
    IntelRootList,
    /// The revocation list of an authority above platforms.
    IntelList {
        /// Which.
        authority: PckAuthority,
    },
    /// TCB info of one model.
    TcbInfo {
        /// The environment.
        tee: Tee,
        /// The model.
        fmspc: Fmspc,
        /// Which track.
        update: Update,
    },
    /// The identity of the quoting enclave.
    QeIdentity {
        /// The environment.
        tee: Tee,
        /// Which track.
        update: Update,
    },
    /// A RIM of a driver, a VBIOS or a switch's BIOS.
    Rim {
        /// As NVIDIA's service names it.
        id: RimId,
    },
    /// The standing of one of NVIDIA's certificates.
    Standing(Standing),
}

impl Resource {
    /// The chains above it that do not come along with it.
    pub(super) fn chains(&self) -> Vec<Self> {
        let chain =
            |generation: &Generation, kind| Self::AmdChain { generation: *generation, kind };
        match self {
            Self::AmdKey { generation, .. } => vec![chain(generation, VekKind::Vcek)],
            // The root is above both.
            Self::AmdList { generation } => {
                [VekKind::Vcek, VekKind::Vlek].map(|kind| chain(generation, kind)).to_vec()
            }
            Self::AmdChain { .. }
            | Self::IntelRootList
            | Self::IntelList { .. }
            | Self::TcbInfo { .. }
            | Self::QeIdentity { .. }
            | Self::Rim { .. }
            | Self::Standing(_) => Vec::new(),
        }
    }
}

/// A certificate whose standing is asked for, and the one above it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub(super) subject: Arc<Certificate>,
    pub(super) issuer: Arc<Certificate>,
    pub(super) owner: Owner,
    /// What the responder is asked: serial, and digests of the issuer's name and key.
    pub(super) request: Vec<u8>,
}

impl Standing {
    pub(super) fn new(subject: &Arc<Certificate>, issuer: &Arc<Certificate>, owner: Owner) -> Self {
        let request = ocsp::request(subject, issuer);
        Self { subject: Arc::clone(subject), issuer: Arc::clone(issuer), owner, request }
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.subject.sha256, one.issuer.sha256, one.owner);
        key(self) == key(other)
    }
}

impl Eq for Standing {}

impl Hash for Standing {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.subject.sha256, self.issuer.sha256).hash(state);
    }
}

/// When Intel's documents count: with a recovery at once, or once platforms had time to follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Update {
    /// Once platforms had time.
    #[default]
    Standard,
    /// At once.
    Early,
}

impl Update {
    /// As the service spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
        }
    }
}

/// The id of a RIM: letters, digits, dots, hyphens and underscores, so that it is one part of a path and no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RimId(String);

/// The longest id that is asked for, bytes.
const LONGEST_ID: usize = 128;

impl RimId {
    /// Takes an id that is safe to ask for.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain);
        // Two dots would lead to another folder where a mirror is one.
        (fits && !id.contains("..")).then(|| Self(id.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of the environment in paths and in names.
pub(super) const fn tee_name(tee: Tee) -> &'static str {
    match tee {
        Tee::Sgx => "sgx",
        Tee::Tdx => "tdx",
    }
}

pub(super) const fn authority_name(authority: PckAuthority) -> &'static str {
    match authority {
        PckAuthority::Processor => "processor",
        PckAuthority::Platform => "platform",
    }
}

/// The stable name: of cache entries, of the ratchet, and for people.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmdChain { generation, kind } => write!(f, "amd/chain/{generation}/{kind}"),
            Self::AmdList { generation } => write!(f, "amd/crl/{generation}"),
            Self::AmdKey { generation, hwid, tcb } => {
                let (hwid, tcb) = (hex::encode(hwid), hex::encode(tcb.0));
                write!(f, "amd/vcek/{generation}/{hwid}/{tcb}")
            }
            Self::IntelRootList => f.write_str("intel/crl/root"),
            Self::IntelList { authority } => {
                write!(f, "intel/crl/{}", authority_name(*authority))
            }
            Self::TcbInfo { tee, fmspc, update } => {
                let (tee, fmspc) = (tee_name(*tee), hex::encode(fmspc.0));
                write!(f, "intel/tcb/{tee}/{fmspc}/{}", update.name())
            }
            Self::QeIdentity { tee, update } => {
                write!(f, "intel/qe/{}/{}", tee_name(*tee), update.name())
            }
            Self::Rim { id } => write!(f, "nvidia/rim/{}", id.0),
            Self::Standing(Standing { subject, issuer, .. }) => {
                // Names in certificates are their author's: both digests are the name.
                let pair = sha256(&[subject.sha256, issuer.sha256].concat());
                write!(f, "nvidia/ocsp/{}/{}", hex::encode(&subject.serial), hex::encode(pair))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_part_of_a_path() {
        let driver = "NV_GPU_DRIVER_GH100_550.90.07";
        assert_eq!(RimId::new(driver).expect("an id").as_str(), driver);
        for bad in ["", "..", "a/b", "a..b", "a?b", "a b", "é", "a%2e", &"a".repeat(129)] {
            assert_eq!(RimId::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_resource_has_a_name_of_its_own() {
        let (generation, kind) = (Generation::Genoa, VekKind::Vcek);
        let key = |tcb| Resource::AmdKey { generation, hwid: vec![1, 2], tcb: Tcb(tcb) };
        let info = |tee, update| Resource::TcbInfo { tee, fmspc: Fmspc([1; 6]), update };
        let all = [
            (Resource::AmdChain { generation, kind }, "amd/chain/Genoa/VCEK"),
            (Resource::AmdList { generation }, "amd/crl/Genoa"),
            (key([1, 2, 3, 4, 5, 6, 7, 8]), "amd/vcek/Genoa/0102/0102030405060708"),
            (Resource::IntelRootList, "intel/crl/root"),
            (Resource::IntelList { authority: PckAuthority::Platform }, "intel/crl/platform"),
            (info(Tee::Tdx, Update::Early), "intel/tcb/tdx/010101010101/early"),
            (info(Tee::Sgx, Update::Standard), "intel/tcb/sgx/010101010101/standard"),
            (
                Resource::QeIdentity { tee: Tee::Tdx, update: Update::Standard },
                "intel/qe/tdx/standard",
            ),
        ];
        for (resource, name) in all {
            assert_eq!(resource.to_string(), name);
        }
    }
}
