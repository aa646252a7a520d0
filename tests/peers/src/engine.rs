//! The engine beside llama.cpp on one file: speed, memory, and how near both come to the arithmetic they approximate.
//!
//! Every measurement is a process of its own, and the two take turns: neither warms the other's caches nor counts in its
//! memory.

mod accuracy;
mod families;
mod load;
mod ours;
mod peer;
mod text;

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use candle_core::quantized::GgmlDType;
use serde::{Deserialize, Serialize};

use crate::Row;

/// Arguments of the bench.
#[derive(clap::Args, Clone)]
pub(crate) struct Arguments {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// The model file; default: $SEALROOM_MODEL, then the cache of models.
    #[arg(long)]
    model: Option<PathBuf>,
    /// How often each case is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads of each engine; again for another number.
    #[arg(long, default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Measure these cases alone.
    #[arg(long, value_enum)]
    case: Vec<Case>,
    /// Compare only log-probabilities and answers, no speed.
    #[arg(long)]
    accuracy: bool,
    /// Only offer ten times what it can answer, for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    load: Option<u64>,
    /// Measure the same model with its weights in this kind instead, made for the occasion.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Measure beside our engine in another build of this program, instead of a peer.
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    /// Measure one case in this process, and print it for the one that asked.
    #[arg(long, value_enum, hide = true)]
    one: Option<Who>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// A prompt of 512 tokens, up to its first token.
    #[value(name = "prefill-512")]
    Prefill,
    /// One answer behind a prompt of 64 tokens.
    #[value(name = "decode-64")]
    Decode64,
    /// One answer behind a prompt of 2,048 tokens.
    #[value(name = "decode-2048")]
    Decode2048,
    /// 8 answers at once.
    #[value(name = "batch-8")]
    Batch8,
    /// 32 answers at once.
    #[value(name = "batch-32")]
    Batch32,
}

/// Other kinds of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "q8_0")]
    Q8_0,
}

impl Kind {
    const fn of_candle(self) -> GgmlDType {
        match self {
            Self::Q4_0 => GgmlDType::Q4_0,
            Self::Q8_0 => GgmlDType::Q8_0,
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Who {
    Ours,
    Peer,
}

/// What one process measured.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Tokens that were computed in the time.
    pub(crate) tokens: f64,
    /// Seconds that passed, and seconds of all processors.
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    /// Seconds from the file to the first request.
    pub(crate) load: f64,
    /// Most memory at any time, MiB.
    pub(crate) peak: f64,
}

impl Case {
    /// Tokens of each prompt, and of each answer.
    pub(crate) const fn lengths(self) -> (usize, usize) {
        match self {
            Self::Prefill => (512, 1),
            Self::Decode64 | Self::Batch8 | Self::Batch32 => (64, 64),
            Self::Decode2048 => (2048, 64),
        }
    }

    /// Sequences at once.
    pub(crate) const fn sequences(self) -> usize {
        match self {
            Self::Prefill | Self::Decode64 | Self::Decode2048 => 1,
            Self::Batch8 => 8,
            Self::Batch32 => 32,
        }
    }

    /// How many times the peer's speed, on the default model's Q4_1 and on anything else.
    const fn goal(self, is_default: bool) -> f64 {
        match (is_default, self) {
            (false, _) => 1.2,
            (true, Self::Prefill) => 4.0,
            (true, Self::Decode64 | Self::Decode2048) => 2.0,
            (true, Self::Batch8 | Self::Batch32) => 2.5,
        }
    }

    fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self)
            .expect("every case has a name")
            .get_name()
            .to_owned()
    }
}

const ALL: [Case; 5] =
    [Case::Prefill, Case::Decode64, Case::Decode2048, Case::Batch8, Case::Batch32];

