//! What the members of the family do differently.

use crate::error::LoadError;

/// A member of the family, by the name that its files carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Llama, Mistral, SmolLM.
    Llama,
    /// Qwen 2 and 2.5: queries, keys and values have a bias.
    Qwen2,
    /// Qwen 3: every head of queries and keys has a norm of its own.
    Qwen3,
}

/// Which coordinates of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Neighbours: converters reorder llama's heads that way.
    Neighbours,
    /// The same coordinate of both halves.
    Halves,
}

impl Pairing {
    /// For the model's card.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Neighbours => "neighbours",
            Self::Halves => "halves",
        }
    }
}

impl Family {
    /// By the architecture that a file names.
    pub(super) fn of(name: &str) -> Result<Self, LoadError> {
        match name {
            "llama" => Ok(Self::Llama),
            "qwen2" => Ok(Self::Qwen2),
            "qwen3" => Ok(Self::Qwen3),
            other => Err(LoadError::Architecture { found: other.to_owned() }),
        }
    }

    /// As files name it, also in front of its keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    pub(crate) const fn pairing(self) -> Pairing {
        match self {
            Self::Llama => Pairing::Neighbours,
            Self::Qwen2 | Self::Qwen3 => Pairing::Halves,
        }
    }

    pub(super) const fn has_bias(self) -> bool {
        matches!(self, Self::Qwen2)
    }

    pub(super) const fn norms_heads(self) -> bool {
        matches!(self, Self::Qwen3)
    }
}
