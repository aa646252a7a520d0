//! One answer of each command that the rows of real evidence do not ask for.

use std::path::PathBuf;

use crate::{
    transcript::{Folder, place},
    vectors::find,
};

/// Commands in one folder, one after the other. `GENOA` stands for that machine's evidence and endorsements.
pub(crate) struct Case {
    /// The golden file without its ending.
    pub(crate) name: &'static str,
    commands: &'static [&'static str],
}

const GENOA: &str = "snp/genoa_v2_report.bin --with snp/genoa_v2_vcek.der \
    --with roots/amd_genoa_ask_ark_asvk.pem --at 2026-06-01T00:00:00Z";

pub(crate) const CASES: [Case; 10] = [
    Case {
        name: "commands/usage_error",
        commands: &["check snp/genoa_v2_report.bin --at yesterday"],
    },
    Case {
        name: "commands/unknown_policy_key",
        commands: &["check GENOA --policy policies/unknown_key.toml"],
    },
    Case { name: "commands/refused_by_the_built_in_policy", commands: &["check GENOA"] },
    Case {
        name: "commands/refused_by_a_written_policy",
        commands: &["check GENOA --policy policies/genoa_stricter.toml"],
    },
    Case {
        name: "commands/accepted_by_a_written_policy",
        commands: &["check GENOA --policy policies/genoa.toml"],
    },
    Case { name: "commands/explain_report", commands: &["explain snp/genoa_v2_report.bin"] },
    Case { name: "commands/explain_quote", commands: &["explain tdx/v4_td10_uptodate_quote.bin"] },
    Case {
        name: "commands/policy_check",
        commands: &["policy check policies/genoa.toml", "policy check policies/unknown_key.toml"],
    },
    Case {
        name: "commands/policy_diff",
        commands: &["policy diff policies/genoa.toml policies/genoa_stricter.toml"],
    },
    Case {
        name: "commands/bundle_verify",
        commands: &[
            "bundle make GENOA --policy policies/genoa.toml --out case.cbor",
            "bundle verify case.cbor",
        ],
    },
];

impl Case {
    /// Every command with its answer.
    pub(crate) fn shown(&self) -> String {
        let lines = self.commands.iter().map(|line| line.replace("GENOA", GENOA));
        let lines: Vec<_> = lines.collect();
        // Whatever lies in a folder below is given; the rest is made on the way.
        let words = lines.iter().flat_map(|line| line.split(' '));
        let given = words.filter(|word| word.contains('/'));
        let folder = Folder::with(given.map(|name| (name, file(name))));
        let run = |line: &String| folder.run(&line.split(' ').collect::<Vec<_>>()).shown();
        lines.iter().map(run).collect()
    }
}

/// Policies lie beside the golden files, evidence where all of it lies.
fn file(name: &str) -> PathBuf {
    let own = place().join(name);
    if own.exists() { own } else { find(name).expect("the repository's own") }
}
