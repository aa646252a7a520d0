//! What is wrong on the wire, as a client sees it; conditions, and what is remembered of requests.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use sealroom_forge::Fake;
use sealroom_tests::vendors::{Fault, Service, Vendors};

use super::{
    NOW, SEED,
    client::{Reply, decode, get, get_if, send},
    vendors,
};

const LIST: &str = "/vcek/v1/Genoa/crl";

fn failing(fault: Fault) -> Vendors {
    let vendors = vendors();
    vendors.set(Service::Kds, fault);
    vendors
}

fn reply(fault: Fault) -> Reply {
    get(&failing(fault).kds(), LIST)
}

fn genuine() -> Reply {
    get(&vendors().kds(), LIST)
}

#[test]
fn slow_services_answer_well_in_the_end() {
    let (pause, whole) = (Duration::from_millis(200), genuine().raw);
    let vendors = failing(Fault::Slow(pause));
    let asked = Instant::now();
    assert_eq!(get(&vendors.kds(), LIST).raw, whole);
    assert!(asked.elapsed() >= pause);
    vendors.set(Service::Kds, Fault::Drip(Duration::from_micros(1)));
    assert_eq!(get(&vendors.kds(), LIST).raw, whole);
}

#[test]
fn a_service_that_is_down_comes_back_at_the_same_address() {
    let vendors = failing(Fault::Refused);
    let ask = || send(&vendors.kds(), "GET", LIST, &[], &[]);
    assert_eq!(ask().expect_err("nothing listens").kind(), ErrorKind::ConnectionRefused);
    vendors.set(Service::Kds, Fault::Dropped);
    assert_eq!(ask().expect("it listens"), Vec::<u8>::new());
    vendors.clear(Service::Kds);
    assert_eq!(ask().expect("an answer"), genuine().raw);
    let all = vendors.requests();
    assert_eq!(all.iter().map(|request| request.status).collect::<Vec<_>>(), [None, Some(200)]);
}

#[test]
fn every_service_can_be_down_at_once() {
    let vendors = vendors();
    for (fault, down) in [(Fault::Refused, true), (Fault::Empty, false)] {
        Service::ALL.iter().for_each(|service| vendors.set(*service, fault.clone()));
        for service in Service::ALL {
            let asked = send(&vendors.url(service), "GET", "/", &[], &[]);
            assert_eq!(
                asked.err().map(|error| error.kind()),
                down.then_some(ErrorKind::ConnectionRefused)
            );
        }
    }
}

#[test]
fn a_connection_may_be_used_again_until_the_service_is_down() {
    let vendors = vendors();
    let mut stream = TcpStream::connect(&vendors.kds()["http://".len()..]).expect("it listens");
    let request = format!("GET {LIST} HTTP/1.1\r\nHost: a\r\n\r\n");
    let whole = genuine().raw;
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut raw = vec![0; whole.len()];
        stream.read_exact(&mut raw).expect("it answers");
        assert_eq!(raw, whole);
    }
    vendors.set(Service::Kds, Fault::Refused);
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(rest.is_empty() && ended.is_ok_and(|length| length == 0));
}

#[test]
fn services_refuse_by_status() {
    assert_eq!(reply(Fault::Status(503)).status, 503);
    let busy = reply(Fault::TooManyRequests(17));
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("17")));
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = reply(Fault::Redirect(status, "http://127.0.0.1:9/".to_owned()));
        let location = elsewhere.header("location");
        assert_eq!((elsewhere.status, location), (status, Some("http://127.0.0.1:9/")));
    }
}

#[test]
fn bodies_end_too_soon_or_mean_nothing() {
    let whole = genuine().body;
    let cut = reply(Fault::Truncated);
    assert_eq!(cut.header("content-length"), Some(whole.len().to_string().as_str()));
    assert_eq!(cut.body, whole[..whole.len() / 2]);
    let garbage = reply(Fault::Garbage);
    assert!(garbage.status == 200 && std::str::from_utf8(&garbage.body).is_err());
    let empty = reply(Fault::Empty);
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
    let vendors = failing(Fault::NotHttp);
    let raw = send(&vendors.kds(), "GET", LIST, &[], &[]).expect("bytes");
    assert!(!raw.is_empty() && decode(raw).is_none_or(|reply| reply.status == 0));
}

#[test]
fn bombs_are_as_large_as_they_say() {
    let endless = reply(Fault::Endless);
    assert_eq!(endless.header("transfer-encoding"), Some("chunked"));
    assert_eq!(endless.raw.len(), 4 * 1024 * 1024, "the client has enough");
    let packed = reply(Fault::Gzip);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let size: [u8; 4] = packed.body[packed.body.len() - 4..].try_into().expect("four bytes");
    assert!(packed.body.len() < 500_000 && u32::from_le_bytes(size) > 64 << 20);
    let many = reply(Fault::ManyHeaders);
    assert!(many.headers() > 20_000 && many.body == genuine().body);
}

