//! The newest edition that was ever verified of each statement, on disk: an older one is refused, also after a restart.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use sealroom_attestation::{UnixTime, transcript::sha256};

use super::{
    answer::{Edition, RESPONSE_LIFE},
    disk::{self, DiskError},
};

/// The longest file that is read, bytes: hundreds of thousands of statements.
const LONGEST: u64 = 64 << 20;
/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const HEAD: &str = "sealroom ratchet 1\n";
/// Before the last line's digest of everything above it: a file that was cut short is none.
const DIGEST: &str = "sha256 ";

/// What the newest edition of each statement is. Only a statement that was verified may move it.
#[derive(Debug)]
pub struct Ratchet {
    path: PathBuf,
    /// Held while the file is read, compared and written: threads of one process take turns here, processes at the lock
    /// file.
    turn: Mutex<()>,
    /// How long another process is waited for.
    patience: Duration,
}

/// An edition that is older than one that was verified before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("edition {} of {} was seen before, this one is {} of {}", hex::encode(&newest.number), newest.issued, hex::encode(&found.number), found.issued)]
pub struct RolledBack {
    /// Of what: the ratchet's row.
    pub name: String,
    /// The newest that was verified.
    pub newest: Edition,
    /// The one that came.
    pub found: Edition,
}

impl Ratchet {
    /// The ratchet in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// [`DiskError`] where the folder cannot be made or the file is not as it was written: it is never begun anew over one
    /// that cannot be read.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        disk::make_folder(folder)?;
        let (path, turn) = (folder.join("ratchet"), Mutex::new(()));
        let ratchet = Self { path, turn, patience: PATIENCE };
        ratchet.read()?;
        Ok(ratchet)
    }

    /// Compares a verified statement with the newest one, and moves on where it is newer.
    ///
    /// # Errors
    /// [`DiskError`] where what is newer could not be kept: then it must not be used. The inner error is for one that is
    /// older.
    pub fn admit(&self, name: &str, found: &Edition) -> Result<Result<(), RolledBack>, DiskError> {
        // The map is on disk: what a panic left behind here is no state.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.lock()?;
        let mut newest = self.read()?;
        match newest.get(name) {
            Some(newest) if found.is_before(newest) => {
                let (newest, found) = (newest.clone(), found.clone());
                return Ok(Err(RolledBack { name: name.to_owned(), newest, found }));
            }
            Some(newest) if newest == found => return Ok(Ok(())),
            _ => {}
        }
        newest.insert(name.to_owned(), found.clone());
        prune(&mut newest, name, found.issued);
        let text = text(&newest);
        if text.len() as u64 > LONGEST {
            // What could not be read again must not be written.
            let reason = io::Error::other("it would outgrow what is read");
            return Err(DiskError::io("writing", &self.path)(reason));
        }
        disk::replace(&self.path, text.as_bytes())?;
        Ok(Ok(()))
    }

    /// The newest edition that was verified of a statement.
    ///
    /// # Errors
    /// [`DiskError`] where the file cannot be read.
    pub fn newest(&self, name: &str) -> Result<Option<Edition>, DiskError> {
        Ok(self.read()?.remove(name))
    }

    /// Tries whether it could be moved.
    ///
    /// # Errors
    /// [`DiskError`] where its folder cannot be written to.
    pub fn try_write(&self) -> Result<(), DiskError> {
        disk::try_write(self.path.parent().unwrap_or(Path::new(".")))
    }

    /// Every row: the newest edition that was verified of each statement.
    ///
    /// # Errors
    /// [`DiskError`] where the file cannot be read.
    pub fn rows(&self) -> Result<BTreeMap<String, Edition>, DiskError> {
        self.read()
    }

    /// Forgets a statement, in all of its tracks: whatever counts is the newest again. Only a person may want that. The rows
    /// that are gone.
    ///
    /// # Errors
    /// [`DiskError`] where the file cannot be read or replaced.
    pub fn forget(&self, name: &str) -> Result<BTreeMap<String, Edition>, DiskError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.lock()?;
        let tracks = |row: &str| row.split_once('#').is_some_and(|(base, _)| base == name);
        let (gone, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.read()?.into_iter().partition(|(row, _)| row == name || tracks(row));
        if !gone.is_empty() {
            disk::replace(&self.path, text(&left).as_bytes())?;
        }
        Ok(gone)
    }

    /// Held until it is dropped.
    fn lock(&self) -> Result<fs::File, DiskError> {
        let path = self.path.with_extension("lock");
        let locking = || DiskError::io("locking", &path);
        let mut options = fs::File::options();
        options.create(true).truncate(false).write(true);
        // Whoever may open it could hold it for ever.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(locking())?;
        let deadline = Instant::now() + self.patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    let held = io::Error::other("another process holds it for too long");
                    return Err(locking()(held));
                }
                Err(TryLockError::Error(error)) => return Err(locking()(error)),
            }
        }
    }

    fn read(&self) -> Result<BTreeMap<String, Edition>, DiskError> {
        let Some(bytes) = disk::read(&self.path, LONGEST)? else { return Ok(BTreeMap::new()) };
        let broken =
            |reason: &str| DiskError::Broken { path: self.path.clone(), reason: reason.to_owned() };
        let text = str::from_utf8(&bytes).map_err(|_| broken("no text"))?;
        let (lines, digest) = text.rsplit_once(DIGEST).ok_or_else(|| broken("no digest"))?;
        if digest.strip_suffix('\n') != Some(&*hex::encode(sha256(lines.as_bytes()))) {
            return Err(broken("its digest is another one"));
        }
        let lines = lines.strip_prefix(HEAD).ok_or_else(|| broken("another version"))?.lines();
        lines.map(|line| read_line(line).ok_or_else(|| broken("a line that is none"))).collect()
    }
}

