//! What report and certificates both say: firmware, chip, and a switch's own number.

use sealroom_attestation::claims::Outcome;
use sealroom_attestation::gpu::{ChainError, FwidError, Pdi, ReportError};
use sealroom_forge::FakeGpu;

use crate::scene::{One, Row, accepts, blackwell, fake, refuses, row, switch};

const COMPOSITE: &str = "2.23.133.5.4.1";
const TCB_INFO: &str = "2.23.133.5.4.1.1";
const ALTERNATIVE_NAME: &str = "2.5.29.17";
const ID: &str = "gpu.fwid";

/// The leaf with one byte of an extension changed, counted from the end.
fn ending(fake: FakeGpu, oid: &'static str, from_end: usize) -> FakeGpu {
    fake.leaf(move |leaf| {
        let value = leaf.extension(oid);
        let place = value.len() - from_end;
        value[place] ^= 1;
    })
}

fn replaced(fake: FakeGpu, from: &'static str, to: &'static str) -> FakeGpu {
    fake.leaf(move |leaf| {
        let value = leaf.extension(ALTERNATIVE_NAME);
        let place = value.windows(from.len()).position(|bytes| bytes == from.as_bytes());
        let place = place.expect("the text");
        value.splice(place..place + from.len(), to.bytes());
    })
}

pub(crate) fn rows() -> Vec<Row> {
    let device = "gpu.chain.device";
    let own = switch().pdi();
    vec![
        row(ID, fake(), fake().field(20, &[7; 48])),
        row(ID, blackwell(), blackwell().field(20, &[7; 48])),
        row(ID, fake().without_field(20), fake().leaf(|leaf| leaf.remove(COMPOSITE))),
        row(ID, fake(), ending(fake(), COMPOSITE, 1)),
        // The first of Blackwell's two digests counts.
        row(ID, blackwell().without_field(20), ending(blackwell(), TCB_INFO, 16 + 63 + 1)),
        row(ID, switch(), switch().field(20, &[7; 48])),
        row(
            device,
            fake().leaf(|leaf| leaf.remove(ALTERNATIVE_NAME)),
            replaced(fake(), "GH100", "GB100"),
        ),
        row(device, blackwell(), replaced(blackwell(), "NVIDIA", "NVIDIB")),
        row(device, fake(), replaced(fake(), "48B02D", "48B02Z")),
        row("gpu.switch.pdi", switch().field(22, &own), switch().field(22, &[9; 8])),
    ]
}

#[test]
fn says_how_firmware_differs() {
    refuses(fake().field(20, &[7; 48]), ID, FwidError::Differs);
    refuses(fake().leaf(|leaf| leaf.remove(COMPOSITE)), ID, FwidError::Missing);
    let (found, expected) = (Pdi([9; 8]), Pdi(switch().pdi()));
    let error = ReportError::SwitchPdi { found, expected };
    refuses(switch().field(22, &[9; 8]), "gpu.switch.pdi", error);
    let (found, expected) = ("(not readable)".to_owned(), "NVIDIA:GH100:".to_owned());
    let unreadable = fake().leaf(|leaf| leaf.extension(ALTERNATIVE_NAME)[0] = 0x31);
    refuses(unreadable, "gpu.chain.device", ChainError::Device { found, expected });
}

#[test]
fn firmware_belongs_to_this_devices_own_key() {
    // The key stands before the digest's 63 bytes; the digest agrees.
    let other = ending(fake(), COMPOSITE, 63 + 1);
    refuses(other, ID, FwidError::DeviceKey);
}

#[test]
fn refuses_firmware_in_another_form() {
    let encoding = |field| FwidError::Encoding { field };
    let version = fake().leaf(|leaf| leaf.extension(COMPOSITE)[5] = 2);
    refuses(version, ID, encoding("version"));
    let trailing = fake().leaf(|leaf| leaf.extension(COMPOSITE).push(0));
    refuses(trailing, ID, encoding("composite device id"));
    let algorithm = ending(fake(), COMPOSITE, 48 + 2 + 1);
    refuses(algorithm, ID, encoding("firmware digest"));
    let order = blackwell().leaf(|leaf| leaf.extension(TCB_INFO)[3] = 0x81);
    refuses(order, ID, encoding("TCB info"));
    let both = fake().leaf(|leaf| {
        leaf.add(TCB_INFO, false, &[0x30, 0]);
    });
    refuses(both, ID, FwidError::Twice);
    let none = blackwell().leaf(|leaf| *leaf.extension(TCB_INFO) = vec![0x30, 0]);
    refuses(none, ID, encoding("firmware digests"));
}

#[test]
fn what_a_device_does_not_say_is_not_checked_and_never_passed() {
    let silent = fake().without_field(20).leaf(|leaf| leaf.remove(ALTERNATIVE_NAME));
    let proven = One::from(silent).verify().expect("accepted");
    let open = proven.ledger().findings().iter().filter(|row| row.outcome == Outcome::NotGiven);
    let open: Vec<_> = open.map(|row| row.check.id).collect();
    assert!(open.starts_with(&["gpu.nonce", "gpu.chain.device", ID]), "{open:?}");
    // A certificate that cannot be read is refused all the same.
    let broken = fake().without_field(20).leaf(|leaf| leaf.extension(COMPOSITE).push(0));
    refuses(broken, ID, FwidError::Encoding { field: "composite device id" });
    assert_eq!(accepts(fake().without_field(20)).report.fields.fwid, None);
}
