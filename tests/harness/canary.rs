//! A server that nobody may call: its address stands in certificates, where it is an attacker's to choose.

use std::{
    io::{self, Read as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use sealroom_forge::CertificateSpec;

/// Accepts connections, counts them, and closes them without a word. It ends when dropped.
pub struct Canary {
    address: SocketAddr,
    seen: Arc<Seen>,
    /// Connections of ours, to count the others.
    own: AtomicUsize,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    ended: AtomicBool,
}

impl Canary {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let thread = std::thread::Builder::new().spawn(move || count(&listener, &counted))?;
        Ok(Self { address, seen, own: AtomicUsize::new(0), thread: Some(thread) })
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many connections were made.
    ///
    /// # Panics
    /// When it cannot be reached.
    #[must_use]
    pub fn connections(&self) -> usize {
        // Connections are accepted in order: when ours was, every earlier one was counted.
        let mut own = TcpStream::connect(self.address).expect("the canary listens");
        assert_eq!(own.read(&mut [0]).expect("the canary closes"), 0);
        let before = self.own.fetch_add(1, Ordering::SeqCst);
        self.seen.connections.load(Ordering::SeqCst) - before - 1
    }

    /// Names it wherever a certificate can name a place: distribution point, OCSP responder, issuer. It fits the forge's
    /// `vek`, `authority`, `pck`, `tcb_signer`, `leaf`, `identity` and so on.
    pub fn named(&self) -> impl Fn(&mut CertificateSpec) + Clone + Send + Sync + 'static {
        let url = self.url();
        move |certificate| {
            certificate.crl_distribution_point(&format!("{url}crl"));
            certificate.authority_information(&format!("{url}ocsp"), &format!("{url}issuer"));
        }
    }
}

fn count(listener: &TcpListener, seen: &Seen) {
    for connection in listener.incoming() {
        if seen.ended.load(Ordering::SeqCst) {
            return;
        }
        seen.connections.fetch_add(usize::from(connection.is_ok()), Ordering::SeqCst);
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.seen.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        if TcpStream::connect(self.address).is_ok() {
            self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_whoever_calls() {
        let canary = Canary::start().expect("a port");
        assert_eq!(canary.connections(), 0);
        let address = canary.address;
        for calls in 1..=3 {
            TcpStream::connect(address).expect("it listens");
            assert_eq!(canary.connections(), calls);
        }
    }
}
