//! Causal attention of some queries of one group over its pages, in one pass: softmax is carried along with a running
//! maximum ("Online normalizer calculation for softmax", Milakov and Gimelshein 2018), so that no score is kept beyond one
//! chunk of tokens.
//!
//! Chunks begin at fixed tokens, and every sum runs over tokens in their order: a query's result depends on nothing but what
//! it sees.

use super::elementwise::exponential;
use super::form::{Form, Work};
use super::vector::Vector;

/// Tokens of a page: as many as the widest vector has lanes.
pub(crate) const PAGE: usize = 16;
/// Tokens of a chunk.
const CHUNK: usize = 8 * PAGE;
/// Most queries that share one pass over the pages.
pub(crate) const QUERIES: usize = 8;

/// The keys and values of one group of one sequence in one layer.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// Everything of the layer, in half precision.
    layer: &'a [u16],
    /// The sequence's pages.
    table: &'a [u32],
    /// From one page to the next.
    stride: usize,
    /// From a page's beginning to the group's keys.
    offset: usize,
    /// Width of one head.
    head: usize,
}

impl<'a> View<'a> {
    /// Of one group among all, in a layer whose pages hold for each group keys, then values.
    pub(crate) const fn new(
        layer: &'a [u16],
        table: &'a [u32],
        (group, groups): (usize, usize),
        head: usize,
    ) -> Self {
        let both = 2 * head * PAGE;
        Self { layer, table, stride: groups * both, offset: group * both, head }
    }

    /// Keys and values of the page at this place in the table: (head, 16) and (16, head).
    fn page(&self, place: usize) -> (&'a [u16], &'a [u16]) {
        let from = self.table[place] as usize * self.stride + self.offset;
        self.layer[from..from + 2 * self.head * PAGE].split_at(self.head * PAGE)
    }
}

/// What queries (queries, head), scaled already, attend to: out is as long as they are. `seen` says how many tokens each one
/// sees: at least one, and never fewer than the one before it.
pub(crate) fn attend(form: Form, view: View<'_>, queries: &[f32], seen: &[usize], out: &mut [f32]) {
    let length = seen.len() * view.head;
    assert!(view.head.is_multiple_of(PAGE), "a head is whole vectors");
    assert!(queries.len() == length && out.len() == length, "one output for every query");
    assert!(seen.is_sorted() && seen.first().is_some_and(|&first| first > 0), "a causal order");
    form.run(Attend { view, queries, seen, out });
}

struct Attend<'a> {
    view: View<'a>,
    queries: &'a [f32],
    seen: &'a [usize],
    out: &'a mut [f32],
}

impl Work for Attend<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller has the instructions of `V`; lengths were compared above.
        unsafe {
            match self.seen.len() {
                1 => self.many::<V, 1>(),
                2 => self.many::<V, 2>(),
                3 => self.many::<V, 3>(),
                4 => self.many::<V, 4>(),
                5 => self.many::<V, 5>(),
                6 => self.many::<V, 6>(),
                7 => self.many::<V, 7>(),
                8 => self.many::<V, 8>(),
                other => unreachable!("{other} queries: at most 8 expected"),
            }
        }
    }
}

impl Attend<'_> {
    /// # Safety
    /// The processor has the instructions of `V`, and there are `Q` queries.
    #[inline(always)]
    unsafe fn many<V: Vector, const Q: usize>(self) {
        let Self { view, queries, seen, out } = self;
        let mut weights = [[0.0; CHUNK]; Q];
        let mut totals = [Total::default(); Q];
        out.fill(0.0);
        for from in (0..seen[Q - 1]).step_by(CHUNK) {
            let pages = (seen[Q - 1] - from).min(CHUNK).div_ceil(PAGE);
            let chunk = Chunk { view, first: from / PAGE, pages };
            // SAFETY: the caller's promise.
            unsafe { chunk.scores::<V, Q>(queries, &mut weights) };
            for ((weights, total), (out, seen)) in
                weights.iter_mut().zip(&mut totals).zip(out.chunks_exact_mut(view.head).zip(seen))
            {
                let shrink = total.take(&mut weights[..pages * PAGE], seen.saturating_sub(from));
                out.iter_mut().for_each(|number| *number *= shrink);
            }
            // SAFETY: the caller's promise.
            unsafe { chunk.mix::<V, Q>(&weights, out) };
        }
        for (out, total) in out.chunks_exact_mut(view.head).zip(totals) {
            let inverse = total.sum.recip();
            out.iter_mut().for_each(|number| *number *= inverse);
        }
    }
}

