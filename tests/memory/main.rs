//! After a session and a shutdown, no private key of the node is left in this process's memory.
//!
//! A binary of its own: the wiping allocator is the process's, and nobody else may hold the keys meanwhile.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use ring::{
    digest::{SHA512, digest},
    rand::{SecureRandom, SystemRandom},
};
use sealroom_attestation::{
    manifest::{Manifest, ModelFile},
    seal::Plaintext,
};
use sealroom_enclave::{
    Config, Entropy, Keys, Node, Parts, SystemClock, boot, memory::WipingAllocator,
};
use sealroom_engine::Engine;
use sealroom_gateway::session::{InnerRequest, RelyingParty, RequestId, Session};
use sealroom_tests::{echo::Echo, hardware::SimulatedChip, world};
use tokio::{net::TcpListener, runtime::Runtime};

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

/// What hides a needle from its own search.
const MASK: u8 = 0xa5;

/// The inner 30 of 32 secret bytes, never whole in memory by this test's doing. X25519 clamps the outer two.
#[derive(Clone)]
struct Needle {
    name: &'static str,
    masked: [u8; NEEDLE],
}

const NEEDLE: usize = 30;

impl Needle {
    fn new(name: &'static str, secret: &[u8]) -> Self {
        let mut masked = [0; NEEDLE];
        masked.iter_mut().zip(&secret[1..]).for_each(|(to, from)| *to = from ^ MASK);
        Self { name, masked }
    }

    fn is_at(&self, window: &[u8]) -> bool {
        window.iter().zip(&self.masked).all(|(found, masked)| found ^ MASK == *masked)
    }
}

/// Hands out random bytes and remembers, masked, every key that grows from them.
#[derive(Default)]
struct Remembering(Mutex<Vec<Needle>>);

impl Entropy for Remembering {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandom::new().fill(bytes).expect("the system has randomness");
        if bytes.len() != 32 {
            return;
        }
        let mut needles = self.0.lock().expect("no panic");
        // Two needles for each draw, in the order of the boot.
        let name =
            ["identity seed", "receipt seed", "X-Wing key", "X25519 key"].get(needles.len() / 2);
        needles.push(Needle::new(name.copied().unwrap_or("later"), bytes));
        // What ring keeps of an Ed25519 seed: RFC 8032 §5.1.5, the second half of its hash.
        let hash = digest(&SHA512, bytes);
        needles.push(Needle::new("signing prefix", &hash.as_ref()[32..]));
    }
}

/// Which needles are somewhere in this process's memory, the scanner's own buffer left out.
fn scan(needles: &[Needle]) -> Vec<bool> {
    let memory = File::open("/proc/self/mem").expect("own memory");
    let maps = fs::read_to_string("/proc/self/maps").expect("own maps");
    let mut found = vec![false; needles.len()];
    let mut buffer = vec![0_u8; 1 << 20];
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, until) =
            line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let (mut at, until) = (address(from), address(until));
        while at < until {
            let want = (until - at).min(buffer.len() as u64) as usize;
            let overlaps = at < own.end && at + want as u64 > own.start;
            let step = if overlaps { 4096.min(want) } else { want };
            let skip = own.contains(&at) && own.contains(&(at + step as u64 - 1));
            if !skip && memory.read_exact_at(&mut buffer[..step], at).is_ok() {
                mark(&buffer[..step], needles, &mut found);
            }
            // Windows overlap, so that no needle hides on a border.
            at += if step == want && at + (want as u64) < until {
                step as u64 + 1 - NEEDLE as u64
            } else {
                step as u64
            };
        }
    }
    buffer.fill(0);
    found
}

fn address(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).expect("an address")
}

fn mark(bytes: &[u8], needles: &[Needle], found: &mut [bool]) {
    for window in bytes.windows(NEEDLE) {
        for (needle, found) in needles.iter().zip(found.iter_mut()) {
            *found = *found || (window[0] ^ MASK == needle.masked[0] && needle.is_at(window));
        }
    }
}

async fn session() -> (Node, Vec<Needle>) {
    let entropy = Arc::new(Remembering::default());
    let keys = Keys::generate(entropy.as_ref()).expect("keys");
    let leaf = keys.leaf().pkcs8();
    entropy.0.lock().expect("no panic").push(Needle::new("TLS leaf", &leaf[36..68]));
    let engine: Arc<dyn Engine> = Arc::new(Echo::new());
    let file = ModelFile { name: "echo.gguf".into(), size: 1, sha256: [1; 32] };
    let manifest: Manifest = boot::manifest("echo", &file, engine.card());
    let chip = world::chip(world::seed());
    let trust = world::trust(&chip, None, &manifest);
    let config = "[model]\npath = \"/model.gguf\"\nname = \"echo\"\n";
    let parts = Parts {
        gpus: None,
        config: Config::from_toml(config).expect("a configuration"),
        keys,
        manifest,
        engine,
        collector: Arc::new(SimulatedChip::new(chip)),
        clock: Arc::new(SystemClock::new()),
        entropy: entropy.clone(),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let node = Node::start(parts, listener).await.expect("a node");
    // What is drawn later are salts, which are no keys and which the client knows too.
    let needles = entropy.0.lock().expect("no panic").clone();
    let target = world::target(node.address()).expect("an address");
    let session = Session::open(&target, &RelyingParty::new(trust)).await.expect("a session");
    for number in 0..3 {
        let body = br#"{"model":"echo","prompt":"one two three"}"#.to_vec();
        let request =
            InnerRequest::post("/v1/completions", Plaintext::from(body), RequestId([number; 16]));
        let sealed = session.seal(&request).expect("sealed");
        session.send(sealed).await.expect("sent").collect().await.expect("answered");
    }
    (node, needles)
}

#[test]
fn no_private_key_of_a_node_outlives_it() {
    let runtime = Runtime::new().expect("a runtime");
    let (node, needles) = runtime.block_on(session());
    let found = |needles: &[Needle]| {
        let hits = scan(needles).into_iter().zip(needles).filter(|(found, _)| *found);
        hits.map(|(_, needle)| needle.name).collect::<Vec<_>>()
    };
    let alive = found(&needles);
    for name in ["X-Wing key", "X25519 key", "signing prefix", "TLS leaf"] {
        assert!(alive.contains(&name), "the control: the living node holds its {name}: {alive:?}");
    }
    runtime.block_on(node.shutdown());
    runtime.shutdown_timeout(Duration::from_secs(10));
    let left = found(&needles);
    assert!(left.is_empty(), "left in memory after the shutdown: {left:?}");
}
