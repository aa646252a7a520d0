//! The process of an engine, from its start to the end of everything that it began.

use std::io;
use std::process::Child;
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::command::Launch;
use super::confinement::{Bounds, ConfinementError, check};
use super::proc::Proc;

/// A process that ends when it is dropped.
pub(super) struct Process {
    child: Child,
    bounds: Bounds,
    proc: Proc,
    has_ended: bool,
}

impl Process {
    pub(super) fn start(launch: &Launch, bounds: Bounds, proc: Proc) -> io::Result<Self> {
        let child = launch.command(|name| std::env::var(name).ok()).spawn()?;
        Ok(Self { child, bounds, proc, has_ended: false })
    }

    pub(super) fn leader(&self) -> u32 {
        self.child.id()
    }

    /// What is wrong with it now. Before it is `ready` only its end is: it is still taking its rights away.
    pub(super) fn fault<T>(&mut self, ready: &OnceLock<T>) -> Option<ConfinementError> {
        match self.child.try_wait() {
            Ok(None) if ready.get().is_some() => {
                check(&self.proc, self.leader(), self.bounds).err()
            }
            Ok(None) => None,
            Ok(Some(_)) => Some(ConfinementError::Ended),
            Err(error) => Some(error.into()),
        }
    }

    /// Ends it, its group, what it began beside that, and everything else of its own user.
    pub(super) fn end(&mut self) {
        // Once is enough: its number may be somebody else's afterwards.
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let runs = matches!(self.child.try_wait(), Ok(None));
        let family = match (self.bounds.user.own(), runs) {
            (own, true) => self.proc.family(self.leader(), own),
            (Some(user), false) => self.proc.of_user(user),
            (None, false) => Ok(Vec::new()),
        };
        let family = family.unwrap_or_default();
        if let Some(group) = pid(self.leader()) {
            // An error says that there is no such process any more.
            let _ = kill_process_group(group, Signal::KILL);
        }
        for process in family.iter().filter_map(|process| pid(process.pid)) {
            let _ = kill_process(process, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Also when the thread that watches it panics.
impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
