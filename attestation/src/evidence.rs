//! The evidence bundle: everything a node can show, as bytes that travel and as a struct.
//!
//! The bundle keeps the exact bytes of everything that is hashed or signed; nothing is verified here.

use crate::{
    cbor::{CborError, Item, Source, Writer},
    digests::TreeHash,
    transcript::Transcript,
};

/// The media type of an encoded bundle.
pub const MEDIA_TYPE: &str = "application/vnd.sealroom.evidence+cbor";

/// The most GPU entries in one bundle.
pub const MAX_GPUS: u64 = 32;

const MAX_REPORT: usize = 16 * 1024;
const MAX_CERTIFICATES: usize = 32 * 1024;
const MAX_EVENT_LOG: usize = 256 * 1024;
const MAX_GPU: usize = 32 * 1024;
const MAX_PATH: u64 = 17;

/// What a node shows. See the wire specification, section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The exact bytes of the statement.
    pub statement: Vec<u8>,
    /// What the CPU signed, with what travels beside it.
    pub hardware: Hardware,
    /// What each GPU and switch signed.
    pub gpus: Vec<GpuEntry>,
    /// `application/ohttp-keys`: the current key configurations, exact bytes.
    pub kem_keys: Vec<u8>,
    /// The exact bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The exact bytes of the configuration.
    pub config: Vec<u8>,
    /// What ties the statement to a session.
    pub binder: Binder,
}

/// What a CPU shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hardware {
    /// AMD SEV-SNP.
    Snp {
        /// The attestation report.
        report: Vec<u8>,
        /// The certificate table that the host provided.
        certificates: Option<Vec<u8>>,
    },
    /// Intel TDX.
    Tdx {
        /// The quote.
        quote: Vec<u8>,
        /// The CC event log (CCEL).
        event_log: Option<Vec<u8>>,
    },
    /// SEV-SNP under Azure's paravisor: the report covers a vTPM, the vTPM covers the statement.
    AzureVtpm {
        /// The host compatibility layer's report.
        hcl: Vec<u8>,
        /// TPMS_ATTEST.
        attest: Vec<u8>,
        /// The attestation key's signature over it.
        signature: Vec<u8>,
        /// Certificates of the chip.
        certificates: Vec<u8>,
    },
}

/// What one GPU or switch shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuEntry {
    /// 1 Hopper, 2 Blackwell, 3 LS10.
    pub class: GpuClass,
    /// The SPDM measurement report.
    pub report: Vec<u8>,
    /// The certificate chain, PEM.
    pub chain: Vec<u8>,
}

/// A family of devices with one report layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuClass {
    /// GH100.
    Hopper = 1,
    /// GB100 and its kin.
    Blackwell = 2,
    /// The NVSwitch of HGX H100 boards.
    Ls10 = 3,
}

/// What ties the statement to one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binder {
    /// Nothing: cached evidence, for lists and audits.
    None,
    /// The attested identity's signature over the session.
    Signature([u8; 64]),
    /// The session's place in the tree whose root the quote covers.
    Path {
        /// The leaf's place, from 0.
        index: u64,
        /// The audit path from the bottom.
        path: Vec<TreeHash>,
    },
}

impl GpuEntry {
    /// `H("sealroom/1 gpus", entries..)`, the statement's field 8; `None` without entries.
    #[must_use]
    pub fn digest(entries: &[Self]) -> Option<[u8; 32]> {
        if entries.is_empty() {
            return None;
        }
        let begin = Transcript::new("sealroom/1 gpus");
        let entries = entries.iter().map(Item::encode);
        Some(entries.fold(begin, |transcript, entry| transcript.part(&entry)).sha256())
    }
}

impl Item for Bundle {
    const NAME: &'static str = "evidence bundle";
    const LIMIT: usize = 1024 * 1024;

