//! Everything that evidence stands on, from a store: what is above first, then the rest at once.

use futures_util::future::join_all;
use sealroom_attestation::{UnixTime, endorsements::Endorsements};

use super::{
    needs::Needs,
    resource::Resource,
    store::{Asked, FetchError, Store},
};

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

/// Asks a store for everything. It never fails as a whole: what is missing is missing, and named. `tell` hears of each
/// statement as it comes or fails.
pub async fn gather(
    store: &Store,
    needs: &Needs,
    now: UnixTime,
    tell: &(dyn Fn(&Resource, Result<&Asked, &FetchError>) + Sync),
) -> Gathered {
    let mut gathered = Gathered::default();
    for step in [&needs.above, &needs.rest] {
        let above = gathered.endorsements.clone();
        let asked = step.iter().map(|resource| {
            let above = &above;
            async move {
                let result = store.get(resource, above, now).await;
                tell(resource, result.as_ref());
                (resource.clone(), result)
            }
        });
        for (resource, result) in join_all(asked).await {
            gathered.add(resource, result);
        }
    }
    gathered
}

impl Gathered {
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
