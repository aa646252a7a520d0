//! TCB information (PCS API v4, version 3 of the document), with the texts of the real one.

use super::levels::{IsvLevelSpec, SigningSpec, levels, verdict};
use super::text::{date, list, quoted, upper_hex};
use super::{Body, FakeTdx};

/// Everything in TCB information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbInfoSpec {
    /// "TDX" or "SGX".
    pub id: String,
    /// 3.
    pub version: u32,
    /// When it was issued.
    pub issued: u64,
    /// When the next one is due.
    pub next_update: u64,
    /// Which platforms.
    pub fmspc: [u8; 6],
    /// Which provisioning certification enclave.
    pub pce_id: [u8; 2],
    /// 0: the components are in the usual order.
    pub tcb_type: u8,
    /// Grows with every recovery.
    pub evaluation: u32,
    /// The first TDX module; none for SGX.
    pub module: Option<ModuleSpec>,
    /// Later TDX modules by version; none at all leaves the field out.
    pub identities: Vec<ModuleIdentitySpec>,
    /// Best first.
    pub levels: Vec<TcbLevelSpec>,
    /// Changes of the text, and who signs.
    pub signing: SigningSpec,
}

/// A TDX module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSpec {
    /// Who signed it; zero is Intel.
    pub mr_signer: [u8; 48],
    /// SEAM attributes.
    pub attributes: [u8; 8],
    /// Which of them count.
    pub mask: [u8; 8],
}

/// A TDX module of one version, with its levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleIdentitySpec {
    /// "TDX_01" and so on.
    pub id: String,
    /// Who signed it, with which attributes.
    pub module: ModuleSpec,
    /// Best first.
    pub levels: Vec<IsvLevelSpec>,
}

/// A level of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbLevelSpec {
    /// At least these SGX components.
    pub sgx: [u8; 16],
    /// At least this provisioning certification enclave.
    pub pce_svn: u16,
    /// At least these TDX components; none for SGX.
    pub tdx: Option<[u8; 16]>,
    /// When Intel set the level.
    pub date: u64,
    /// As Intel writes it.
    pub status: String,
    /// "INTEL-SA-00615" and so on.
    pub advisories: Vec<String>,
}

/// 2025-08-13, 2025-05-14, 2024-03-13 and 2018-01-04.
const DATES: [u64; 4] = [1_755_043_200, 1_747_180_800, 1_710_288_000, 1_515_024_000];

const INTELS: ModuleSpec = ModuleSpec { mr_signer: [0; 48], attributes: [0; 8], mask: [0xff; 8] };

impl TcbInfoSpec {
    pub(super) fn new(machine: &FakeTdx) -> Self {
        let tdx = machine.body != Body::Sgx;
        let (issued, next_update) = machine.issued;
        Self {
            id: if tdx { "TDX" } else { "SGX" }.to_owned(),
            version: 3,
            issued,
            next_update,
            fmspc: machine.fmspc,
            pce_id: [0; 2],
            tcb_type: 0,
            evaluation: machine.evaluation,
            module: tdx.then_some(INTELS),
            identities: if tdx { identities() } else { Vec::new() },
            levels: platform_levels(tdx),
            signing: SigningSpec::new(machine.vendor, machine.seed),
        }
    }

    /// The text that Intel signs, and both numbers of the signature.
    #[must_use]
    pub fn sign(&self) -> (String, Vec<u8>) {
        self.signing.sign(self.encode())
    }

    fn encode(&self) -> String {
        let module = self.module.as_ref().map(|m| format!(",\"tdxModule\":{{{}}}", m.encode()));
        let identities = list(self.identities.iter().map(ModuleIdentitySpec::encode));
        let identities = if identities.is_empty() {
            identities
        } else {
            format!(",\"tdxModuleIdentities\":[{identities}]")
        };
        format!(
            "{{\"id\":{},\"version\":{},\"issueDate\":{},\"nextUpdate\":{},\"fmspc\":\"{}\",\"pceId\":\"{}\",\
             \"tcbType\":{},\"tcbEvaluationDataNumber\":{}{}{identities},\"tcbLevels\":[{}]}}",
            quoted(&self.id),
            self.version,
            quoted(&date(self.issued)),
            quoted(&date(self.next_update)),
            upper_hex(&self.fmspc),
            upper_hex(&self.pce_id),
            self.tcb_type,
            self.evaluation,
            module.unwrap_or_default(),
            list(self.levels.iter().map(TcbLevelSpec::encode)),
        )
    }
}

