//! The engines that are known, and how they differ.

use serde::Deserialize;

/// Which engine listens. It is configured: what an engine says of itself is only compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// `llama-server` of llama.cpp.
    LlamaServer,
    /// The server of `llama-cpp-python`.
    LlamaCppPython,
}

impl Kind {
    /// The name in configurations, manifests and fact sheets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::LlamaServer => "llama-server",
            Self::LlamaCppPython => "llama-cpp-python",
        }
    }

    /// Where its version is told.
    pub(super) const fn version_path(self) -> Option<&'static str> {
        match self {
            Self::Vllm => Some("/version"),
            Self::Sglang => Some("/get_server_info"),
            Self::LlamaServer => Some("/props"),
            Self::LlamaCppPython => None,
        }
    }

    /// Where it says that it is well.
    pub(super) const fn health_path(self) -> Option<&'static str> {
        match self {
            Self::Vllm | Self::Sglang | Self::LlamaServer => Some("/health"),
            Self::LlamaCppPython => None,
        }
    }

    /// Whether its streams end with what they used.
    pub(super) const fn tells_usage(self) -> bool {
        match self {
            Self::Vllm | Self::Sglang | Self::LlamaServer => true,
            Self::LlamaCppPython => false,
        }
    }

    /// Whether it is one of the two that are llama.cpp inside: their names of parameters differ from the others'.
    pub(super) const fn is_llama(self) -> bool {
        match self {
            Self::Vllm | Self::Sglang => false,
            Self::LlamaServer | Self::LlamaCppPython => true,
        }
    }
}
