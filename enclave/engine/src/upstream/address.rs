//! Where an upstream engine listens: in this virtual machine, and nowhere else.
//!
//! The type cannot hold another address. No name is ever resolved, so none can come to mean something else later.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest path of a socket, bytes, as Linux has it without the final zero.
const LONGEST_SOCKET: usize = 107;

/// Where an upstream engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(Socket),
    /// A port of 127.0.0.1.
    Loopback4 {
        /// The port, never 0.
        port: u16,
    },
    /// A port of ::1.
    Loopback6 {
        /// The port, never 0.
        port: u16,
    },
}

/// An absolute path that a socket can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket(PathBuf);

impl Socket {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// TLS to the own machine proves nothing, and other schemes are not spoken.
    #[error("the address begins with neither unix: nor http://")]
    Scheme,
    /// The path of the socket.
    #[error("the path of the socket is not an absolute one of at most {LONGEST_SOCKET} bytes")]
    Socket,
    /// Somebody's name before the host.
    #[error("the address names a user")]
    User,
    /// Something behind the port.
    #[error("something follows the port")]
    Path,
    /// Any other host, also one that would resolve to this machine, and any other way to write it.
    #[error("the host is written neither 127.0.0.1 nor [::1]")]
    Host,
    /// No port, or one that is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let fits = path.starts_with('/') && path.len() > 1 && path.len() <= LONGEST_SOCKET;
            let fits = fits && !path.contains('\0');
            return if fits {
                Ok(Self::Unix(Socket(path.into())))
            } else {
                Err(AddressError::Socket)
            };
        }
        let rest = text.strip_prefix("http://").ok_or(AddressError::Scheme)?;
        if rest.contains('@') {
            return Err(AddressError::User);
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(AddressError::Path);
        }
        if let Some(port) = rest.strip_prefix("127.0.0.1:") {
            return Ok(Self::Loopback4 { port: self::port(port)? });
        }
        if let Some(port) = rest.strip_prefix("[::1]:") {
            return Ok(Self::Loopback6 { port: self::port(port)? });
        }
        let bare = rest == "127.0.0.1" || rest == "[::1]";
        Err(if bare { AddressError::Port } else { AddressError::Host })
    }
}

/// Digits only: the parser of numbers would take a sign, too.
fn port(text: &str) -> Result<u16, AddressError> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(AddressError::Port)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(socket) => write!(f, "unix:{}", socket.path().display()),
            Self::Loopback4 { port } => write!(f, "http://127.0.0.1:{port}"),
            Self::Loopback6 { port } => write!(f, "http://[::1]:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, AddressError> {
        text.parse::<Address>().map(|address| address.to_string())
    }

    #[test]
    fn accepts_this_machine_and_nothing_else() {
        for text in [
            "unix:/run/engine.sock",
            "http://127.0.0.1:8000",
            "http://[::1]:1",
            "http://[::1]:65535",
        ] {
            assert_eq!(parsed(text), Ok(text.to_owned()));
        }
        let table = [
            ("https://127.0.0.1:8000", AddressError::Scheme),
            ("127.0.0.1:8000", AddressError::Scheme),
            ("HTTP://127.0.0.1:8000", AddressError::Scheme),
            ("file:///etc/passwd", AddressError::Scheme),
            ("http://localhost:8000", AddressError::Host),
            ("http://0.0.0.0:8000", AddressError::Host),
            ("http://127.0.0.2:8000", AddressError::Host),
            ("http://127.1:8000", AddressError::Host),
            ("http://2130706433:8000", AddressError::Host),
            ("http://0x7f000001:8000", AddressError::Host),
            ("http://127.0.0.1.nip.io:8000", AddressError::Host),
            ("http://169.254.169.254:80", AddressError::Host),
            ("http://[::ffff:127.0.0.1]:8000", AddressError::Host),
            ("http://[::]:8000", AddressError::Host),
            ("http://[::1%lo]:8000", AddressError::Host),
            ("http://::1:8000", AddressError::Host),
            ("http:// 127.0.0.1:8000", AddressError::Host),
            ("http://me@127.0.0.1:8000", AddressError::User),
            ("http://127.0.0.1:8000@example.com", AddressError::User),
            ("http://127.0.0.1:8000/", AddressError::Path),
            ("http://127.0.0.1:8000?x", AddressError::Path),
            ("http://127.0.0.1:8000#x", AddressError::Path),
            ("http://127.0.0.1:8000\\x", AddressError::Path),
            ("http://127.0.0.1", AddressError::Port),
            ("http://[::1]", AddressError::Port),
            ("http://127.0.0.1:", AddressError::Port),
            ("http://127.0.0.1:0", AddressError::Port),
            ("http://127.0.0.1:+80", AddressError::Port),
            ("http://127.0.0.1:65536", AddressError::Port),
            ("http://127.0.0.1:80\r\n", AddressError::Port),
            ("unix:", AddressError::Socket),
            ("unix:/", AddressError::Socket),
            ("unix:run/engine.sock", AddressError::Socket),
            ("unix:/a\0b", AddressError::Socket),
        ];
        for (text, error) in table {
            assert_eq!(parsed(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_socket_may_have_a_path_as_long_as_the_system_takes() {
        let longest = format!("unix:/{}", "x".repeat(LONGEST_SOCKET - 1));
        assert_eq!(parsed(&longest), Ok(longest.clone()));
        assert_eq!(parsed(&format!("{longest}x")), Err(AddressError::Socket));
    }
}
