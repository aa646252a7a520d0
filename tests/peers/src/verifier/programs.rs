//! The programs that are compared, and their command lines.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use sealroom_attestation::x509;

use super::{Arguments, board};
use crate::measure::{at, testdata, testdata_path};

const REPORT: &str = "snp/genoa_v2_report.bin";
const VCEK: &str = "snp/genoa_v2_vcek.der";
const AUTHORITIES: &str = "roots/amd_genoa_ask_ark_asvk.pem";
const QUOTE: &str = "tdx/v4_td10_uptodate_quote.bin";
const COLLATERAL: &str = "tdx/v4_td10_uptodate_collateral.json";
/// When the collateral counted.
const AT: &str = "2025-07-01T00:00:00Z";

/// A program with its command line.
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    fn new(path: &Path, arguments: &[&dyn AsRef<OsStr>]) -> Self {
        let owned = |one: &&dyn AsRef<OsStr>| AsRef::<OsStr>::as_ref(*one).to_owned();
        let arguments = arguments.iter().map(owned).collect();
        Self { path: path.to_owned(), arguments }
    }

    /// From its start to its end, what it says kept. It must accept.
    pub(super) fn run(&self) {
        let output = Command::new(&self.path).args(&self.arguments).output().expect("it starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {:?}: {told}", self.path.display(), self.arguments);
    }
}

/// Where the programs are, and a folder for files that some of them need.
pub(super) struct Programs {
    verifier: PathBuf,
    peers: PathBuf,
    snpguest: Option<PathBuf>,
    folder: PathBuf,
}

impl Programs {
    /// Builds what is missing. `snpguest` brings a crypto library of its own and is never built here.
    pub(super) fn find(arguments: &Arguments, folder: &Path) -> Result<Self> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = peers.join("../..");
        if arguments.verifier.is_none() {
            build(&root, &["-p", "sealroom-verifier"])?;
        }
        let bins = ["--no-default-features", "--features", "verifier"];
        build(peers, &[&bins[..], &["--bin", "peer-sev", "--bin", "peer-dcap-qvl"]].concat())?;
        let snpguest = Command::new(&arguments.snpguest).arg("--version").output().ok();
        if snpguest.is_none() {
            eprintln!("snpguest is not here: a program over its library stands for it alone");
        }
        certificates(folder)?;
        let built = root.join("target/release/sealroom-verifier");
        let own = env::current_exe().context("finding this program")?;
        Ok(Self {
            verifier: arguments.verifier.clone().unwrap_or(built),
            peers: own.parent().context("a folder of programs")?.to_owned(),
            snpguest: snpguest.map(|_| arguments.snpguest.clone()),
            folder: folder.to_owned(),
        })
    }

    pub(super) fn version(&self) -> Program {
        Program::new(&self.verifier, &[&"--version"])
    }

    pub(super) fn report(&self) -> Program {
        let (report, vcek) = (testdata_path(REPORT), testdata_path(VCEK));
        let authorities = testdata_path(AUTHORITIES);
        let (with, at) = ("--with", "2026-06-01T00:00:00Z");
        let asked: [&dyn AsRef<OsStr>; 10] = [
            &"check",
            &report,
            &with,
            &vcek,
            &with,
            &authorities,
            &"--at",
            &at,
            &"--crypto-only",
            &"--json",
        ];
        Program::new(&self.verifier, &asked)
    }

    pub(super) fn quote(&self) -> Program {
        let (quote, collateral) = (testdata_path(QUOTE), testdata_path(COLLATERAL));
        let asked: [&dyn AsRef<OsStr>; 8] =
            [&"check", &quote, &"--with", &collateral, &"--at", &AT, &"--crypto-only", &"--json"];
        Program::new(&self.verifier, &asked)
    }

    pub(super) fn board(&self) -> Result<Program> {
        let arguments = board::write(&self.folder)?;
        Ok(Program { path: self.verifier.clone(), arguments })
    }

    pub(super) fn sev(&self) -> Program {
        Program::new(&self.peers.join("peer-sev"), &[&self.folder, &testdata_path(REPORT)])
    }

    /// Chain and report are two commands of its.
    pub(super) fn snpguest(&self) -> Vec<Program> {
        let Some(path) = &self.snpguest else { return Vec::new() };
        let (folder, report) = (&self.folder, testdata_path(REPORT));
        let chain = Program::new(path, &[&"verify", &"certs", folder]);
        // A report of version 2 does not say which processor it is of.
        let model: [&dyn AsRef<OsStr>; 6] =
            [&"verify", &"attestation", &"--processor-model", &"genoa", folder, &report];
        vec![chain, Program::new(path, &model)]
    }

    pub(super) fn dcap_qvl(&self) -> Result<Program> {
        let (quote, collateral) = (testdata_path(QUOTE), testdata_path(COLLATERAL));
        let seconds = at(AT)?.0.to_string();
        let path = self.peers.join("peer-dcap-qvl");
        let (with, when) = ("--collateral", "--at");
        Ok(Program::new(&path, &[&"verify", &quote, &with, &collateral, &when, &seconds]))
    }
}

fn build(workspace: &Path, what: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace).args(["build", "--release", "--locked"]).args(what);
    ensure!(command.status().context("running cargo")?.success(), "building {what:?}");
    Ok(())
}

/// The chip's certificate and its authorities, as `snpguest` names them.
fn certificates(folder: &Path) -> Result<()> {
    let authorities = String::from_utf8(testdata(AUTHORITIES)?)?;
    let blocks = x509::blocks(&authorities)?;
    let [ask, ark, _] = blocks.as_slice() else { bail!("three certificates") };
    for (name, der) in [("ask", &ask.der), ("ark", &ark.der), ("vcek", &testdata(VCEK)?)] {
        fs::write(folder.join(format!("{name}.der")), der)?;
    }
    Ok(())
}
