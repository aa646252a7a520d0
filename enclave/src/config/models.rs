//! Several models on one machine: what is each one's own, over what all of them share.

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use serde::Deserialize;
use toml::Table;

use super::{Config, ConfigError, RawConfig, refusal};

/// Most models of one machine.
const MOST: usize = 64;
/// What a model may have of its own. The rest is the process's.
const OWN: [&str; 7] = ["engine", "evidence", "limits", "listen", "model", "padding", "upstream"];

/// The list as it is written: in each entry the sections of a configuration, with the keys that are its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    models: Vec<Table>,
}

impl Config {
    /// Reads and checks a configuration whose models are in a list of their own, both as TOML: each entry has the sections
    /// of a configuration, and its keys go before the shared ones. Threads are shared out where nobody says how many.
    ///
    /// # Errors
    /// [`ConfigError`]: the first setting that is not allowed, or that two models have alike and must not.
    pub fn several(shared: &str, models: &str) -> Result<Vec<Self>, ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax(error.to_string());
        let shared: Table = toml::from_str(shared).map_err(syntax)?;
        let List { models } = toml::from_str(models).map_err(syntax)?;
        let count = models.len();
        if !(1..=MOST).contains(&count) {
            return Err(refusal("models", &format!("a list of {count}"), &format!("1 to {MOST}")));
        }
        let mut taken = Taken::default();
        let configs = (1..).zip(models).map(|(number, own)| {
            let config = merged(&shared, own, count).and_then(|config| taken.with(config));
            config.map_err(|error| ConfigError::Model { number, error: Box::new(error) })
        });
        configs.collect()
    }
}

fn merged(shared: &Table, own: Table, count: usize) -> Result<Config, ConfigError> {
    let mut merged = shared.clone();
    for (section, keys) in own {
        let toml::Value::Table(keys) = keys else {
            return Err(refusal("models", &section, "sections with keys, such as model.name"));
        };
        if !OWN.contains(&section.as_str()) {
            return Err(refusal("models", &section, &format!("one of {}", OWN.join(", "))));
        }
        let place = merged.entry(section).or_insert_with(|| Table::new().into());
        if let toml::Value::Table(place) = place {
            place.extend(keys);
        }
    }
    let raw = merged.try_into::<RawConfig>();
    let mut raw = raw.map_err(|error| ConfigError::Syntax(error.to_string()))?;
    let processors = available_parallelism().map_or(1, usize::from);
    raw.engine.threads.get_or_insert((processors / count).max(1) as u64);
    raw.try_into()
}

/// What no two models may have alike.
#[derive(Default)]
struct Taken {
    names: BTreeSet<String>,
    listeners: BTreeSet<String>,
    users: BTreeSet<u32>,
    upstreams: BTreeSet<String>,
}

