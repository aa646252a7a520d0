//! The settings of an engine beside the node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sealroom_engine::{Address, Deadlines, Kind};

use super::raw::RawConfig;
use super::{ConfigError, refusal, within};
use crate::upstream::User;

/// Checked settings of an engine beside the node.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: PathBuf,
    pub(crate) user: User,
    pub(crate) address: Address,
    pub(crate) kind: Kind,
    pub(crate) build: String,
    /// What it must say that it loaded.
    pub(crate) root: String,
    pub(crate) in_flight: usize,
    pub(crate) start: Duration,
    pub(crate) deadlines: Deadlines,
}

impl Upstream {
    /// What a verifier may care about: no address, no path, and of the command only that evidence has its digest.
    pub(super) fn settings(&self) -> [(String, String); 4] {
        let confined = match self.user {
            User::Own { .. } => "own-user",
            User::DangerSame => "danger-same-user",
        };
        [
            ("upstream.build", self.build.clone()),
            ("upstream.confined", confined.to_owned()),
            ("upstream.in_flight", self.in_flight.to_string()),
            ("upstream.kind", self.kind.name().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }
}

pub(super) fn upstream(raw: &RawConfig) -> Result<Option<Upstream>, ConfigError> {
    let Some(upstream) = &raw.upstream else { return Ok(None) };
    let (program, arguments) = command(&upstream.command)?;
    let address = upstream.address.parse().map_err(|error: sealroom_engine::AddressError| {
        refusal(
            "upstream.address",
            &upstream.address,
            &format!("an address of this machine ({error})"),
        )
    })?;
    let build = &upstream.build;
    if !(1..=64).contains(&build.len()) || !build.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refusal(
            "upstream.build",
            build,
            "1 to 64 printable characters without spaces",
        ));
    }
    let root = upstream.root.clone().or_else(|| raw.model.path.to_str().map(str::to_owned));
    let root = root.ok_or_else(|| refusal("upstream.root", "not set", "a path in UTF-8"))?;
    let start = within("upstream.start_s", upstream.start_s.unwrap_or(600), 1, 7200)?;
    let most = within("upstream.in_flight", upstream.in_flight.unwrap_or(64), 1, 1 << 16)?;
    Ok(Some(Upstream {
        program,
        arguments,
        directory: absolute("upstream.directory", &upstream.directory)?,
        user: user(upstream)?,
        address,
        kind: upstream.kind,
        build: build.clone(),
        root,
        in_flight: most as usize,
        start: Duration::from_secs(start),
        deadlines: deadlines(upstream)?,
    }))
}

fn deadlines(upstream: &super::raw::Upstream) -> Result<Deadlines, ConfigError> {
    let default = Deadlines::default();
    let limit = |name, asked: Option<u64>, default: Duration| {
        within(name, asked.unwrap_or(default.as_secs()), 1, 3600).map(Duration::from_secs)
    };
    Ok(Deadlines {
        first_byte: limit("upstream.first_token_s", upstream.first_token_s, default.first_byte)?,
        silence: limit("upstream.silence_s", upstream.silence_s, default.silence)?,
        ..default
    })
}

/// Nothing is looked up: which program runs must not depend on an environment.
fn command(command: &[String]) -> Result<(PathBuf, Vec<String>), ConfigError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(refusal("upstream.command", "empty", "a program and its arguments"));
    };
    Ok((absolute("upstream.command", Path::new(program))?, arguments.to_vec()))
}

fn absolute(name: &'static str, path: &Path) -> Result<PathBuf, ConfigError> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    Err(refusal(name, &path.display().to_string(), "a whole path"))
}