/// The normalizer of one query so far.
#[derive(Clone, Copy)]
struct Total {
    greatest: f32,
    sum: f32,
}

impl Default for Total {
    fn default() -> Self {
        Self { greatest: f32::NEG_INFINITY, sum: 0.0 }
    }
}

impl Total {
    /// Turns scores into weights below the greatest so far; those of tokens that are not visible become zero. Gives what all
    /// earlier weights shrink by.
    #[inline(always)]
    fn take(&mut self, scores: &mut [f32], visible: usize) -> f32 {
        let visible = visible.min(scores.len());
        scores[visible..].fill(f32::NEG_INFINITY);
        let greatest = fold(scores, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
        let greatest = if greatest > self.greatest { greatest } else { self.greatest };
        scores.iter_mut().for_each(|score| *score = exponential(*score - greatest));
        // The exponential of minus infinity is zero, so that nothing unseen counts.
        let shrink = exponential(self.greatest - greatest);
        self.sum = self.sum.mul_add(shrink, fold(scores, 0.0, |a, b| a + b));
        self.greatest = greatest;
        shrink
    }
}

/// Folds lanes first and then each other, so that the order is fixed and vectors fit it.
#[inline(always)]
pub(super) fn fold(numbers: &[f32], begin: f32, of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [begin; PAGE];
    let (pages, rest) = numbers.as_chunks::<PAGE>();
    for page in pages {
        lanes.iter_mut().zip(page).for_each(|(lane, &number)| *lane = of(*lane, number));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &number)| *lane = of(*lane, number));
    let mut half = PAGE / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low = of(*low, *high));
        half /= 2;
    }
    lanes[0]
}

/// Some neighbouring pages of a view.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    view: View<'a>,
    /// Place of the first in the table.
    first: usize,
    pages: usize,
}

impl<'a> Chunk<'a> {
    fn page(&self, page: usize) -> (&'a [u16], &'a [u16]) {
        self.view.page(self.first + page)
    }

    /// Products of every query with every key.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    #[inline(always)]
    unsafe fn scores<V: Vector, const Q: usize>(
        &self,
        queries: &[f32],
        weights: &mut [[f32; CHUNK]; Q],
    ) {
        let mut page = 0;
        while page < self.pages {
            // As many pages at once as there are registers for their sums: about as many as a register has lanes.
            let left = self.pages - page;
            // SAFETY: the caller's promise, and so many pages are left.
            page += unsafe {
                match V::LANES / Q {
                    8.. if left >= 8 => self.scores_of::<V, Q, 8>(queries, page, weights),
                    4.. if left >= 4 => self.scores_of::<V, Q, 4>(queries, page, weights),
                    2.. if left >= 2 => self.scores_of::<V, Q, 2>(queries, page, weights),
                    _ => self.scores_of::<V, Q, 1>(queries, page, weights),
                }
            };
        }
    }

