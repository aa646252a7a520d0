use super::*;
use crate::tdx::body::TD10_LENGTH;

const HEADER: &[u8] = b"\x01\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x21\0\0\0\
    Spec ID Event03\0\0\0\0\0\0\x02\0\x02\x01\0\0\0\x0c\0\x30\0\0";
const BOOT: u32 = 0x8000_0003;

fn entry(register: u32, kind: u32, digest: [u8; 48], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let front = [register, kind, 1].map(u32::to_le_bytes).concat();
    [&front[..], &[0x0c, 0], &digest, &length.to_le_bytes(), data].concat()
}

fn measured(register: u32, data: &[u8]) -> Vec<u8> {
    entry(register, BOOT, sha384(&[data]), data)
}

/// A report whose registers hold one event each, where data is given.
fn report(data: [Option<&[u8]>; 4]) -> TdReport {
    let mut report = TdReport::decode(&[0; TD10_LENGTH]).unwrap();
    for (register, data) in report.rtmr.iter_mut().zip(data) {
        if let Some(data) = data {
            *register = Measurement(sha384(&[&[0; 48], &sha384(&[data])]));
        }
    }
    report
}

fn log(entries: &[Vec<u8>]) -> Vec<u8> {
    [HEADER, &entries.concat()].concat()
}

#[test]
fn replays_to_the_registers_and_keeps_what_the_digests_prove() {
    let unproven = entry(2, 0x8000_0008, sha384(&[b"kernel"]), b"a name for it");
    let mut log = log(&[measured(1, b"firmware"), entry(1, NO_ACTION, [9; 48], b""), unproven]);
    log.extend([0xff; 100]);
    let report = report([Some(b"firmware"), Some(b"kernel"), None, None]);
    let replayed = replay(&log, &report).unwrap();
    let told: Vec<_> =
        replayed.events.iter().map(|one| (one.register, one.data.as_deref())).collect();
    assert_eq!(told, [(0, Some(&b"firmware"[..])), (1, None)]);
    assert!(replayed.rtmr3);
}

#[test]
fn enforces_three_registers_and_leaves_the_fourth_to_the_policy() {
    for register in 0..3_usize {
        let mut data = [None; 4];
        data[register] = Some(&b"other"[..]);
        let index = u32::try_from(register).unwrap() + 1;
        let log = log(&[measured(index, b"logged")]);
        assert_eq!(replay(&log, &report(data)), Err(EventLogError::Replay { register }));
    }
    let log = log(&[measured(1, b"firmware"), measured(4, b"logged")]);
    let replayed = replay(&log, &report([Some(b"firmware"), None, None, Some(b"other")])).unwrap();
    assert!(!replayed.rtmr3);
    assert!(replayed.events.iter().all(|event| event.register != 3));
    let replayed = replay(&log, &report([Some(b"firmware"), None, None, Some(b"logged")])).unwrap();
    assert!(replayed.rtmr3 && replayed.events.len() == 2);
}

#[test]
fn refuses_logs_that_are_not_what_firmware_writes() {
    let empty = report([None; 4]);
    let refused = |log: &[u8]| replay(log, &empty).expect_err("not a log");
    assert_eq!(replay(HEADER, &empty).map(|log| log.events), Ok(Vec::new()));
    let mut sha256 = HEADER.to_vec();
    sha256[60] = 0x0b;
    assert_eq!(refused(&sha256), EventLogError::Header);
    let register = |found| EventLogError::Register { index: 0, found };
    assert_eq!(refused(&log(&[measured(5, b"")])), register(5));
    assert_eq!(refused(&log(&[measured(u32::MAX - 1, b"")])), register(u32::MAX - 1));
    let mut two = measured(1, b"");
    two[8] = 2;
    assert_eq!(refused(&log(&[two])), EventLogError::Digest { index: 0 });
    let hidden = [&[0xff; 8][..], b"more"].concat();
    assert_eq!(refused(&log(&[hidden])), EventLogError::Trailing);
    let mut endless = measured(1, b"");
    endless[62..66].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(refused(&log(&[endless])), EventLogError::Read(ReadError::Short { .. })));
    let long = vec![0; LONGEST_LOG + 1];
    assert_eq!(refused(&long), EventLogError::TooLong { found: LONGEST_LOG + 1 });
}