impl ModuleSpec {
    fn encode(&self) -> String {
        format!(
            "\"mrsigner\":\"{}\",\"attributes\":\"{}\",\"attributesMask\":\"{}\"",
            upper_hex(&self.mr_signer),
            upper_hex(&self.attributes),
            upper_hex(&self.mask)
        )
    }
}

impl ModuleIdentitySpec {
    fn encode(&self) -> String {
        let (module, levels) = (self.module.encode(), levels(&self.levels));
        format!("{{\"id\":{},{module},\"tcbLevels\":[{levels}]}}", quoted(&self.id))
    }
}

impl TcbLevelSpec {
    fn encode(&self) -> String {
        let tdx = self.tdx.map_or(String::new(), |tdx| {
            format!(",\"tdxtcbcomponents\":[{}]", components(&tdx, &TDX_NAMES))
        });
        // SGX documents name no components.
        let names = if self.tdx.is_some() { &SGX_NAMES[..] } else { &[] };
        format!(
            "{{\"tcb\":{{\"sgxtcbcomponents\":[{}],\"pcesvn\":{}{tdx}}},{}}}",
            components(&self.sgx, names),
            self.pce_svn,
            verdict(self.date, &self.status, &self.advisories)
        )
    }
}

const SGX_NAMES: [(&str, &str); 8] = [
    ("BIOS", "Early Microcode Update"),
    ("OS/VMM", "SGX Late Microcode Update"),
    ("OS/VMM", "TXT SINIT"),
    ("BIOS", ""),
    ("BIOS", ""),
    ("BIOS", ""),
    ("", ""),
    ("OS/VMM", "SEAMLDR ACM"),
];
const TDX_NAMES: [(&str, &str); 3] =
    [("OS/VMM", "TDX Module"), ("OS/VMM", "TDX Module"), ("OS/VMM", "TDX Late Microcode Update")];

fn components(svns: &[u8; 16], names: &[(&str, &str)]) -> String {
    let member = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!(",\"{name}\":{}", quoted(value)),
    };
    list(svns.iter().enumerate().map(|(place, svn)| {
        let (category, kind) = names.get(place).copied().unwrap_or_default();
        format!("{{\"svn\":{svn}{}{}}}", member("category", category), member("type", kind))
    }))
}

fn first(start: &[u8]) -> [u8; 16] {
    std::array::from_fn(|place| start.get(place).copied().unwrap_or_default())
}

fn platform_levels(tdx: bool) -> Vec<TcbLevelSpec> {
    let level = |sgx: &[u8], pce_svn, microcode, date, status: &str, ids: &[&str]| TcbLevelSpec {
        sgx: first(sgx),
        pce_svn,
        tdx: tdx.then(|| first(&[5, 0, microcode])),
        date,
        status: status.to_owned(),
        advisories: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let [newest, newer, older, oldest] = DATES;
    let behind = ["INTEL-SA-01036", "INTEL-SA-01079"];
    let far_behind = ["INTEL-SA-00106", "INTEL-SA-00477"];
    vec![
        level(&[4, 4, 2, 2, 4, 1, 0, 5], 11, 4, newest, "UpToDate", &[]),
        level(&[3, 3, 2, 2, 4, 1, 0, 5], 11, 3, newer, "OutOfDate", &["INTEL-SA-01192"]),
        level(&[2, 2, 2, 2, 3, 1, 0, 5], 11, 2, older, "OutOfDate", &behind),
        level(&[2, 2, 2, 2, 3, 1, 0, 5], 5, 2, oldest, "OutOfDate", &far_behind),
    ]
}

fn identities() -> Vec<ModuleIdentitySpec> {
    let [newest, newer, older, _] = DATES;
    let behind = ["INTEL-SA-01192", "INTEL-SA-01245"];
    let identity =
        |id: &str, levels| ModuleIdentitySpec { id: id.to_owned(), module: INTELS, levels };
    vec![
        identity(
            "TDX_03",
            vec![
                IsvLevelSpec::new(5, newest, "UpToDate", &[]),
                IsvLevelSpec::new(3, newer, "OutOfDate", &behind),
            ],
        ),
        identity(
            "TDX_01",
            vec![
                IsvLevelSpec::new(11, newest, "UpToDate", &[]),
                IsvLevelSpec::new(6, newer, "OutOfDate", &behind),
                IsvLevelSpec::new(4, older, "OutOfDate", &["INTEL-SA-01036", "INTEL-SA-01192"]),
            ],
        ),
    ]
}
