//! What can go wrong, one enum for each stage. No variant prints text of users.

use sealroom_request::{OutOfRange, PrivateText};

use crate::upstream::UpstreamError;

/// Why a model file was not loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The container is damaged or is not GGUF at all.
    #[error("the file is not a readable GGUF: {reason}")]
    Container {
        /// What the decoder met.
        reason: String,
    },
    /// A key every model needs is absent.
    #[error("metadata key {key} is missing")]
    MissingKey {
        /// Name of the key.
        key: String,
    },
    /// A key has another type or an impossible value.
    #[error("metadata key {key} is {found}: {expected} expected")]
    Key {
        /// Name of the key.
        key: String,
        /// The value or type in the file.
        found: String,
        /// What this engine accepts.
        expected: String,
    },
    /// The forward pass of this architecture is not implemented.
    #[error("architecture {found} is not supported: llama, qwen2 or qwen3 expected")]
    Architecture {
        /// Name in the file.
        found: String,
    },
    /// The tokenizer family is not implemented.
    #[error("tokenizer model {found} is not supported: gpt2 expected")]
    TokenizerModel {
        /// Name in the file.
        found: String,
    },
    /// The pre-tokenizer is unknown. Guessing one gives wrong tokens without any error.
    #[error("pre-tokenizer {found} is not supported: gpt-2, smollm, qwen2 or llama-bpe expected")]
    PreTokenizer {
        /// Name in the file.
        found: String,
    },
    /// The tokenizer's tables contradict each other.
    #[error("the tokenizer tables do not fit together: {reason}")]
    Tokenizer {
        /// What does not fit.
        reason: String,
    },
    /// A tensor the architecture needs is absent.
    #[error("tensor {name} is missing")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor that the forward pass would ignore. Ignoring it gives wrong answers without any error.
    #[error("tensor {name} is not part of the architecture")]
    ExtraTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than the metadata says.
    #[error("tensor {name} has shape {found:?}: {expected:?} expected")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that follows from the metadata.
        expected: Vec<usize>,
    },
    /// The kernels do not take a tensor.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the caller is out of range.
    #[error("setting {setting} is {found}: {expected} expected")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value given.
        found: String,
        /// The range accepted.
        expected: String,
    },
    /// The chat template is not valid Jinja.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The operating system refused memory for keys and values.
    #[error("{bytes} bytes for keys and values are not to be had: {reason}")]
    Memory {
        /// What was asked for.
        bytes: usize,
        /// What the system said.
        reason: String,
    },
    /// A GPU could not be used.
    #[error("the GPU {ordinal} cannot be used: {reason}")]
    Device {
        /// Its number.
        ordinal: usize,
        /// What its driver said.
        reason: String,
    },
    /// The operating system refused a thread.
    #[error("a thread could not be started: {reason}")]
    Thread {
        /// What the system said.
        reason: String,
    },
}

/// Why a chat template gave no prompt.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The model carries no template: only plain text can be completed.
    #[error("the model has no chat template")]
    Missing,
    /// The template does not parse.
    #[error("the chat template is malformed in line {line}")]
    Malformed {
        /// Line of the template, from 1; 0 where unknown.
        line: usize,
    },
    /// The template itself refused the messages with `raise_exception`.
    #[error("the chat template refused the messages")]
    Refused {
        /// The template's own words. They may quote a message and stay inside the seal.
        message: PrivateText,
    },
    /// Rendering failed. The renderer's own message may quote a prompt and is not kept.
    #[error("the chat template failed in line {line}")]
    Render {
        /// Line of the template, from 1; 0 where unknown.
        line: usize,
    },
}

/// Why a request was refused or ended early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The bounded queue is full; the caller may retry later.
    #[error("the queue is full: {capacity} requests are waiting")]
    Overloaded {
        /// How many requests may wait.
        capacity: usize,
    },
    /// The client has as many requests waiting as one client may; it may retry later.
    #[error("the client's part of the queue is full: {share} of its requests are waiting")]
    ShareFull {
        /// How many requests of one client may wait.
        share: usize,
    },
    /// The engine was shut down.
    #[error("the engine has stopped")]
    Stopped,
    /// A parameter is out of range.
    #[error(transparent)]
    Parameter(#[from] OutOfRange),
    /// A JSON schema that cannot be kept to.
    #[error("the JSON schema is not supported")]
    Schema {
        /// Which tool's; none for the answer's own.
        tool: Option<usize>,
        /// Why. It may quote the schema and stays inside the seal.
        reason: PrivateText,
    },
    /// The answer's form became too complex to go on.
    #[error("the answer's form became too complex")]
    Form,
    /// The model was not trained to make vectors of texts.
    #[error("the model makes no embeddings")]
    NoEmbeddings,
    /// There is nothing to continue.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The prompt leaves no room for an answer.
    #[error("{prompt} prompt tokens or more leave no room for an answer in a context of {context}")]
    ContextLength {
        /// Tokens of the prompt, at least.
        prompt: usize,
        /// Tokens the engine holds for one sequence.
        context: usize,
    },
    /// The chat template gave no prompt.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The tokenizer failed on valid UTF-8: a bug.
    #[error("the tokenizer failed")]
    Tokenize,
    /// The forward pass failed: a bug or a lack of memory.
    #[error("the forward pass failed: {reason}")]
    Compute {
        /// The arithmetic library's message: shapes and types only.
        reason: String,
    },
    /// An upstream engine failed.
    #[error("the upstream engine failed: {reason}")]
    Upstream {
        /// What was wrong, never what was said.
        reason: UpstreamError,
    },
}
