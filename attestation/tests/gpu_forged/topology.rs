//! Devices that do not belong together.

use sealroom_attestation::evidence::GpuClass;
use sealroom_attestation::gpu::TopologyError;
use sealroom_forge::gpu::{links, ports};
use sealroom_forge::{FakeGpu, FakeHgx, GpuClass as Kind};

use crate::scene::{Row, Set, blackwell, fake, hgx, refuses_set, row, switch};

const FIRST_SWITCH: usize = 8;

/// So many GPUs without switches.
fn alone(count: u8) -> Vec<FakeGpu> {
    (0..count).map(|place| fake().place(place)).collect()
}

fn multi(count: u8) -> Vec<FakeGpu> {
    (0..count).map(|place| blackwell().place(place).field(36, &[1, 0])).collect()
}

fn pdis(board: &FakeHgx, kind: std::ops::Range<usize>) -> Vec<[u8; 8]> {
    board.devices[kind].iter().map(FakeGpu::pdi).collect()
}

/// A board on which one device's list of neighbours has one stranger in it.
fn with_stranger(device: usize) -> FakeHgx {
    let board = hgx();
    let stranger = fake().place(99).pdi();
    let mut neighbours =
        if device < FIRST_SWITCH { pdis(&board, 8..12) } else { pdis(&board, 0..8) };
    neighbours[1] = stranger;
    let (id, field) =
        if device < FIRST_SWITCH { (22, links(&neighbours)) } else { (26, ports(&neighbours)) };
    board.change(device, |device| device.field(id, &field))
}

/// Evidence of a board, changed after it was signed.
fn edited(edit: impl FnOnce(&mut Vec<sealroom_attestation::evidence::GpuEntry>)) -> Set {
    Set::from(hgx()).edited(edit)
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = numbers();
    rows.extend(modes());
    rows.extend(neighbours());
    rows
}

fn numbers() -> Vec<Row> {
    let (count, unique) = ("gpu.topology.count", "gpu.topology.unique");
    let copies = edited(|entries| {
        let first = entries[FIRST_SWITCH].clone();
        entries[FIRST_SWITCH..].fill(first);
    });
    let twice = [alone(2), alone(1)].concat();
    vec![
        row(count, hgx(), edited(|entries| drop(entries.remove(3)))),
        row(count, hgx(), edited(|entries| drop(entries.pop()))),
        row(count, hgx(), edited(|entries| entries.push(entries[0].clone()))),
        row(count, alone(1), Vec::<FakeGpu>::new()),
        row(count, alone(1), vec![switch()]),
        row(count, alone(32), alone(33)),
        row(unique, hgx(), edited(|entries| entries[5] = entries[2].clone())),
        row(unique, hgx(), copies),
        row(unique, alone(3), twice),
        // Two keys that claim one number.
        row(unique, alone(2), {
            let pdi = fake().pdi();
            vec![
                fake(),
                fake().place(1).identity(move |one| one.serial = [&[0x41][..], &pdi].concat()),
            ]
        }),
    ]
}

fn modes() -> Vec<Row> {
    let architecture = "gpu.topology.architecture";
    let ppcie = "gpu.topology.ppcie";
    let other = |place| fake().class(Kind::Blackwell).place(place);
    vec![
        row(architecture, alone(2), vec![fake(), other(1)]),
        row(architecture, hgx(), hgx().change(4, |_| other(4))),
        row("gpu.topology.nonce", alone(2), vec![fake(), fake().place(1).nonce([9; 32])]),
        row("gpu.topology.nonce", hgx(), hgx().change(11, |device| device.nonce([9; 32]))),
        row("gpu.topology.mode", multi(2), vec![multi(1).remove(0), blackwell().place(1)]),
        row("gpu.topology.mode", hgx(), hgx().change(6, |gpu| gpu.field(36, &[0, 0]))),
        row(ppcie, without_flags(hgx()), hgx().change(1, |gpu| gpu.field(21, &[0x55]))),
        row(ppcie, hgx(), hgx().change(1, |gpu| gpu.without_field(21))),
        row(
            ppcie,
            hgx().change(9, |one| one.field(21, &[0xaa])),
            hgx().change(9, |one| one.field(21, &[0x55])),
        ),
        row(ppcie, alone(2), vec![fake(), fake().place(1).field(21, &[0xaa])]),
        row(
            ppcie,
            multi(2),
            (0..2).map(|place| blackwell().place(place).field(36, &[2, 0])).collect::<Vec<_>>(),
        ),
        row(ppcie, hgx(), all_gpus(hgx(), |gpu| gpu.field(36, &[1, 0]))),
    ]
}

