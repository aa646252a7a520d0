//! Copies a model file into private memory and hashes it, in one pass.
//!
//! The disk is the host's. What was hashed must be what is computed with, so the file is read once and
//! never mapped or opened again. An engine beside the node opens its files itself: for it they are only hashed, and their
//! place must be one that the host cannot change.

use std::fs::{self, File};
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
    /// A folder of a model holds files and nothing else, so that all of it is hashed.
    #[error("the model's folder holds {name}, which is no file")]
    NotAFile {
        /// Its name.
        name: String,
    },
    /// A folder of a model is empty.
    #[error("the model's folder is empty")]
    Empty,
    /// A folder has no digest of its own.
    #[error("model.sha256 is the digest of one file, and model.path is a folder")]
    FolderDigest,
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
        Self::copy_with(path, expected, |_, _| {})
    }

    /// The same; `progress` is told how many bytes of how many were read.
    ///
    /// # Errors
    /// As [`Weights::copy_in`].
    pub fn copy_with(
        path: &Path,
        expected: Option<[u8; 32]>,
        progress: impl FnMut(u64, u64),
    ) -> Result<Self, WeightsError> {
        let name = plain_name(path)?;
        let (bytes, sha256) = copy(path, progress)
            .map_err(|source| WeightsError::Read { name: name.clone(), source })?;
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

/// Hashes the file at `path`, or every file of the folder there in the order of their names.
///
/// # Errors
/// [`WeightsError`] when something cannot be read, is no file, or is not the file with the `expected` SHA-256.
pub(crate) fn hash(
    path: &Path,
    expected: Option<[u8; 32]>,
) -> Result<Vec<ModelFile>, WeightsError> {
    let name = plain_name(path)?;
    let read = |source| WeightsError::Read { name: name.clone(), source };
    if !fs::metadata(path).map_err(read)?.is_dir() {
        let file = hash_file(path)?;
        return match expected.filter(|expected| *expected != file.sha256) {
            Some(expected) => Err(WeightsError::Digest {
                name,
                found: hex(&file.sha256),
                expected: hex(&expected),
            }),
            None => Ok(vec![file]),
        };
    }
    if expected.is_some() {
        return Err(WeightsError::FolderDigest);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<_> = entries.map_err(read)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let files: Vec<_> = paths.iter().map(|path| hash_file(path)).collect::<Result<_, _>>()?;
    if files.is_empty() { Err(WeightsError::Empty) } else { Ok(files) }
}

fn hash_file(path: &Path) -> Result<ModelFile, WeightsError> {
    let name = plain_name(path)?;
    let read = |source| WeightsError::Read { name: name.clone(), source };
    if !fs::metadata(path).map_err(read)?.is_file() {
        return Err(WeightsError::NotAFile { name });
    }
    let mut file = File::open(path).map_err(read)?;
    let (mut context, mut step, mut size) = (Context::new(&SHA256), vec![0; STEP], 0_u64);
    loop {
        let count = file.read(&mut step).map_err(read)?;
        if count == 0 {
            break;
        }
        context.update(step.get(..count).unwrap_or_default());
        size = size.saturating_add(count as u64);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(ModelFile { name, size, sha256 })
}

fn plain_name(path: &Path) -> Result<String, WeightsError> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(WeightsError::Name)?;
    Ok(name.to_owned())
}

fn copy(path: &Path, mut progress: impl FnMut(u64, u64)) -> io::Result<(Vec<u8>, [u8; 32])> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let size = usize::try_from(length).map_err(io::Error::other)?;
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
        progress(bytes.len() as u64, length);
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
    fn every_file_of_a_folder_is_hashed_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).expect("written");
        };
        assert!(matches!(hash(folder.path(), None), Err(WeightsError::Empty)));
        write("model-2.safetensors", b"second");
        write("model-1.safetensors", &vec![7; STEP + 1]);
        let files = hash(folder.path(), None).expect("two files");
        let expected = [
            ("model-1.safetensors", STEP as u64 + 1, sha256(&vec![7; STEP + 1])),
            ("model-2.safetensors", 6, sha256(b"second")),
        ];
        let found = files.iter().map(|file| (file.name.as_str(), file.size, file.sha256));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let refused = hash(folder.path(), Some([0; 32])).expect_err("a digest of what?");
        assert!(matches!(refused, WeightsError::FolderDigest), "{refused}");
        std::fs::create_dir(folder.path().join("original")).expect("made");
        let refused = hash(folder.path(), None).expect_err("more than files");
        let expected = "the model's folder holds original, which is no file";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn one_file_is_hashed_without_a_copy() {
        let file = file(b"weights");
        let digest = sha256(b"weights");
        let files = hash(file.path(), Some(digest)).expect("the file");
        assert_eq!((files.len(), files[0].sha256, files[0].size), (1, digest, 7));
        let error = hash(file.path(), Some([0; 32])).expect_err("another one");
        assert!(matches!(error, WeightsError::Digest { .. }), "{error}");
    }

    #[test]
    fn names_a_file_that_is_not_there_without_its_folders() {
        let error = Weights::copy_in(Path::new("/nonexistent/m.gguf"), None).expect_err("absent");
        assert!(error.to_string().starts_with("reading m.gguf: "), "{error}");
    }
}