/// Standings of certificates, which grow with every device that is met. A row may go once its response is older than any
/// that counts: each older one ended before. The responder's own dates are the clock: they are signed, and a wrong clock of
/// this machine makes nobody forget.
fn prune(all: &mut BTreeMap<String, Edition>, name: &str, issued: UnixTime) {
    let Some(world) = responders(name) else { return };
    all.retain(|row, edition| {
        responders(row) != Some(world) || edition.issued.plus(RESPONSE_LIFE) >= issued
    });
}

/// What stands before the names of standings: nothing, or a world of simulated roots.
fn responders(name: &str) -> Option<&str> {
    name.split_once("nvidia/ocsp/").map(|(world, _)| world)
}

/// `NAME NUMBER ISSUED`: the number in hexadecimal, `-` where there is none, and the time in seconds.
fn read_line(line: &str) -> Option<(String, Edition)> {
    let mut words = line.split(' ');
    let (name, number, issued) = (words.next()?, words.next()?, words.next()?);
    let number = if number == "-" { Vec::new() } else { hex::decode(number).ok()? };
    let issued = UnixTime(issued.parse().ok()?);
    words.next().is_none().then(|| (name.to_owned(), Edition { number, issued }))
}

fn text(all: &BTreeMap<String, Edition>) -> String {
    let mut text = HEAD.to_owned();
    for (name, Edition { number, issued }) in all {
        let number = if number.is_empty() { "-".to_owned() } else { hex::encode(number) };
        writeln!(text, "{name} {number} {}", issued.0).expect("writing to a string");
    }
    let digest = hex::encode(sha256(text.as_bytes()));
    writeln!(text, "{DIGEST}{digest}").expect("writing to a string");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(number: u8, issued: u64) -> Edition {
        Edition { number: vec![number], issued: UnixTime(issued) }
    }

    #[test]
    fn what_is_older_is_refused_also_after_a_restart_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = "intel/crl/root";
        let admit = |found: &Edition| {
            let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
            ratchet.admit(list, found).expect("a disk")
        };
        for newer in [edition(4, 40), edition(5, 50), edition(5, 50), edition(5, 51)] {
            assert_eq!(admit(&newer), Ok(()));
        }
        for older in [edition(4, 99), edition(5, 50)] {
            let newest = edition(5, 51);
            let name = list.to_owned();
            assert_eq!(admit(&older), Err(RolledBack { name, newest, found: older }));
        }
        let other = "amd/crl/Genoa";
        let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        assert_eq!(ratchet.admit(other, &edition(1, 1)).expect("a disk"), Ok(()));
        assert_eq!(ratchet.newest(list).expect("a disk"), Some(edition(5, 51)));
    }

    #[test]
    fn a_ratchet_that_was_cut_short_or_changed_is_refused_and_not_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        ratchet.admit("intel/crl/root", &edition(1, 1)).expect("a disk").expect("newer");
        let whole = fs::read(&ratchet.path).expect("a file");
        for length in 1..whole.len() {
            fs::write(&ratchet.path, &whole[..length]).expect("written");
            assert!(
                matches!(Ratchet::open(folder.path()), Err(DiskError::Broken { .. })),
                "{length}"
            );
        }
    }

    #[test]
    fn standings_that_no_older_response_could_still_count_against_are_forgotten_and_nothing_else_is()
     {
        let folder = tempfile::tempdir().expect("a folder");
        let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        let standing = |issued| Edition { number: Vec::new(), issued: UnixTime(issued) };
        let old = ["nvidia/ocsp/01/aa", "simulated/00/nvidia/ocsp/01/aa", "amd/crl/Genoa"];
        for name in old {
            ratchet.admit(name, &standing(10)).expect("a disk").expect("newer");
        }
        let held = || ratchet.read().expect("a file").into_keys().collect::<Vec<_>>();
        let new = "nvidia/ocsp/02/bb";
        ratchet.admit(new, &standing(10 + RESPONSE_LIFE)).expect("a disk").expect("newer");
        assert_eq!(held(), ["amd/crl/Genoa", old[0], new, old[1]]);
        ratchet.admit(new, &standing(11 + RESPONSE_LIFE)).expect("a disk").expect("newer");
        assert_eq!(held(), ["amd/crl/Genoa", new, old[1]]);
    }

    #[test]
    fn what_is_forgotten_is_forgotten_in_all_of_its_tracks_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        for name in ["nvidia/rim/A#01", "nvidia/rim/A#02", "nvidia/rim/AB#01", "nvidia/rim/A"] {
            ratchet.admit(name, &edition(1, 1)).expect("a disk").expect("newer");
        }
        let gone = ratchet.forget("nvidia/rim/A").expect("a disk");
        assert_eq!(gone.len(), 3);
        assert_eq!(
            ratchet.rows().expect("a file").into_keys().collect::<Vec<_>>(),
            ["nvidia/rim/AB#01"]
        );
        assert_eq!(ratchet.forget("nvidia/rim/A").expect("a disk").len(), 0);
        assert_eq!(ratchet.forget("nvidia/rim/AB#01").expect("a disk").len(), 1);
    }

    #[test]
    fn whoever_holds_the_lock_for_too_long_is_named_and_nothing_is_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        ratchet.patience = Duration::from_millis(30);
        let other = Ratchet::open(folder.path()).expect("a ratchet");
        let held = other.lock().expect("nobody else has it");
        let error = ratchet.admit("amd/crl/Genoa", &edition(1, 1)).expect_err("it is held");
        assert!(error.to_string().ends_with("another process holds it for too long"), "{error}");
        assert_eq!(ratchet.newest("amd/crl/Genoa").expect("a disk"), None);
        drop(held);
        assert_eq!(ratchet.admit("amd/crl/Genoa", &edition(1, 1)).expect("a disk"), Ok(()));
    }

    #[test]
    fn threads_take_turns_and_no_move_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let ratchet = Ratchet::open(folder.path()).expect("a ratchet");
        std::thread::scope(|scope| {
            for number in 1..=20 {
                let ratchet = &ratchet;
                scope.spawn(move || {
                    let name = format!("amd/crl/{number}");
                    ratchet.admit(&name, &edition(number, 1)).expect("a disk").expect("newer");
                });
            }
        });
        assert_eq!(ratchet.read().expect("a file").len(), 20);
    }
}
