//! Copies a model file into private memory and hashes it, in one pass.
//!
//! The disk is the host's. What was hashed must be what is computed with, so the file is read once and
//! never mapped or opened again.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA256};
use sealroom_attestation::manifest::ModelFile;

/// How much is hashed at a time: it is still in the processor's cache then.
const STEP: usize = 256 * 1024;

/// A model file in private memory.
pub struct Weights {
    bytes: Vec<u8>,
    file: ModelFile,
}

/// Why a model file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The disk failed.
    #[error("reading {name}: {source}")]
    Read {
        /// The file's name without folders.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The path has no plain name, which the manifest needs.
    #[error("the model's path ends in no file name")]
    Name,
    /// The content is not the expected one.
    #[error("{name} has SHA-256 {found}: {expected} expected")]
    Digest {
        /// The file's name without folders.
        name: String,
        /// Its digest.
        found: String,
        /// The configuration's digest.
        expected: String,
    },
}

impl Weights {
    /// Reads the file once, from its first to its last byte.
    ///
    /// # Errors
    /// [`WeightsError`] when it cannot be read, or is not the file with the `expected` SHA-256.
    pub fn copy_in(path: &Path, expected: Option<[u8; 32]>) -> Result<Self, WeightsError> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(WeightsError::Name)?;
        let name = name.to_owned();
        let (bytes, sha256) =
            copy(path).map_err(|source| WeightsError::Read { name: name.clone(), source })?;
        match expected.filter(|expected| *expected != sha256) {
            Some(expected) => {
                Err(WeightsError::Digest { name, found: hex(&sha256), expected: hex(&expected) })
            }
            None => {
                let size = bytes.len() as u64;
                Ok(Self { bytes, file: ModelFile { name, size, sha256 } })
            }
        }
    }

    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Name, size and digest.
    #[must_use]
    pub fn file(&self) -> &ModelFile {
        &self.file
    }
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weights({:?})", self.file)
    }
}

fn copy(path: &Path) -> io::Result<(Vec<u8>, [u8; 32])> {
    let mut file = File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(io::Error::other)?;
    let mut context = Context::new(&SHA256);
    loop {
        let start = bytes.len();
        let read = file.by_ref().take(STEP as u64).read_to_end(&mut bytes)?;
        if read == 0 {
            break;
        }
        // Hashed is the copy, not what the disk would say a second time.
        context.update(bytes.get(start..).unwrap_or_default());
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok((bytes, sha256))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_attestation::transcript::sha256;
    use std::io::Write;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::with_suffix(".gguf").expect("a file");
        file.write_all(content).expect("written");
        file
    }

    #[test]
    fn the_copy_and_its_digest_are_those_of_the_file() {
        let content: Vec<u8> = (0..STEP * 2 + 77).map(|index| (index % 251) as u8).collect();
        let file = file(&content);
        let weights = Weights::copy_in(file.path(), Some(sha256(&content))).expect("accepted");
        assert_eq!(weights.bytes(), content);
        assert_eq!(weights.file().sha256, sha256(&content));
        assert_eq!(weights.file().size, content.len() as u64);
    }

    #[test]
    fn refuses_a_file_with_one_other_byte() {
        let file = file(b"weights, but not those");
        let error = Weights::copy_in(file.path(), Some(sha256(b"weights"))).expect_err("other");
        assert!(matches!(error, WeightsError::Digest { .. }), "{error}");
    }

    #[test]
    fn names_a_file_that_is_not_there_without_its_folders() {
        let error = Weights::copy_in(Path::new("/nonexistent/m.gguf"), None).expect_err("absent");
        assert!(error.to_string().starts_with("reading m.gguf: "), "{error}");
    }
}
