//! Golden values against forged measurements.

use sealroom_attestation::gpu::GpuError;
use sealroom_attestation::gpu::compare::{
    CompareError, Compared, Decoder, Device, Firmware, verify,
};
use sealroom_attestation::gpu::rim::RimKind;
use sealroom_attestation::{Outcome, Refusal, UnixTime, Verified};
use sealroom_forge::gpu::measurement;
use sealroom_forge::{FakeRim, GpuClass};

use crate::refuses;
use crate::scene::{NOW, Row, driver, fake, row, switch, verified};

type Verdict = Result<Verified<Vec<Compared>>, Box<Refusal<GpuError, Vec<Compared>>>>;

fn measured(class: GpuClass) -> Vec<[u8; 48]> {
    (0..class.blocks()).map(|index| measurement(class, index)).collect()
}

/// What a forged device says.
#[derive(Clone)]
struct Said {
    product: &'static str,
    driver: &'static str,
    bios: &'static str,
    decoder: Decoder,
    measurements: Vec<[u8; 48]>,
}

fn hopper() -> Said {
    Said {
        product: "GH100",
        driver: "550.90.07",
        bios: "96.00.9F.00.01",
        decoder: Decoder::from_status(Some(0x55)),
        measurements: measured(GpuClass::Hopper),
    }
}

fn ls10() -> Said {
    Said {
        product: "LS10",
        driver: "",
        bios: "96.10.73.00.01",
        decoder: Decoder::from_status(None),
        measurements: measured(GpuClass::Ls10),
    }
}

impl Said {
    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn other(self, index: usize) -> Self {
        self.changed(|said| said.measurements[index][0] ^= 1)
    }

    fn with(&self, rims: &[FakeRim]) -> Verdict {
        let firmware = match self.product {
            "LS10" => Firmware::Switch { bios: self.bios },
            _ => Firmware::Gpu { driver: self.driver, vbios: self.bios },
        };
        let device = Device {
            product: self.product,
            firmware,
            decoder: self.decoder,
            measurements: &self.measurements,
        };
        verify(&verified(rims), &device)
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let both = [fake(), driver()];
    let enabled = || hopper().changed(|said| said.decoder = Decoder::from_status(Some(0xaa)));
    let index = |index: u16, active: &'static str| {
        [fake().spec(move |one| one.resource(index).active = active.to_owned()), driver()]
    };
    vec![
        row("gpu.rim.product", hopper().with(&both), hopper().with(&[fake(), driver(), switch()])),
        row("gpu.rim.product", ls10().with(&[switch()]), ls10().with(&[switch(), fake()])),
        row(
            "gpu.rim.product",
            hopper().with(&both),
            hopper().with(&[fake(), driver().blackwell()]),
        ),
        row(
            "gpu.rim.version",
            hopper().changed(|said| said.bios = "96.00.9f.00.01").with(&both),
            hopper().changed(|said| said.bios = "96.00.9F.00.02").with(&both),
        ),
        row(
            "gpu.rim.version",
            hopper().with(&both),
            hopper().changed(|said| said.driver = "550.90.7").with(&both),
        ),
        row(
            "gpu.rim.version",
            ls10().with(&[switch()]),
            ls10().with(&[switch().version("96.10.73.00.02")]),
        ),
        row(
            "gpu.rim.conflict",
            hopper().with(&index(21, "False")),
            hopper().with(&[
                fake().spec(|one| {
                    one.resource(21).active = "True".to_owned();
                    one.resource(21).hashes = vec![measurement(GpuClass::Hopper, 21)];
                }),
                driver(),
            ]),
        ),
        row("gpu.rim.measurements", hopper().with(&both), hopper().other(0).with(&both)),
        row("gpu.rim.measurements", hopper().other(13).with(&both), hopper().other(12).with(&both)),
        row("gpu.rim.measurements", hopper().other(41).with(&both), hopper().other(40).with(&both)),
        // The one index that is not compared, with the decoder off and in no other state.
        row(
            "gpu.rim.measurements",
            hopper().other(35).with(&both),
            enabled().other(35).with(&both),
        ),
        row(
            "gpu.rim.measurements",
            hopper().other(35).with(&both),
            hopper()
                .changed(|said| said.decoder = Decoder::from_status(None))
                .other(35)
                .with(&both),
        ),
        row("gpu.rim.measurements", enabled().with(&both), hopper().other(34).with(&both)),
        // A report that ends before the RIM does.
        row(
            "gpu.rim.measurements",
            hopper().changed(|said| said.measurements.truncate(41)).with(&both),
            hopper().changed(|said| said.measurements.truncate(40)).with(&both),
        ),
        row("gpu.rim.measurements", ls10().with(&[switch()]), ls10().other(30).with(&[switch()])),
    ]
}

