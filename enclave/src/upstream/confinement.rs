//! Whether an engine beside the node can do no more than it should: another user, no way to gain rights, no door to the
//! outside.

use std::io;

use super::proc::{Proc, Process};

/// Who an engine runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// A user and a group of its own.
    Own {
        /// The user's number: neither 0 nor the node's.
        user: u32,
        /// The group's number, not 0.
        group: u32,
    },
    /// Whoever the node runs as: it could read the node's memory and keys.
    DangerSame,
}

/// Why an engine is not confined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfinementError {
    /// There is no such process any more.
    #[error("the engine ended")]
    Ended,
    /// A process of it runs as somebody else.
    #[error("a process of the engine runs as user {found}: {expected} expected")]
    User {
        /// The user that was found.
        found: u32,
        /// The configured one.
        expected: u32,
    },
    /// A process of it is in a group that is not its own.
    #[error("a process of the engine is in group {found}")]
    Group {
        /// The group that was found.
        found: u32,
    },
    /// A process of it could gain rights.
    #[error("a process of the engine can gain privileges: NoNewPrivs is 0")]
    NewPrivileges,
    /// It takes connections from elsewhere.
    #[error("the engine is reachable from outside: it listens on port {port} beyond loopback")]
    Exposed {
        /// The port.
        port: u16,
    },
    /// Somebody else has its port, and would be sent the prompts.
    #[error("port {port} is not the engine's: another process listens there")]
    Stranger {
        /// The port.
        port: u16,
    },
    /// The kernel does not tell.
    #[error("reading what the kernel says about the engine: {0}")]
    Read(#[from] io::Error),
}

/// What an engine is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) user: User,
    /// The port of loopback on which it must be the one that listens, where it listens on one.
    pub(super) port: Option<u16>,
}

impl User {
    /// The number of a user that only the engine has.
    pub(crate) const fn own(self) -> Option<u32> {
        match self {
            Self::Own { user, .. } => Some(user),
            Self::DangerSame => None,
        }
    }
}

/// Looks at every process and every listening socket of an engine that `leader` began.
///
/// # Errors
/// The first thing that is not as it should be.
pub(super) fn check(proc: &Proc, leader: u32, bounds: Bounds) -> Result<(), ConfinementError> {
    let family = check_processes(proc, leader, bounds.user)?;
    let sockets = proc.listening(leader, &family, bounds.user.own())?;
    if let Some(one) = sockets.iter().find(|one| !one.address.is_loopback()) {
        return Err(ConfinementError::Exposed { port: one.port });
    }
    match bounds.port {
        Some(port) if sockets.iter().all(|one| one.port != port) => {
            Err(ConfinementError::Stranger { port })
        }
        Some(_) | None => Ok(()),
    }
}

