//! `man`: the manual pages, one for each command.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

/// What every page says beside its own command.
const EXIT_STATUS: &str = "0 accepted, 1 refused, 2 could not decide, 3 usage.";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder for the pages. It is made where it is not there.
    directory: PathBuf,
}

/// Writes every page.
pub(super) fn run(arguments: &Arguments, command: Command) -> Result<ExitCode> {
    let folder = &arguments.directory;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, page) in pages(command).context("writing the manual pages")? {
        let path = folder.join(name);
        fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Each page under its file's name: the program's, then those of its commands.
fn pages(mut command: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page(command)?));
    command.get_subcommands().filter(|one| is_listed(one)).try_for_each(|one| add(one, pages))
}

/// What help lists too, and is not help itself.
fn is_listed(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    // The title repeats the version: without it a page says nothing about a release.
    let man = Man::new(command.clone()).manual("Sealroom");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(is_listed) {
        man.render_subcommands_section(&mut page)?;
    }
    section("EXIT STATUS", &[EXIT_STATUS.to_owned()], &mut page)?;
    section("EXAMPLES", &examples(command), &mut page)?;
    page.flush()?;
    Ok(page)
}

/// The lines below "Examples:" in a command's help; of a command without any, those of the commands below it.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let own = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let own: Vec<_> = own.map(|line| line.trim().to_owned()).collect();
    if own.is_empty() {
        return command.get_subcommands().filter(|one| is_listed(one)).flat_map(examples).collect();
    }
    own
}

/// Lines as they stand.
fn section(title: &str, lines: &[String], page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]).control("nf", []);
    for line in lines {
        roff.text([roman(line.as_str())]);
    }
    roff.control("fi", []);
    roff.to_writer(page)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn text() -> Vec<(String, String)> {
        let pages = pages(super::super::Arguments::command()).expect("pages");
        let text = |page| String::from_utf8(page).expect("UTF-8");
        pages.into_iter().map(|(name, page)| (name, text(page))).collect()
    }

    #[test]
    fn there_is_a_page_for_each_command_that_help_lists() {
        let names: Vec<_> = text().into_iter().map(|(name, _)| name).collect();
        for command in super::super::Arguments::command().get_subcommands() {
            let page = format!("sealroom-verifier-{}.1", command.get_name());
            assert_eq!(names.contains(&page), !command.is_hide_set(), "{page}");
        }
        assert_eq!(names.first().map(String::as_str), Some("sealroom-verifier.1"));
    }

    #[test]
    fn every_page_has_examples_of_its_own_command_and_says_how_it_exits() {
        for (name, page) in text() {
            let section = page.split(".SH EXAMPLES\n.nf\n").nth(1).expect("the section");
            // A page's name joins its words with the hyphen that the words themselves may have.
            let section = section.replace('\\', "").replace('-', " ");
            let command = name.trim_end_matches(".1").replace('-', " ");
            let own = section.lines().any(|line| line.starts_with(&command));
            assert!(own, "{name}: {section}");
            assert!(page.contains(EXIT_STATUS), "{name}");
        }
    }
}
