//! The policy's own dates: what it lets pass until one, and what it lets grow no older.

use sealroom_attestation::{UnixTime, gpu::GpuClaims, node::HardwareClaims};

use super::{Appraiser, Standing};
use crate::verdict::Claims;

/// The last second in which these rules accept what they accept now. Evidence has windows of its own.
pub(super) fn until(rules: &Appraiser<'_>, claims: &Claims) -> UnixTime {
    let later = |end: &UnixTime| Appraiser { at: end.plus(1), ..*rules };
    let dates = dates(rules, claims).into_iter().filter(|end| *end >= rules.at);
    let ends = dates.filter(|end| !accepts(&later(end), claims));
    ends.min().unwrap_or(UnixTime(u64::MAX))
}

fn accepts(rules: &Appraiser<'_>, claims: &Claims) -> bool {
    let ledger = rules.appraise(claims, Standing::Proven);
    !ledger.has_failed() && !ledger.has_missing()
}

/// Every second that is the last of something.
fn dates(rules: &Appraiser<'_>, claims: &Claims) -> Vec<UnixTime> {
    let Appraiser { policy, bulletins, .. } = rules;
    let mut dates: Vec<_> = policy.exceptions.iter().map(|one| one.until).collect();
    dates.extend(policy.snp.grace.values().map(|grace| grace.until));
    dates.extend(policy.tdx.grace.as_ref().map(|grace| grace.until));
    for window in bulletins.iter().map(|one| one.window) {
        dates.extend([window.until, UnixTime(window.from.0.saturating_sub(1))]);
        dates.extend(policy.bulletins.maximum_age.map(|most| window.from.plus(most)));
    }
    if let Some(HardwareClaims::Tdx(claims)) = claims.hardware() {
        let issued = claims.tcb.as_ref().map(|tcb| tcb.issued);
        dates.extend(issued.zip(policy.tdx.maximum_age).map(|(issued, most)| issued.plus(most)));
    }
    for device in devices(claims) {
        let (rims, responses) = (&device.compared, &device.endorsed.standings);
        if let Some(most) = policy.gpu.maximum_rim_age {
            dates.extend(rims.iter().map(|rim| rim.issued.plus(most)));
        }
        if let Some(most) = policy.gpu.maximum_ocsp_age {
            let produced = responses.iter().filter_map(|one| one.produced);
            dates.extend(produced.map(|produced| produced.plus(most)));
        }
    }
    dates
}

fn devices(claims: &Claims) -> &[GpuClaims] {
    match claims {
        Claims::Node(node) => node.gpus.as_ref().map_or(&[], |gpus| &gpus.devices),
        Claims::Gpu(gpu) => std::slice::from_ref(gpu),
        Claims::Bare(_) => &[],
    }
}
