//! Golden files: compared, or written anew when somebody says so.

use std::{collections::BTreeSet, env, fs, io};

use crate::transcript::place;

/// How the files are renewed. Read what changed before you commit it.
pub(crate) const RENEW: &str = "SEALROOM_BLESS=1 cargo test -p sealroom-verifier --test golden";

/// The folders below `tests/golden` that hold golden files and nothing else.
const FOLDERS: [&str; 4] = ["snp", "tdx", "gpu", "commands"];

pub(crate) fn read(name: &str) -> io::Result<String> {
    fs::read_to_string(place().join(name))
}

/// Every golden file that is there.
pub(crate) fn names() -> BTreeSet<String> {
    let listed = |folder: &&'static str| {
        let files = fs::read_dir(place().join(folder)).into_iter().flatten().flatten();
        let folder = *folder;
        files.map(move |file| format!("{folder}/{}", file.file_name().to_string_lossy()))
    };
    FOLDERS.iter().flat_map(listed).collect()
}

/// True where golden files are written and not compared.
pub(crate) fn blessing() -> bool {
    env::var_os("SEALROOM_BLESS").is_some_and(|value| value == "1")
}

/// Texts against their files; every difference is told at the end.
#[derive(Default)]
pub(crate) struct Golden {
    differences: Vec<String>,
}

impl Golden {
    /// Compares a text with its golden file, or writes the file where `SEALROOM_BLESS` is 1.
    pub(crate) fn holds(&mut self, name: &str, text: &str) {
        if blessing() {
            let file = place().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a golden file");
            return;
        }
        match read(name) {
            Ok(golden) if golden == text => {}
            Ok(golden) => self.differences.push(difference(name, &golden, text)),
            Err(error) => self.differences.push(format!("{name}: {error}\n")),
        }
    }

    /// Ends the test, with every difference where there is one.
    pub(crate) fn end(self) {
        let differences = self.differences.concat();
        assert!(differences.is_empty(), "\n{differences}\nif that is right: {RENEW}");
    }
}

/// The first line that is not the same, from both sides.
fn difference(name: &str, golden: &str, now: &str) -> String {
    let (golden, now): (Vec<_>, Vec<_>) = (golden.split('\n').collect(), now.split('\n').collect());
    let same = golden.iter().zip(&now).take_while(|(was, is)| was == is).count();
    let shown = |lines: &[&str]| match lines.get(same) {
        Some(line) => format!("{line:?}"),
        None => "(the end)".to_owned(),
    };
    let number = same + 1;
    format!("{name}, line {number}\n  golden {}\n  now    {}\n", shown(&golden), shown(&now))
}
