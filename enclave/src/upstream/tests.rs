//! Processes that are really started. What answers is a thread of the test: the process only has to be there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use sealroom_engine::{Address, Deadlines, Kind};

use super::*;

/// A server that says what a sound engine says of itself. Its folder goes with it.
struct Server {
    address: Address,
    _folder: tempfile::TempDir,
}

fn server() -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.extend(byte);
            }
            let body = r#"{"data":[{"id":"tiny"}]}"#;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            drop(stream.write_all((head + body).as_bytes()));
        }
    });
    let address = format!("unix:{}", path.display()).parse().expect("an address");
    Server { address, _folder: folder }
}

fn nobody() -> Address {
    "http://127.0.0.1:1".parse().expect("an address")
}

/// Runs `program` while `address` answers.
fn plan(program: &str, arguments: &[&str], user: User, address: &Address) -> Plan {
    let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
    let launch = Launch { program: program.into(), arguments, directory: "/".into(), user };
    let settings = UpstreamSettings {
        address: address.clone(),
        user: None,
        kind: Kind::LlamaCppPython,
        build: "1".to_owned(),
        name: "tiny".to_owned(),
        root: "/models/m".to_owned(),
        context: Some(100),
        in_flight: 1,
        parameters: BTreeMap::new(),
        deadlines: Deadlines::default(),
    };
    Plan { launch, settings, start: Duration::from_secs(5), proc: "/proc".into() }
}

const LONG: [&str; 2] = ["-c", "sleep 1000 & sleep 1000; true"];

fn started(user: User) -> Confined {
    Confined::start(plan("/bin/sh", &LONG, user, &server().address)).expect("confined")
}

/// Waits for something that a thread of the node does within its own interval.
fn soon(mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if holds() {
            return true;
        }
        thread::yield_now();
    }
    false
}

fn family(leader: u32) -> Vec<u32> {
    let family = Proc::new("/proc").family(leader, None).expect("readable");
    family.into_iter().map(|process| process.pid).collect()
}

#[test]
fn everything_that_an_engine_began_ends_with_the_node() {
    let engine = started(User::DangerSame);
    let leader = engine.watch.leader;
    let mut all = Vec::new();
    assert!(soon(|| {
        all = family(leader);
        all.len() == 3
    }));
    assert!(!engine.has_stopped());
    drop(engine);
    assert!(soon(|| all.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())));
}

#[test]
fn an_engine_that_ends_takes_the_node_out_of_service() {
    let engine = started(User::DangerSame);
    let leader = i32::try_from(engine.watch.leader).expect("a number");
    let leader = rustix::process::Pid::from_raw(leader).expect("a process");
    rustix::process::kill_process(leader, rustix::process::Signal::KILL).expect("killed");
    assert!(soon(|| engine.has_stopped()));
    let request = GenerationRequest::new(Input::user("Hi"), 0);
    let sink = |_| std::ops::ControlFlow::Continue(());
    assert_eq!(soon_refused(&engine, request, sink), Err(EngineError::Stopped));
}

fn soon_refused(
    engine: &Confined,
    request: GenerationRequest,
    sink: impl Sink + 'static,
) -> Result<(), EngineError> {
    assert!(soon(|| engine.engine.has_stopped()));
    engine.submit(request, Box::new(sink))
}

fn refused(plan: Plan) -> String {
    Confined::start(plan).err().expect("refused").to_string()
}

#[test]
fn refuses_an_engine_that_ends_before_it_is_ready() {
    let said = refused(plan("/bin/true", &[], User::DangerSame, &nobody()));
    assert_eq!(said, "the engine ended before it was ready");
}

#[test]
fn refuses_an_engine_that_is_never_ready() {
    let mut plan = plan("/bin/sh", &LONG, User::DangerSame, &nobody());
    plan.start = Duration::ZERO;
    let expected =
        "the engine was not ready within 0 s: the engine is not ready: it takes no connection";
    assert_eq!(refused(plan), expected);
}

#[test]
fn refuses_an_engine_of_another_name() {
    let server = server();
    let mut plan = plan("/bin/sh", &LONG, User::DangerSame, &server.address);
    plan.settings.name = "other".to_owned();
    assert_eq!(refused(plan), "the engine serves no model with the name other");
}

#[test]
fn refuses_to_run_an_engine_as_the_node() {
    let user = rustix::process::getuid().as_raw();
    let said = refused(plan("/bin/sh", &LONG, User::Own { user, group: 1 }, &server().address));
    assert_eq!(said, format!("the engine would run as user {user}, which is the node's own"));
}

/// Only who may change users can try it.
#[test]
fn an_engine_of_its_own_user_is_confined() {
    if !rustix::process::getuid().is_root() {
        println!("skipped: not root");
        return;
    }
    // A number that no other test and no service has.
    let user = User::Own { user: 61_234, group: 61_234 };
    let engine = started(user);
    let family = Proc::new("/proc").family(engine.watch.leader, Some(61_234)).expect("readable");
    assert!(!family.is_empty());
    for process in family {
        assert_eq!(process.users, [61_234; 4]);
        assert_eq!(process.groups, Vec::<u32>::new());
        assert!(process.no_new_privileges);
    }
}
