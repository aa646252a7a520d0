//! TCB levels: platform, TDX module and quoting enclave, each alone and all of them together.

use sealroom_attestation::tdx::{Part, TcbError, TcbStatus};
use sealroom_forge::tdx::{IsvLevelSpec, TcbInfoSpec};
use sealroom_forge::{Body, FakeTdx};

use crate::scene::{Row, accepts, fake, refuses, row};

fn svn(start: [u8; 3]) -> [u8; 16] {
    let mut svn = [0; 16];
    svn[..3].copy_from_slice(&start);
    svn
}

fn platform(status: &'static str) -> impl Fn(&mut TcbInfoSpec) + Send + Sync {
    move |info| info.levels[0].status = status.to_owned()
}

fn td15() -> FakeTdx {
    fake().quote(5, Body::Td15)
}

pub(crate) fn rows() -> Vec<Row> {
    let revoked =
        |info: &mut TcbInfoSpec| info.identities[1].levels[0].status = "Revoked".to_owned();
    let sgx = || fake().quote(3, Body::Sgx);
    let signer = |info: &mut TcbInfoSpec| info.identities[1].module.mr_signer = [1; 48];
    let masked = |info: &mut TcbInfoSpec| info.identities[1].module.mask = [0; 8];
    vec![
        row(
            "tdx.module.identity",
            fake().tee_tcb_svn(svn([5, 3, 4])),
            fake().tee_tcb_svn(svn([5, 2, 4])),
        ),
        row("tdx.module.identity", td15(), td15().tee_tcb_svn2(svn([11, 2, 4]))),
        row("tdx.module.mrsigner", fake(), fake().mr_signer_seam([1; 48])),
        row(
            "tdx.module.mrsigner",
            fake().tcb_info(signer).mr_signer_seam([1; 48]),
            fake().tcb_info(signer),
        ),
        row("tdx.module.attributes", fake(), fake().seam_attributes([1, 0, 0, 0, 0, 0, 0, 0])),
        row(
            "tdx.module.attributes",
            fake().tcb_info(masked),
            fake().tcb_info(masked).seam_attributes([1, 0, 0, 0, 0, 0, 0, 0]),
        ),
        row(
            "tdx.module.level",
            fake().tee_tcb_svn(svn([4, 1, 4])),
            fake().tee_tcb_svn(svn([3, 1, 4])),
        ),
        row("tdx.module.level", td15(), td15().tee_tcb_svn2(svn([3, 1, 4]))),
        row(
            "tdx.tcb.level",
            fake().sgx(|sgx| sgx.components[0] = 2),
            fake().sgx(|sgx| sgx.components[0] = 1),
        ),
        row("tdx.tcb.level", fake().sgx(|sgx| sgx.pce_svn = 5), fake().sgx(|sgx| sgx.pce_svn = 4)),
        row(
            "tdx.tcb.level",
            fake().tee_tcb_svn(svn([11, 1, 2])),
            fake().tee_tcb_svn(svn([11, 1, 1])),
        ),
        row("tdx.tcb.level", td15(), td15().tee_tcb_svn2(svn([11, 1, 1]))),
        // Version 0 of the module has no identity: its components count with the platform's.
        row(
            "tdx.tcb.level",
            fake().tee_tcb_svn(svn([5, 0, 4])),
            fake().tee_tcb_svn(svn([4, 0, 4])),
        ),
        row("tdx.tcb.level", sgx(), sgx().sgx(|sgx| sgx.components[7] = 4)),
        row("tdx.tcb.revoked", fake(), fake().tcb_info(platform("Revoked"))),
        row("tdx.tcb.revoked", fake(), fake().tcb_info(revoked)),
        row(
            "tdx.tcb.revoked",
            fake(),
            fake().qe_identity(|one| one.levels[0].status = "Revoked".to_owned()),
        ),
        row("tdx.tcb.revoked", sgx(), sgx().tcb_info(platform("Revoked"))),
    ]
}

#[test]
fn each_level_that_is_not_reached_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn says_which_level_was_not_reached() {
    let id = "TDX_02".to_owned();
    let other = fake().tee_tcb_svn(svn([5, 2, 4]));
    refuses(other, "tdx.module.identity", TcbError::Module { id });
    let error = TcbError::ModuleLevel { id: "TDX_01".to_owned(), found: 3 };
    refuses(fake().tee_tcb_svn(svn([3, 1, 4])), "tdx.module.level", error);
    let shortfall = "PCE SVN is 4, needs 5".to_owned();
    refuses(fake().sgx(|sgx| sgx.pce_svn = 4), "tdx.tcb.level", TcbError::Level { shortfall });
    let part = "TDX module";
    let revoked =
        |info: &mut TcbInfoSpec| info.identities[1].levels[0].status = "Revoked".to_owned();
    refuses(fake().tcb_info(revoked), "tdx.tcb.revoked", TcbError::Revoked { part });
}

