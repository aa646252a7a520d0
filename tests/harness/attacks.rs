//! The attacks, each beside its control: the same run without the one change, which must be answered.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use sealroom_attestation::{manifest::Manifest, seal::Plaintext};
use sealroom_enclave::Node;
use sealroom_engine::Engine;
use sealroom_forge::{Generation, tdx::Event};
use sealroom_gateway::session::{ExchangeError, InnerRequest, RequestId, Session, SessionError};
use sealroom_verifier::Trust;
use serde::Serialize;

mod gpus;

use crate::{
    carrier::{Tamper, tampering},
    clock::MovableClock,
    gpus::Gpus,
    hardware::{Chip, Platform},
    liar,
    middle::Middle,
    world::{self, Machine, Wrap},
};

/// What one attack came to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Which attack.
    pub name: &'static str,
    /// The control was answered, and its receipt verified.
    pub control: bool,
    /// The attack was refused.
    pub refused: bool,
    /// By which check.
    pub check: Option<String>,
    /// What went wrong where control or attack did not end as it must; `None` where they did.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// Everything that attacks share: one vendor, one model.
#[derive(Clone)]
pub struct Ground {
    /// The genuine chip.
    pub chip: Chip,
    /// The genuine GPUs, where the machine has some.
    pub gpus: Option<Gpus>,
    /// The model.
    pub engine: Arc<dyn Engine>,
    /// What the model is, as the policy pins it.
    pub manifest: Manifest,
    /// The same model from other weights, as a node that read them would describe and run it.
    pub other_weights: Option<(Arc<dyn Engine>, Manifest)>,
}

impl Ground {
    /// A machine that behaves.
    ///
    /// # Errors
    /// When keys cannot be made.
    pub fn machine(&self) -> Result<Machine> {
        let Self { chip, gpus, engine, manifest, .. } = self.clone();
        Ok(Machine { gpus, ..Machine::new(chip, engine, manifest)? })
    }

    /// What an enterprise that wants exactly this machine would trust.
    #[must_use]
    pub fn trust(&self) -> Trust {
        world::trust(&self.chip, self.gpus.as_ref(), &self.manifest)
    }
}

/// Whether the one change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Control,
    Attack,
}

/// How a run ended: answered with a verified receipt, refused by a check, or broken.
enum End {
    Answered,
    Refused(String),
}

impl From<SessionError> for End {
    fn from(error: SessionError) -> Self {
        Self::Refused(error.check().to_owned())
    }
}

impl From<ExchangeError> for End {
    fn from(error: ExchangeError) -> Self {
        Self::Refused(error.check().to_owned())
    }
}

const ON_THE_WAY: [&str; 5] = [
    "attested certificate shown without its key",
    "another TLS key behind genuine evidence",
    "evidence replayed under a new nonce",
    "a man in the middle relaying genuine evidence",
    "cached evidence shown for a live node",
];
const ON_SNP: [&str; 4] = ["debug policy bit", "other measurement", "another vendor root", "Milan"];
const ON_TDX: [&str; 6] = [
    "debug attribute",
    "other measurement",
    "another vendor root",
    "another kernel command line",
    "TCB out of date",
    "revoked platform",
];
const IN_THE_SEAL: [&str; 7] = [
    "weights changed on disk",
    "stale KEM key",
    "truncated stream",
    "flipped byte in the answer",
    "chunks swapped",
    "replayed encapsulated request",
    "receipt of another answer",
];

/// The names of those that this ground allows, in the order in which they run.
#[must_use]
pub fn names(ground: &Ground) -> Vec<&'static str> {
    let hardware: &[&str] = match ground.chip.platform() {
        Platform::Snp => &ON_SNP,
        Platform::Tdx => &ON_TDX,
    };
    let on_gpus = ground.gpus.as_ref().map(gpus::names).unwrap_or_default();
    [&ON_THE_WAY, hardware, &on_gpus, &IN_THE_SEAL].concat()
}

/// Runs one attack and its control.
pub async fn run(ground: &Ground, name: &'static str) -> Outcome {
    let control = attempt(ground, name, Run::Control).await;
    let attack = attempt(ground, name, Run::Attack).await;
    let answered = matches!(control, Ok(End::Answered));
    let check = match &attack {
        Ok(End::Refused(check)) => Some(check.clone()),
        _ => None,
    };
    let describe = |end: &Result<End>| match end {
        Ok(End::Answered) => "answered".to_owned(),
        Ok(End::Refused(check)) => format!("refused by {check}"),
        Err(error) => format!("broken: {error:#}"),
    };
    let problem = (!answered || check.is_none())
        .then(|| format!("control {}, attack {}", describe(&control), describe(&attack)));
    Outcome { name, control: answered, refused: check.is_some(), check, problem }
}

