//! What the kernel says about processes and their sockets, from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// The state of a socket that takes connections.
const LISTENING: &str = "0A";

/// The kernel's view, below a folder that a test can write itself.
#[derive(Clone, Debug)]
pub(super) struct Proc {
    root: PathBuf,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// Real, effective, saved and of the file system.
    pub(super) users: Vec<u32>,
    pub(super) groups: Vec<u32>,
    /// Whether it can gain nothing by starting a program.
    pub(super) no_new_privileges: bool,
}

/// A socket that takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) user: u32,
    inode: u64,
}

impl Proc {
    pub(super) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A process and all that it started, as far as they are still its children's children; with a user of their own also
    /// everything else of that user. Empty when it is gone.
    pub(super) fn family(&self, leader: u32, user: Option<u32>) -> io::Result<Vec<Process>> {
        let mut others = self.all()?;
        let mut family = Vec::new();
        let mut pids = BTreeSet::from([leader]);
        loop {
            let belongs = |one: &Process| {
                let of_user = user.is_some_and(|user| one.users.contains(&user));
                of_user || pids.contains(&one.pid) || pids.contains(&one.parent)
            };
            let (found, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(belongs);
            if found.is_empty() {
                return Ok(family);
            }
            pids.extend(found.iter().map(|one| one.pid));
            family.extend(found);
            others = rest;
        }
    }

    /// Every process that runs as this user.
    pub(super) fn of_user(&self, user: u32) -> io::Result<Vec<Process>> {
        Ok(self.all()?.into_iter().filter(|one| one.users.contains(&user)).collect())
    }

    fn all(&self) -> io::Result<Vec<Process>> {
        let entries = fs::read_dir(&self.root)?.flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // One that ended meanwhile is none.
        Ok(pids.filter_map(|pid| self.process(pid)).collect())
    }

    fn process(&self, pid: u32) -> Option<Process> {
        let status = fs::read_to_string(self.root.join(format!("{pid}/status"))).ok()?;
        let numbers = |name: &str| -> Option<Vec<u32>> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        Some(Process {
            pid,
            parent: numbers("PPid")?.first().copied()?,
            users: numbers("Uid")?,
            groups: numbers("Groups")?,
            no_new_privileges: numbers("NoNewPrivs")? == [1],
        })
    }

    /// The sockets of a family that take connections: those that one of it holds, and with a user of its own those of the user.
    pub(super) fn listening(
        &self,
        leader: u32,
        family: &[Process],
        user: Option<u32>,
    ) -> io::Result<Vec<Listening>> {
        let held: BTreeSet<u64> = family.iter().flat_map(|one| self.inodes(one.pid)).collect();
        let mut all = Vec::new();
        for table in ["tcp", "tcp6"] {
            let path = self.root.join(format!("{leader}/net/{table}"));
            let text = match fs::read_to_string(path) {
                // A kernel without IPv6 has no such sockets.
                Err(error) if error.kind() == io::ErrorKind::NotFound && table == "tcp6" => {
                    continue;
                }
                text => text?,
            };
            for line in text.lines().skip(1) {
                all.extend(listening(line).ok_or(io::ErrorKind::InvalidData)?);
            }
        }
        all.retain(|one| user == Some(one.user) || held.contains(&one.inode));
        Ok(all)
    }

    fn inodes(&self, pid: u32) -> Vec<u64> {
        let entries = fs::read_dir(self.root.join(format!("{pid}/fd")));
        let links = entries.into_iter().flatten().flatten().filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        });
        links.collect()
    }
}

/// A line of the kernel's table of TCP sockets; the inner `None` is one that takes no connections.
fn listening(line: &str) -> Option<Option<Listening>> {
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let user = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let (address, port) = (self::address(address)?, u16::from_str_radix(port, 16).ok()?);
    Some((state == LISTENING).then_some(Listening { address, port, user, inode }))
}

/// The kernel writes each word of an address as a number, in this machine's byte order.
fn address(text: &str) -> Option<IpAddr> {
    let word = |index: usize| -> Option<[u8; 4]> {
        let digits = text.get(index.checked_mul(8)?..)?.get(..8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Option<(String, u16, u32, u64)>> {
        let found = listening(line)?;
        Some(found.map(|one| (one.address.to_string(), one.port, one.user, one.inode)))
    }

    fn line(address: &str, state: &str) -> String {
        format!(
            "   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000   990        0 1061 1 0 100 0 0 10 0"
        )
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn reads_addresses_as_the_kernel_writes_them() {
        let table = [
            ("0100007F:1F90", "127.0.0.1", 8080),
            ("00000000:0050", "0.0.0.0", 80),
            ("00000000000000000000000001000000:1F90", "::1", 8080),
            ("00000000000000000000000000000000:1F90", "::", 8080),
            ("0000000000000000FFFF00000100007F:1F90", "127.0.0.1", 8080),
        ];
        for (text, address, port) in table {
            let expected = Some(Some((address.to_owned(), port, 990, 1061)));
            assert_eq!(parsed(&line(text, "0A")), expected);
            assert_eq!(parsed(&line(text, "01")), Some(None), "no listener");
        }
        for garbage in ["", "0: x", &line("0100007F1F90", "0A"), &line("010000:1F90", "0A")] {
            assert_eq!(parsed(garbage), None, "{garbage}");
        }
    }
}