#[test]
fn merges_the_status_of_platform_module_and_quoting_enclave() {
    use TcbStatus::{
        ConfigurationAndSWHardeningNeeded, ConfigurationNeeded, OutOfDate,
        OutOfDateConfigurationNeeded, SWHardeningNeeded, UpToDate,
    };
    let behind = |fake: FakeTdx| fake.tee_tcb_svn(svn([6, 1, 4]));
    let old_qe = |fake: FakeTdx| fake.qe_report(258, &[1]);
    let all = [
        ("UpToDate", UpToDate, OutOfDate),
        ("SWHardeningNeeded", SWHardeningNeeded, OutOfDate),
        ("ConfigurationNeeded", ConfigurationNeeded, OutOfDateConfigurationNeeded),
        (
            "ConfigurationAndSWHardeningNeeded",
            ConfigurationAndSWHardeningNeeded,
            OutOfDateConfigurationNeeded,
        ),
        ("OutOfDate", OutOfDate, OutOfDate),
        (
            "OutOfDateConfigurationNeeded",
            OutOfDateConfigurationNeeded,
            OutOfDateConfigurationNeeded,
        ),
    ];
    for (name, alone, merged) in all {
        let fake = || fake().tcb_info(platform(name));
        let status = |fake| accepts(fake).tcb.expect("levels").status;
        assert_eq!(status(fake()), alone, "{name}");
        assert_eq!(status(behind(fake())), merged, "{name} with an old module");
        assert_eq!(status(old_qe(fake())), merged, "{name} with an old quoting enclave");
    }
}

#[test]
fn an_old_platform_under_a_new_module_stays_old() {
    let old = fake().sgx(|sgx| sgx.components[0] = 3);
    let tcb = accepts(old).tcb.expect("levels");
    assert_eq!(tcb.status, TcbStatus::OutOfDate);
    assert_eq!(tcb.module.map(|module| module.status), Some(TcbStatus::UpToDate));
    assert_eq!(tcb.advisories, ["INTEL-SA-01192"]);
}

#[test]
fn says_per_component_how_far_behind_a_platform_is() {
    let tcb = accepts(fake().tee_tcb_svn(svn([6, 1, 3])).qe_report(258, &[1])).tcb.expect("levels");
    let shown: Vec<_> = tcb.shortfall.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "TDX component 3 is 3, needs 4 (TDX Late Microcode Update, OS/VMM)",
            "TDX_01 ISV SVN is 6, needs 11 (TDX module)",
            "QE ISV SVN is 1, needs 4 (quoting enclave)",
        ]
    );
    assert_eq!(tcb.shortfall[1].part, Part::Module("TDX_01".to_owned()));
    let newest = fake().tee_tcb_svn(svn([11, 1, 4])).qe_report(258, &[4]);
    assert_eq!(accepts(newest).tcb.expect("levels").shortfall, []);
    assert_eq!(tcb.advisories, ["INTEL-SA-01192", "INTEL-SA-01245", "INTEL-SA-00615"]);
}

#[test]
fn advises_to_launch_again_when_only_the_launch_was_behind() {
    let status = |fake| accepts(fake).tcb.expect("levels").status;
    let updated = || td15().tee_tcb_svn(svn([6, 1, 4])).tee_tcb_svn2(svn([11, 1, 4]));
    assert_eq!(status(updated()), TcbStatus::RelaunchAdvised);
    let needed = updated().tcb_info(platform("ConfigurationNeeded"));
    assert_eq!(status(needed), TcbStatus::RelaunchAdvisedConfigurationNeeded);
    // A step back is no update.
    let back = td15().tee_tcb_svn2(svn([6, 1, 4]));
    assert_eq!(status(back), TcbStatus::OutOfDate);
    assert_eq!(status(td15()), TcbStatus::UpToDate);
}

#[test]
fn takes_the_highest_level_whatever_the_order() {
    let reversed = fake().tcb_info(|info| {
        info.levels.reverse();
        info.identities.iter_mut().for_each(|one| one.levels.reverse());
    });
    assert_eq!(accepts(reversed).tcb.expect("levels").status, TcbStatus::UpToDate);
    let above = fake().tcb_info(|info| {
        let next = IsvLevelSpec { isv_svn: 12, ..info.identities[1].levels[0].clone() };
        info.identities[1].levels[0].status = "OutOfDate".to_owned();
        info.identities[1].levels.insert(0, next);
    });
    assert_eq!(accepts(above).tcb.expect("levels").status, TcbStatus::OutOfDate);
}

#[test]
fn counts_evaluation_numbers_and_the_earlier_issue_date() {
    let fake = fake().tcb_info(|info| (info.evaluation, info.issued) = (21, 1_780_000_000));
    let tcb = accepts(fake).tcb.expect("levels");
    assert_eq!((tcb.evaluation_number, tcb.qe_evaluation_number), (21, 20));
    assert_eq!(tcb.issued.0, 1_577_836_800);
}
