//! All devices of one node together.

use std::sync::Arc;

use crate::case;
use crate::checks::{self, Check};
use crate::claims::{Refusal, Verified};
use crate::evidence::{GpuClass, GpuEntry};
use crate::time::UnixTime;
use crate::x509::Signatures;

use super::Case;
use super::chain::Presented;
use super::claims::GpuSet;
use super::compare::Compared;
use super::device::Device;
use super::endorsed::Endorsed;
use super::endorsements::Endorsements;
use super::error::{GpuError, SetError};
use super::known::{Known, stopped};
use super::topology::{self, Member};

/// More devices than one bundle has: work before the first signature is bounded.
pub const MOST_DEVICES: usize = 32;

/// The checks that every set of devices needs beside those of each device.
pub const TOPOLOGY: &[&Check] = &[
    &checks::GPU_TOPOLOGY_COUNT,
    &checks::GPU_TOPOLOGY_UNIQUE,
    &checks::GPU_TOPOLOGY_ARCHITECTURE,
    &checks::GPU_TOPOLOGY_NONCE,
    &checks::GPU_TOPOLOGY_MODE,
    &checks::GPU_TOPOLOGY_PPCIE,
    &checks::GPU_TOPOLOGY_SWITCHES,
    &checks::GPU_TOPOLOGY_GPUS,
];

/// One device, with the ledger of its own checks.
struct Part {
    label: String,
    class: GpuClass,
    case: Case,
    device: Option<Device>,
    compared: Option<Vec<Compared>>,
}

impl Known {
    /// Verifies each device as [`Known::verify`] does, and that they belong together: each there once, all for one
    /// nonce, of one architecture and mode, and with switches exactly the GPUs and switches that name each other. Every
    /// row about one device names it.
    ///
    /// The caller has established nothing, and must still appraise the claims: which architecture and how many devices
    /// are wanted, and why they belong to the CPU in question.
    ///
    /// # Errors
    /// The first reason against, every check that ran and those that did not, and what the devices claim.
    pub fn verify_set(
        &self,
        entries: &[GpuEntry],
        nonce: Option<&[u8; 32]>,
        now: UnixTime,
    ) -> Result<Verified<GpuSet>, Box<Refusal<SetError, GpuSet>>> {
        let mut all = case::Case::new(|missing| SetError::Undecided { missing });

        // 1. A number of devices that can stand together, before any of them costs work.
        if !all.check(&checks::GPU_TOPOLOGY_COUNT, topology::count(entries)) {
            all.stopped_before(TOPOLOGY);
            return all.refuse().map_err(Box::new);
        }

        // 2. Each device, but for signatures.
        let presented: Vec<_> = entries.iter().map(|entry| Presented::read(&entry.chain)).collect();
        let mut parts: Vec<_> = labels(entries.iter().map(|entry| entry.class))
            .zip(entries.iter().zip(&presented))
            .map(|(label, (entry, presented))| {
                let mut case = Case::new(|missing| GpuError::Undecided { missing });
                let device = self.examine(&mut case, entry, presented, nonce, now);
                Part { label, class: entry.class, case, device, compared: None }
            })
            .collect();

        // 3. Each device's signatures; after the first that does not verify there is no more work. Shared authorities are
        //    verified once.
        let genuine = signatures(&mut parts, &self.signatures);

        // 4. What NVIDIA says of such devices beside, verified once for all of them.
        let endorsed = match genuine {
            true => endorsed(&mut parts, &mut all, self, nonce, now),
            false => not_reached(&mut all, &self.endorsements),
        };

        // 5. The devices are different ones that belong together.
        let whole = parts.len();
        let closed = |part| closed(part, &mut all, &endorsed);
        let members: Vec<_> = parts.into_iter().filter_map(closed).collect();
        let complete = members.len() == whole;
        let known = complete && members.iter().all(Member::is_known);
        topology::examine(&mut all, known.then_some(&members));
        let devices = members.into_iter().map(|member| member.claims).collect();
        all.conclude(GpuSet::new(devices), complete).map_err(Box::new)
    }
}

/// "GPU 0" and so on, "switch 0" and so on, by what each entry says it is.
pub(super) fn labels(classes: impl Iterator<Item = GpuClass>) -> impl Iterator<Item = String> {
    let (mut gpus, mut switches) = (0_u32.., 0_u32..);
    classes.map(move |class| {
        let (word, numbers) = match class {
            GpuClass::Hopper | GpuClass::Blackwell => ("GPU", &mut gpus),
            GpuClass::Ls10 => ("switch", &mut switches),
        };
        format!("{word} {}", numbers.next().unwrap_or_default())
    })
}

/// Says whether every device's hold.
fn signatures(parts: &mut [Part], memory: &Signatures) -> bool {
    let mut hold = true;
    for Part { class, case, device, .. } in &mut *parts {
        match device {
            Some(device) if hold => hold = device.signatures(case, memory),
            _ => stopped(case, *class),
        }
    }
    hold && parts.iter().all(|part| part.device.is_some())
}

/// Rows about what was given stand under this name, and rows of its comparison under the device's.
const ENDORSEMENTS: &str = "endorsements";

fn endorsed(
    parts: &mut [Part],
    all: &mut case::Case<SetError>,
    known: &Known,
    nonce: Option<&[u8; 32]>,
    now: UnixTime,
) -> Arc<Endorsed> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    let devices: Vec<_> = parts.iter().filter_map(|part| part.device.as_ref()).collect();
    let endorsed = Endorsed::examine(&mut case, known, &devices, nonce, now);
    append(all, ENDORSEMENTS, case);
    for Part { case, device, compared, .. } in parts {
        *compared = device.as_ref().map(|one| one.compare_with(case, &endorsed.rims));
    }
    endorsed
}

fn not_reached(all: &mut case::Case<SetError>, endorsements: &Endorsements) -> Arc<Endorsed> {
    let mut case = Case::new(|missing| GpuError::Undecided { missing });
    super::endorsed::not_reached(&mut case, endorsements);
    append(all, ENDORSEMENTS, case);
    Arc::default()
}

fn append(all: &mut case::Case<SetError>, label: &str, case: Case) {
    let (ledger, error) = case.into_parts();
    let named = |reason| SetError::Device { device: label.to_owned(), reason: Box::new(reason) };
    all.append_as(label, ledger, error.map(named));
}

/// The device's rows join the others under its label, and its first reason with them.
fn closed(part: Part, all: &mut case::Case<SetError>, endorsed: &Arc<Endorsed>) -> Option<Member> {
    let Part { label, case, device, compared, .. } = part;
    append(all, &label, case);
    let claims = device?.claims(compared.unwrap_or_default(), endorsed);
    Some(Member { label, claims })
}
