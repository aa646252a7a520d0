//! The policy page, made from the code.

use std::fmt::Write;

use sealroom_attestation::snp::Generation;

use super::{Flag, KEYS, Key, words::Word};

const HEAD: &str = include_str!("reference/head.md");
const TAIL: &str = include_str!("reference/tail.md");
/// A policy with every key.
const EXAMPLE: &str = include_str!("reference/example.toml");

/// The page: what stands before and after, an example with every key, and a row for each.
#[must_use]
pub fn reference() -> String {
    let mut page = format!("{HEAD}\n```toml\n{EXAMPLE}```\n\n");
    let mut table = None;
    for key in KEYS {
        let own = key.path.split_once('.').map_or("", |(own, _)| own);
        if table != Some(own) {
            heading(own, &mut page);
            table = Some(own);
        }
        row(key, &mut page);
    }
    flags(&mut page);
    page.push_str(TAIL);
    page
}

fn heading(table: &str, page: &mut String) {
    let title = match table {
        "" => "Every policy",
        "danger_exceptions" => "`[danger_exceptions]`: rules that may break",
        "hosts" => "`[hosts]`: machines whose site is known",
        "bulletins" => "`[bulletins]`: floors and deny lists of others",
        "snp" => "`[snp]`: AMD SEV-SNP",
        "tdx" => "`[tdx]`: Intel TDX",
        "gpu" => "`[gpu]`: NVIDIA GPUs and switches",
        _ => "`[models]`",
    };
    let head = "| key | left out | meaning | decides |\n|---|---|---|---|\n";
    write!(page, "\n## {title}\n\n{head}").expect("writing to a string");
}

fn row(key: &Key, page: &mut String) {
    let Key { path, meaning, checks } = key;
    let default = key.default().map_or(String::new(), |value| format!("`{value}`"));
    let checks: Vec<_> = checks.iter().map(|id| format!("`{id}`")).collect();
    let checks = checks.join(", ");
    writeln!(page, "| `{path}` | {default} | {meaning} | {checks} |").expect("writing to a string");
}

/// What counts for each generation without a word in the policy.
fn flags(page: &mut String) {
    let names = Generation::ALL.map(Word::word).join(" | ");
    let lines = "|---".repeat(Generation::ALL.len());
    let title = "## Flags of SEV-SNP that are left out";
    write!(page, "\n{title}\n\n| flag | {names} |\n|---{lines}|\n").expect("writing to a string");
    for (name, flag) in Flag::ALL {
        let rules = Generation::ALL.map(|generation| flag.default_rule(generation).word());
        writeln!(page, "| `{name}` | {} |", rules.join(" | ")).expect("writing to a string");
    }
    page.push('\n');
}