    fn write(&self, out: &mut Writer) {
        out.map(8).number(1).number(1).number(2).bytes(&self.statement);
        self.hardware.write(out.number(3));
        out.number(4).array(self.gpus.len());
        for gpu in &self.gpus {
            gpu.write(out);
        }
        out.number(5).bytes(&self.kem_keys).number(6).bytes(&self.manifest);
        out.number(7).bytes(&self.config);
        self.binder.write(out.number(8));
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(8)?;
        from.version()?;
        let statement = keyed(from, 2, "statement", crate::statement::Statement::LIMIT)?;
        from.key(3)?;
        let hardware = Hardware::read(from)?;
        from.key(4)?;
        let count = from.array()?;
        if count > MAX_GPUS {
            return Err(from.unsupported("GPU entries", count));
        }
        let gpus = (0..count).map(|_| GpuEntry::read(from)).collect::<Result<_, _>>()?;
        let kem_keys = keyed(from, 5, "key configurations", MAX_CERTIFICATES)?;
        let manifest = keyed(from, 6, "manifest", crate::manifest::Manifest::LIMIT)?;
        let config = keyed(from, 7, "configuration", crate::manifest::Configuration::LIMIT)?;
        from.key(8)?;
        let binder = Binder::read(from)?;
        Ok(Self { statement, hardware, gpus, kem_keys, manifest, config, binder })
    }
}

fn keyed(
    from: &mut Source<'_>,
    key: u64,
    item: &'static str,
    limit: usize,
) -> Result<Vec<u8>, CborError> {
    from.key(key)?;
    bounded(from, item, limit)
}

/// A byte string, copied only after its length was compared with the limit.
fn bounded(from: &mut Source<'_>, item: &'static str, limit: usize) -> Result<Vec<u8>, CborError> {
    let bytes = from.bytes()?;
    let found = bytes.len();
    if found > limit { Err(CborError::TooLong { item, found, limit }) } else { Ok(bytes.to_vec()) }
}

impl Hardware {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Snp { report, certificates } => {
                out.array(3).number(1).bytes(report).optional_bytes(certificates.as_deref())
            }
            Self::Tdx { quote, event_log } => {
                out.array(3).number(2).bytes(quote).optional_bytes(event_log.as_deref())
            }
            Self::AzureVtpm { hcl, attest, signature, certificates } => {
                out.array(5).number(3).bytes(hcl).bytes(attest).bytes(signature).bytes(certificates)
            }
        };
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        let length = from.array()?;
        match (from.number()?, length) {
            (1, 3) => {
                let report = bounded(from, "SNP report", MAX_REPORT)?;
                let table =
                    |from: &mut Source<'_>| bounded(from, "certificate table", MAX_CERTIFICATES);
                Ok(Self::Snp { report, certificates: from.optional(table)? })
            }
            (2, 3) => {
                let quote = bounded(from, "TDX quote", MAX_REPORT)?;
                let log = |from: &mut Source<'_>| bounded(from, "event log", MAX_EVENT_LOG);
                Ok(Self::Tdx { quote, event_log: from.optional(log)? })
            }
            (3, 5) => Ok(Self::AzureVtpm {
                hcl: bounded(from, "HCL report", MAX_REPORT)?,
                attest: bounded(from, "TPMS_ATTEST", MAX_REPORT)?,
                signature: bounded(from, "vTPM signature", MAX_REPORT)?,
                certificates: bounded(from, "certificates", MAX_CERTIFICATES)?,
            }),
            (kind, _) => Err(from.unsupported("hardware", kind)),
        }
    }
}

impl Item for GpuEntry {
    const NAME: &'static str = "GPU entry";
    const LIMIT: usize = MAX_GPU;

    fn write(&self, out: &mut Writer) {
        out.map(3).number(1).number(self.class as u64);
        out.number(2).bytes(&self.report).number(3).bytes(&self.chain);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(3)?;
        from.key(1)?;
        let class = match from.number()? {
            1 => GpuClass::Hopper,
            2 => GpuClass::Blackwell,
            3 => GpuClass::Ls10,
            class => return Err(from.unsupported("GPU class", class)),
        };
        let report = keyed(from, 2, "GPU report", MAX_GPU)?;
        let chain = keyed(from, 3, "GPU certificates", MAX_GPU.saturating_sub(report.len()))?;
        Ok(Self { class, report, chain })
    }
}

