//! What one step computes: everything the device must be told, as numbers for one copy.

use candle_core::{DType, Device, Result, Tensor, bail};
use zeroize::Zeroizing;

use super::heads::Rotation;
use crate::computer::{Piece, Wants};
use crate::kv::{PAGE, pages_of};
use crate::llama::Shape;

/// Pages that are gathered for one group of pieces, at most, but for one piece that needs more: gathered keys and values take
/// room for a moment.
const GATHERED: usize = 2048;
/// Tables are filled up to a multiple of this: so there are fewer kinds of steps, whose dimensions candle keeps.
const FILLED: usize = 8;
/// What is added to scores of tokens that come later.
const HIDDEN: f64 = -1e30;

/// Some numbers of a plan.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    length: usize,
}

/// A step before it is on the device. Rows are the tokens of all pieces, sorted so that groups are back to back.
pub(super) struct Plan {
    /// Exactly as many as there is room for: a copy that is left behind would not be wiped.
    numbers: Zeroizing<Vec<u32>>,
    ids: Span,
    positions: Span,
    slots: Span,
    logits: Span,
    likeliest: Span,
    vectors: Span,
    groups: Vec<Sketch>,
}

/// Pieces of as many tokens, whose tables are as long.
struct Sketch {
    /// Of the sorted pieces.
    first: usize,
    pieces: usize,
    /// Of each piece.
    tokens: usize,
    /// Of each table.
    pages: usize,
    table: Span,
}

/// A step on the device.
pub(super) struct Step {
    pub(super) tokens: usize,
    pub(super) ids: Tensor,
    /// For each number of each token's keys, as (groups, tokens, head), where among all tokens of all pages it goes.
    pub(super) slots: Tensor,
    /// Cosine and sine of each token's position.
    pub(super) angles: [Tensor; 2],
    pub(super) groups: Vec<Group>,
    /// Rows of which something is wanted.
    pub(super) logits: Option<Tensor>,
    pub(super) likeliest: Option<Tensor>,
    pub(super) vectors: Option<Tensor>,
}

/// Pieces that attend together.
pub(super) struct Group {
    /// Its first row.
    pub(super) first: usize,
    pub(super) pieces: usize,
    /// Of each piece.
    pub(super) tokens: usize,
    /// All pages of one piece, again and again to the table's length, then those of the next.
    pub(super) table: Tensor,
    /// What is added to each score, as (1, pieces, tokens, 1, tokens of the table).
    pub(super) mask: Tensor,
}

