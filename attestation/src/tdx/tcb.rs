//! Which TCB level a platform has: matching, the module's level merged with the platform's, relaunch, and what is
//! behind (Intel SGX and TDX Provisioning Certification Service, "Enumerating TCB levels").

use std::fmt;

use crate::time::UnixTime;

use super::body::{TdReport, TeeTcbSvn};
use super::json::{
    Component, EnclaveLevel, ModuleIdentity, PlatformLevel, QeIdentity, TcbInfo, TcbStatus,
};
use super::pck::PckExtensions;

/// One level that was found, with what Intel says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its status.
    pub status: TcbStatus,
    /// The date of the level: faults that were published before it are mended.
    pub date: UnixTime,
    /// What is wrong with it: Intel's advisories.
    pub advisories: Vec<String>,
}

/// What a version is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// SGX TCB component, counted from 1.
    Sgx(u8),
    /// TDX TCB component, counted from 1.
    Tdx(u8),
    /// The provisioning certification enclave.
    Pce,
    /// The TDX module, by its identity.
    Module(String),
    /// The quoting enclave.
    QuotingEnclave,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sgx(number) => write!(f, "SGX component {number}"),
            Self::Tdx(number) => write!(f, "TDX component {number}"),
            Self::Pce => f.write_str("PCE SVN"),
            Self::Module(id) => write!(f, "{id} ISV SVN"),
            Self::QuotingEnclave => f.write_str("QE ISV SVN"),
        }
    }
}

/// One version that is behind: what it is, what it must be, and what the operator updates for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which version.
    pub part: Part,
    /// As it is.
    pub has: u16,
    /// As the newest level has it.
    pub needs: u16,
    /// What Intel says the component is and who updates it; empty where it does not say.
    pub update: String,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, needs {}", self.part, self.has, self.needs)?;
        if self.update.is_empty() { Ok(()) } else { write!(f, " ({})", self.update) }
    }
}

/// Every level of one platform, and all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbClaims {
    /// Platform, module and quoting enclave together, relaunch considered.
    pub status: TcbStatus,
    /// The platform's level at launch.
    pub platform: Level,
    /// The TDX module's level at launch, where its version has one.
    pub module: Option<Level>,
    /// Platform and module as they are now: TD reports of version 1.5 say.
    pub current: Option<TcbStatus>,
    /// The quoting enclave's level.
    pub qe: Level,
    /// Every advisory, each once.
    pub advisories: Vec<String>,
    /// What is behind the newest levels.
    pub shortfall: Vec<Shortfall>,
    /// tcbEvaluationDataNumber of TCB info.
    pub evaluation_number: u32,
    /// tcbEvaluationDataNumber of QE identity.
    pub qe_evaluation_number: u32,
    /// The earlier issue date of TCB info and QE identity.
    pub issued: UnixTime,
    /// The oldest date of the levels that count.
    pub date: UnixTime,
}

/// The versions that are matched.
#[derive(Clone, Copy)]
pub(super) struct Versions<'a> {
    pub(super) pck: &'a PckExtensions,
    pub(super) tee: Option<TeeTcbSvn>,
}

