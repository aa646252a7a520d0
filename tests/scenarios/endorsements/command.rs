//! The auditor's commands beside the vendors' services.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    thread,
};

use sealroom_forge::{Fake, FakeSnp};
use sealroom_tests::{
    clock,
    hardware::MEASUREMENT,
    vendors::{Fault, Service, Vendors},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{SEED, desk::folder};

/// One chip, what it signed as a file, and the vendors at the present time.
struct Desk {
    vendors: Vendors,
    folder: TempDir,
    root: String,
}

impl Desk {
    fn new() -> Self {
        let chip: FakeSnp = Fake::snp(SEED).measurement(MEASUREMENT.0);
        let vendors = Vendors::start(SEED, clock::present()).expect("loopback ports");
        vendors.knows_snp(&chip);
        let (signed, folder) = (chip.sign(), folder());
        fs::write(folder.path().join("report.bin"), &signed.report).expect("a file");
        let policy = format!(
            "version = 1\nfreshness = \"none\"\n[snp.measurements]\n\"image\" = \"{MEASUREMENT}\"\n"
        );
        fs::write(folder.path().join("policy.toml"), policy).expect("a file");
        Self { vendors, folder, root: hex::encode(signed.root_sha256) }
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditor"));
        command.current_dir(self.folder.path()).args(arguments).env("NO_COLOR", "1");
        command.output().expect("the verifier runs")
    }

    /// With the options that lead to the vendors here.
    fn online(&self, arguments: &[&str]) -> Output {
        let mirrors = [
            ("amd", self.vendors.kds()),
            ("intel", self.vendors.pcs()),
            ("intel-certificates", self.vendors.pcs()),
            ("nvidia-rim", self.vendors.rim()),
            ("nvidia-ocsp", self.vendors.ocsp()),
        ];
        let mirrors: Vec<_> =
            mirrors.into_iter().map(|(name, url)| format!("--mirror={name}={url}")).collect();
        let mirrors = mirrors.iter().map(String::as_str);
        let more = ["--cache=cache", "--state=state"].into_iter().chain(mirrors);
        self.run(&arguments.iter().copied().chain(more).collect::<Vec<_>>())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

#[test]
fn endorsements_fetched_by_the_command_are_what_check_needs() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    let fetched = desk.online(&["fetch", "report.bin", "--to=endorsements", &root]);
    let told = text(&fetched.stderr);
    assert_eq!((fetched.status.code(), told.matches("fetched").count()), (Some(0), 3), "{told}");
    let check = ["check", "report.bin", "--with=endorsements", "--policy=policy.toml", &root];
    assert_eq!(desk.run(&check).status.code(), Some(0));
    desk.vendors.set(Service::Kds, Fault::Refused);
    fs::remove_dir_all(desk.at("cache")).expect("a folder");
    let wrong = desk.online(&["fetch", "report.bin", "--to=nothing", &root]);
    let told = text(&wrong.stderr);
    assert_eq!((wrong.status.code(), told.matches("FAILED").count()), (Some(2), 3), "{told}");
    assert_eq!(fs::read_dir(desk.at("nothing")).expect("a folder").count(), 0);
}

#[test]
fn endorsements_are_fetched_by_check_where_it_may_and_kept_for_the_next_time() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    let check = ["check", "report.bin", "--policy=policy.toml", "--json", &root];
    assert_eq!(desk.run(&check).status.code(), Some(2), "without anything");
    let fetching: Vec<_> = check.into_iter().chain(["--fetch"]).collect();
    let first = desk.online(&fetching);
    assert_eq!((first.status.code(), &json(&first)["verdict"]), (Some(0), &"accepted".into()));
    desk.vendors.set(Service::Kds, Fault::Refused);
    assert_eq!(desk.online(&fetching).status.code(), Some(0), "from the cache");
    let listed = desk.run(&["cache", "list", "--json", "--cache=cache"]);
    let listed = json(&listed);
    let entries = listed.as_array().expect("entries");
    assert!(entries.iter().all(|entry| entry["state"] == "counts") && entries.len() == 3);
    assert_eq!(desk.run(&["cache", "verify", "--cache=cache"]).status.code(), Some(0));
    let late = ["cache", "verify", "--cache=cache", "--at=2049-01-01T00:00:00Z"];
    assert_eq!(desk.run(&late).status.code(), Some(1));
    let first = fs::read_dir(desk.at("cache")).expect("a folder").next().expect("an entry");
    fs::write(first.expect("an entry").path(), b"broken").expect("a file");
    assert_eq!(desk.run(&["cache", "verify", "--cache=cache"]).status.code(), Some(1));
    assert_eq!(desk.run(&["cache", "prune", "--cache=cache"]).status.code(), Some(0));
    assert_eq!(desk.run(&["cache", "verify", "--cache=cache"]).status.code(), Some(0));
}

/// A newer statement that came by mistake refuses genuine ones until somebody says that it is to be forgotten.
#[test]
fn endorsements_that_somebody_forgets_may_be_older_again() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    let fetch = ["fetch", "report.bin", "--to=endorsements", &root];
    assert_eq!(desk.online(&fetch).status.code(), Some(0));
    let rows = json(&desk.run(&["cache", "ratchet", "--state=state", "--json"]));
    let row = rows.get(0).expect("the list's row");
    let name = row["name"].as_str().expect("a name");
    assert_eq!((row["number"].as_str(), name.contains("/amd/crl/")), (Some("0a"), true), "{rows}");
    fs::remove_dir_all(desk.at("cache")).expect("a folder");
    desk.vendors.set(Service::Kds, Fault::RolledBack);
    let refused = desk.online(&fetch);
    let told = text(&refused.stderr);
    let hint = format!("sealroom-verifier cache forget {name}");
    assert_eq!((refused.status.code(), told.contains(&hint)), (Some(2), true), "{told}");
    let forget = ["cache", "forget", name, "--cache=cache", "--state=state"];
    let forgotten = desk.run(&forget);
    assert_eq!(forgotten.status.code(), Some(0));
    assert!(text(&forgotten.stdout).starts_with("forgot 0a "), "{}", text(&forgotten.stdout));
    assert_eq!(desk.run(&forget).status.code(), Some(1), "nothing is left to forget");
    assert_eq!(desk.online(&fetch).status.code(), Some(0));
    let rows = text(&desk.run(&["cache", "ratchet", "--state=state"]).stdout);
    assert!(rows.starts_with("09 "), "{rows}");
    assert_eq!(desk.run(&forget).status.code(), Some(0));
}

