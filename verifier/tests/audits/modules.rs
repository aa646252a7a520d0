//! TDX modules and service domains, by every field that can name one.

use sealroom_forge::{FakeTdx, tdx::Body};

use crate::scene::{accepts, judged, policy, refuses, tdx, tdx_trust};

fn judge(chip: FakeTdx) -> sealroom_verifier::Verdict {
    judged(tdx_trust(&chip.sign(), policy("", "")))
}

fn svn(start: [u8; 3]) -> [u8; 16] {
    let mut svn = [0; 16];
    svn[..3].copy_from_slice(&start);
    svn
}

/// TCB info names the signer of modules of version 0 in a place of its own.
#[test]
fn a_module_of_any_version_has_intels_signer_and_attributes() {
    let graced = "[tdx]\nstatuses = [\"UpToDate\", \"OutOfDate\"]";
    for version in [0, 1] {
        let module = || tdx().tee_tcb_svn(svn([5, version, 4]));
        let judge = |chip: FakeTdx| judged(tdx_trust(&chip.sign(), policy("", graced)));
        accepts(&judge(module()));
        refuses(&judge(module().mr_signer_seam([1; 48])), "tdx.module.mrsigner");
        for bit in 0..64 {
            let attributes = (1_u64 << bit).to_le_bytes();
            let verdict = judge(module().seam_attributes(attributes));
            refuses(&verdict, "tdx.module.attributes");
        }
    }
}

/// Bits 0 to 7 make a domain untrusted. Of the others those without a name may get any meaning in a later module.
#[test]
fn each_of_the_64_attributes_has_its_own_answer() {
    for bit in 0..64 {
        let verdict = judge(tdx().attributes((1_u64 << 28 | 1 << bit).to_le_bytes()));
        match bit {
            0 => refuses(&verdict, "tdx.td.debug"),
            4..=6 => refuses(&verdict, "tdx.td.profiling"),
            29 => refuses(&verdict, "tdx.td.migratable"),
            16 | 27 | 28 | 30 | 31 | 62 | 63 => accepts(&verdict),
            _ => refuses(&verdict, "tdx.td.reserved"),
        }
    }
    refuses(&judge(tdx().attributes([0; 8])), "tdx.td.sept_ve_disable");
}

/// A domain that may move this one is named at launch, or bound later: an extended report has three places for it.
#[test]
fn a_service_domain_is_refused_wherever_it_is_named() {
    for (body, places) in [(Body::Td15, &[600][..]), (Body::Td15Ex, &[600, 729, 829])] {
        let machine = || tdx().quote(5, body);
        accepts(&judge(machine()));
        for place in places {
            let verdict = judge(machine().field(*place, &[1]));
            refuses(&verdict, "tdx.td.service_td");
        }
    }
}
