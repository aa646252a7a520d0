//! What was fetched, on disk, until it ends. An entry is believed no more than what a stranger sends: it is verified again
//! wherever it is used.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sealroom_attestation::{
    UnixTime, Window,
    cbor::{CborError, Item, Source, Writer},
    transcript::{Transcript, sha256},
};

use super::{
    answer::{Edition, Statement},
    disk::{self, DiskError},
    validators::Validators,
};
use crate::bundle::{items, words};

/// How old an entry may grow before it is asked for anew, seconds; half of its life, or of what was left of it, where that
/// is less.
const FRESH: u64 = 6 * 3600;
/// However little was left: who has nothing newer is not asked with every breath.
const LEAST: u64 = 30;
/// A certificate says nothing new before it ends: it is asked for anew this long before, seconds.
const MONTH: u64 = 30 * 86_400;
/// How far apart clocks may be that are one, seconds: flights that began in one second land in several.
const SKEW: u64 = 60;

/// How long word that there is nothing newer stands for the statement itself, seconds.
const WHOLE: u64 = 24 * 3600;

/// The ending of every entry's name.
const ENDING: &str = "endorsement";

/// One statement as it was answered, with what the service calls this edition of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The statement's name, in whose world it counts.
    pub name: String,
    /// When it was fetched, or last found to be the newest.
    pub fetched_at: UnixTime,
    /// When the whole of it last came, and not only word that there is nothing newer.
    pub whole_at: UnixTime,
    /// How the service names this edition.
    pub validators: Validators,
    /// What it was when it was verified.
    pub statement: Statement,
    /// Body, and the signer's certificates where they came in a header.
    pub files: Vec<Vec<u8>>,
}

impl Entry {
    /// What this service may be asked under: only its own names, and not for longer than a day. Whoever once sent an old
    /// statement under the name of the newest would freeze it else.
    pub(super) fn conditions(&self, base: &str, now: UnixTime) -> Validators {
        let lately = now.0.checked_sub(self.whole_at.0).is_some_and(|age| age < WHOLE);
        let conditions = Some(&self.validators).filter(|one| lately && one.base == base);
        conditions.cloned().unwrap_or_default()
    }

    /// True while it need not be asked for anew. One from the future has a date that nobody can believe.
    pub(super) fn is_young(&self, now: UnixTime) -> bool {
        let Statement { edition, validity: Window { from, until }, .. } = &self.statement;
        if self.fetched_at > now.plus(SKEW) {
            return false;
        }
        let half = |since: &UnixTime| until.0.saturating_sub(since.0) / 2;
        let fresh = FRESH.min(half(from)).min(half(&self.fetched_at)).max(LEAST);
        let is_quiet = edition.is_none() && *until > now.plus(MONTH);
        is_quiet || now.0.saturating_sub(self.fetched_at.0) < fresh
    }
}

/// A file of the cache, and what is in it.
pub type Listed = (PathBuf, Result<Entry, DiskError>);

/// A folder of entries.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens a folder; it is made where it is not there.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        disk::make_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Tries whether entries could be kept.
    ///
    /// # Errors
    /// [`DiskError`] where the folder cannot be written to.
    pub fn try_write(&self) -> Result<(), DiskError> {
        disk::try_write(&self.folder)
    }

    /// The entry of a name, if there is one.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be read, or is not as it was written.
    pub fn load(&self, name: &str) -> Result<Option<Entry>, DiskError> {
        let path = self.path(name);
        let entry = read(&path)?;
        match entry {
            Some(entry) if entry.name != name => {
                let reason = format!("it is about {}", entry.name);
                Err(DiskError::Broken { path, reason })
            }
            entry => Ok(entry),
        }
    }

    /// Keeps an entry in place of the one before.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be written: what was there before is still there.
    pub fn store(&self, entry: &Entry) -> Result<(), DiskError> {
        disk::replace(&self.path(&entry.name), &entry.encode())
    }

    /// Removes the entry of a name. Says whether there was one.
    ///
    /// # Errors
    /// [`DiskError`] where it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, DiskError> {
        disk::remove(&self.path(name))
    }

    /// Every entry, by its name. One that cannot be read is an error in its place.
    ///
    /// # Errors
    /// [`DiskError`] where the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, DiskError> {
        let listing = || DiskError::io("listing", &self.folder);
        let mut all = Vec::new();
        for file in fs::read_dir(&self.folder).map_err(listing())? {
            let path = file.map_err(listing())?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                // Who prunes it meanwhile leaves nothing to tell of.
                all.extend(read(&path).transpose().map(|entry| (path, entry)));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }

    /// Names of resources are no names of files.
    fn path(&self, name: &str) -> PathBuf {
        let name = hex::encode(sha256(name.as_bytes()));
        self.folder.join(name).with_extension(ENDING)
    }
}