/// As [`check`], before it listens.
pub(super) fn check_processes(
    proc: &Proc,
    leader: u32,
    user: User,
) -> Result<Vec<Process>, ConfinementError> {
    let family = proc.family(leader, user.own())?;
    if family.iter().all(|one| one.pid != leader) {
        return Err(ConfinementError::Ended);
    }
    for process in &family {
        if let User::Own { user, group } = user {
            if let Some(&found) = process.users.iter().find(|found| **found != user) {
                return Err(ConfinementError::User { found, expected: user });
            }
            if let Some(&found) = process.groups.iter().find(|found| **found != group) {
                return Err(ConfinementError::Group { found });
            }
        }
        if !process.no_new_privileges {
            return Err(ConfinementError::NewPrivileges);
        }
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const BOUNDS: Bounds = Bounds { user: User::Own { user: 990, group: 990 }, port: Some(8080) };

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn process(root: &Path, pid: u32, parent: u32, user: u32) {
        let status = format!(
            "Name:\tengine\nPPid:\t{parent}\nUid:\t{user}\t{user}\t{user}\t{user}\nGid:\t990\t990\t990\t990\nGroups:\t \nNoNewPrivs:\t1\n"
        );
        write(root, &format!("{pid}/status"), &status);
    }

    fn socket(address: &str, user: u32, inode: u64) -> String {
        format!(
            "   0: {address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {user} 0 {inode} 1 0 100 0 0 10 0\n"
        )
    }

    const HEAD: &str = "  sl  local_address rem_address\n";

    /// An engine of two processes that listens on loopback, beside the node, which listens everywhere.
    fn sound() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let at = root.path();
        process(at, 1, 0, 0);
        process(at, 40, 1, 990);
        process(at, 41, 40, 990);
        let tcp = [HEAD, &socket("0100007F:1F90", 990, 7), &socket("00000000:20FB", 0, 8)].concat();
        write(at, "40/net/tcp", &tcp);
        root
    }

    /// What is said after one change, as text.
    fn with(change: impl FnOnce(&Path)) -> Result<(), String> {
        let root = sound();
        change(root.path());
        check(&Proc::new(root.path()), 40, BOUNDS).map_err(|error| error.to_string())
    }

    fn replace(root: &Path, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(root.join(path)).expect("a file");
        assert!(text.contains(from), "{from}");
        write(root, path, &text.replace(from, to));
    }

    #[test]
    fn accepts_an_engine_that_listens_on_loopback_as_its_own_user() {
        assert_eq!(with(|_| {}), Ok(()));
    }

    #[test]
    fn refuses_each_process_that_is_not_as_it_should_be() {
        let refused = |path: &'static str, from: &'static str, to: &'static str, why: &str| {
            assert_eq!(with(|root| replace(root, path, from, to)), Err(why.to_owned()));
        };
        let user = "a process of the engine runs as user 0: 990 expected";
        refused("41/status", "990\t990\t990\t990\nGid", "990\t0\t990\t990\nGid", user);
        refused("41/status", "Uid:\t990\t990\t990\t990", "Uid:\t0\t0\t0\t0", user);
        let group = "a process of the engine is in group 27";
        refused("41/status", "Groups:\t ", "Groups:\t27 ", group);
        let rights = "a process of the engine can gain privileges: NoNewPrivs is 0";
        refused("40/status", "NoNewPrivs:\t1", "NoNewPrivs:\t0", rights);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn refuses_an_engine_that_is_reachable_from_outside() {
        let exposed = |port: u16| {
            Err(format!(
                "the engine is reachable from outside: it listens on port {port} beyond loopback"
            ))
        };
        let opened = |root: &Path| replace(root, "40/net/tcp", "0100007F:1F90", "00000000:1F90");
        assert_eq!(with(opened), exposed(8080));
        let six = |address: &'static str| {
            move |root: &Path| {
                write(root, "40/net/tcp6", &[HEAD, &socket(address, 990, 9)].concat());
            }
        };
        assert_eq!(with(six("00000000000000000000000000000000:1F91")), exposed(8081));
        assert_eq!(with(six("00000000000000000000000001000000:1F91")), Ok(()));
        // The node's own socket is not the engine's.
        assert_eq!(with(|root| replace(root, "40/net/tcp", "20FB", "20FC")), Ok(()));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn refuses_a_port_that_somebody_else_has() {
        let stranger = |root: &Path| replace(root, "40/net/tcp", " 990 0 7", " 33 0 7");
        let expected = "port 8080 is not the engine's: another process listens there";
        assert_eq!(with(stranger), Err(expected.to_owned()));
    }

    #[test]
    fn a_process_that_left_its_family_is_found_by_its_user() {
        let stray = |root: &Path| {
            process(root, 60, 1, 990);
            replace(root, "60/status", "NoNewPrivs:\t1", "NoNewPrivs:\t0");
        };
        assert_eq!(with(stray), Err(ConfinementError::NewPrivileges.to_string()));
    }

    #[test]
    fn an_engine_that_ended_is_not_confined() {
        let ended = |root: &Path| fs::remove_dir_all(root.join("40")).expect("removed");
        assert_eq!(with(ended), Err(ConfinementError::Ended.to_string()));
    }

    /// Without a user of its own an engine's sockets are those that it holds.
    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_of_the_same_user_are_told_apart_by_who_holds_them() {
        let root = sound();
        let at = root.path();
        let bounds = Bounds { user: User::DangerSame, port: None };
        let told = || check(&Proc::new(at), 40, bounds).map_err(|error| error.to_string());
        assert_eq!(told(), Ok(()));
        fs::create_dir_all(at.join("41/fd")).expect("made");
        std::os::unix::fs::symlink("socket:[8]", at.join("41/fd/3")).expect("linked");
        assert_eq!(told(), Err(ConfinementError::Exposed { port: 8443 }.to_string()));
    }
}