impl Versions<'_> {
    /// What lies below a level. With a module version above 0 the first two TDX components are the module's own, and
    /// its identity judges them.
    fn behind(&self, level: &PlatformLevel) -> Vec<Shortfall> {
        let sgx = self.pck.components.iter().zip(&level.tcb.sgxtcbcomponents);
        let sgx = (1_u8..).zip(sgx).map(|(number, pair)| (Part::Sgx(number), pair));
        let tee = self.tee.map(|svn| svn.0).unwrap_or_default();
        let skipped = match self.tee {
            Some(svn) if svn.module_version() > 0 => 2,
            _ => 0,
        };
        let tdx = level.tcb.tdxtcbcomponents.as_ref().filter(|_| self.tee.is_some());
        let tdx = (1_u8..).zip(tee.iter().zip(tdx.into_iter().flatten())).skip(skipped);
        let tdx = tdx.map(|(number, pair)| (Part::Tdx(number), pair));
        let mut behind: Vec<_> =
            sgx.chain(tdx).filter_map(|(part, (has, c))| short(part, *has, c)).collect();
        if self.pck.pce_svn < level.tcb.pcesvn {
            let (has, needs) = (self.pck.pce_svn, level.tcb.pcesvn);
            behind.push(Shortfall { part: Part::Pce, has, needs, update: String::new() });
        }
        behind
    }

    /// True when every version is at the level or above. A level for TDX has TDX components.
    fn reach(&self, level: &PlatformLevel) -> bool {
        let complete = self.tee.is_none() || level.tcb.tdxtcbcomponents.is_some();
        complete && self.behind(level).is_empty()
    }
}

fn short(part: Part, has: u8, component: &Component) -> Option<Shortfall> {
    if has >= component.svn {
        return None;
    }
    let named = [component.kind.as_deref(), component.category.as_deref()];
    let update = named.into_iter().flatten().collect::<Vec<_>>().join(", ");
    Some(Shortfall { part, has: u16::from(has), needs: u16::from(component.svn), update })
}

/// Puts levels into the order in which they are tried, highest first whatever their order in the document, as Intel's
/// library does.
pub(super) fn highest_first(levels: &mut [PlatformLevel]) {
    let versions = |components: &[Component; 16]| components.each_ref().map(|one| one.svn);
    levels.sort_by_cached_key(|level| {
        let tdx = level.tcb.tdxtcbcomponents.as_ref().map(versions);
        std::cmp::Reverse((versions(&level.tcb.sgxtcbcomponents), level.tcb.pcesvn, tdx))
    });
}

/// The highest level that the platform reaches.
pub(super) fn platform<'a>(
    info: &'a TcbInfo,
    versions: &Versions<'_>,
) -> Option<&'a PlatformLevel> {
    info.tcb_levels.iter().find(|level| versions.reach(level))
}

/// What keeps a platform from the lowest level.
pub(super) fn lowest_shortfall(info: &TcbInfo, versions: &Versions<'_>) -> Vec<Shortfall> {
    info.tcb_levels.last().map(|level| versions.behind(level)).unwrap_or_default()
}

/// The name of a module identity: `TDX_` and the major version in two hexadecimal digits; none for version 0.
pub(super) fn module_id(svn: TeeTcbSvn) -> Option<String> {
    let version = svn.module_version();
    (version > 0).then(|| format!("TDX_{version:02X}"))
}

/// The identity of a module's major version.
pub(super) fn module<'a>(info: &'a TcbInfo, id: &str) -> Option<&'a ModuleIdentity> {
    info.tdx_module_identities.iter().find(|identity| identity.id == id)
}

/// The highest level that a version reaches.
pub(super) fn enclave_level(levels: &[EnclaveLevel], svn: u16) -> Option<&EnclaveLevel> {
    let reached = levels.iter().filter(|level| level.tcb.isvsvn <= svn);
    reached.max_by_key(|level| level.tcb.isvsvn)
}

/// Every level that was found for one quote.
pub(super) struct Levels<'a> {
    pub(super) platform: &'a PlatformLevel,
    pub(super) module: Option<&'a EnclaveLevel>,
}

impl<'a> Levels<'a> {
    /// Platform and module for one TEE_TCB_SVN; `None` where one of them has no level.
    pub(super) fn find(info: &'a TcbInfo, versions: &Versions<'_>) -> Option<Self> {
        let platform = platform(info, versions)?;
        let module = match versions.tee.and_then(|svn| Some((svn, module_id(svn)?))) {
            None => None,
            Some((svn, id)) => {
                let levels = &module(info, &id)?.tcb_levels;
                Some(enclave_level(levels, u16::from(svn.module_svn()))?)
            }
        };
        Some(Self { platform, module })
    }