fn user(upstream: &super::raw::Upstream) -> Result<User, ConfigError> {
    let number = |name, found: Option<u32>| {
        let text = found.map_or_else(|| "not set".to_owned(), |number| number.to_string());
        let expected = "a number above 0 of a user or group that nothing else has";
        found.filter(|number| *number > 0).ok_or_else(|| refusal(name, &text, expected))
    };
    if upstream.danger_same_user {
        if let Some(user) = upstream.user.or(upstream.group) {
            let expected = "no user and no group beside upstream.danger_same_user";
            return Err(refusal("upstream.user", &user.to_string(), expected));
        }
        return Ok(User::DangerSame);
    }
    let user = number("upstream.user", upstream.user)?;
    Ok(User::Own { user, group: number("upstream.group", upstream.group)? })
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const SOUND: &str = r#"
[model]
path = "/models/m"
name = "tiny"
[upstream]
command = ["/opt/vllm", "serve", "/models/m"]
address = "http://127.0.0.1:8000"
kind = "vllm"
build = "0.11.0"
user = 990
group = 991
"#;

    #[test]
    fn the_example_on_its_page_is_accepted() {
        let page = include_str!("../../../docs/engine.md");
        let part = page.split("## An engine beside the node").nth(1).expect("its part");
        let example = part.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let config = Config::from_toml(example.expect("an example")).expect("accepted");
        assert_eq!(config.upstream().map(|upstream| upstream.root.as_str()), Some("/models/qwen"));
    }

    /// What is said when one line is another.
    fn with(from: &str, to: &str) -> Result<Config, String> {
        assert!(SOUND.contains(from), "{from}");
        Config::from_toml(&SOUND.replace(from, to)).map_err(|error| error.to_string())
    }

    fn refused(from: &str, to: &str) -> String {
        with(from, to).expect_err("not allowed")
    }

    #[test]
    fn verifiers_see_the_kind_and_how_it_is_confined_and_no_place() {
        let config = with("", "").expect("sound");
        let settings = &config.settings().settings;
        let seen = ["build", "confined", "in_flight", "kind"];
        let seen = seen.map(|name| settings[&format!("upstream.{name}")].as_str());
        assert_eq!(seen, ["0.11.0", "own-user", "64", "vllm"]);
        let places = ["/opt", "/models", "127.0.0.1"];
        assert!(!settings.values().any(|value| places.iter().any(|place| value.contains(place))));
        let upstream = config.upstream().expect("configured");
        assert_eq!(upstream.root, "/models/m");
    }

    #[test]
    fn refuses_an_engine_that_would_share_a_user() {
        let expected = "expected: a number above 0 of a user or group that nothing else has";
        let said = |name, found| {
            let expected = expected.trim_start_matches("expected: ");
            format!("setting upstream.{name} is {found}: {expected} expected")
        };
        assert_eq!(refused("user = 990", "user = 0"), said("user", "0"));
        assert_eq!(refused("user = 990\n", ""), said("user", "not set"));
        assert_eq!(refused("group = 991", "group = 0"), said("group", "0"));
        let both = refused("user = 990", "user = 990\ndanger_same_user = true");
        assert!(both.starts_with("setting upstream.user is 990: no user and no group"), "{both}");
        let same = with("user = 990\ngroup = 991", "danger_same_user = true").expect("accepted");
        assert_eq!(same.settings().settings["upstream.confined"], "danger-same-user");
    }

    #[test]
    fn refuses_an_address_beyond_this_machine() {
        let said = refused("http://127.0.0.1:8000", "http://10.0.0.1:8000");
        let expected = "setting upstream.address is http://10.0.0.1:8000: an address of this machine (the host is written neither 127.0.0.1 nor [::1]) expected";
        assert_eq!(said, expected);
    }

    #[test]
    fn refuses_a_program_that_would_be_looked_up() {
        let said = refused("\"/opt/vllm\"", "\"vllm\"");
        assert_eq!(said, "setting upstream.command is vllm: a whole path expected");
        let said = refused("[\"/opt/vllm\", \"serve\", \"/models/m\"]", "[]");
        assert_eq!(said, "setting upstream.command is empty: a program and its arguments expected");
    }

    #[test]
    fn accepts_each_limit_and_refuses_the_next_value() {
        for (name, good, bad) in [
            ("in_flight", 1, 0),
            ("in_flight", 65_536, 65_537),
            ("start_s", 7200, 7201),
            ("first_token_s", 3600, 3601),
            ("silence_s", 1, 0),
        ] {
            let set = |value: i32| with("user = 990", &format!("user = 990\n{name} = {value}"));
            set(good).expect(name);
            let said = set(bad).expect_err(name);
            assert!(said.starts_with(&format!("setting upstream.{name} is {bad}: ")), "{said}");
        }
        let long = "9".repeat(65);
        for bad in ["", "a b", long.as_str()] {
            let said = refused("0.11.0", bad);
            assert!(said.starts_with("setting upstream.build is "), "{said}");
        }
    }

    #[test]
    fn refuses_a_kind_that_is_not_known() {
        let said = refused("\"vllm\"", "\"ollama\"");
        assert!(said.contains("unknown variant `ollama`"), "{said}");
    }
}
