//! What is kept on disk: whole or not there, whatever happens while it is written.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sealroom_attestation::{UnixTime, Window};
use sealroom_verifier::endorsements::{
    Cache, DiskError, Edition, Entry, Ratchet, Resource, RimId, Statement, Validators,
};

use super::NOW;
use super::desk::{folder, gathered, machines, problems, services, store, vendors};

const FOLDER: &str = "SEALROOM_TEST_FOLDER";

fn resource(number: usize) -> Resource {
    Resource::Rim { id: RimId::new(&format!("RIM_{number}")).expect("an id") }
}

/// Writes until it is killed: this is no test by itself.
#[test]
#[ignore = "killed by the test below"]
fn writer() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let cache = Cache::open(&folder.join("cache")).expect("a cache");
    let ratchet = Ratchet::open(&folder.join("state")).expect("a ratchet");
    // Each writer goes on where the one before was killed.
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    for number in u64::try_from(begin.as_micros()).expect("not yet").. {
        let place = usize::try_from(number % 8).expect("small");
        let resource = resource(place);
        let edition = Edition { number: vec![1], issued: UnixTime(number) };
        let name = resource.to_string();
        let validity = Window { from: UnixTime(0), until: UnixTime(1 << 40) };
        let statement =
            Statement { edition: Some(edition.clone()), track: String::new(), validity };
        let files = vec![vec![7; 200_000]];
        let validators = Validators::default();
        let entry = Entry { name, fetched_at: NOW, whole_at: NOW, validators, statement, files };
        ratchet.admit(&entry.name, &edition).expect("a disk").expect("newer");
        cache.store(&entry).expect("a disk");
    }
}

/// Every entry is whole, and no entry is newer than the ratchet says: it is moved first.
fn holds(folder: &Path) -> usize {
    let ratchet = Ratchet::open(&folder.join("state")).expect("a whole ratchet");
    let entries =
        Cache::open(&folder.join("cache")).and_then(|cache| cache.list()).expect("a list");
    for (path, entry) in &entries {
        let entry = entry.as_ref().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let newest = ratchet.newest(&entry.name).expect("a disk").expect("moved first");
        assert!(!newest.is_before(entry.statement.edition.as_ref().expect("an edition")));
    }
    entries.len()
}

#[test]
fn endorsements_on_disk_survive_a_writer_that_is_killed_at_any_moment() {
    let folder = folder();
    let program = env::current_exe().expect("this program");
    for round in 0..25_u64 {
        let mut writer = Command::new(&program);
        writer.args(["--exact", "endorsements::kept::writer", "--ignored", "--quiet"]);
        let mut writer = writer.env(FOLDER, folder.path()).spawn().expect("a writer");
        std::thread::sleep(Duration::from_millis(20 + round * 7 % 60));
        writer.kill().expect("SIGKILL");
        writer.wait().expect("it ended");
        holds(folder.path());
    }
    assert!(holds(folder.path()) > 0, "it wrote something");
}

#[tokio::test]
async fn endorsements_that_rotted_on_disk_are_fetched_anew_and_missing_where_nobody_may_be_asked() {
    let vendors = vendors();
    for machine in machines(&vendors) {
        let folder = folder();
        let online = store(folder.path(), Some(services(&vendors)), &machine);
        drop(gathered(&online, &machine, NOW).await);
        for (path, _) in online.cache().list().expect("a cache") {
            let mut entry = fs::read(&path).expect("an entry");
            let middle = entry.len() / 2;
            entry[middle] ^= 1;
            fs::write(&path, entry).expect("a file");
        }
        let offline = store(folder.path(), None, &machine);
        let nothing = gathered(&offline, &machine, NOW).await;
        assert!(nothing.found.is_empty() && problems(&nothing) == ["endorsements.fetch"]);
        let restarted = store(folder.path(), Some(services(&vendors)), &machine);
        assert_eq!(machine.proven(&gathered(&restarted, &machine, NOW).await, NOW), Ok(()));
        assert!(restarted.cache().list().expect("a cache").iter().all(|(_, entry)| entry.is_ok()));
    }
}

#[tokio::test]
async fn endorsements_that_cannot_be_kept_are_refused_with_the_folder_that_is_in_the_way() {
    let vendors = vendors();
    let [machine, _, _] = machines(&vendors);
    let folder = folder();
    let online = store(folder.path(), Some(services(&vendors)), &machine);
    // A file stands where the folder was: whoever is root may write to every folder.
    fs::remove_dir_all(folder.path().join("cache")).expect("a folder");
    fs::write(folder.path().join("cache"), b"").expect("a file");
    let wrong = gathered(&online, &machine, NOW).await;
    assert!(wrong.found.is_empty() && problems(&wrong).contains(&"endorsements.fetch"));
    let first = wrong.problems.first().expect("a problem").error.to_string();
    assert!(first.contains("cache/"), "{first}");
    let opened = Cache::open(&folder.path().join("cache"));
    assert!(matches!(opened, Err(DiskError::Io { .. })), "{opened:?}");
}
