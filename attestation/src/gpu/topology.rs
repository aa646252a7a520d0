//! Do these devices belong together?

use std::collections::BTreeSet;

use crate::case::{self, Case};
use crate::checks;
use crate::evidence::{GpuClass, GpuEntry};

use super::claims::GpuClaims;
use super::error::{SetError, TopologyError};
use super::fields::{Mode, Pdi, Toggle};
use super::set::MOST_DEVICES;

type Checked = case::Checked<SetError>;
type Mismatch = case::Mismatch<SetError>;

/// GPUs and switches of the one board that has switches which report.
const BOARD: (usize, usize) = (8, 4);

/// One device of a set, by the name under which its rows stand.
pub(super) struct Member {
    pub(super) label: String,
    pub(super) claims: GpuClaims,
}

impl Member {
    /// Its certificates say who it is.
    pub(super) fn is_known(&self) -> bool {
        self.pdi().is_some()
    }

    fn is_switch(&self) -> bool {
        self.claims.report.class == GpuClass::Ls10
    }

    /// By the identity key's certificate.
    fn pdi(&self) -> Option<Pdi> {
        self.claims.identity.as_ref().and_then(|identity| identity.pdi)
    }
}

/// The devices of a set, by what they are.
struct Members<'m> {
    all: &'m [Member],
    gpus: Vec<&'m Member>,
    switches: Vec<&'m Member>,
}

/// At least one GPU; with switches a whole board.
pub(super) fn count(entries: &[GpuEntry]) -> Checked {
    let switches = entries.iter().filter(|entry| entry.class == GpuClass::Ls10).count();
    let gpus = entries.len().saturating_sub(switches);
    let found = format!("{gpus} GPUs, {switches} switches");
    let together = gpus > 0 && (switches == 0 || (gpus, switches) == BOARD);
    if together && entries.len() <= MOST_DEVICES {
        return Ok(found);
    }
    let expected = format!("1 to {MOST_DEVICES} GPUs, or 8 GPUs and 4 switches");
    Err(Mismatch::new(TopologyError::Count { gpus, switches }, found, expected))
}

/// Every check of a whole set. Who names whom is compared only where each device is there once and is of the right kind.
pub(super) fn examine(case: &mut Case<SetError>, members: Option<&Vec<Member>>) {
    let members = members.map(|all| {
        let (switches, gpus) = all.iter().partition(|member| member.is_switch());
        Members { all, gpus, switches }
    });
    let all = members.as_ref();
    let unique = case.check_with(&checks::GPU_TOPOLOGY_UNIQUE, all, unique);
    let alike = case.check_with(&checks::GPU_TOPOLOGY_ARCHITECTURE, all, architecture);
    case.check_with(&checks::GPU_TOPOLOGY_NONCE, all, nonce);
    let all = all.filter(|_| unique && alike);
    let mode = case.check_with(&checks::GPU_TOPOLOGY_MODE, all, mode);
    let all = all.filter(|_| mode);
    case.check_with(&checks::GPU_TOPOLOGY_PPCIE, all, ppcie);
    case.check_with(&checks::GPU_TOPOLOGY_SWITCHES, all, switches);
    case.check_with(&checks::GPU_TOPOLOGY_GPUS, all, gpus);
}

/// No two devices have one attestation key, one serial number, or one number of their own.
fn unique(members: &Members<'_>) -> Checked {
    let names = |member: &Member| {
        let identity = member.claims.identity.as_ref();
        identity.map(|one| (one.key, one.serial.clone(), one.pdi))
    };
    for (place, second) in members.all.iter().enumerate() {
        let Some((key, serial, pdi)) = names(second) else { continue };
        let same = |first: &&Member| {
            names(first).is_some_and(|(other_key, other_serial, other_pdi)| {
                other_key == key || other_serial == serial || (pdi.is_some() && other_pdi == pdi)
            })
        };
        if let Some(first) = members.all.iter().take(place).find(same) {
            let (first, second) = (first.label.clone(), second.label.clone());
            return Err(Mismatch::because(
                TopologyError::Duplicate { first, second },
                "each device once",
            ));
        }
    }
    Ok(format!("{} different devices", members.all.len()))
}

