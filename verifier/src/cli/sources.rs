//! Where endorsements may be fetched from, and where they are kept.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use sealroom_attestation::{
    UnixTime,
    endorsements::{Anchors, Endorsements},
    snp::Generation,
};

use crate::{
    endorsements::{
        Asked, Base, Cache, FetchError, Gathered, Needs, Origin, Ratchet, Resource, RolledBack,
        Service, Services, Store, Update, gather, needs,
    },
    verdict::Claims,
};

/// Sources, as every command that may fetch takes them.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Sources {
    /// Where fetched endorsements are kept until they end. A folder `sealroom` in your cache folder when it is not given.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Where the newest editions ever seen are remembered, so that no older one passes. A folder `sealroom` in your state
    /// folder when it is not given.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Ask a mirror in place of a vendor: amd, intel, intel-certificates, nvidia-rim or nvidia-ocsp. What it says is believed as little.
    #[arg(long, value_name = "SERVICE=URL", value_parser = mirror)]
    mirror: Vec<(Service, Base)>,
    /// Take Intel's documents from the early track: a recovery counts at once.
    #[arg(long)]
    early: bool,
    /// The generation of a processor whose report does not name it: milan, genoa or turin.
    #[arg(long, value_name = "NAME", value_parser = generation)]
    generation: Option<Generation>,
    /// Use what was kept, and ask nobody.
    #[arg(long)]
    offline: bool,
}

fn mirror(text: &str) -> Result<(Service, Base), String> {
    let (name, url) = text.split_once('=').ok_or("SERVICE=URL expected")?;
    let names = Service::ALL.map(Service::name).join(", ");
    let service = Service::ALL.into_iter().find(|service| service.name() == name);
    let service = service.ok_or_else(|| format!("{name:?} is none of {names}"))?;
    Ok((service, Base::from_url(url).map_err(|error| error.to_string())?))
}

fn generation(text: &str) -> Result<Generation, String> {
    let named = |generation: &Generation| generation.name().eq_ignore_ascii_case(text);
    let found = Generation::ALL.into_iter().find(named);
    found.ok_or_else(|| format!("{text:?} is none of milan, genoa, turin"))
}

/// A folder of ours in one of the user's, by the XDG Base Directory Specification.
fn own_folder(variable: &str, below_home: &str) -> Result<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(below_home));
    match named.or_else(home) {
        Some(folder) => Ok(folder.join("sealroom")),
        None => bail!("neither {variable} nor HOME is set: name the folder"),
    }
}

/// The cache in a folder, or in the user's own.
pub(super) fn open_cache(folder: Option<&Path>) -> Result<Cache> {
    let own = || own_folder("XDG_CACHE_HOME", ".cache");
    let folder = folder.map(Path::to_owned).map_or_else(own, Ok)?;
    Cache::open(&folder).context("opening the cache")
}

/// The ratchet in a folder, or in the user's own.
pub(super) fn open_ratchet(folder: Option<&Path>) -> Result<Ratchet> {
    let own = || own_folder("XDG_STATE_HOME", ".local/state");
    let folder = folder.map(Path::to_owned).map_or_else(own, Ok)?;
    Ratchet::open(&folder).context("opening the ratchet")
}

/// What else may be done about a statement that did not come.
fn advice(error: &FetchError) -> Option<String> {
    match error {
        FetchError::RolledBack(RolledBack { name, .. }) => Some(format!(
            "a mirror is behind, or somebody replays old answers; where the newer one came by mistake, as of Intel's early \
             track: sealroom-verifier cache forget {name}"
        )),
        FetchError::Pausing { error, .. } => advice(error),
        _ => None,
    }
}

impl Sources {
    /// The cache.
    pub(super) fn cache(&self) -> Result<Cache> {
        open_cache(self.cache.as_deref())
    }

    /// Whom to ask.
    pub(super) fn services(&self) -> Services {
        let mirrors = self.mirror.iter().cloned();
        mirrors.fold(Services::default(), |all, (service, base)| all.with_mirror(service, base))
    }

    /// The ratchet.
    pub(super) fn ratchet(&self) -> Result<Ratchet> {
        open_ratchet(self.state.as_deref())
    }

    /// True where nobody is to be asked.
    pub(super) const fn is_offline(&self) -> bool {
        self.offline
    }

    /// The store over cache, ratchet and services.
    ///
    /// # Errors
    /// Where a folder cannot be opened, or the ratchet cannot be read.
    pub fn store(&self, anchors: Anchors) -> Result<Store> {
        let ratchet = self.ratchet()?;
        let services = self.services();
        let services = (!self.offline).then_some(services);
        Ok(Store::new(services, anchors, self.cache()?, ratchet))
    }

    /// Which of Intel's tracks.
    #[must_use]
    pub const fn update(&self) -> Update {
        if self.early { Update::Early } else { Update::Standard }
    }

    /// The generation of a processor whose report does not name it.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Everything that evidence stands on, as far as it is to be had. Who waits sees each statement come.
    pub(super) fn gather(
        &self,
        read: impl Fn(&Endorsements) -> Option<Claims>,
        anchors: Anchors,
        now: UnixTime,
    ) -> Result<(Needs, Gathered)> {
        let name = |claims: &Claims| needs(claims, self.update(), self.generation());
        // Whoever waits for one verdict would rather wait for what is new.
        let store = self.store(anchors)?.eager();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("starting the runtime")?;
        let begin = Instant::now();
        let tell = |resource: &Resource, result: Result<&Asked, &FetchError>| {
            let passed = begin.elapsed().as_secs_f32();
            match result {
                Ok(Asked { origin: Origin::Fetched, entry }) => {
                    let bytes: usize = entry.files.iter().map(Vec::len).sum();
                    let until = entry.statement.validity.until;
                    anstream::eprintln!(
                        "{passed:5.1} s  fetched {resource}, {bytes} bytes, until {until}"
                    );
                }
                Ok(_) => anstream::eprintln!("{passed:5.1} s  kept    {resource}"),
                Err(error) => {
                    anstream::eprintln!("{passed:5.1} s  FAILED  {resource}: {error}");
                    if let Some(advice) = advice(error) {
                        anstream::eprintln!("         do: {advice}");
                    }
                }
            }
        };
        let (needs, gathered) = runtime.block_on(gather(&store, read, name, now, &tell));
        for reason in &needs.unknown {
            anstream::eprintln!("         UNKNOWN {reason}");
        }
        Ok((needs, gathered))
    }
}
