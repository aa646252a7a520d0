//! An engine beside the node: its files are hashed, then it is started.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealroom_attestation::manifest::Manifest;
use sealroom_attestation::transcript::sha256;
use sealroom_engine::{Engine as _, UpstreamSettings};

use super::{BootError, Served, manifest};
use crate::config::{Config, Upstream};
use crate::upstream::{Confined, Launch, Plan};
use crate::weights::{self, WeightsError, hex};

/// Everything is hashed before the engine is started: what it loads afterwards is what the manifest names, if the place of the
/// files is one that nobody can change meanwhile.
pub(super) async fn start(config: &Config, upstream: &Upstream) -> Result<Served, BootError> {
    let (path, expected) = (config.model_path().to_owned(), config.model_sha256());
    let (plan, name) = (plan(config, upstream), config.model_name().to_owned());
    let started = tokio::task::spawn_blocking(move || {
        let files = weights::hash(&path, expected)?;
        let engine = Arc::new(Confined::start(plan)?);
        let [first, ..] = files.as_slice() else { return Err(WeightsError::Empty.into()) };
        let manifest = Manifest { files: files.clone(), ..manifest(&name, first, engine.card()) };
        Ok::<_, BootError>((engine, manifest))
    });
    let (engine, manifest) = started.await.map_err(|_| BootError::Interrupted)??;
    Ok((engine, manifest))
}

fn plan(config: &Config, upstream: &Upstream) -> Plan {
    let launch = Launch {
        program: upstream.program.clone(),
        arguments: upstream.arguments.clone(),
        directory: upstream.directory.clone(),
        user: upstream.user,
    };
    let settings = UpstreamSettings {
        address: upstream.address.clone(),
        user: upstream.user.own(),
        kind: upstream.kind,
        build: upstream.build.clone(),
        name: config.model_name().to_owned(),
        root: upstream.root.clone(),
        context: config.engine().context,
        in_flight: upstream.in_flight,
        parameters: BTreeMap::from([("command_sha256".to_owned(), command_digest(upstream))]),
        deadlines: upstream.deadlines,
    };
    Plan { launch, settings, start: upstream.start, proc: "/proc".into() }
}

/// Arguments change answers: a number format, a template, a sampler. They also hold paths, so that only their digest is told.
fn command_digest(upstream: &Upstream) -> String {
    let program = upstream.program.to_string_lossy();
    let mut joined = Vec::new();
    for word in [program.as_ref()].into_iter().chain(upstream.arguments.iter().map(String::as_str))
    {
        joined.extend_from_slice(&(word.len() as u64).to_be_bytes());
        joined.extend_from_slice(word.as_bytes());
    }
    hex(&sha256(&joined))
}
