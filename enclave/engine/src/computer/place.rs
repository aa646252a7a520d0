//! Which computer a model is loaded into.

use super::{Computer, Processor};
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::kernels::Pool;
use crate::local::Device;
use crate::model::Model;

/// Where a model is computed.
pub(crate) enum Place {
    /// On this machine's processor, by these threads.
    Processor(Pool),
}

impl Place {
    /// The place that is asked for, if this build can compute there.
    pub(crate) fn of(device: Device, threads: usize) -> Result<Self, LoadError> {
        match device {
            Device::Cpu => match Pool::new(threads) {
                Ok(pool) => Ok(Self::Processor(pool)),
                Err(error) => Err(LoadError::Thread { reason: error.to_string() }),
            },
            Device::Cuda { ordinal } => Self::cuda(ordinal),
        }
    }

    fn cuda(ordinal: usize) -> Result<Self, LoadError> {
        Err(LoadError::Setting {
            setting: "device",
            found: format!("cuda:{ordinal}"),
            expected: "cpu, or a build for GPUs".to_owned(),
        })
    }

    /// For the model's card: how it is rounded here.
    pub(crate) const fn arithmetic(&self) -> &'static str {
        match self {
            Self::Processor(_) => {
                "int16 for attention and output, int8 elsewhere, by groups of 32, sums in f32"
            }
        }
    }

    /// Loads the weights of a model's file, and takes memory for as many pages.
    pub(crate) fn load(
        self,
        file: &Gguf<'_>,
        model: &Model,
        pages: usize,
    ) -> Result<Box<dyn Computer>, LoadError> {
        let (shape, context) = (&model.shape, model.card.context_length);
        match self {
            Self::Processor(pool) => {
                Ok(Box::new(Processor::load(file, shape, context, pages, pool)?))
            }
        }
    }
}