#[test]
fn endorsements_in_a_folder_that_have_ended_do_not_refuse_what_check_fetches() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    let now = clock::present().0;
    let old: FakeSnp = Fake::snp(SEED).list(1, now - 60 * 86_400, now - 86_400);
    fs::write(desk.at("old.crl"), old.sign().crl).expect("a file");
    let check = ["check", "report.bin", "--policy=policy.toml", "--with=old.crl", "--fetch", &root];
    let fetched = desk.online(&check);
    assert_eq!(fetched.status.code(), Some(0), "{}", text(&fetched.stdout));
}

#[test]
fn endorsements_that_were_fetched_for_a_bundle_are_in_it() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    let make =
        ["bundle", "make", "report.bin", "--policy=policy.toml", "--out=case.cbor", "--fetch"];
    let made = desk.online(&make.into_iter().chain([&*root, "--json"]).collect::<Vec<_>>());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let verified = desk.run(&["bundle", "verify", "case.cbor", &root, "--json"]);
    assert_eq!((verified.status.code(), verified.stdout), (Some(0), made.stdout));
}

/// Takes one request, answers it, and gives its body.
fn hook() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let (mut request, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let length = stream.read(&mut piece).expect("a request");
            request.extend(piece.get(..length).unwrap_or_default());
            let whole = text(&request);
            if let Some((_, body)) = whole.split_once("\r\n\r\n")
                && serde_json::from_str::<Value>(body).is_ok()
            {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an answer");
                return body.to_owned();
            }
        }
    });
    (url, taken)
}