    /// # Safety
    /// As [`Self::scores`], and pages `page` to `page + P` exist.
    #[inline(always)]
    unsafe fn scores_of<V: Vector, const Q: usize, const P: usize>(
        &self,
        queries: &[f32],
        page: usize,
        weights: &mut [[f32; CHUNK]; Q],
    ) -> usize {
        let head = self.view.head;
        let keys: [&[u16]; P] = std::array::from_fn(|ahead| self.page(page + ahead).0);
        for lane in (0..PAGE).step_by(V::LANES) {
            // SAFETY: keys are (head, 16), queries (Q, head), weights whole pages.
            unsafe {
                let mut sums = [[V::splat(0.0); P]; Q];
                for at in 0..head {
                    let mut row = [V::splat(0.0); P];
                    for (row, keys) in row.iter_mut().zip(keys) {
                        *row = V::from_f16(keys.as_ptr().add(at * PAGE + lane).cast());
                    }
                    for (query, sums) in sums.iter_mut().enumerate() {
                        let coordinate = V::splat(*queries.as_ptr().add(query * head + at));
                        for (sum, &key) in sums.iter_mut().zip(&row) {
                            *sum = V::mul_add(key, coordinate, *sum);
                        }
                    }
                }
                for (weights, sums) in weights.iter_mut().zip(sums) {
                    for (ahead, sum) in sums.into_iter().enumerate() {
                        let place = weights[(page + ahead) * PAGE + lane..].as_mut_ptr();
                        V::store(sum, place);
                    }
                }
            }
        }
        P
    }

    /// Adds every value to every query's output, by its weight.
    ///
    /// # Safety
    /// The processor has the instructions of `V`.
    #[inline(always)]
    unsafe fn mix<V: Vector, const Q: usize>(&self, weights: &[[f32; CHUNK]; Q], out: &mut [f32]) {
        let (mut at, blocks) = (0, self.view.head / V::LANES);
        while at < blocks {
            let left = blocks - at;
            // SAFETY: the caller's promise, and so many blocks of coordinates are left.
            at += unsafe {
                match V::LANES / Q {
                    8.. if left >= 8 => self.mix_of::<V, Q, 8>(weights, at * V::LANES, out),
                    4.. if left >= 4 => self.mix_of::<V, Q, 4>(weights, at * V::LANES, out),
                    2.. if left >= 2 => self.mix_of::<V, Q, 2>(weights, at * V::LANES, out),
                    _ => self.mix_of::<V, Q, 1>(weights, at * V::LANES, out),
                }
            };
        }
    }

    /// # Safety
    /// As [`Self::mix`], and `D` vectors of coordinates follow `at`.
    #[inline(always)]
    unsafe fn mix_of<V: Vector, const Q: usize, const D: usize>(
        &self,
        weights: &[[f32; CHUNK]; Q],
        at: usize,
        out: &mut [f32],
    ) -> usize {
        let head = self.view.head;
        // SAFETY: values are (16, head), outputs (Q, head), weights whole pages.
        unsafe {
            let mut sums = [[V::splat(0.0); D]; Q];
            let out = out.as_mut_ptr().add(at);
            for (query, sums) in sums.iter_mut().enumerate() {
                for (block, sum) in sums.iter_mut().enumerate() {
                    *sum = V::from_f32(out.add(query * head + block * V::LANES).cast());
                }
            }
            for page in 0..self.pages {
                let values = self.page(page).1.as_ptr().add(at);
                for token in 0..PAGE {
                    let mut row = [V::splat(0.0); D];
                    for (block, row) in row.iter_mut().enumerate() {
                        *row = V::from_f16(values.add(token * head + block * V::LANES).cast());
                    }
                    for (weights, sums) in weights.iter().zip(&mut sums) {
                        let weight = V::splat(*weights.as_ptr().add(page * PAGE + token));
                        for (sum, &value) in sums.iter_mut().zip(&row) {
                            *sum = V::mul_add(value, weight, *sum);
                        }
                    }
                }
            }
            for (query, sums) in sums.into_iter().enumerate() {
                for (block, sum) in sums.into_iter().enumerate() {
                    V::store(sum, out.add(query * head + block * V::LANES));
                }
            }
        }
        D
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::random::Random;

    const GROUPS: usize = 2;
    const TOKENS: usize = 300;

    /// Keys and values of one group in some pages of a layer, in no order.
    struct Case {
        head: usize,
        layer: Vec<u16>,
        table: Vec<u32>,
    }

    impl Case {
        fn new(head: usize, random: &mut Random) -> Self {
            let pages = TOKENS.div_ceil(PAGE);
            let count = (pages + 3) * GROUPS * 2 * head * PAGE;
            let layer = (0..count).map(|_| f16::from_f32(number(random)).to_bits()).collect();
            let table = (0..pages).map(|page| ((page * 7 + 2) % (pages + 3)) as u32).collect();
            Self { head, layer, table }
        }

        fn view(&self) -> View<'_> {
            View::new(&self.layer, &self.table, (1, GROUPS), self.head)
        }

        /// In f64, from the definition.
        fn exactly(&self, query: &[f32], seen: usize) -> Vec<f64> {
            let half = |half: u16| f64::from(f16::from_bits(half).to_f32());
            let view = self.view();
            let place = |token: usize| (view.page(token / PAGE), token % PAGE);
            let score = |token: usize| {
                let ((keys, _), slot) = place(token);
                let key = keys.iter().skip(slot).step_by(PAGE);
                query.iter().zip(key).map(|(&q, &k)| f64::from(q) * half(k)).sum::<f64>().exp()
            };
            let scores: Vec<f64> = (0..seen).map(score).collect();
            let total: f64 = scores.iter().sum();
            let mut out = vec![0.0; self.head];
            for (token, score) in scores.iter().enumerate() {
                let ((_, values), slot) = place(token);
                let row = &values[slot * self.head..][..self.head];
                out.iter_mut().zip(row).for_each(|(out, &v)| *out += score / total * half(v));
            }
            out
        }
    }

