//! Keys and values in the device's memory, page behind page.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::Precision;
use crate::kv::{PAGE, PageId};
use crate::llama::Shape;

/// Pages that are wiped in one go: an index for each of their numbers takes room for a moment.
const WIPED: usize = 256;

/// For each layer keys and values, as (groups, tokens of all pages, head). They are taken once, and never grow.
pub(super) struct Pages {
    layers: Vec<[Tensor; 2]>,
    groups: usize,
    head: usize,
    count: usize,
    /// Why a page may still hold what should have been wiped.
    dirty: Option<String>,
}

impl Pages {
    /// `count` pages, all zero.
    pub(super) fn new(
        shape: &Shape,
        count: usize,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        let tokens = count.checked_mul(PAGE).filter(|&tokens| u32::try_from(tokens).is_ok());
        let Some(tokens) = tokens else { bail!("{count} pages are more than can be numbered") };
        let kind = match precision {
            Precision::Half => DType::F16,
            #[cfg(test)]
            Precision::Single => DType::F32,
        };
        let (groups, head) = (shape.groups, shape.head);
        let room = || Tensor::zeros((groups, tokens, head), kind, device);
        let layers = (0..shape.layers).map(|_| Ok([room()?, room()?])).collect::<Result<_>>()?;
        Ok(Self { layers, groups, head, count, dirty: None })
    }

    /// Nothing is computed where something could not be wiped.
    pub(super) fn check(&self) -> Result<()> {
        match &self.dirty {
            None => Ok(()),
            Some(reason) => bail!("keys and values could not be wiped: {reason}"),
        }
    }

    /// Stores keys and values, each as (tokens, groups, head), at `slots`: for each number, where its token lies.
    pub(super) fn store(&self, layer: usize, slots: &Tensor, rows: [&Tensor; 2]) -> Result<()> {
        for (place, rows) in self.layer(layer)?.iter().zip(rows) {
            let rows = rows.transpose(0, 1)?.to_dtype(place.dtype())?.contiguous()?;
            place.scatter_set(slots, &rows, 1)?;
        }
        Ok(())
    }

    /// Keys and values of the pages in `table`, which are those of `pieces` pieces, as many of each: as (groups * pieces,
    /// tokens, head), widened.
    pub(super) fn gather(
        &self,
        layer: usize,
        table: &Tensor,
        pieces: usize,
    ) -> Result<[Tensor; 2]> {
        let [keys, values] = self.layer(layer)?;
        let tokens = table.dim(0)? * PAGE / pieces;
        let gathered = |from: &Tensor| {
            let pages = from.reshape((self.groups, self.count, PAGE * self.head))?;
            let found = pages.index_select(table, 1)?.to_dtype(DType::F32)?;
            found.reshape((self.groups * pieces, tokens, self.head))
        };
        Ok([gathered(keys)?, gathered(values)?])
    }

    /// Overwrites pages with zeros.
    pub(super) fn wipe(&mut self, pages: &[PageId]) {
        for pages in pages.chunks(WIPED) {
            if let Err(error) = self.overwrite(pages) {
                self.dirty = Some(error.to_string());
            }
        }
    }

    fn overwrite(&self, pages: &[PageId]) -> Result<()> {
        let Some([first, _]) = self.layers.first() else { return Ok(()) };
        let whole = (self.groups, pages.len(), PAGE * self.head);
        let rows = Tensor::from_slice(pages, (1, pages.len(), 1), first.device())?;
        let rows = rows.broadcast_as(whole)?.contiguous()?;
        let zeros = Tensor::zeros(whole, first.dtype(), first.device())?;
        for place in self.layers.iter().flatten() {
            let place = place.reshape((self.groups, self.count, PAGE * self.head))?;
            place.scatter_set(&rows, &zeros, 1)?;
        }
        Ok(())
    }

    fn layer(&self, layer: usize) -> Result<&[Tensor; 2]> {
        match self.layers.get(layer) {
            Some(layer) => Ok(layer),
            None => bail!("layer {layer} has no pages"),
        }
    }

    /// Whether all of it is zero.
    #[cfg(test)]
    pub(super) fn is_zero(&self) -> Result<bool> {
        for place in self.layers.iter().flatten() {
            let numbers = place.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            if numbers.iter().any(|&number| number != 0.0) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