async fn attempt(ground: &Ground, name: &str, run: Run) -> Result<End> {
    let change = run == Run::Attack;
    match name {
        "attested certificate shown without its key" => middle(ground, change, Kind::Without).await,
        "another TLS key behind genuine evidence" => middle(ground, change, Kind::Own).await,
        "a man in the middle relaying genuine evidence" => {
            middle(ground, change, Kind::Stolen).await
        }
        "evidence replayed under a new nonce" => replayed_evidence(ground, change).await,
        "cached evidence shown for a live node" => {
            let wrap: Wrap = Box::new(liar::cached_evidence);
            wrapped(ground, change.then_some(wrap)).await
        }
        "debug policy bit" | "debug attribute" => {
            chip(ground, change, |chip| chip.debug(true)).await
        }
        "other measurement" => chip(ground, change, Chip::other_image).await,
        "another vendor root" => chip(ground, change, Chip::other_vendor).await,
        "another kernel command line" => chip(ground, change, other_kernel).await,
        "TCB out of date" => chip(ground, change, out_of_date).await,
        "revoked platform" => revoked(ground, change).await,
        "Milan" => milan(ground, change).await,
        "weights changed on disk" => other_weights(ground, change).await,
        "stale KEM key" => stale_key(ground, change).await,
        "truncated stream" => tampered(ground, change, Tamper::Truncate).await,
        "flipped byte in the answer" => tampered(ground, change, Tamper::Flip).await,
        "chunks swapped" => tampered(ground, change, Tamper::Swap).await,
        "replayed encapsulated request" => replayed_request(ground, change).await,
        "receipt of another answer" => stale_receipt(ground, change).await,
        other => gpus::attempt(ground, other, change).await,
    }
}

/// Opens a session, asks, and holds the receipt against the exchange: the whole of the client's side.
async fn ask(address: std::net::SocketAddr, ground: &Ground, clock: &MovableClock) -> Result<End> {
    ask_under(address, &ground.trust(), clock, &ground.manifest.name).await
}

async fn ask_under(
    address: std::net::SocketAddr,
    trust: &Trust,
    clock: &MovableClock,
    model: &str,
) -> Result<End> {
    let party = world::party(trust.clone(), clock);
    let session = match Session::open(&world::target(address)?, &party).await {
        Ok(session) => session,
        Err(error) => return Ok(error.into()),
    };
    exchange(&session, model).await
}

async fn exchange(session: &Session, model: &str) -> Result<End> {
    let sealed = session.seal(&question(model)?)?;
    let answer = match session.send(sealed).await {
        Ok(answer) => answer,
        Err(error) => return Ok(error.into()),
    };
    match answer.collect().await {
        Ok((content, Some(_receipt))) if !content.is_empty() => Ok(End::Answered),
        Ok(_) => bail!("an answer without content or receipt"),
        Err(error) => Ok(error.into()),
    }
}

/// Four streamed tokens: enough chunks to swap, cheap enough to ask often.
fn question(model: &str) -> Result<InnerRequest> {
    let body = serde_json::json!({
        "model": model, "prompt": "One two three four", "max_tokens": 4, "temperature": 0, "stream": true,
    });
    let body = Plaintext::from(serde_json::to_vec(&body)?);
    let id = world::seed();
    let id = RequestId(id.first_chunk::<16>().copied().context("a seed has 32 bytes")?);
    Ok(InnerRequest::post("/v1/completions", body, id))
}

enum Kind {
    Own,
    Stolen,
    Without,
}

async fn middle(ground: &Ground, change: bool, kind: Kind) -> Result<End> {
    let machine = ground.machine()?;
    let clock = machine.clock.clone();
    let leaf = machine.keys.leaf();
    let (certificate, pkcs8) = (leaf.certificate().clone(), leaf.pkcs8().to_vec());
    let node = machine.boot().await?;
    let middle = match (change, kind) {
        (false, _) => Middle::Wire,
        (true, Kind::Own) => Middle::OwnLeaf,
        (true, Kind::Stolen) => Middle::StolenLeaf { certificate, pkcs8 },
        (true, Kind::Without) => Middle::LeafWithoutKey { certificate },
    };
    let middle = middle.start(node.address()).await?;
    let end = ask(middle.address(), ground, &clock).await;
    node.shutdown().await;
    end
}

async fn wrapped(ground: &Ground, wrap: Option<Wrap>) -> Result<End> {
    let mut machine = ground.machine()?;
    machine.wrap = wrap;
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let end = ask(node.address(), ground, &clock).await;
    node.shutdown().await;
    end
}

async fn tampered(ground: &Ground, change: bool, tamper: Tamper) -> Result<End> {
    let wrap: Wrap = Box::new(move |router, _| tampering(router, tamper));
    wrapped(ground, change.then_some(wrap)).await
}

/// Two sessions with the same node; only the second is judged.
async fn twice(ground: &Ground, wrap: Option<Wrap>) -> Result<End> {
    let mut machine = ground.machine()?;
    machine.wrap = wrap;
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let first = ask(node.address(), ground, &clock).await?;
    let second = ask(node.address(), ground, &clock).await;
    node.shutdown().await;
    match first {
        End::Answered => second,
        End::Refused(check) => bail!("the first, honest run was refused by {check}"),
    }
}