    fn number(random: &mut Random) -> f32 {
        (random.fraction() * 2.0 - 1.0) as f32
    }

    fn attended(form: Form, case: &Case, queries: &[f32], seen: &[usize]) -> Vec<f32> {
        let mut out = vec![f32::NAN; queries.len()];
        attend(form, case.view(), queries, seen, &mut out);
        out
    }

    #[test]
    fn a_query_attends_to_what_f64_says_in_every_form_alone_or_with_others() {
        let mut random = Random::new(5);
        for head in [16, 48, 64, 128] {
            let case = Case::new(head, &mut random);
            for count in 1..=QUERIES {
                let queries: Vec<f32> = (0..count * head).map(|_| number(&mut random)).collect();
                // Tokens around the ends of pages and chunks.
                let ends = [1, 15, 16, 17, 127, 128, 129, TOKENS];
                let seen: Vec<_> = (0..count).map(|index| ends[8 - count + index]).collect();
                let mut forms =
                    Form::available().map(|form| attended(form, &case, &queries, &seen));
                let first = forms.next().unwrap();
                assert!(forms.all(|other| other == first), "head {head}, {count} queries, seed 5");
                for (index, query) in queries.chunks_exact(head).enumerate() {
                    let found = &first[index * head..][..head];
                    let alone = attended(Form::best(), &case, query, &seen[index..=index]);
                    assert_eq!(found, alone, "head {head}, query {index} of {count}, seed 5");
                    let exact = case.exactly(query, seen[index]);
                    let far = found.iter().zip(exact).map(|(a, b)| (f64::from(*a) - b).abs());
                    assert!(far.fold(0.0, f64::max) < 2e-6, "head {head}, seed 5");
                }
            }
        }
    }

    #[test]
    fn what_a_query_does_not_see_changes_nothing() {
        let mut random = Random::new(6);
        let mut case = Case::new(64, &mut random);
        let query: Vec<f32> = (0..64).map(|_| number(&mut random)).collect();
        let before = attended(Form::best(), &case, &query, &[20]);
        let (last, view) = (case.table[1] as usize, case.view());
        let from = last * view.stride + view.offset;
        // Token 20 and those behind it, in the second page: keys are stored by coordinate.
        for coordinate in 0..64 {
            case.layer[from + coordinate * PAGE + 4..][..12].fill(f16::from_f32(9.0).to_bits());
        }
        assert_eq!(attended(Form::best(), &case, &query, &[20]), before);
        assert_ne!(attended(Form::best(), &case, &query, &[21]), before, "the control");
    }
}
