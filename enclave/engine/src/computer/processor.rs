//! The processor of this machine: our own kernels, and pages in this process's memory.

use candle_core::Result;

use super::{Computed, Computer, Piece};
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::Pool;
use crate::kv::{Arena, PageId};
use crate::llama::{Llama, Shape, Workspace};

/// A model that the kernels compute.
pub(crate) struct Processor {
    llama: Llama,
    arena: Arena,
    workspace: Workspace,
}

impl Processor {
    /// Repacks all weights. `context` is the most tokens that a sequence can have; `pool` is the threads that calculate.
    pub(crate) fn load(
        file: &Gguf<'_>,
        shape: &Shape,
        context: usize,
        pages: usize,
        mut pool: Pool,
    ) -> std::result::Result<Self, LoadError> {
        let llama = Llama::load(file, shape.clone(), context, &mut pool)?;
        let arena = Arena::new(shape.layers, shape.groups, shape.head, pages)?;
        Ok(Self { llama, arena, workspace: Workspace::new(pool) })
    }
}

impl Computer for Processor {
    fn compute(&mut self, pieces: &[Piece<'_>]) -> Result<Computed> {
        self.llama.compute(pieces, &mut self.arena, &self.workspace)
    }

    fn wipe(&mut self, pages: &[PageId]) {
        pages.iter().for_each(|&page| self.arena.wipe(page));
    }

    fn chooses(&self) -> bool {
        false
    }
}