#[test]
fn endorsements_are_fetched_for_a_fleet_and_changes_are_told() {
    let desk = Desk::new();
    let root = format!("--danger-accept-simulated={}", desk.root);
    fs::write(desk.at("fleet.txt"), "# one machine\nreport.bin\n").expect("a file");
    let (url, taken) = hook();
    let webhook = format!("--webhook={url}");
    let watch =
        ["watch", "fleet.txt", "--policy=policy.toml", "--once", "--fetch", "--json", &root];
    let watched = desk.online(&watch.into_iter().chain([&*webhook]).collect::<Vec<_>>());
    let row = json(&watched);
    assert_eq!((watched.status.code(), &row["verdict"]), (Some(0), &"accepted".into()));
    assert!(row["simulated"] == true && row["until"].is_string());
    let told: Value = serde_json::from_str(&taken.join().expect("told")).expect("JSON");
    assert_eq!(told, row);
    fs::write(desk.at("fleet.txt"), "report.bin\nhttps://127.0.0.1:1\n").expect("a file");
    let watched = desk.online(&watch);
    assert_eq!(watched.status.code(), Some(2));
    assert!(text(&watched.stdout).lines().any(|line| line.contains("http.connect")));
    fs::write(desk.at("fleet.txt"), "\n# nobody\n").expect("a file");
    assert_eq!(desk.online(&watch).status.code(), Some(3));
}

#[test]
fn endorsements_services_out_of_reach_are_what_the_doctor_finds() {
    let desk = Desk::new();
    let well = desk.online(&["doctor", "--json"]);
    let findings = json(&well);
    let findings = findings.as_array().expect("findings");
    assert_eq!(well.status.code(), Some(0), "{findings:?}");
    assert!(findings.len() >= 6 && findings.iter().all(|finding| finding["well"] == true));
    desk.vendors.set(Service::Rim, Fault::Refused);
    let ill = desk.online(&["doctor"]);
    let told = text(&ill.stdout);
    assert_eq!((ill.status.code(), told.matches("FAIL").count()), (Some(1), 1), "{told}");
    assert!(told.contains("FAIL  nvidia-rim at "));
    let offline = desk.online(&["doctor", "--offline"]);
    assert_eq!((offline.status.code(), text(&offline.stdout).contains("nvidia")), (Some(0), false));
    let root = format!("--danger-accept-simulated={}", desk.root);
    assert_eq!(
        desk.online(&["fetch", "report.bin", "--to=endorsements", &root]).status.code(),
        Some(0)
    );
    assert_eq!(desk.online(&["doctor", "--offline"]).status.code(), Some(0));
    fs::remove_file(desk.at("state").join("ratchet")).expect("a file");
    let ill = desk.online(&["doctor", "--offline"]);
    assert_eq!(ill.status.code(), Some(1));
    assert!(text(&ill.stdout).contains("OLDER ONES WOULD PASS"), "{}", text(&ill.stdout));
    write_broken(&desk.at("state").join("ratchet"));
    let ill = desk.online(&["doctor"]);
    assert!(text(&ill.stdout).contains("FAIL  what is kept: "), "{}", text(&ill.stdout));
}

/// No file may grow above a kibibyte: every write of more fails in its middle, as on a full disk.
#[test]
fn endorsements_that_no_disk_has_room_for_are_refused_and_leave_nothing_half() {
    let desk = Desk::new();
    let fetch = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} fetch report.bin --to=endorsements --cache=cache --state=state \
         --mirror=amd={} --danger-accept-simulated={}",
        env!("CARGO_BIN_EXE_auditor"),
        desk.vendors.kds(),
        desk.root
    );
    let mut command = Command::new("bash");
    let wrong = command.args(["-c", &fetch]).current_dir(desk.folder.path()).output();
    let wrong = wrong.expect("a shell");
    let told = text(&wrong.stderr);
    assert_eq!((wrong.status.code(), told.matches("FAILED").count()), (Some(2), 3), "{told}");
    assert!(told.contains("writing cache/") && told.contains("File too large"), "{told}");
    let listed = json(&desk.run(&["cache", "list", "--json", "--cache=cache"]));
    assert!(
        listed.as_array().is_some_and(|entries| entries.iter().all(|one| one["state"] == "counts"))
    );
    let root = format!("--danger-accept-simulated={}", desk.root);
    let control = desk.online(&["fetch", "report.bin", "--to=endorsements", &root]);
    assert_eq!(control.status.code(), Some(0), "{}", text(&control.stderr));
}

fn write_broken(path: &Path) {
    fs::write(path, b"sealroom ratchet 1\n").expect("a file");
}
