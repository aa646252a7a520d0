//! What is read from disk: evidence, endorsements, policies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use ring::signature::Ed25519KeyPair;
use sealroom_attestation::{endorsements::Endorsements, x509};
use zeroize::Zeroizing;

use crate::{policy::Policy, report::visible};

/// Loads a policy file.
///
/// # Errors
/// Where it cannot be read or is no policy, with the file's name.
pub fn load_policy(path: &Path) -> Result<Policy> {
    policy(path, &text(path)?)
}

/// The policy that a file's text is.
pub(super) fn policy(path: &Path, text: &str) -> Result<Policy> {
    Policy::from_toml(text).with_context(|| format!("checking the policy {}", shown(path)))
}

/// A file of text.
pub(super) fn text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?)
        .with_context(|| format!("reading {}: it is not text", shown(path)))
}

/// Loads endorsements, each file recognised by its content; of a folder every file, in the order of their names.
pub(super) fn load_endorsements(paths: &[PathBuf]) -> Result<Endorsements> {
    let mut endorsements = Endorsements::default();
    each(paths, |path, file| add(&mut endorsements, path, &file))?;
    Ok(endorsements)
}

/// As [`load_endorsements`] but in the order of their content, and the files as they are.
pub(super) fn endorsement_files(paths: &[PathBuf]) -> Result<(BTreeSet<Vec<u8>>, Endorsements)> {
    let mut files = BTreeMap::new();
    each(paths, |path, file| {
        files.entry(file).or_insert_with(|| path.to_owned());
        Ok(())
    })?;
    let mut endorsements = Endorsements::default();
    files.iter().try_for_each(|(file, path)| add(&mut endorsements, path, file))?;
    Ok((files.into_keys().collect(), endorsements))
}

fn add(endorsements: &mut Endorsements, path: &Path, file: &[u8]) -> Result<()> {
    let added = endorsements.add_file(file);
    added.with_context(|| format!("recognising {}", shown(path)))
}

fn each(paths: &[PathBuf], mut visit: impl FnMut(&Path, Vec<u8>) -> Result<()>) -> Result<()> {
    for path in paths {
        for file in files(path)? {
            visit(&file, read(&file)?)?;
        }
    }
    Ok(())
}

/// The files in a folder, without those in folders below it; of a file itself.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listing = || format!("listing {}", shown(path));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(listing)? {
        let file = entry.with_context(listing)?.path();
        if !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// A path as it may be shown: whoever fills a folder chooses the names in it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string().chars().map(visible).collect()
}

/// The largest file that is read, bytes: the limit of a bundle, and far above any endorsement.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A file of at most that size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    read_up_to(path, LARGEST)
}

/// Pipes and devices have no length to ask for: what is read is counted, and what they tell only saves steps.
pub(super) fn read_up_to(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let reading = || format!("reading {}", shown(path));
    let file = fs::File::open(path).with_context(reading)?;
    let told = file.metadata().map_or(0, |about| about.len().min(largest));
    let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or_default());
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes).with_context(reading)?;
    if bytes.len() as u64 > largest {
        bail!("{} has more than the {largest} bytes that are read", shown(path));
    }
    Ok(bytes)
}

/// True where `-` stands for a file's name.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes one output as a whole, to a file or to standard output.
pub(super) fn write_output(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_stdout(path) {
        return std::io::stdout().lock().write_all(bytes).context("writing to standard output");
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", shown(path)))
}

/// The label of a private key in PEM (RFC 7468, section 10).
const LABEL: &str = "PRIVATE KEY";

/// A key of Ed25519 in PKCS #8, DER or PEM. Messages name the file and never what is in it.
pub(super) fn signing_key(path: &Path) -> Result<Ed25519KeyPair> {
    let file = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&file).ok().filter(|text| text.contains("-----BEGIN"));
    let der = match text.map(x509::blocks) {
        None => file,
        Some(Ok(blocks)) => match <[x509::PemBlock; 1]>::try_from(blocks) {
            Ok([block]) if block.label == LABEL => Zeroizing::new(block.der),
            _ => bail!("{} is not one block of PEM under {LABEL:?}", shown(path)),
        },
        Some(Err(_)) => bail!("{} is broken PEM", shown(path)),
    };
    // OpenSSL leaves the public key out; ring computes it.
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
    key.ok().with_context(|| format!("{} is no Ed25519 key in PKCS #8", shown(path)))
}
