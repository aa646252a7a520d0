//! Who can touch the machine: only the policy's list of hosts can say so.

use sealroom_attestation::{Ledger, checks, node::HardwareClaims, snp::Chip};

use crate::policy::{Host, Physical, Policy};

pub(super) fn physical(policy: &Policy, hardware: &HardwareClaims, ledger: &mut Ledger) {
    let found = policy.hosts.iter().find(|(_, host)| is(host, hardware));
    let tier = found.map_or(Physical::Unknown, |(_, host)| host.physical);
    let shown = match found {
        Some((name, _)) => format!("{tier:?}: {name}"),
        None => "nothing is known about who can touch this machine".to_owned(),
    };
    let (check, least) = (&checks::POLICY_PHYSICAL, policy.minimum_physical);
    match (tier, least) {
        (Physical::Unknown, Physical::Unknown) => ledger.not_given(check, shown),
        _ => {
            ledger.require(check, tier >= least, shown, format!("at least {least:?}"));
        }
    }
}

/// Whether this hardware is one of that host's. A chip that only a VLEK's owner names is nobody's.
fn is(host: &Host, hardware: &HardwareClaims) -> bool {
    match hardware {
        HardwareClaims::Snp(claims) => match claims.chip() {
            Chip::Bound(chip) => host.chips.contains(chip),
            Chip::Stated(_) | Chip::Unknown => false,
        },
        HardwareClaims::Tdx(claims) => claims.pck.as_ref().is_some_and(|pck| {
            let ids = [Some(pck.extensions.ppid), pck.extensions.platform_instance_id];
            ids.into_iter().flatten().any(|id| host.platforms.contains(&id))
        }),
    }
}
