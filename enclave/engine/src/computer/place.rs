//! Which computer a model is loaded into.

#[cfg(any(test, feature = "cuda"))]
use super::{Accelerator, Precision};
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
    /// By candle's tensor operations: on a GPU, and in tests on the processor, too.
    #[cfg(any(test, feature = "cuda"))]
    Accelerator(candle_core::Device, Precision),
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

    #[cfg(feature = "cuda")]
    fn cuda(ordinal: usize) -> Result<Self, LoadError> {
        let refused =
            |error: candle_core::Error| LoadError::Device { ordinal, reason: error.to_string() };
        let device = candle_core::Device::new_cuda(ordinal).map_err(refused)?;
        Ok(Self::Accelerator(device, Precision::Half))
    }

    #[cfg(not(feature = "cuda"))]
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
            #[cfg(any(test, feature = "cuda"))]
            Self::Accelerator(..) => {
                "candle's products: int8 by groups of 32 with quantised weights, f32 elsewhere"
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
            #[cfg(any(test, feature = "cuda"))]
            Self::Accelerator(device, precision) => {
                Ok(Box::new(Accelerator::load(file, shape, context, pages, device, precision)?))
            }
        }
    }
}
