//! Everything that evidence stands on, from a store: what is above first, then the rest at once.

use std::sync::Arc;

use futures_util::future::join_all;
use sealroom_attestation::{UnixTime, endorsements::Endorsements};
use tokio::time::Instant;

use super::{
    needs::Needs,
    resource::Resource,
    store::{Asked, FetchError, Store},
};
use crate::verdict::Claims;

/// What came, and what did not.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Everything that came, as one set. What did not come is missing in every verdict.
    pub endorsements: Endorsements,
    /// Each statement that came.
    pub found: Vec<(Resource, Asked)>,
    /// Each that did not.
    pub problems: Vec<Problem>,
}

/// A statement that did not come.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which.
    pub resource: Resource,
    /// Why not.
    pub error: FetchError,
}

/// Who hears of each statement as it comes or fails.
pub type Tell<'t> = &'t (dyn Fn(&Resource, Result<&Asked, &FetchError>) + Sync);

/// Evidence, RIMs, and the certificates of RIMs: each names the next.
const ROUNDS: usize = 3;

/// Asks a store for everything that evidence stands on, and for what that stands on in turn. `read` says what the evidence
/// claims with what was gathered so far, and `name` what such claims need. It never fails as a whole: what is missing is
/// missing, and named.
pub async fn gather(
    store: &Store,
    read: impl Fn(&Endorsements) -> Option<Claims>,
    name: impl Fn(&Claims) -> Needs,
    now: UnixTime,
    tell: Tell<'_>,
) -> (Needs, Gathered) {
    let (mut needs, mut gathered) = (Needs::default(), Gathered::default());
    // Time passes while the first ones come.
    let begin = Instant::now();
    let by_then = || now.plus(begin.elapsed().as_secs());
    for _ in 0..ROUNDS {
        let named = read(&gathered.endorsements).map(|claims| name(&claims));
        let Some(next) = named.map(|needs| needs.under(&store.anchors().gpu)) else { break };
        if next == needs {
            break;
        }
        for step in [&next.above, &next.rest] {
            gathered.ask(store, step, by_then(), tell).await;
        }
        needs = next;
    }
    (needs, gathered)
}

impl Gathered {
    /// Asks for all of them at once, but for those that were asked for before.
    async fn ask(&mut self, store: &Store, step: &[Resource], now: UnixTime, tell: Tell<'_>) {
        let above = &Arc::new(self.endorsements.clone());
        let new = step.iter().filter(|resource| !self.knows(resource));
        let asked = new.map(|resource| async move {
            let result = store.get(resource, above, now).await;
            tell(resource, result.as_ref());
            (resource.clone(), result)
        });
        for (resource, result) in join_all(asked).await {
            self.add(resource, result);
        }
    }

    fn knows(&self, resource: &Resource) -> bool {
        let found = self.found.iter().map(|(found, _)| found);
        found.chain(self.problems.iter().map(|one| &one.resource)).any(|one| one == resource)
    }

    fn add(&mut self, resource: Resource, result: Result<Asked, FetchError>) {
        match result {
            Ok(asked) => {
                for file in &asked.entry.files {
                    // Each was read before, when it was verified.
                    let added = self.endorsements.add_file(file);
                    debug_assert_eq!(added, Ok(()));
                }
                self.found.push((resource, asked));
            }
            Err(error) => self.problems.push(Problem { resource, error }),
        }
    }
}
