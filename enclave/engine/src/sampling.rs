//! From logits to one token: pure functions over slices, and the small state between tokens.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sealroom_request::Sampling;

use crate::kernels;
use crate::random::Random;

/// The state of one answer's sampling.
pub(crate) struct Sampler {
    sampling: Sampling,
    random: Random,
    generated: BTreeMap<u32, u32>,
}

impl Sampler {
    /// Starts with nothing generated.
    pub(crate) fn new(sampling: Sampling) -> Self {
        let random = Random::new(sampling.seed);
        Self { sampling, random, generated: BTreeMap::new() }
    }

    /// Whether it always takes the token with the greatest logit that the model gave.
    pub(crate) fn is_plain(&self) -> bool {
        let Sampling { temperature, frequency_penalty, presence_penalty, .. } = self.sampling;
        (temperature, frequency_penalty, presence_penalty) == (0.0, 0.0, 0.0)
            && self.sampling.logit_bias.is_empty()
    }

    /// Chooses the next token. Gives its logit, too, as the model gave it; `logits` is changed on the way.
    pub(crate) fn choose(&mut self, logits: &mut [f32]) -> (u32, f32) {
        let sampling = &self.sampling;
        let raw = self.changed(logits);
        bias(logits, &sampling.logit_bias);
        penalise(logits, &self.generated, sampling.frequency_penalty, sampling.presence_penalty);
        let id = if sampling.temperature == 0.0 {
            likeliest(logits)
        } else {
            let mut kept = scale(logits, sampling.temperature);
            keep_min_p(&mut kept, sampling.min_p);
            keep_top(&mut kept, sampling.top_k, sampling.top_p);
            draw(&kept, self.random.fraction())
        };
        *self.generated.entry(id).or_insert(0) += 1;
        let now = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        (id, raw.get(&id).copied().unwrap_or(now))
    }

    /// The logits that a bias or a penalty will change.
    fn changed(&self, logits: &[f32]) -> BTreeMap<u32, f32> {
        let ids = self.sampling.logit_bias.keys().chain(self.generated.keys());
        ids.filter_map(|&id| Some((id, *logits.get(id as usize)?))).collect()
    }
}

/// A token that may still be drawn, with its weight: exp(logit - greatest logit).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    id: u32,
    weight: f32,
}

/// Adds each bias to its token's logit.
fn bias(logits: &mut [f32], bias: &BTreeMap<u32, f32>) {
    for (&id, bias) in bias {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit += bias;
        }
    }
}

/// Subtracts OpenAI's two penalties from the logits of generated tokens.
fn penalise(logits: &mut [f32], generated: &BTreeMap<u32, u32>, frequency: f32, presence: f32) {
    for (&id, &count) in generated {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit -= frequency * count as f32 + presence;
        }
    }
}

/// The token with the greatest logit; of equal ones, the first.
pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    let greatest = kernels::greatest(logits);
    let first = (0..).zip(logits).find(|(_, logit)| **logit == greatest);
    first.map_or(0, |(id, _)| id)
}

/// Weights at a temperature above zero.
fn scale(logits: &[f32], temperature: f32) -> Vec<Candidate> {
    let weights = kernels::weights(logits, temperature.recip());
    (0..).zip(weights.iter()).map(|(id, &weight)| Candidate { id, weight }).collect()
}

/// Drops what is less likely than `min_p` times the likeliest, whose weight is 1.
fn keep_min_p(kept: &mut Vec<Candidate>, min_p: f32) {
    if min_p > 0.0 {
        kept.retain(|candidate| candidate.weight >= min_p);
    }
}

/// Keeps the `top_k` likeliest (0: all), then of them the fewest that hold `top_p` of their mass.
fn keep_top(kept: &mut Vec<Candidate>, top_k: usize, top_p: f32) {
    if top_k > 0 && top_k < kept.len() {
        kept.select_nth_unstable_by(top_k - 1, likelier_first);
        kept.truncate(top_k);
    }
    if top_k > 0 || top_p < 1.0 {
        kept.sort_unstable_by(likelier_first);
    }
    if top_p < 1.0 {
        let wanted = f64::from(top_p) * mass(kept);
        let mut sum = 0.0;
        let enough = kept.iter().position(|candidate| {
            sum += f64::from(candidate.weight);
            sum >= wanted
        });
        kept.truncate(enough.map_or(kept.len(), |last| last + 1));
    }
}

/// The candidate at `fraction` of the summed weights.
fn draw(kept: &[Candidate], fraction: f64) -> u32 {
    let mut left = fraction * mass(kept);
    for candidate in kept {
        left -= f64::from(candidate.weight);
        if left < 0.0 {
            return candidate.id;
        }
    }
    // Rounding may leave a crumb: it belongs to the last one that can come at all.
    kept.iter().rfind(|candidate| candidate.weight > 0.0).map_or(0, |candidate| candidate.id)
}

fn mass(kept: &[Candidate]) -> f64 {
    kept.iter().map(|candidate| f64::from(candidate.weight)).sum()
}