fn neighbours() -> Vec<Row> {
    let (switches, gpus) = ("gpu.topology.switches", "gpu.topology.gpus");
    let three = || links(&pdis(&hgx(), 8..11));
    let forwards = || {
        let natural: Vec<u8> = pdis(&hgx(), 8..12).concat();
        [natural, vec![0; 144 - 32]].concat()
    };
    vec![
        row(switches, hgx(), with_stranger(0)),
        row(switches, hgx(), with_stranger(7)),
        row(switches, hgx(), hgx().change(2, |gpu| gpu.field(22, &three()))),
        row(switches, hgx(), hgx().change(2, |gpu| gpu.field(22, &forwards()))),
        row(switches, hgx(), hgx().change(2, |gpu| gpu.without_field(22))),
        row(gpus, hgx(), with_stranger(8)),
        row(gpus, hgx(), with_stranger(11)),
        row(gpus, hgx(), hgx().change(10, |one| one.without_field(26))),
        // Both sides are genuine, and of two boards.
        row(gpus, hgx(), hgx().change(3, |gpu| gpu.place(77))),
    ]
}

/// As drivers before the feature flag reported.
fn without_flags(board: FakeHgx) -> FakeHgx {
    all_gpus(board, |gpu| gpu.without_field(36).without_field(34))
}

fn all_gpus(board: FakeHgx, change: fn(FakeGpu) -> FakeGpu) -> FakeHgx {
    (0..FIRST_SWITCH).fold(board, |board, place| board.change(place, change))
}

#[test]
fn says_which_device_does_not_belong() {
    let device = |device: &str| device.to_owned();
    let count = TopologyError::Count { gpus: 7, switches: 4 };
    refuses_set(edited(|entries| drop(entries.remove(3))), "gpu.topology.count", count);
    let (first, second) = (device("GPU 2"), device("GPU 5"));
    let twice = edited(|entries| entries[5] = entries[2].clone());
    refuses_set(twice, "gpu.topology.unique", TopologyError::Duplicate { first, second });
    let (found, expected) = (GpuClass::Blackwell, GpuClass::Hopper);
    let mixed = vec![fake(), blackwell().place(1)];
    let error = TopologyError::Architecture { device: device("GPU 1"), found, expected };
    refuses_set(mixed, "gpu.topology.architecture", error);
    let nonce = hgx().change(11, |device| device.nonce([9; 32]));
    let error = TopologyError::Nonce { device: device("switch 3") };
    refuses_set(nonce, "gpu.topology.nonce", error);
    let mode = hgx().change(6, |gpu| gpu.field(36, &[0, 0]));
    refuses_set(mode, "gpu.topology.mode", TopologyError::Mode { device: device("GPU 6") });
    let off = hgx().change(1, |gpu| gpu.field(21, &[0x55]));
    let error = TopologyError::Ppcie { device: device("GPU 1"), found: "off", switches: 4 };
    refuses_set(off, "gpu.topology.ppcie", error);
    let error = TopologyError::Switches { device: device("GPU 7") };
    refuses_set(with_stranger(7), "gpu.topology.switches", error);
    let error = TopologyError::Gpus { device: device("switch 1") };
    refuses_set(with_stranger(9), "gpu.topology.gpus", error);
}

#[test]
fn blackwell_has_no_place_behind_these_switches() {
    let all = all_gpus(hgx(), |gpu| gpu.class(Kind::Blackwell));
    let (found, expected) = (GpuClass::Blackwell, GpuClass::Hopper);
    let device = "GPU 0".to_owned();
    let error = TopologyError::Architecture { device, found, expected };
    refuses_set(all, "gpu.topology.architecture", error);
}