async fn replayed_evidence(ground: &Ground, change: bool) -> Result<End> {
    let wrap: Wrap = Box::new(|router, _| liar::replaying_evidence(router));
    twice(ground, change.then_some(wrap)).await
}

async fn stale_receipt(ground: &Ground, change: bool) -> Result<End> {
    let wrap: Wrap = Box::new(liar::stale_receipts);
    if change { twice(ground, Some(wrap)).await } else { wrapped(ground, Some(wrap)).await }
}

async fn chip(ground: &Ground, change: bool, make: fn(Chip) -> Chip) -> Result<End> {
    let mut machine = ground.machine()?;
    if change {
        machine.chip = make(machine.chip);
    }
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let end = ask(node.address(), ground, &clock).await;
    node.shutdown().await;
    end
}

/// A Milan chip under a Milan root that the relying party was told to trust: the generation alone is refused.
async fn milan(ground: &Ground, change: bool) -> Result<End> {
    let mut ground = ground.clone();
    if let Chip::Snp(chip) = &ground.chip
        && change
    {
        ground.chip = chip.clone().generation(Generation::Milan).into();
    }
    wrapped(&ground, None).await
}

/// The same image, started with another command line: firmware measures it into an RTMR.
fn other_kernel(chip: Chip) -> Chip {
    match chip {
        Chip::Tdx(chip) => {
            let mut events = Event::boot();
            events.push(Event::new(2, 0xd, b"kernel_cmdline: init=/bin/sh\0"));
            chip.event_log(events).into()
        }
        Chip::Snp(_) => chip,
    }
}

/// With a TDX module of which Intel says that it has known faults.
fn out_of_date(chip: Chip) -> Chip {
    const MODULE_6: [u8; 16] = [6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match chip {
        Chip::Tdx(chip) => chip.tee_tcb_svn(MODULE_6).into(),
        Chip::Snp(_) => chip,
    }
}

/// A platform that the vendor's list names.
async fn revoked(ground: &Ground, change: bool) -> Result<End> {
    const SERIAL: [u8; 8] = [0x51; 8];
    let mut ground = ground.clone();
    if let Chip::Tdx(chip) = &ground.chip {
        let chip = chip.clone().pck(|pck| pck.serial = SERIAL.to_vec());
        let listed = |list: &mut sealroom_forge::CrlSpec| list.revoked.push(SERIAL.to_vec());
        ground.chip = if change { chip.pck_crl(listed) } else { chip }.into();
    }
    wrapped(&ground, None).await
}

async fn other_weights(ground: &Ground, change: bool) -> Result<End> {
    let mut machine = ground.machine()?;
    if change {
        let other = ground.other_weights.clone().context("no changed weights were made")?;
        (machine.engine, machine.manifest) = other;
    }
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let end = ask(node.address(), ground, &clock).await;
    node.shutdown().await;
    end
}

/// A key is accepted for 1,200 s. This one is older, and the session is new.
const PAST_ACCEPTANCE: Duration = Duration::from_secs(1_300);

async fn stale_key(ground: &Ground, change: bool) -> Result<End> {
    let machine = ground.machine()?;
    let clock = machine.clock.clone();
    let node = machine.boot().await?;
    let party = world::party(ground.trust(), &clock);
    let target = world::target(node.address())?;
    let stale = Session::open(&target, &party).await?.key().clone();
    for _ in 0..2 {
        clock.pass(PAST_ACCEPTANCE / 2);
        node.state().tick().await;
    }
    let session = Session::open(&target, &party).await?;
    let key = if change { &stale } else { session.key() };
    let sealed = session.seal_to(key, &question(&ground.manifest.name)?)?;
    let end = match session.send(sealed).await {
        Ok(answer) => answer.collect().await.map_or_else(End::from, |_| End::Answered),
        Err(error) => error.into(),
    };
    node.shutdown().await;
    Ok(end)
}

async fn replayed_request(ground: &Ground, change: bool) -> Result<End> {
    let machine = ground.machine()?;
    let clock = machine.clock.clone();
    let node: Node = machine.boot().await?;
    let party = world::party(ground.trust(), &clock);
    let session = Session::open(&world::target(node.address())?, &party).await?;
    let sealed = session.seal(&question(&ground.manifest.name)?)?;
    let copy = sealed.encapsulated().clone();
    session.send(sealed).await?.collect().await?;
    let end = if change {
        session.send_raw(copy).await.map_or_else(End::from, |_| End::Answered)
    } else {
        exchange(&session, &ground.manifest.name).await?
    };
    node.shutdown().await;
    Ok(end)
}

/// A copy of a model file with one bit of its last tensor changed.
///
/// # Errors
/// When the file cannot be read or the copy cannot be written.
pub fn change_one_bit(model: &Path, copy: &Path) -> Result<()> {
    let mut bytes = std::fs::read(model).with_context(|| format!("reading {}", model.display()))?;
    let last = bytes.last_mut().context("the model is empty")?;
    *last ^= 1;
    std::fs::write(copy, bytes).with_context(|| format!("writing {}", copy.display()))
}
