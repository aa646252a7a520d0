//! Event logs: what replays is told, what does not is refused.

use sealroom_attestation::tdx::{Body, EventLogError, TdReport, replay};
use sealroom_forge::FakeTdx;
use sealroom_forge::tdx::{Event, encode_event_log};

use crate::scene::{accepts, fake};

const IPL: u32 = 0xd;

fn booted() -> FakeTdx {
    fake().event_log(Event::boot())
}

fn report(machine: FakeTdx) -> TdReport {
    match accepts(machine).quote.body {
        Body::Td(report) => *report,
        Body::Enclave(_) => panic!("a trust domain"),
    }
}

#[test]
fn a_log_replays_to_the_registers_of_its_machine_alone() {
    let log = encode_event_log(&Event::boot());
    let replayed = replay(&log, &report(booted())).expect("its own log");
    assert_eq!((replayed.events.len(), replayed.rtmr3), (Event::boot().len(), true));
    assert_eq!(replay(&log, &report(fake())), Err(EventLogError::Replay { register: 0 }));
    for register in 0..3 {
        let mut events = Event::boot();
        events.push(Event::new(register, IPL, b"one more"));
        let other = replay(&encode_event_log(&events), &report(booted()));
        assert_eq!(other, Err(EventLogError::Replay { register: register.into() }));
    }
}

#[test]
fn a_kernel_may_extend_the_last_register_without_the_log() {
    let mut events = Event::boot();
    events.push(Event::new(3, IPL, b"told"));
    let log = encode_event_log(&events);
    let whole = replay(&log, &report(fake().event_log(events))).expect("its own log");
    assert!(whole.rtmr3 && whole.events.iter().any(|event| event.register == 3));
    let extended = replay(&log, &report(booted().rtmr(3, [9; 48]))).expect("RTMR0 to RTMR2");
    assert!(!extended.rtmr3 && extended.events.iter().all(|event| event.register != 3));
}

#[test]
fn data_are_facts_only_where_the_digest_is_theirs() {
    let mut events = Event::boot();
    events[0].data = b"what the log says".to_vec();
    let replayed = replay(&encode_event_log(&events), &report(booted())).expect("the digests fit");
    let told: Vec<_> = replayed.events.iter().map(|event| event.data.is_some()).collect();
    assert_eq!(told, [false, true, true, true, true, true]);
}