fn read(path: &Path) -> Result<Option<Entry>, DiskError> {
    let Some(bytes) = disk::read(path, Entry::LIMIT as u64)? else { return Ok(None) };
    let broken =
        |error: CborError| DiskError::Broken { path: path.to_owned(), reason: error.to_string() };
    Entry::decode(&bytes).map(Some).map_err(broken)
}

/// Over every file and its length: a byte that rotted is not told from one that was meant otherwise.
fn digest(files: &[Vec<u8>]) -> [u8; 32] {
    let begin = Transcript::new("sealroom/1 cached endorsement");
    files.iter().fold(begin, |all, file| all.part(file)).sha256()
}

impl Item for Entry {
    const NAME: &'static str = "cached endorsement";
    const LIMIT: usize = 8 * 1024 * 1024;

    fn write(&self, out: &mut Writer) {
        let Self { name, fetched_at, whole_at, validators, statement, files } = self;
        let Validators { base, etag, modified } = validators;
        let Statement { edition, track, validity } = statement;
        out.map(13).number(1).number(1).number(2).bytes(name.as_bytes());
        out.number(3).number(fetched_at.0);
        out.number(4).optional_bytes(etag.as_deref().map(str::as_bytes));
        out.number(5).optional_bytes(modified.as_deref().map(str::as_bytes));
        out.number(6).optional_bytes(edition.as_ref().map(|one| one.number.as_slice()));
        out.number(7).number(edition.as_ref().map_or(0, |one| one.issued.0));
        out.number(8).array(2).number(validity.from.0).number(validity.until.0);
        out.number(9).array(files.len());
        for file in files {
            out.bytes(file);
        }
        out.number(10).bytes(track.as_bytes()).number(11).bytes(&digest(files));
        out.number(12).bytes(base.as_bytes()).number(13).number(whole_at.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(13)?;
        from.version()?;
        from.key(2)?;
        let name = words(from)?;
        from.key(3)?;
        let fetched_at = UnixTime(from.number()?);
        from.key(4)?;
        let etag = from.optional(words)?;
        from.key(5)?;
        let modified = from.optional(words)?;
        from.key(6)?;
        let number = from.optional(|from| Ok(from.bytes()?.to_vec()))?;
        from.key(7)?;
        let issued = UnixTime(from.number()?);
        let edition = number.map(|number| Edition { number, issued });
        from.key(8)?;
        if from.array()? != 2 {
            return Err(from.malformed("two times"));
        }
        let validity = Window { from: UnixTime(from.number()?), until: UnixTime(from.number()?) };
        from.key(9)?;
        let files: Vec<Vec<u8>> = items(from, |from| Ok(from.bytes()?.to_vec()))?;
        from.key(10)?;
        let track = words(from)?;
        from.key(11)?;
        if from.bytes()? != digest(&files) {
            return Err(from.malformed("the digest of its files"));
        }
        from.key(12)?;
        let base = words(from)?;
        from.key(13)?;
        let whole_at = UnixTime(from.number()?);
        let statement = Statement { edition, track, validity };
        let validators = Validators { base, etag, modified };
        Ok(Self { name, fetched_at, whole_at, validators, statement, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "intel/crl/root";

    fn entry() -> Entry {
        let edition = Some(Edition { number: vec![7], issued: UnixTime(1) });
        let validity = Window { from: UnixTime(1), until: UnixTime(9) };
        let (base, etag) = ("https://a".to_owned(), Some("\"a\"".to_owned()));
        let validators = Validators { base, etag, modified: None };
        Entry {
            name: NAME.to_owned(),
            fetched_at: UnixTime(5),
            whole_at: UnixTime(4),
            validators,
            statement: Statement { edition, track: "tag".to_owned(), validity },
            files: vec![b"one".to_vec(), Vec::new()],
        }
    }

    #[test]
    fn an_entry_comes_back_as_it_was_kept_and_only_under_its_own_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(&folder.path().join("below")).expect("a cache");
        assert_eq!(cache.load(NAME).expect("nothing yet"), None);
        cache.store(&entry()).expect("kept");
        assert_eq!(cache.load(NAME).expect("kept"), Some(entry()));
        let all = cache.list().expect("a list");
        let [(path, Ok(one))] = &all[..] else { panic!("{all:?}") };
        assert_eq!(one, &entry());
        fs::rename(path, cache.path("intel/qe/tdx/early")).expect("renamed");
        let other = cache.load("intel/qe/tdx/early");
        assert!(matches!(other, Err(DiskError::Broken { .. })), "{other:?}");
    }

    #[test]
    fn an_entry_that_was_cut_short_or_changed_is_named_and_never_read_as_less() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path()).expect("a cache");
        let whole = entry().encode();
        for length in 0..whole.len() {
            fs::write(cache.path(NAME), &whole[..length]).expect("written");
            assert!(matches!(cache.load(NAME), Err(DiskError::Broken { .. })), "{length}");
        }
        let mut changed = whole;
        let at = changed.windows(3).position(|part| part == b"one").expect("the file");
        changed[at] ^= 1;
        fs::write(cache.path(NAME), changed).expect("written");
        assert!(matches!(cache.load(NAME), Err(DiskError::Broken { .. })));
    }

    #[test]
    fn a_service_is_asked_under_its_own_names_alone_and_for_a_day() {
        let entry = entry();
        let last = UnixTime(4 + WHOLE - 1);
        assert_eq!(entry.conditions("https://a", last), entry.validators);
        assert!(entry.conditions("https://b", last).is_empty());
        assert!(entry.conditions("https://a", last.plus(1)).is_empty());
        assert!(entry.conditions("https://a", UnixTime(3)).is_empty());
    }

    #[test]
    fn an_entry_from_the_future_is_not_young() {
        let mut entry = entry();
        entry.fetched_at = UnixTime(100);
        entry.statement.validity = Window { from: UnixTime(0), until: UnixTime(1 << 40) };
        for (now, young) in [(39, false), (40, true), (99 + FRESH, true), (100 + FRESH, false)] {
            assert_eq!(entry.is_young(UnixTime(now)), young, "{now}");
        }
    }

    #[test]
    fn an_entry_is_young_for_half_of_what_was_left_of_it_and_for_half_a_minute_at_least() {
        let mut entry = entry();
        entry.statement.validity = Window { from: UnixTime(0), until: UnixTime(100_000) };
        for (fetched, fresh) in [(0, FRESH), (90_000, 5_000), (99_990, LEAST)] {
            entry.fetched_at = UnixTime(fetched);
            assert!(entry.is_young(UnixTime(fetched + fresh - 1)), "{fetched}");
            assert!(!entry.is_young(UnixTime(fetched + fresh)), "{fetched}");
        }
        entry.statement.validity.until = UnixTime(10_000);
        entry.fetched_at = UnixTime(0);
        assert!(entry.is_young(UnixTime(4_999)) && !entry.is_young(UnixTime(5_000)));
    }

    #[test]
    fn a_certificate_is_young_until_a_month_before_its_end() {
        let mut entry = entry();
        entry.statement.edition = None;
        entry.statement.validity = Window { from: UnixTime(0), until: UnixTime(3 * MONTH) };
        entry.fetched_at = UnixTime(1);
        assert!(entry.is_young(UnixTime(2 * MONTH - 1)));
        assert!(!entry.is_young(UnixTime(2 * MONTH)));
    }
}