#[test]
fn a_fault_may_be_of_some_paths_alone() {
    let vendors = vendors();
    vendors.set_for(Service::Kds, "/vcek/v1/Turin/", Fault::Status(500));
    vendors.set_for(Service::Kds, "/vcek/v1/Turin/crl", Fault::Refused);
    let ask = |target: &str| send(&vendors.kds(), "GET", target, &[], &[]).expect("a connection");
    assert_eq!(ask("/vcek/v1/Turin/crl"), Vec::<u8>::new());
    let status = |target: &str| decode(ask(target)).expect("HTTP").status;
    assert_eq!(status("/vcek/v1/Turin/cert_chain"), 500);
    assert_eq!(status("/vcek/v1/Genoa/cert_chain"), 200);
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let vendors = vendors();
    vendors.knows_gpu(&Fake::gpu(SEED));
    vendors.knows_tdx(&Fake::tdx(SEED));
    let targets = [
        (Service::Kds, LIST),
        (Service::Kds, "/vcek/v1/Milan/cert_chain"),
        (Service::Pcs, "/sgx/certification/v4/pckcrl?ca=platform&encoding=der"),
        (Service::Pcs, "/tdx/certification/v4/tcb?fmspc=B0C06F000000"),
        (Service::Pcs, "/tdx/certification/v4/qe/identity"),
        (Service::Rim, "/v1/rim/NV_GPU_DRIVER_GH100_550.90.07"),
    ];
    for (service, target) in targets {
        vendors.max_age(service, Some(600));
        let first = get(&vendors.url(service), target);
        assert_eq!(first.header("cache-control"), Some("max-age=600"));
        let tag = first.header("etag").expect("a tag").to_owned();
        let date = first.header("last-modified").expect("a date").to_owned();
        let again = |headers: &[(&str, &str)]| {
            let reply = get_if(&vendors.url(service), target, headers);
            (reply.status, reply.body.is_empty())
        };
        let list = format!("\"other\", {tag}");
        assert_eq!(again(&[("If-None-Match", &list)]), (304, true), "{target}");
        assert_eq!(again(&[("If-Modified-Since", &date)]), (304, true), "{target}");
        assert_eq!(again(&[("If-None-Match", "\"other\""), ("If-Modified-Since", &date)]).0, 200);
    }
    let (service, target) = targets[0];
    let tag = get(&vendors.kds(), target).header("etag").expect("a tag").to_owned();
    vendors.publish(vendors.edition().next(NOW.plus(1)));
    let newer = get_if(&vendors.kds(), target, &[("If-None-Match", &tag)]);
    assert!(newer.status == 200 && newer.header("etag") != Some(&tag));
    let known = vendors.requests();
    let last = known.last().expect("requests");
    assert_eq!((last.service, last.header("if-none-match")), (service, Some(tag.as_str())));
}

#[test]
fn requests_are_remembered_until_they_are_forgotten() {
    let vendors = vendors();
    let started = Instant::now();
    get(&vendors.kds(), LIST);
    get(&vendors.pcs(), "/nothing?at=all");
    let all = vendors.requests();
    let seen: Vec<_> =
        all.iter().map(|one| (one.service, one.target.as_str(), one.status)).collect();
    assert_eq!(
        seen,
        [(Service::Kds, LIST, Some(200)), (Service::Pcs, "/nothing?at=all", Some(404))]
    );
    assert!(all.iter().all(|one| one.method == "GET" && one.at >= started));
    assert_eq!(vendors.count(|one| one.service == Service::Pcs), 1);
    vendors.forget();
    assert_eq!(vendors.requests(), []);
}

#[test]
fn two_hundred_and_fifty_chips_are_served_side_by_side() {
    let vendors = vendors();
    let chips: Vec<_> = (0..250).map(|number| Fake::snp(SEED).chip(number)).collect();
    chips.iter().for_each(|chip| vendors.knows_snp(chip));
    let levels = "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=84";
    let target = |chip: &[u8]| format!("/vcek/v1/Genoa/{}?{levels}", hex::encode(chip));
    let targets: Vec<_> = chips.iter().map(|chip| target(&chip.chip_id())).collect();
    let service = vendors.kds();
    std::thread::scope(|scope| {
        // Everyone is asked for twice, at about the same time.
        for chunk in targets.chunks(63).flat_map(|chunk| [chunk, chunk]) {
            let service = &service;
            let ask = move |target: &String| assert_eq!(get(service, target).status, 200);
            scope.spawn(move || chunk.iter().for_each(ask));
        }
    });
    assert_eq!(vendors.requests().len(), 500);
}
