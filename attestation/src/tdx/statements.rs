//! Intel's two documents about a platform, and what they say of its quoting enclave, module and versions.

use std::sync::Arc;

use crate::checks::{self, Check};
use crate::time::UnixTime;
use crate::x509::Certificate;

use super::bindings::{self, ModuleRule};
use super::body::TeeTcbSvn;
use super::error::TcbError;
use super::given::{Document, Given};
use super::json::{QeIdentity, TcbInfo, TcbStatus};
use super::pck::PckExtensions;
use super::platform::Platform;
use super::quote::Quote;
use super::tcb::{self, TcbClaims, Versions};
use super::{Case, Checked, Mismatch, qe};

/// Intel's two documents, and the certificates that signed them.
pub(super) struct Statements<'g> {
    pub(super) tcb_info: Option<&'g Document<TcbInfo>>,
    pub(super) qe_identity: Option<&'g Document<QeIdentity>>,
    pub(super) tcb_signer: Option<Arc<Certificate>>,
    pub(super) qe_signer: Option<Arc<Certificate>>,
}

impl<'g> Statements<'g> {
    pub(super) fn examine(
        case: &mut Case,
        given: &'g Given,
        quote: &Quote,
        platform: &Platform,
        now: UnixTime,
    ) -> Self {
        let tcb_info = given.tcb_info(quote.tee, platform.pck());
        let info = tcb_info.map(|document| &document.value);
        present(case, &checks::TDX_TCB_INFO_PRESENT, info.map(|info| info.issue_date));
        case.check_with(&checks::TDX_TCB_INFO_KIND, info, |info| {
            bindings::tcb_info_kind(info, quote.tee)
        });
        case.check_with(&checks::TDX_TCB_INFO_PLATFORM, info.zip(platform.pck()), |(info, pck)| {
            bindings::platform(info, pck)
        });
        case.check_with(&checks::TDX_TCB_INFO_VALIDITY, info, |info| {
            bindings::document_validity("TCB info", info.window(), now)
        });
        let qe_identity = given.qe_identity(quote.tee);
        let identity = qe_identity.map(|document| &document.value);
        present(case, &checks::TDX_QE_IDENTITY_PRESENT, identity.map(|one| one.issue_date));
        case.check_with(&checks::TDX_QE_IDENTITY_KIND, identity, |identity| {
            bindings::qe_identity_kind(identity, quote.tee)
        });
        case.check_with(&checks::TDX_QE_IDENTITY_VALIDITY, identity, |identity| {
            bindings::document_validity("QE identity", identity.window(), now)
        });
        let tcb_signer = tcb_info.and_then(|document| given.signer(document));
        let qe_signer = qe_identity.and_then(|document| given.signer(document));
        let statements = Self { tcb_info, qe_identity, tcb_signer, qe_signer };
        statements.examine_signers(case, platform, now);
        statements
    }

    fn examine_signers(&self, case: &mut Case, platform: &Platform, now: UnixTime) {
        let needed = [&self.tcb_signer, &self.qe_signer];
        if needed.into_iter().all(Option::is_some) {
            case.check(&checks::TDX_SIGNER_PRESENT, Ok("for both documents".to_owned()));
        } else {
            case.missing(&checks::TDX_SIGNER_PRESENT, "a document or its signer was not given");
        }
        let signers = self.signers();
        if signers.is_empty() {
            for check in [&checks::TDX_SIGNER_CHAIN, &checks::TDX_SIGNER_VALIDITY] {
                case.missing(check, "no signer was given");
            }
            return;
        }
        for signer in signers {
            case.check_with(&checks::TDX_SIGNER_CHAIN, platform.root(), |root| {
                bindings::signer(signer, root)
            });
            let validity = bindings::validity([signer], now);
            case.check(&checks::TDX_SIGNER_VALIDITY, validity);
        }
    }

    /// The signers' certificates, each once, for the claims.
    pub(super) fn signer_certificates(&self) -> Vec<Arc<Certificate>> {
        let both = [self.tcb_signer.as_ref(), self.qe_signer.as_ref()];
        let mut signers: Vec<_> = both.into_iter().flatten().cloned().collect();
        signers.dedup();
        signers
    }

    /// The signers, each once.
    pub(super) fn signers(&self) -> Vec<&Certificate> {
        let both = [self.tcb_signer.as_deref(), self.qe_signer.as_deref()];
        let mut signers: Vec<_> = both.into_iter().flatten().collect();
        signers.dedup();
        signers
    }

    pub(super) fn appraise_qe(&self, case: &mut Case, quote: &Quote) {
        let identity = self.qe_identity.map(|document| &document.value);
        let mut check = |check, run: fn(&Quote, &QeIdentity) -> Checked| {
            case.check_with(check, identity, |identity| run(quote, identity));
        };
        check(&checks::TDX_QE_SIGNER, qe::signer);
        check(&checks::TDX_QE_PRODUCT, qe::product);
        check(&checks::TDX_QE_MISCSELECT, qe::misc_select);
        check(&checks::TDX_QE_ATTRIBUTES, qe::attributes);
        check(&checks::TDX_QE_LEVEL, qe::level);
    }