fn likelier_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id))
}

/// The `count` greatest logits with their ids, best first.
pub(crate) fn greatest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut all: Vec<_> = (0u32..).zip(logits.iter().copied()).collect();
    let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if count > 0 && count < all.len() {
        all.select_nth_unstable_by(count - 1, better);
    }
    all.truncate(count);
    all.sort_unstable_by(better);
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(kept: &[Candidate]) -> Vec<u32> {
        kept.iter().map(|candidate| candidate.id).collect()
    }

    fn choices(sampling: Sampling, logits: &[f32], count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(sampling);
        (0..count).map(|_| sampler.choose(&mut logits.to_vec()).0).collect()
    }

    #[test]
    fn greedy_takes_the_first_of_equals() {
        assert_eq!(likeliest(&[0.0, 2.0, 2.0, 1.0]), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_another_seed_others() {
        let logits = [0.1, 0.2, 0.3, 0.4];
        let first = choices(Sampling::new(7), &logits, 64);
        assert_eq!(first, choices(Sampling::new(7), &logits, 64));
        assert_ne!(first, choices(Sampling::new(8), &logits, 64));
    }

    #[test]
    fn draws_follow_the_weights() {
        let logits = [0.75f32.ln(), 0.25f32.ln()];
        let ones = choices(Sampling::new(1), &logits, 4000).iter().filter(|&&id| id == 1).count();
        assert!((900..1100).contains(&ones), "seed 1: {ones} of 4000, 1000 expected");
    }

    #[test]
    fn top_k_keeps_the_likeliest() {
        let mut kept = scale(&[1.0, 3.0, 2.0, 0.0], 1.0);
        keep_top(&mut kept, 2, 1.0);
        assert_eq!(ids(&kept), [1, 2]);
    }

    #[test]
    fn top_p_keeps_the_token_that_reaches_it() {
        let logits = [0.5f32, 0.3, 0.2].map(f32::ln);
        for (top_p, left) in [(0.4, 1), (0.6, 2), (0.9, 3)] {
            let mut kept = scale(&logits, 1.0);
            keep_top(&mut kept, 0, top_p);
            assert_eq!(kept.len(), left, "top_p {top_p}");
        }
    }

    #[test]
    fn min_p_is_relative_to_the_likeliest() {
        let mut kept = scale(&[0.5f32, 0.3, 0.2].map(f32::ln), 1.0);
        keep_min_p(&mut kept, 0.5);
        assert_eq!(ids(&kept), [0, 1]);
    }

    #[test]
    fn a_bias_can_force_and_forbid_a_token() {
        let mut sampling = Sampling::greedy();
        assert_eq!(choices(sampling.clone(), &[1.0, 0.0, 2.0], 1), [2]);
        sampling.logit_bias = [(2, -100.0), (1, 50.0)].into();
        assert_eq!(choices(sampling, &[1.0, 0.0, 2.0], 1), [1]);
    }

    #[test]
    fn penalties_count_what_was_generated() {
        let mut sampling = Sampling::greedy();
        sampling.presence_penalty = 0.5;
        assert_eq!(choices(sampling.clone(), &[1.0, 0.9], 3), [0, 1, 0]);
        sampling.presence_penalty = 0.0;
        sampling.frequency_penalty = 0.04;
        assert_eq!(choices(sampling, &[1.0, 0.9], 5), [0, 0, 0, 1, 0]);
    }

    #[test]
    fn log_probabilities_sum_up_to_one() {
        let logits = [3.0, 1.0, -2.0];
        let sum: f32 =
            logits.iter().map(|logit| (logit - kernels::log_sum_exp(&logits)).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert_eq!(greatest(&logits, 2), [(0, 3.0), (1, 1.0)]);
    }

    proptest! {
        #[test]
        fn a_draw_is_always_one_that_was_kept(
            logits in proptest::collection::vec(-30f32..30.0, 1..50),
            temperature in 0.01f32..2.0, top_k in 0usize..60, top_p in 0.01f32..1.0,
            min_p in 0f32..1.0, fraction in 0f64..1.0,
        ) {
            let mut kept = scale(&logits, temperature);
            keep_min_p(&mut kept, min_p);
            keep_top(&mut kept, top_k, top_p);
            prop_assert!(!kept.is_empty());
            prop_assert!(ids(&kept).contains(&draw(&kept, fraction)));
            prop_assert!(ids(&kept).contains(&likeliest(&logits)) || kept[0].weight == 1.0);
        }

        #[test]
        fn tighter_cuts_keep_a_subset(
            logits in proptest::collection::vec(-5f32..5.0, 1..50), top_k in 1usize..60, top_p in 0.1f32..1.0,
        ) {
            let (mut loose, mut tight) = (scale(&logits, 1.0), scale(&logits, 1.0));
            keep_top(&mut loose, top_k, 1.0);
            keep_top(&mut tight, top_k, top_p);
            prop_assert!(ids(&loose).starts_with(&ids(&tight)));
        }
    }
}