    /// The platform's status with the module's merged in.
    pub(super) fn status(&self) -> TcbStatus {
        let platform = self.platform.tcb_status;
        self.module.map_or(platform, |module| platform.with(module.tcb_status))
    }
}

impl From<&PlatformLevel> for Level {
    fn from(level: &PlatformLevel) -> Self {
        let advisories = level.advisory_ids.clone();
        Self { status: level.tcb_status, date: level.tcb_date, advisories }
    }
}

impl From<&EnclaveLevel> for Level {
    fn from(level: &EnclaveLevel) -> Self {
        let advisories = level.advisory_ids.clone();
        Self { status: level.tcb_status, date: level.tcb_date, advisories }
    }
}

/// Everything the documents say about one platform. `None` where some part has no level.
pub(super) fn claims(
    info: &TcbInfo,
    identity: &QeIdentity,
    pck: &PckExtensions,
    td: Option<&TdReport>,
    qe_svn: u16,
) -> Option<TcbClaims> {
    let launch = Versions { pck, tee: td.map(|td| td.tee_tcb_svn) };
    let levels = Levels::find(info, &launch)?;
    let qe = Level::from(enclave_level(&identity.tcb_levels, qe_svn)?);
    let present = td.and_then(|td| td.td15.as_ref()).map(|td15| Some(td15.tee_tcb_svn2));
    let present = present.map(|tee| Levels::find(info, &Versions { pck, tee }));
    let present = match present {
        Some(None) => return None,
        Some(Some(levels)) => Some(levels),
        None => None,
    };
    let current = present.as_ref().map(|levels| levels.status().with(qe.status));
    let at_launch = levels.status().with(qe.status);
    let status = current.map_or(at_launch, |current| at_launch.relaunched(current));
    let (platform, module) = (Level::from(levels.platform), levels.module.map(Level::from));
    let parts = [Some(&platform), module.as_ref(), Some(&qe)];
    let mut advisories: Vec<String> = Vec::new();
    for advisory in parts.into_iter().flatten().flat_map(|level| &level.advisories) {
        if !advisories.contains(advisory) {
            advisories.push(advisory.clone());
        }
    }
    Some(TcbClaims {
        status,
        current,
        advisories,
        shortfall: shortfall(info, identity, &launch, qe_svn),
        evaluation_number: info.tcb_evaluation_data_number,
        qe_evaluation_number: identity.tcb_evaluation_data_number,
        issued: info.issue_date.min(identity.issue_date),
        date: parts.into_iter().flatten().map(|level| level.date).min()?,
        platform,
        module,
        qe,
    })
}

/// What is behind the newest level of each part.
fn shortfall(
    info: &TcbInfo,
    identity: &QeIdentity,
    launch: &Versions<'_>,
    qe_svn: u16,
) -> Vec<Shortfall> {
    let mut behind = info.tcb_levels.first().map(|level| launch.behind(level)).unwrap_or_default();
    let module = launch.tee.and_then(|svn| Some((svn.module_svn(), module_id(svn)?)));
    if let Some((has, id)) = module {
        let levels = module_levels(info, &id);
        let update = "TDX module".to_owned();
        behind.extend(below_newest(Part::Module(id), levels, u16::from(has), update));
    }
    let update = "quoting enclave".to_owned();
    behind.extend(below_newest(Part::QuotingEnclave, &identity.tcb_levels, qe_svn, update));
    behind
}

fn module_levels<'a>(info: &'a TcbInfo, id: &str) -> &'a [EnclaveLevel] {
    module(info, id).map_or(&[], |identity| &identity.tcb_levels)
}

fn below_newest(
    part: Part,
    levels: &[EnclaveLevel],
    has: u16,
    update: String,
) -> Option<Shortfall> {
    let needs = levels.iter().map(|level| level.tcb.isvsvn).max()?;
    (has < needs).then_some(Shortfall { part, has, needs, update })
}
