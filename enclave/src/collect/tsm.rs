//! The kernel's `configfs-tsm` interface (Linux 6.7 and later), for SEV-SNP and TDX alike.
//!
//! One directory is one request: 64 bytes go into `inblob`, the report comes out of `outblob`. `generation`
//! counts writes, so a report over somebody else's bytes is noticed.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealroom_attestation::evidence::Hardware;

use super::deadline::Deadline;
use super::{CollectError, Collector};

/// Where the kernel offers the interface.
pub const TSM_ROOT: &str = "/sys/kernel/config/tsm/report";

/// How long the hardware may take: the deadline of the wire for a challenge, less the way there and back.
const LONGEST: Duration = Duration::from_secs(8);
/// Between two attempts while the firmware is throttled.
const RETRY: Duration = Duration::from_millis(100);
const MAX_REPORT: usize = 16 * 1024;
const MAX_TABLE: usize = 32 * 1024;

/// A client of `configfs-tsm`.
#[derive(Debug)]
pub struct Tsm {
    root: PathBuf,
    deadline: Deadline,
}

impl Tsm {
    /// Uses the interface below `root`, which is [`TSM_ROOT`] except in tests.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, deadline: Deadline::new("tsm", LONGEST) }
    }
}

impl Collector for Tsm {
    fn collect(&self, report_data: &[u8; 64]) -> Result<Hardware, CollectError> {
        let name = self.root.join(fresh_name());
        let (root, report_data) = (self.root.clone(), *report_data);
        self.deadline.call(move || exchange(&root, name, &report_data))
    }
}

/// The name of a request that no other has: nodes of one process share the kernel's interface.
fn fresh_name() -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    format!("sealroom-{}-{}", std::process::id(), REQUESTS.fetch_add(1, Ordering::Relaxed))
}

/// One request, from making its directory to removing it.
fn exchange(root: &Path, name: PathBuf, report_data: &[u8; 64]) -> Result<Hardware, CollectError> {
    let request = Request::create(root, name)?;
    let before = submit(&request.directory, report_data)?;
    read_back(&request.directory, before)
}

/// A request's directory; removed on drop.
struct Request {
    directory: PathBuf,
}

impl Request {
    fn create(root: &Path, directory: PathBuf) -> Result<Self, CollectError> {
        let no_provider = |error: io::Error| CollectError::NoProvider {
            root: root.display().to_string(),
            reason: error.to_string(),
        };
        DirBuilder::new().create(&directory).map_err(no_provider)?;
        Ok(Self { directory })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // configfs removes the attributes with the directory. There is nobody to tell of a failure.
        drop(fs::remove_dir(&self.directory));
    }
}

/// Writes the bytes to be signed and returns the generation before that.
fn submit(directory: &Path, report_data: &[u8; 64]) -> Result<u64, CollectError> {
    let before = generation(directory)?;
    let failed =
        |error: io::Error| CollectError::Attribute { name: "inblob", reason: error.to_string() };
    let mut inblob =
        OpenOptions::new().write(true).open(directory.join("inblob")).map_err(failed)?;
    inblob.write_all(report_data).map_err(failed)?;
    Ok(before)
}

/// Reads the report and makes sure that exactly one write happened since `before`.
fn read_back(directory: &Path, before: u64) -> Result<Hardware, CollectError> {
    let expected = before.wrapping_add(1);
    let report = read(directory, "outblob", MAX_REPORT)?;
    let provider = text(directory, "provider")?;
    let hardware = match provider.as_str() {
        "sev_guest" => {
            let table = read(directory, "auxblob", MAX_TABLE)?;
            Hardware::Snp { report, certificates: Some(table).filter(|table| !table.is_empty()) }
        }
        "tdx_guest" => Hardware::Tdx { quote: report, event_log: None },
        _ => return Err(CollectError::Provider { found: provider }),
    };
    match generation(directory)? {
        found if found == expected => Ok(hardware),
        found => Err(CollectError::Generation { found, expected }),
    }
}

fn generation(directory: &Path) -> Result<u64, CollectError> {
    text(directory, "generation")?.parse().map_err(|_| CollectError::Attribute {
        name: "generation",
        reason: "not a number".to_owned(),
    })
}

fn text(directory: &Path, name: &'static str) -> Result<String, CollectError> {
    let bytes = read(directory, name, 64)?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| CollectError::Attribute { name, reason: "not text".to_owned() })?;
    Ok(text.trim_end().to_owned())
}