#[test]
fn each_difference_is_refused_by_its_own_check() {
    for row in rows() {
        row.run();
    }
}

#[test]
fn counts_what_matched_and_says_what_was_skipped() {
    let compared = hopper().with(&[fake(), driver()]).expect("it matches");
    let shown: Vec<_> = compared.claims().iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "20 of 20 values of the RIM for driver 550.90.07; index 35 not compared: NVDEC0 is disabled",
            "12 of 12 values of the RIM for VBIOS 96.00.9F.00.01",
        ]
    );
    let rows: Vec<_> = compared.ledger().findings().iter().map(|row| row.check.id).collect();
    let expected = ["product", "version", "version", "conflict", "measurements", "measurements"];
    assert_eq!(rows, expected.map(|name| format!("gpu.rim.{name}")));
}

#[test]
fn any_of_the_alternatives_is_good() {
    let second = hopper().changed(|said| said.measurements[9] = [9; 48]);
    assert_eq!(second.with(&[fake()]).expect("the second value").claims()[0].matched, 12);
    let neither = hopper().changed(|said| said.measurements[9] = [8; 48]);
    let rims = verified(&[fake()]);
    let rim = &rims.claims()[0];
    let error = CompareError::Measurement { index: 9, id: rim.id.clone(), issued: rim.issued };
    refuses(neither.with(&[fake()]), "gpu.rim.measurements", error);
}

#[test]
fn what_was_not_given_is_a_row_of_its_own() {
    let rows = |verdict: &Verdict| -> Vec<_> {
        let ledger = verdict.as_ref().expect("nothing failed").ledger();
        let rows =
            ledger.findings().iter().map(|row| (row.check.id, row.outcome, row.found.clone()));
        rows.filter(|(_, outcome, _)| *outcome != Outcome::Pass).collect()
    };
    let found = rows(&hopper().with(&[fake()]));
    let absent = "no driver RIM of GH100 was given";
    assert_eq!(
        found,
        [
            ("gpu.rim.conflict", Outcome::NotGiven, "there are no two RIMs to compare".to_owned()),
            ("gpu.rim.version", Outcome::NotGiven, absent.to_owned()),
            ("gpu.rim.measurements", Outcome::NotGiven, absent.to_owned()),
        ]
    );
    assert_eq!(rows(&ls10().with(&[switch()])).len(), 1);
}

#[test]
fn of_several_rims_the_fitting_one_counts_and_of_those_the_newest() {
    let older =
        fake().signer_window(NOW - 100, NOW + 100).spec(|one| one.resource(9).hashes.truncate(1));
    let newer = fake().signer_window(NOW - 50, NOW + 100);
    let second = hopper().changed(|said| said.measurements[9] = [9; 48]);
    for rims in [[older.clone(), newer.clone()], [newer, older.clone()]] {
        let compared = second.with(&rims).expect("the newer one has this value");
        assert_eq!(compared.claims()[0].issued, UnixTime(NOW - 50));
    }
    let refusal = second.with(std::slice::from_ref(&older)).expect_err("the older one has not");
    assert!(refusal.error.to_string().contains(&UnixTime(NOW - 100).to_string()));
    hopper().with(&[fake().version("96.00.AA.00.01"), fake()]).expect("two versions");
    let found = "96.00.AA.00.01, 96.00.AB.00.01".to_owned();
    let expected = "96.00.9F.00.01".to_owned();
    let error = CompareError::Version { kind: RimKind::Vbios, found, expected };
    let others = [fake().version("96.00.AA.00.01"), fake().version("96.00.AB.00.01")];
    refuses(hopper().with(&others), "gpu.rim.version", error);
}
