//! Many pieces of evidence at once.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Verifies every item on so many threads and answers in the items' order. `verify` returns what the caller keeps of
/// each verdict: a whole one, with its ledger, holds some 15 KB.
///
/// ```
/// use std::num::NonZeroUsize;
/// use sealroom_attestation::{UnixTime, batch, tdx};
/// let known = tdx::Known::new(&tdx::Endorsements::default(), tdx::Anchors::production());
/// let genuine = |quote: &[u8; 100]| known.verify(quote, UnixTime(0)).is_ok();
/// let two = NonZeroUsize::new(2).expect("not zero");
/// assert_eq!(batch::verify(&[[0; 100], [9; 100]], two, genuine), [false, false]);
/// ```
pub fn verify<T: Sync, R: Send>(
    items: &[T],
    workers: NonZeroUsize,
    verify: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, verify(item)))
        });
        mine.collect::<Vec<_>>()
    };
    let mut answers = std::thread::scope(|threads| {
        // The calling thread works too: with one worker there is no other.
        let others: Vec<_> =
            (1..workers.get().min(items.len())).map(|_| threads.spawn(work)).collect();
        let mut answers = work();
        for other in others {
            match other.join() {
                Ok(theirs) => answers.extend(theirs),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        answers
    });
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_order_whatever_the_number_of_workers() {
        let items: Vec<u32> = (0..1000).collect();
        let expected: Vec<u32> = items.iter().map(|item| item * 2).collect();
        for workers in [1, 2, 7, 2000] {
            let workers = NonZeroUsize::new(workers).unwrap();
            assert_eq!(verify(&items, workers, |item| item * 2), expected);
        }
        assert_eq!(verify(&[], NonZeroUsize::MIN, |item: &u32| *item), [0_u32; 0]);
    }
}
