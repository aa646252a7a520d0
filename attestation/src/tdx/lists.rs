//! Revocation: the root's list and the PCK authority's, as far as they were given.

use crate::checks::{self, Check};
use crate::time::UnixTime;
use crate::x509::{Certificate, Crl};

use super::claims::Revocation;
use super::error::CrlError;
use super::platform::Platform;
use super::statements::Statements;
use super::{Case, Mismatch, bindings};

/// The lists that count for this chain.
pub(super) struct Lists<'g> {
    pub(super) root: Vec<&'g Crl>,
    pub(super) pck: Vec<&'g Crl>,
}

impl Lists<'_> {
    pub(super) fn standing(&self) -> Revocation {
        match (self.root.is_empty(), self.pck.is_empty()) {
            (false, false) => Revocation::Checked,
            _ => Revocation::NotGiven,
        }
    }
}

pub(super) const ROOT_LIST: [&Check; 3] = [
    &checks::TDX_CRL_ROOT_VALIDITY,
    &checks::TDX_CRL_ROOT_REVOKED,
    &checks::TDX_CRL_ROOT_SIGNATURE,
];
pub(super) const PCK_LIST: [&Check; 3] =
    [&checks::TDX_CRL_PCK_VALIDITY, &checks::TDX_CRL_PCK_REVOKED, &checks::TDX_CRL_PCK_SIGNATURE];

/// Checks the lists that were given, before their signature.
pub(super) fn revocation<'g>(
    case: &mut Case,
    crls: &'g [Crl],
    platform: &Platform,
    statements: &Statements<'_>,
    now: UnixTime,
) -> Lists<'g> {
    let mut lists = Lists { root: Vec::new(), pck: Vec::new() };
    let Some([leaf, authority, root]) = platform.links() else {
        case.not_given(super::REVOCATION, "there is no chain whose certificates could be listed");
        return lists;
    };
    let by = |issuer: &Certificate| {
        crls.iter().filter(|crl| crl.issuer.der == issuer.subject.der).collect::<Vec<_>>()
    };
    lists = Lists { root: by(root), pck: by(authority) };
    let mut below = vec![root, authority];
    below.extend(statements.signers());
    for (found, issuer, certificates, [validity, revoked, signature]) in
        [(&lists.root, root, &below, ROOT_LIST), (&lists.pck, authority, &vec![leaf], PCK_LIST)]
    {
        if found.is_empty() {
            case.not_given(&[validity, revoked, signature], "no such list was given");
            foreign(case, crls, issuer, [root, authority]);
        }
        for crl in found {
            case.check(validity, bindings::crl_validity(crl, issuer, now));
            case.check(revoked, bindings::revoked(crl, certificates));
        }
    }
    lists
}

/// A list of somebody else's in place of the one that is needed looks like a check and is none.
fn foreign(case: &mut Case, crls: &[Crl], needed: &Certificate, issuers: [&Certificate; 2]) {
    let expected = needed.subject.shown();
    let foreign = |crl: &&Crl| issuers.iter().all(|one| crl.issuer.der != one.subject.der);
    if let Some(crl) = crls.iter().find(foreign) {
        let found = crl.issuer.shown().to_owned();
        let error = CrlError::Issuer { found: found.clone() };
        case.check(&checks::TDX_CRL_ISSUER, Err(Mismatch::new(error, found, expected)));
    }
}