    /// From major version 1 on a module has an identity of its own; before, one rule serves all.
    pub(super) fn appraise_module(&self, case: &mut Case, quote: &Quote) {
        let Some(td) = quote.body.td() else { return };
        let info = self.tcb_info.map(|document| &document.value);
        let present = td.td15.as_ref().map(|td15| td15.tee_tcb_svn2);
        let svns: Vec<_> = [Some(td.tee_tcb_svn), present].into_iter().flatten().collect();
        case.check_with(&checks::TDX_MODULE_IDENTITY, info, |info| identities(info, &svns));
        let rule = info.and_then(|info| module_rule(info, td.tee_tcb_svn));
        case.check_with(&checks::TDX_MODULE_SIGNER, rule.as_ref(), |rule| {
            rule.signer(td.mr_signer_seam.0)
        });
        case.check_with(&checks::TDX_MODULE_ATTRIBUTES, rule.as_ref(), |rule| {
            rule.attributes(td.seam_attributes)
        });
        case.check_with(&checks::TDX_MODULE_LEVEL, info, |info| module_levels(info, &svns));
    }

    pub(super) fn appraise_tcb(
        &self,
        case: &mut Case,
        quote: &Quote,
        platform: &Platform,
    ) -> Option<TcbClaims> {
        let td = quote.body.td();
        let info = self.tcb_info.map(|document| &document.value);
        let fitting = info.zip(platform.pck());
        case.check_with(&checks::TDX_TCB_LEVEL, fitting, |(info, pck)| {
            let present = td.and_then(|td| td.td15.as_ref()).map(|td15| td15.tee_tcb_svn2);
            platform_levels(info, pck, td.map(|td| td.tee_tcb_svn), present)
        });
        let qe_svn = quote.qe.report.isv_svn;
        let identity = self.qe_identity.map(|document| &document.value);
        let both = fitting.zip(identity);
        let found = both.and_then(|((info, pck), one)| tcb::claims(info, one, pck, td, qe_svn));
        case.check_with(&checks::TDX_TCB_REVOKED, found.as_ref(), not_revoked);
        found
    }
}

fn present(case: &mut Case, check: &'static Check, issued: Option<UnixTime>) {
    match issued {
        Some(issued) => {
            case.check(check, Ok(format!("issued {issued}")));
        }
        None => case.missing(check, "no such document was given"),
    }
}

/// The identity of every module version that has one.
fn identities(info: &TcbInfo, svns: &[TeeTcbSvn]) -> Checked {
    let ids: Vec<_> = svns.iter().filter_map(|svn| tcb::module_id(*svn)).collect();
    match ids.iter().find(|id| tcb::module(info, id).is_none()) {
        Some(id) => {
            let known = info.tdx_module_identities.iter().map(|one| one.id.as_str());
            let expected = known.collect::<Vec<_>>().join(" or ");
            Err(Mismatch::new(TcbError::Module { id: id.clone() }, id, expected))
        }
        None if ids.is_empty() => Ok("major version 0".to_owned()),
        None => Ok(ids.join(", ")),
    }
}

fn module_rule(info: &TcbInfo, svn: TeeTcbSvn) -> Option<ModuleRule> {
    let (mrsigner, attributes, mask) = match tcb::module_id(svn) {
        Some(id) => {
            let one = tcb::module(info, &id)?;
            (one.mrsigner.0, one.attributes.0, one.attributes_mask.0)
        }
        None => {
            let one = info.tdx_module.as_ref()?;
            (one.mrsigner.0, one.attributes.0, one.attributes_mask.0)
        }
    };
    Some(ModuleRule { mrsigner, attributes, mask })
}

/// Every module version reaches a level of its identity.
fn module_levels(info: &TcbInfo, svns: &[TeeTcbSvn]) -> Checked {
    let mut found = Vec::new();
    for svn in svns {
        let Some(id) = tcb::module_id(*svn) else { continue };
        let has = svn.module_svn();
        // A module without an identity is refused by the check of identities.
        let Some(levels) = tcb::module(info, &id).map(|one| &one.tcb_levels) else { continue };
        match tcb::enclave_level(levels, u16::from(has)) {
            Some(level) => found.push(format!("{id} {has}: {}", level.tcb_status)),
            None => {
                let least = levels.iter().map(|level| level.tcb.isvsvn).min();
                let expected = least.map_or("a level".to_owned(), |svn| format!("at least {svn}"));
                let error = TcbError::ModuleLevel { id: id.clone(), found: has };
                return Err(Mismatch::new(error, format!("{id} {has}"), expected));
            }
        }
    }
    Ok(if found.is_empty() { "judged with the platform".to_owned() } else { found.join(", ") })
}

/// The platform reaches a level, at launch and now.
fn platform_levels(
    info: &TcbInfo,
    pck: &PckExtensions,
    launch: Option<TeeTcbSvn>,
    present: Option<TeeTcbSvn>,
) -> Checked {
    let mut found = Vec::new();
    let svns = [Some(launch), present.map(Some)];
    for tee in svns.into_iter().flatten() {
        let versions = Versions { pck, tee };
        match tcb::platform(info, &versions) {
            Some(level) => found.push(format!("{} of {}", level.tcb_status, level.tcb_date)),
            None => {
                let behind = tcb::lowest_shortfall(info, &versions);
                let shortfall =
                    behind.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let error = TcbError::Level { shortfall: shortfall.clone() };
                return Err(Mismatch::new(error, shortfall, "at least the lowest level"));
            }
        }
    }
    Ok(found.join(", now "))
}

fn not_revoked(tcb: &TcbClaims) -> Checked {
    let module = tcb.module.as_ref().map(|level| level.status);
    let parts = [
        ("platform", Some(tcb.platform.status)),
        ("TDX module", module),
        ("quoting enclave", Some(tcb.qe.status)),
        ("present TCB", tcb.current),
    ];
    match parts.into_iter().find(|(_, status)| *status == Some(TcbStatus::Revoked)) {
        Some((part, _)) => Err(Mismatch::because(TcbError::Revoked { part }, "not revoked")),
        None => Ok(tcb.status.to_string()),
    }
}
