//! Bulletins: what they add to the policy, and whether one that is needed is there.

use std::borrow::Cow;

use sealroom_attestation::{Ledger, checks};

use super::Appraiser;
use crate::policy::{Bulletin, Need, Policy};

/// The policy with every bulletin that was issued by then. One whose time is over says no longer that its lists are
/// whole; what it denies stays denied.
pub(super) fn apply<'a>(appraiser: &Appraiser<'a>, ledger: &mut Ledger) -> Cow<'a, Policy> {
    let Appraiser { policy, bulletins, at } = *appraiser;
    let issued = bulletins.iter().filter(|one| one.window.from <= at);
    let tightened =
        issued.fold(Cow::Borrowed(policy), |policy, one| Cow::Owned(policy.tightened(one)));
    let most = policy.bulletins.maximum_age;
    let young = |one: &Bulletin| most.is_none_or(|most| at <= one.window.from.plus(most));
    let mut current = bulletins.iter().filter(|one| one.window.contains(at) && young(one));
    let check = &checks::POLICY_BULLETIN;
    match (current.next(), policy.bulletins.need) {
        (Some(first), _) => {
            ledger.pass(check, shown(first));
            current.for_each(|one| ledger.pass(check, shown(one)));
        }
        (None, Need::Required) => ledger.missing(check, absent(bulletins)),
        (None, Need::IfGiven) => ledger.not_given(check, absent(bulletins)),
    }
    tightened
}

fn shown(bulletin: &Bulletin) -> String {
    let Bulletin { publisher, sequence, window, .. } = bulletin;
    format!("{publisher} {sequence}, issued {}, until {}", window.from, window.until)
}

fn absent(bulletins: &[Bulletin]) -> String {
    if bulletins.is_empty() {
        return "none was given".to_owned();
    }
    let shown: Vec<_> = bulletins.iter().map(shown).collect();
    format!("none that was given is current: {}", shown.join("; "))
}