/// One architecture; switches of HGX H100 boards stand between Hopper GPUs only.
fn architecture(members: &Members<'_>) -> Checked {
    let first = members.gpus.first().map(|gpu| gpu.claims.report.class);
    let expected = if members.switches.is_empty() { first } else { Some(GpuClass::Hopper) };
    let expected = expected.unwrap_or(GpuClass::Hopper);
    for gpu in &members.gpus {
        let found = gpu.claims.report.class;
        if found != expected {
            let device = gpu.label.clone();
            let error = TopologyError::Architecture { device, found, expected };
            return Err(Mismatch::because(error, format!("{expected:?}")));
        }
    }
    Ok(format!("{expected:?}"))
}

/// All answer one nonce.
fn nonce(members: &Members<'_>) -> Checked {
    let first = members.all.first().map(|member| member.claims.report.nonce).unwrap_or_default();
    match members.all.iter().find(|member| member.claims.report.nonce != first) {
        None => Ok(hex::encode(first)),
        Some(other) => {
            let error = TopologyError::Nonce { device: other.label.clone() };
            Err(Mismatch::because(error, hex::encode(first)))
        }
    }
}

/// All GPUs report one mode, or none does.
fn mode(members: &Members<'_>) -> Checked {
    let first = members.gpus.first().and_then(|gpu| gpu.claims.report.fields.mode);
    match members.gpus.iter().find(|gpu| gpu.claims.report.fields.mode != first) {
        None => Ok(first.map_or_else(|| "none is reported".to_owned(), |mode| format!("{mode:?}"))),
        Some(other) => {
            let error = TopologyError::Mode { device: other.label.clone() };
            Err(Mismatch::because(error, format!("{first:?}")))
        }
    }
}

/// With switches every GPU has protected PCIe on, and no switch says otherwise; without switches no GPU has it on.
fn ppcie(members: &Members<'_>) -> Checked {
    let switches = members.switches.len();
    for member in members.all {
        let fields = &member.claims.report.fields;
        let holds = match (fields.ppcie, fields.mode) {
            _ if switches == 0 => {
                fields.ppcie != Some(Toggle::On) && fields.mode != Some(Mode::ProtectedPcie)
            }
            (Some(Toggle::On), None | Some(Mode::ProtectedPcie)) => true,
            (None, None | Some(Mode::ProtectedPcie)) => member.is_switch(),
            _ => false,
        };
        if !holds {
            let device = member.label.clone();
            let found = match fields.ppcie {
                Some(Toggle::On) => "on",
                Some(Toggle::Off) => "off",
                None => "not reported",
            };
            let expected = if switches == 0 { "off" } else { "on" };
            let error = TopologyError::Ppcie { device, found, switches };
            return Err(Mismatch::because(error, expected));
        }
    }
    Ok(if switches == 0 { "off".to_owned() } else { "on".to_owned() })
}

/// Every GPU is connected to exactly these switches, by the numbers in the switches' certificates.
fn switches(members: &Members<'_>) -> Checked {
    let expected: BTreeSet<_> = members.switches.iter().filter_map(|one| one.pdi()).collect();
    if expected.is_empty() {
        return Ok("none".to_owned());
    }
    for gpu in &members.gpus {
        let links = gpu.claims.report.fields.gpu().and_then(|gpu| gpu.links);
        if named(links.as_ref().map(<[Pdi; 18]>::as_slice)) != expected {
            let device = gpu.label.clone();
            let error = TopologyError::Switches { device };
            return Err(Mismatch::because(error, shown(&expected)));
        }
    }
    Ok(shown(&expected))
}

/// Every switch is connected to exactly these GPUs, by the numbers in the GPUs' certificates.
fn gpus(members: &Members<'_>) -> Checked {
    let expected: BTreeSet<_> = members.gpus.iter().filter_map(|one| one.pdi()).collect();
    for switch in &members.switches {
        let gpus = switch.claims.report.fields.switch().and_then(|switch| switch.gpus);
        if named(gpus.as_ref().map(<[Pdi; 8]>::as_slice)) != expected {
            let device = switch.label.clone();
            return Err(Mismatch::because(TopologyError::Gpus { device }, shown(&expected)));
        }
    }
    let seen = if members.switches.is_empty() { "no switch names one" } else { "each switch" };
    Ok(format!("{seen}: {}", shown(&expected)))
}

/// The devices that another one names, but for links that are off.
fn named(pdis: Option<&[Pdi]>) -> BTreeSet<Pdi> {
    pdis.unwrap_or_default().iter().copied().filter(|pdi| *pdi != Pdi::NONE).collect()
}

fn shown(pdis: &BTreeSet<Pdi>) -> String {
    pdis.iter().map(Pdi::to_string).collect::<Vec<_>>().join(" ")
}