/// Reads an attribute; while the firmware is throttled (EBUSY) it tries again until the deadline.
fn read(directory: &Path, name: &'static str, limit: usize) -> Result<Vec<u8>, CollectError> {
    let started = Instant::now();
    loop {
        match read_once(&directory.join(name), limit) {
            Ok(bytes) if bytes.len() > limit => {
                return Err(CollectError::TooLong { name, found: bytes.len(), limit });
            }
            Ok(bytes) => return Ok(bytes),
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && started.elapsed() < LONGEST =>
            {
                thread::sleep(RETRY);
            }
            Err(error) => {
                return Err(CollectError::Attribute { name, reason: error.to_string() });
            }
        }
    }
}

/// At most one byte more than `limit`: enough to see that it is too long.
fn read_once(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain directory with the attributes of a request; the kernel's part is played by the test.
    fn request(provider: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        set(&directory, "generation", b"6\n");
        set(&directory, "inblob", b"");
        set(&directory, "provider", format!("{provider}\n").as_bytes());
        set(&directory, "outblob", &[9; 1184]);
        set(&directory, "auxblob", b"table");
        directory
    }

    fn set(directory: &tempfile::TempDir, name: &str, content: &[u8]) {
        fs::write(directory.path().join(name), content).expect("written");
    }

    /// Submits, lets the kernel count the write, and reads back.
    fn answered(directory: &tempfile::TempDir, after: &[u8]) -> Result<Hardware, CollectError> {
        let before = submit(directory.path(), &[7; 64])?;
        assert_eq!(fs::read(directory.path().join("inblob")).expect("written"), [7; 64]);
        set(directory, "generation", after);
        read_back(directory.path(), before)
    }

    #[test]
    fn reads_an_snp_report_with_its_table_and_a_tdx_quote() {
        let table = Some(b"table".to_vec());
        let snp = Hardware::Snp { report: vec![9; 1184], certificates: table };
        assert_eq!(answered(&request("sev_guest"), b"7\n"), Ok(snp));
        let tdx = Hardware::Tdx { quote: vec![9; 1184], event_log: None };
        assert_eq!(answered(&request("tdx_guest"), b"7\n"), Ok(tdx));
    }

    #[test]
    fn an_empty_certificate_table_is_none() {
        let directory = request("sev_guest");
        set(&directory, "auxblob", b"");
        let snp = Hardware::Snp { report: vec![9; 1184], certificates: None };
        assert_eq!(answered(&directory, b"7\n"), Ok(snp));
    }

    #[test]
    fn refuses_when_somebody_else_wrote_in_between() {
        for found in [6, 8] {
            let refused = CollectError::Generation { found, expected: 7 };
            assert_eq!(answered(&request("sev_guest"), found.to_string().as_bytes()), Err(refused));
        }
    }

    #[test]
    fn refuses_an_unknown_provider_by_name() {
        let refused = CollectError::Provider { found: "arm_cca_guest".to_owned() };
        assert_eq!(answered(&request("arm_cca_guest"), b"7\n"), Err(refused));
    }

    #[test]
    fn refuses_a_report_over_the_limit_and_accepts_one_at_it() {
        let directory = request("tdx_guest");
        set(&directory, "outblob", &vec![1; MAX_REPORT]);
        let whole = Hardware::Tdx { quote: vec![1; MAX_REPORT], event_log: None };
        assert_eq!(answered(&directory, b"7"), Ok(whole));
        set(&directory, "generation", b"6");
        set(&directory, "outblob", &vec![1; MAX_REPORT + 1]);
        let (found, limit) = (MAX_REPORT + 1, MAX_REPORT);
        let refused = CollectError::TooLong { name: "outblob", found, limit };
        assert_eq!(answered(&directory, b"7"), Err(refused));
    }

    #[test]
    fn nodes_of_one_process_never_share_a_request() {
        let root = tempfile::tempdir().expect("a directory");
        let held = || Request::create(root.path(), root.path().join(fresh_name()));
        let both = [held(), held()].map(|request| request.expect("a directory of its own"));
        assert_ne!(both[0].directory, both[1].directory);
    }

    #[test]
    fn says_where_it_looked_when_there_is_no_provider() {
        let nowhere = PathBuf::from("/nonexistent/tsm");
        let error = Tsm::new(nowhere).collect(&[0; 64]).expect_err("no such directory");
        assert!(
            matches!(&error, CollectError::NoProvider { root, .. } if root == "/nonexistent/tsm"),
            "{error}"
        );
    }

    #[test]
    fn names_the_missing_attribute_and_removes_its_directory() {
        let root = tempfile::tempdir().expect("a directory");
        let error = Tsm::new(root.path().to_owned()).collect(&[0; 64]).expect_err("not configfs");
        assert!(matches!(&error, CollectError::Attribute { name: "generation", .. }), "{error}");
        assert_eq!(fs::read_dir(root.path()).expect("readable").count(), 0);
    }
}
