//! Commands whose options are put together only when they are called: most of the start of a program with many commands
//! would be spent on those that nobody asked for.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, builder::Resettable};

/// What follows the name of a command.
#[derive(Debug)]
pub(super) struct Late<T>(pub(super) T);

impl<T: FromArgMatches> FromArgMatches for Late<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Args> Args for Late<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(|command| described(command, T::augment_args_for_update))
    }
}

/// What the list of commands says of one goes before what its options say.
fn described(command: Command, augment: fn(Command) -> Command) -> Command {
    let about = Resettable::from(command.get_about().cloned());
    let long = Resettable::from(command.get_long_about().cloned());
    let after = command.get_after_help().cloned();
    let command = augment(command).about(about).long_about(long);
    match after {
        Some(after) => command.after_help(after),
        None => command,
    }
}
