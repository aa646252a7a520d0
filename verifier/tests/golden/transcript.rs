//! A command line as a person would type it, in a folder of its own, and everything that it answered.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A working folder with files under relative names: no answer can hold a path of this machine.
pub(crate) struct Folder(TempDir);

/// What a command answered.
pub(crate) struct Answer {
    asked: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

impl Folder {
    /// A folder with a copy of each file under the name beside it.
    pub(crate) fn with<'f>(files: impl Iterator<Item = (&'f str, PathBuf)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, from) in files {
            let to = folder.path().join(name);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::copy(from, to).expect("a copy");
        }
        Self(folder)
    }

    /// Runs `sealroom-verifier` there. Nothing of this machine's environment reaches it.
    pub(crate) fn run(&self, arguments: &[impl AsRef<str>]) -> Answer {
        let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealroom-verifier"));
        command.current_dir(self.0.path()).env_clear().args(&arguments);
        let output = command.output().expect("the verifier runs");
        Answer {
            asked: format!("$ sealroom-verifier {}\n", arguments.join(" ")),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
            exit: output.status.code().expect("a code"),
        }
    }
}

impl Answer {
    /// The command line, what it wrote to both streams, and how it ended.
    pub(crate) fn shown(&self) -> String {
        let Self { asked, stdout, stderr, exit } = self;
        format!("{asked}{stdout}{stderr}exit code: {exit}\n")
    }
}

/// The folder with the golden files and with what they need beside real evidence.
pub(crate) fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
