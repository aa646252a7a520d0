//! A policy as a file for people: by tables, each key with what it means.

use std::fmt::Write;

use super::{Key, Policy, PolicyRule, keys::segments};

impl Policy {
    /// Writes a file: what differs from the built-in policy, and under it in comments what counts anyway. `about` is
    /// said first, line by line.
    #[must_use]
    pub fn to_toml(&self, about: &str) -> String {
        let mut text = String::new();
        for line in about.lines() {
            writeln!(text, "# {line}").expect("writing to a string");
        }
        text.push_str("version = 1\n");
        let built_in = Self::built_in().rules();
        let mut table = "";
        let rules = self.rules();
        for rule in &rules {
            let parts = segments(&rule.key);
            let (own, key) = match parts.split_first() {
                Some((first, rest)) if !rest.is_empty() => (*first, rest.join(".")),
                _ => ("", rule.key.clone()),
            };
            if own != table {
                write!(text, "\n[{own}]\n").expect("writing to a string");
                table = own;
            }
            line(rule, &key, built_in.contains(rule), &mut text);
        }
        text
    }
}

fn line(rule: &PolicyRule, key: &str, built_in: bool, out: &mut String) {
    let meaning = Key::of(&rule.key).map_or("", |key| key.meaning);
    let mark = if built_in { "#" } else { "" };
    let value = &rule.value;
    writeln!(out, "# {meaning}\n{mark}{key} = {value}").expect("writing to a string");
}