impl Binder {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::None => {
                out.null();
            }
            Self::Signature(signature) => {
                out.array(2).number(1).bytes(signature);
            }
            Self::Path { index, path } => {
                out.array(3).number(2).number(*index).array(path.len());
                for hash in path {
                    out.bytes(&hash.0);
                }
            }
        }
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        if from.null()? {
            return Ok(Self::None);
        }
        let length = from.array()?;
        match (from.number()?, length) {
            (1, 2) => Ok(Self::Signature(from.array_of()?)),
            (2, 3) => {
                let index = from.number()?;
                let count = from.array()?;
                if count > MAX_PATH {
                    return Err(from.unsupported("audit path length", count));
                }
                let hashes = (0..count).map(|_| from.array_of().map(TreeHash));
                Ok(Self::Path { index, path: hashes.collect::<Result<_, _>>()? })
            }
            (kind, _) => Err(from.unsupported("binder", kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Bundle {
        Bundle {
            statement: vec![1; 10],
            hardware: Hardware::Snp { report: vec![2; 1184], certificates: None },
            gpus: Vec::new(),
            kem_keys: vec![3; 50],
            manifest: vec![4; 60],
            config: vec![5; 7],
            binder: Binder::None,
        }
    }

    fn survives(bundle: &Bundle) {
        assert_eq!(Bundle::decode(&bundle.encode()).as_ref(), Ok(bundle));
    }

    #[test]
    fn survives_its_own_encoding_in_every_shape() {
        survives(&example());
        survives(&Bundle { binder: Binder::Signature([6; 64]), ..example() });
        let path = vec![TreeHash([7; 32]); 3];
        survives(&Bundle { binder: Binder::Path { index: 5, path }, ..example() });
        let quote = Hardware::Tdx { quote: vec![8; 20], event_log: Some(vec![9; 30]) };
        survives(&Bundle { hardware: quote, ..example() });
        let (hcl, attest, signature, certificates) = (vec![1], vec![2], vec![3], vec![4]);
        let azure = Hardware::AzureVtpm { hcl, attest, signature, certificates };
        survives(&Bundle { hardware: azure, ..example() });
        let gpu = GpuEntry { class: GpuClass::Ls10, report: vec![1], chain: vec![2] };
        survives(&Bundle { gpus: vec![gpu; 32], ..example() });
    }

    #[test]
    fn refuses_what_is_over_a_limit_by_name_and_accepts_what_is_at_it() {
        let certificates = |size| {
            let hardware =
                Hardware::Snp { report: vec![0; 1184], certificates: Some(vec![0; size]) };
            Bundle { hardware, ..example() }
        };
        survives(&certificates(MAX_CERTIFICATES));
        let bytes = certificates(MAX_CERTIFICATES + 1).encode();
        let (item, found, limit) = ("certificate table", MAX_CERTIFICATES + 1, MAX_CERTIFICATES);
        assert_eq!(Bundle::decode(&bytes), Err(CborError::TooLong { item, found, limit }));
    }

    #[test]
    fn refuses_one_hash_too_many_in_a_path() {
        let path = |length| {
            let path = vec![TreeHash([7; 32]); length];
            Bundle { binder: Binder::Path { index: 0, path }, ..example() }
        };
        survives(&path(17));
        let (field, found) = ("audit path length", 18);
        let refused = CborError::Unsupported { item: "evidence bundle", field, found };
        assert_eq!(Bundle::decode(&path(18).encode()), Err(refused));
    }

    #[test]
    fn refuses_one_gpu_too_many() {
        let gpu = GpuEntry { class: GpuClass::Hopper, report: Vec::new(), chain: Vec::new() };
        let bytes = Bundle { gpus: vec![gpu; 33], ..example() }.encode();
        let refused =
            CborError::Unsupported { item: "evidence bundle", field: "GPU entries", found: 33 };
        assert_eq!(Bundle::decode(&bytes), Err(refused));
    }

    #[test]
    fn a_length_of_4_gib_is_refused_without_memory_for_it() {
        let mut bytes = vec![0xa8, 1, 1, 2, 0x5a, 0xff, 0xff, 0xff, 0xff];
        bytes.extend([0; 64]);
        let error = Bundle::decode(&bytes).expect_err("a declared length far past the end");
        let (item, reason) = ("evidence bundle", "a byte string");
        assert!(
            matches!(error, CborError::Malformed { item: i, reason: r, .. } if i == item && r == reason)
        );
    }

    #[test]
    fn the_gpu_digest_follows_the_order_of_the_entries() {
        let gpu = |report| GpuEntry { class: GpuClass::Hopper, report, chain: Vec::new() };
        let with = |entries: Vec<_>| GpuEntry::digest(&entries);
        assert_eq!(with(Vec::new()), None);
        assert_ne!(with(vec![gpu(vec![1]), gpu(vec![2])]), with(vec![gpu(vec![2]), gpu(vec![1])]));
    }
}