impl Taken {
    fn with(&mut self, config: Config) -> Result<Config, ConfigError> {
        let another = |name, found: &str| Err(refusal(name, found, "another for each model"));
        if !self.names.insert(config.model.name.clone()) {
            return another("model.name", &config.model.name);
        }
        // Port 0 is whichever is free.
        let listen = config.listen.to_string();
        if config.listen.port() != 0 && !self.listeners.insert(listen.clone()) {
            return another("listen.address", &listen);
        }
        if let Some(upstream) = &config.upstream {
            let address = upstream.address.to_string();
            if !self.upstreams.insert(address.clone()) {
                return another("upstream.address", &address);
            }
            // Whatever runs as an engine's user is that engine's, and ends with it.
            let user = upstream.user.own();
            if let Some(user) = user.filter(|user| !self.users.insert(*user)) {
                return another("upstream.user", &user.to_string());
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = "[engine]\ncontext = 512\nsequences = 3\n[log]\nlevel = \"warn\"\n";
    const TWO: &str = r#"
[[models]]
model = { name = "small", path = "/models/small.gguf" }
listen.address = "127.0.0.1:8443"

[[models]]
model = { name = "large", path = "/models/large.gguf" }
listen.address = "127.0.0.1:8444"
engine.context = 4096
engine.threads = 7
"#;

    fn refused(from: &str, to: &str) -> String {
        assert!(TWO.contains(from), "{from}");
        let error = Config::several(SHARED, &TWO.replacen(from, to, 1)).expect_err("not allowed");
        error.to_string()
    }

    #[test]
    fn a_models_own_keys_go_before_the_shared_ones() {
        let configs = Config::several(SHARED, TWO).expect("accepted");
        let [small, large] = configs.as_slice() else { panic!("two models") };
        assert_eq!((small.model_name(), large.model_name()), ("small", "large"));
        assert_eq!((small.engine().context, large.engine().context), (Some(512), Some(4096)));
        assert_eq!((small.engine().sequences, large.engine().sequences), (3, 3));
        assert_eq!(large.engine().threads, 7);
        let processors = available_parallelism().map_or(1, usize::from);
        assert_eq!(small.engine().threads, (processors / 2).max(1));
        assert_eq!(small.log(), tracing::Level::WARN);
        assert_eq!((small.listen().port(), large.listen().port()), (8443, 8444));
    }

    #[test]
    fn the_example_on_its_page_is_accepted() {
        let page = include_str!("../../../docs/engine.md");
        let example =
            page.split("# models.toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let configs = Config::several("", example.expect("an example")).expect("accepted");
        assert_eq!(configs.len(), 2);
    }

    #[test]
    fn refuses_two_models_that_would_be_taken_for_each_other() {
        let said = refused("\"large\"", "\"small\"");
        assert_eq!(said, "model 2: setting model.name is small: another for each model expected");
        let said = refused("8444", "8443");
        assert_eq!(
            said,
            "model 2: setting listen.address is 127.0.0.1:8443: another for each model expected"
        );
        let free = TWO.replace("8444", "0").replace("8443", "0");
        let free = Config::several(SHARED, &free).map(|all| all.len());
        assert_eq!(free, Ok(2), "whichever is free is none of them");
    }

    #[test]
    fn refuses_engines_beside_that_would_share_a_user_or_an_address() {
        let beside = |name: &str, user: u32, port: u32| {
            format!(
                "[[models]]\nmodel = {{ name = \"{name}\", path = \"/m\" }}\nlisten.address = \"127.0.0.1:0\"\n\
                 upstream = {{ command = [\"/e\"], address = \"http://127.0.0.1:{port}\", kind = \"vllm\", \
                 build = \"1\", user = {user}, group = {user} }}\n"
            )
        };
        let both =
            |user, port| Config::several("", &(beside("a", 7, 1) + &beside("b", user, port)));
        assert_eq!(both(8, 2).map(|all| all.len()), Ok(2));
        let said = both(7, 2).expect_err("one user").to_string();
        assert_eq!(said, "model 2: setting upstream.user is 7: another for each model expected");
        let said = both(8, 1).expect_err("one address").to_string();
        assert!(
            said.starts_with("model 2: setting upstream.address is http://127.0.0.1:1"),
            "{said}"
        );
    }

    #[test]
    fn refuses_what_is_the_processs_and_what_is_no_section() {
        let said = refused("engine.threads = 7", "log.level = \"trace\"");
        let sections = "one of engine, evidence, limits, listen, model, padding, upstream";
        assert_eq!(said, format!("model 2: setting models is log: {sections} expected"));
        let said = refused("engine.threads = 7", "name = \"large\"");
        let sections = "sections with keys, such as model.name";
        assert_eq!(said, format!("model 2: setting models is name: {sections} expected"));
        let said = refused("engine.threads = 7", "engine.thread = 7");
        assert!(said.starts_with("model 2: ") && said.contains("unknown field `thread`"), "{said}");
        let said = refused("engine.context = 4096", "engine.context = 15");
        assert!(said.starts_with("model 2: setting engine.context is 15: "), "{said}");
    }

    #[test]
    fn refuses_none_and_more_than_can_be() {
        let one = |number: usize| {
            format!(
                "[[models]]\nmodel = {{ name = \"m{number}\", path = \"/m\" }}\nlisten.address = \"[::1]:0\"\n"
            )
        };
        let most: String = (0..MOST).map(one).collect();
        assert_eq!(Config::several("", &most).map(|all| all.len()), Ok(MOST));
        let said = Config::several("", &(most + &one(MOST))).expect_err("one too many").to_string();
        assert_eq!(said, "setting models is a list of 65: 1 to 64 expected");
        let said = Config::several("", "models = []").expect_err("none").to_string();
        assert_eq!(said, "setting models is a list of 0: 1 to 64 expected");
    }
}