impl Plan {
    /// `None` where there is nothing to compute.
    pub(super) fn new(pieces: &[Piece<'_>], shape: &Shape) -> Result<Option<Self>> {
        let mut order: Vec<_> = (0..pieces.len()).collect();
        order.retain(|&index| pieces.get(index).is_some_and(|piece| !piece.tokens.is_empty()));
        let key = |piece: &Piece<'_>| (piece.tokens.len(), pages(piece));
        order.sort_by_key(|&index| pieces.get(index).map(key));
        let sorted: Vec<_> = order.iter().filter_map(|&index| pieces.get(index)).collect();
        let tokens: usize = sorted.iter().map(|piece| piece.tokens.len()).sum();
        if tokens == 0 {
            return Ok(None);
        }
        check(&sorted, shape)?;
        let mut groups = groups(&sorted);
        let tables: usize = groups.iter().map(|group| group.pieces * group.pages).sum();
        let mut numbers = Numbers(Zeroizing::new(Vec::with_capacity(4 * tokens + tables)));
        let ids = numbers.span(sorted.iter().flat_map(|piece| piece.tokens).copied());
        let positions = numbers.span(sorted.iter().flat_map(|piece| positions(piece)));
        let slots = numbers.span(sorted.iter().flat_map(|piece| slots(piece)));
        let places = places(pieces, &order);
        let mut wanted = |wants: &[Wants]| numbers.span(rows(pieces, &places, wants));
        let logits = wanted(&[Wants::Logits]);
        let likeliest = wanted(&[Wants::Likeliest]);
        let vectors = wanted(&[Wants::Last, Wants::Each]);
        for group in &mut groups {
            let members = sorted.iter().skip(group.first).take(group.pieces);
            group.table = numbers.span(members.flat_map(|piece| table(piece, group.pages)));
        }
        let Numbers(numbers) = numbers;
        Ok(Some(Self { numbers, ids, positions, slots, logits, likeliest, vectors, groups }))
    }

    /// Brings it to the device.
    pub(super) fn upload(
        &self,
        shape: &Shape,
        rotation: &Rotation,
        counting: &Tensor,
    ) -> Result<Step> {
        let all = Tensor::from_slice(&self.numbers, self.numbers.len(), counting.device())?;
        let part = |span: Span| all.narrow(0, span.from, span.length);
        let some = |span: Span| (span.length > 0).then(|| part(span)).transpose();
        let (tokens, positions) = (self.ids.length, part(self.positions)?);
        let slots = part(self.slots)?.reshape((1, tokens, 1))?;
        let slots = slots.broadcast_as((shape.groups, tokens, shape.head))?.contiguous()?;
        let (mut groups, mut first) = (Vec::with_capacity(self.groups.len()), 0);
        for &Sketch { pieces, tokens, pages, table, .. } in &self.groups {
            let own = positions.narrow(0, first, pieces * tokens)?;
            let seen = counting.narrow(0, 0, pages * PAGE)?;
            let mask = mask(&own.reshape((1, pieces, tokens, 1, 1))?, &seen)?;
            groups.push(Group { first, pieces, tokens, table: part(table)?, mask });
            first += pieces * tokens;
        }
        Ok(Step {
            tokens,
            ids: part(self.ids)?,
            slots,
            angles: rotation.of(&positions)?,
            groups,
            logits: some(self.logits)?,
            likeliest: some(self.likeliest)?,
            vectors: some(self.vectors)?,
        })
    }
}

/// Numbers of a plan, one span behind the other.
struct Numbers(Zeroizing<Vec<u32>>);

impl Numbers {
    fn span(&mut self, numbers: impl IntoIterator<Item = u32>) -> Span {
        let from = self.0.len();
        self.0.extend(numbers);
        Span { from, length: self.0.len() - from }
    }
}

/// A device does not look whether an index is within its bounds.
fn check(pieces: &[&Piece<'_>], shape: &Shape) -> Result<()> {
    for piece in pieces {
        if piece.pages.len() < pages(piece) {
            bail!("{} pages for {} tokens", piece.pages.len(), piece.position + piece.tokens.len());
        }
        if piece.tokens.iter().any(|&id| id as usize >= shape.vocabulary) {
            bail!("a token is none of the {} of the vocabulary", shape.vocabulary);
        }
    }
    Ok(())
}

/// Pages that a piece looks at.
const fn pages(piece: &Piece<'_>) -> usize {
    pages_of(piece.position + piece.tokens.len())
}

/// Groups of pieces that are sorted by their tokens, then by their pages.
fn groups(sorted: &[&Piece<'_>]) -> Vec<Sketch> {
    let mut groups: Vec<Sketch> = Vec::new();
    for (first, piece) in sorted.iter().enumerate() {
        let (tokens, pages) = (piece.tokens.len(), pages(piece).next_multiple_of(FILLED));
        match groups.last_mut() {
            Some(last) if last.tokens == tokens && (last.pieces + 1) * pages <= GATHERED => {
                last.pieces += 1;
                last.pages = pages;
            }
            _ => {
                let table = Span { from: 0, length: 0 };
                groups.push(Sketch { first, pieces: 1, tokens, pages, table });
            }
        }
    }
    groups
}

fn positions(piece: &Piece<'_>) -> impl Iterator<Item = u32> {
    (piece.position..).take(piece.tokens.len()).map(|position| position as u32)
}

/// Where each token of a piece goes, among all tokens of all pages.
fn slots(piece: &Piece<'_>) -> impl Iterator<Item = u32> {
    let positions = (piece.position..).take(piece.tokens.len());
    positions.filter_map(|position| {
        let page = piece.pages.get(position / PAGE)?;
        Some(page * PAGE as u32 + (position % PAGE) as u32)
    })
}

/// A piece's pages, filled up with its own again: whatever lies there is its own, and hidden.
fn table(piece: &Piece<'_>, length: usize) -> impl Iterator<Item = u32> {
    piece.pages.iter().take(pages(piece)).cycle().take(length).copied()
}

/// The first row of each piece, in the order in which the pieces came.
fn places(pieces: &[Piece<'_>], order: &[usize]) -> Vec<u32> {
    let (mut places, mut next) = (vec![0; pieces.len()], 0);
    for &index in order {
        if let (Some(place), Some(piece)) = (places.get_mut(index), pieces.get(index)) {
            *place = next;
            next += piece.tokens.len() as u32;
        }
    }
    places
}

/// Rows of which something is wanted, in the order in which the pieces came.
fn rows<'a>(
    pieces: &'a [Piece<'a>],
    places: &'a [u32],
    wanted: &'a [Wants],
) -> impl Iterator<Item = u32> {
    let all = pieces.iter().zip(places);
    all.flat_map(|(piece, place)| piece.rows(wanted).map(move |row| place + row))
}

/// What is added to the scores of `positions` with those in `seen`: nothing, or so much that no weight is left.
fn mask(positions: &Tensor, seen: &Tensor) -> Result<Tensor> {
    positions.broadcast_ge(seen)?.to_dtype(DType::F32)?.affine(-HIDDEN, HIDDEN)
}

/// Places of as many tokens as a table can have where a sequence has `context`.
pub(super) fn counting(context: usize, device: &Device) -> Result<Tensor> {
    Tensor::arange(0, (pages_of(context).next_multiple_of(FILLED) * PAGE) as u32, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece<'a>(tokens: &'a [u32], position: usize, pages: &'a [u32]) -> Piece<'a> {
        Piece { tokens, position, pages, wants: Wants::Logits }
    }

    #[test]
    fn pieces_of_as_many_tokens_attend_together_as_far_as_there_is_room() {
        let pages: Vec<u32> = (0..1024).collect();
        let long = piece(&[1], 1024 * PAGE - 1, &pages);
        let (short, prompt) = (piece(&[1], 0, &pages), piece(&[1, 2], 0, &pages));
        let groups = |sorted: &[&Piece<'_>]| -> Vec<_> {
            let groups = groups(sorted).into_iter();
            groups.map(|group| (group.first, group.pieces, group.tokens, group.pages)).collect()
        };
        assert_eq!(groups(&[&short, &long, &prompt]), [(0, 2, 1, 1024), (2, 1, 2, 8)]);
        assert_eq!(groups(&[&short, &long, &long]), [(0, 2, 1, 1024), (2, 1, 1, 1024)]);
    }

    #[test]
    fn a_table_is_filled_up_with_pages_of_its_own_piece() {
        let piece = piece(&[1, 2, 3], 15, &[7, 4, 9]);
        assert_eq!(table(&piece, 8).collect::<Vec<_>>(), [7, 4, 7, 4, 7, 4, 7, 4]);
        assert_eq!(slots(&piece).collect::<Vec<_>>(), [7 * 16 + 15, 4 * 16, 4 * 16 + 1]);
        assert_eq!(positions(&piece).collect::<Vec<_>>(), [15, 16, 17]);
    }
}
