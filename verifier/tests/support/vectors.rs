//! Evidence from real machines: where it lies, and the tables that say how each ends.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../attestation/testdata")
}

/// Where evidence lies: what this repository may carry, then the folder in `SEALROOM_VECTORS`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let more = env::var_os("SEALROOM_VECTORS").map(PathBuf::from);
    let places = [Some(testdata()), more];
    places.into_iter().flatten().map(|place| place.join(name)).find(|path| path.exists())
}

/// One row of the tables.
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) with: Vec<String>,
    pub(crate) at: String,
    pub(crate) crypto_only: bool,
    pub(crate) exit: i32,
    pub(crate) fails: Option<String>,
}

pub(crate) fn rows() -> Vec<Row> {
    let table = |platform: &str| {
        let file = testdata().join(platform).join("expected.tsv");
        fs::read_to_string(file).expect("the table")
    };
    let tables = [table("snp"), table("tdx"), table("gpu")].concat();
    let platforms = ["snp/", "tdx/", "gpu/"];
    let is_row = |line: &&str| platforms.iter().any(|platform| line.starts_with(platform));
    tables.lines().filter(is_row).map(Row::read).collect()
}

impl Row {
    fn read(line: &str) -> Self {
        let mut cells = line.split('\t').map(str::to_owned);
        let mut next = || cells.next().expect("a cell");
        let (file, with, at, mode, exit, fails) = (next(), next(), next(), next(), next(), next());
        Self {
            file,
            with: with.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            at,
            crypto_only: mode == "crypto",
            exit: exit.parse().expect("a code"),
            fails: Some(fails).filter(|id| id != "-"),
        }
    }

    /// Every file that the row names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        [&self.file].into_iter().chain(&self.with).map(String::as_str)
    }

    /// The command line, with the path of each file.
    pub(crate) fn arguments(&self, path: impl Fn(&str) -> String) -> Vec<String> {
        let mut arguments = vec!["check".to_owned(), path(&self.file)];
        for name in &self.with {
            arguments.extend(["--with".to_owned(), path(name)]);
        }
        arguments.extend(["--at".to_owned(), self.at.clone()]);
        arguments.extend(self.crypto_only.then(|| "--crypto-only".to_owned()));
        arguments
    }
}

/// Hands over every row whose files are all here, and says how many those are.
pub(crate) fn each_row(mut test: impl FnMut(&Row)) {
    let (mut used, mut absent) = (0, BTreeSet::new());
    for row in rows() {
        match row.files().find(|name| find(name).is_none()) {
            Some(name) => {
                absent.insert(name.to_owned());
            }
            None => {
                test(&row);
                used += 1;
            }
        }
    }
    // Straight to the stream: the test runner would keep what `println!` writes.
    let told =
        format!("real evidence: {used} rows used, {} files absent {absent:?}\n", absent.len());
    std::io::stderr().write_all(told.as_bytes()).expect("standard error");
    assert!(used >= 12, "the repository's own evidence was not found");
    assert!(
        env::var_os("SEALROOM_VECTORS").is_none() || absent.is_empty(),
        "SEALROOM_VECTORS is not whole"
    );
}