/// Runs the bench; a missed goal is an error after all rows were printed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = crate::tokens::model_path(arguments.model.as_deref())?;
    if let (Some(who), [case], [threads]) =
        (arguments.one, &arguments.case[..], &arguments.threads[..])
    {
        let measured = match who {
            Who::Ours => ours::measure(&path, *case, *threads)?,
            Who::Peer => peer::measure(&path, *case, *threads)?,
        };
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = match arguments.kind {
        None => path,
        Some(kind) => {
            let other = folder.path().join("other.gguf");
            accuracy::requantise(&path, &other, kind.of_candle())?;
            other
        }
    };
    crate::say_load();
    let mut all_met = true;
    if let Some(seconds) = arguments.load {
        for row in load::rows(&path, seconds)? {
            all_met &= row.met;
            row.print(arguments.json)?;
        }
        ensure!(all_met, "a goal was missed");
        return Ok(());
    }
    if arguments.case.is_empty() && arguments.beside.is_none() {
        for row in accuracy::rows(&path)? {
            all_met &= row.met;
            row.print(arguments.json)?;
        }
    }
    if arguments.accuracy {
        ensure!(all_met, "a goal was missed");
        return Ok(());
    }
    let is_default = path.metadata()?.len() == sealroom_engine::default_model::SIZE;
    let cases = if arguments.case.is_empty() { &ALL[..] } else { &arguments.case[..] };
    for &threads in &arguments.threads {
        for &case in cases {
            for row in compare(arguments, &path, case, threads, is_default)? {
                all_met &= row.met;
                row.print(arguments.json)?;
            }
        }
    }
    ensure!(all_met, "a goal was missed");
    Ok(())
}

fn compare(
    arguments: &Arguments,
    path: &PathBuf,
    case: Case,
    threads: usize,
    is_default: bool,
) -> Result<Vec<Row>> {
    let mut measured = [Vec::new(), Vec::new()];
    let program = std::env::current_exe().context("finding this program")?;
    let (sides, peer_name) = match &arguments.beside {
        Some(other) => ([(program, "ours"), (other.clone(), "ours")], "the other build"),
        None => ([(program.clone(), "ours"), (program, "peer")], "llama.cpp"),
    };
    for _ in 0..arguments.rounds {
        for ((program, who), measured) in sides.iter().zip(&mut measured) {
            measured.push(child(program, path, case, threads, who)?);
        }
    }
    let [ours, peer] = &measured;
    let row = |metric, unit, of: &dyn Fn(&Measured) -> f64, goal: f64, more_is_better: bool| {
        let (ours, peer) = (median(ours, of), median(peer, of));
        let ratio = ours / peer;
        let met = if more_is_better { ratio >= goal } else { ratio <= goal };
        let case = format!("{}, {threads} threads", case.name());
        Row { bench: "engine", case, metric, unit, ours, peer, peer_name, ratio, goal, met }
    };
    let goal = match (arguments.beside.is_some(), threads) {
        (true, _) => 0.95,
        (false, 1) => case.goal(is_default),
        (false, _) => 1.0,
    };
    let mut rows = vec![
        row("speed by CPU time", "tok/s", &|one| one.tokens / one.cpu, goal, true),
        row("speed by wall time", "tok/s", &|one| one.tokens / one.wall, goal, true),
        row("peak memory", "MiB", &|one| one.peak, 1.3, false),
    ];
    if case == Case::Prefill {
        rows.push(row("load time", "s", &|one| one.load, f64::INFINITY, false));
    }
    Ok(rows)
}

fn child(
    program: &PathBuf,
    path: &PathBuf,
    case: Case,
    threads: usize,
    who: &str,
) -> Result<Measured> {
    let mut command = Command::new(program);
    command.args(["engine", "--one", who, "--case", &case.name()]);
    command.args(["--threads", &threads.to_string(), "--model"]).arg(path);
    let output = command.output().context("starting a measurement")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{who} {case:?} ended with {}: {told}", output.status);
    serde_json::from_slice(&output.stdout).context("reading a measurement")
}

fn median(all: &[Measured], of: &dyn Fn(&Measured) -> f64) -> f64 {
    let mut all: Vec<_> = all.iter().map(of).collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Seconds of all processors that this process took, and the time on the wall.
pub(crate) fn clocks() -> (f64, std::time::Instant) {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    (cpu.tv_sec as f64 + cpu.tv_nsec as f64 * 1e-9, std::time::Instant::now())
}

/// Memory of this process, MiB: `VmRSS` for now, `VmHWM` for the most that it ever had (proc(5)).
pub(crate) fn memory(which: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.with_context(|| format!("reading {which}"))?.parse::<f64>()? / 1024.0)
}
