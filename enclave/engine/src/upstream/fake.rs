//! A server that speaks HTTP by hand, so that a test can also let it speak wrongly.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::address::Address;

/// A request that came.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) body: String,
}

/// What the server does about it, step by step; then it closes the connection.
pub(super) enum Step {
    /// Sends bytes as they are.
    Send(Vec<u8>),
    /// Sends a chunk of a chunked body.
    Chunk(Vec<u8>),
    /// Ends a chunked body.
    End,
    /// Waits until the client closed the connection, and reports that.
    Hang,
}

type Script = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// A server that is there as long as its test.
pub(super) struct Fake {
    pub(super) address: Address,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Tells of each step that hangs.
    pub(super) hangs: Receiver<()>,
    /// Tells of each client that went away from one.
    pub(super) gone: Receiver<()>,
}

impl Fake {
    /// On a port of loopback.
    pub(super) fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let accept = move || listener.accept().map(|(stream, _)| stream);
        Self::serve(Address::Loopback4 { port }, accept, script)
    }

    /// On a socket in a folder.
    pub(super) fn start_at(
        path: &Path,
        script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let address = format!("unix:{}", path.display()).parse().unwrap();
        Self::serve(address, move || listener.accept().map(|(stream, _)| stream), script)
    }

    fn serve<S: Read + Write + Send + 'static>(
        address: Address,
        accept: impl Fn() -> std::io::Result<S> + Send + 'static,
        script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let (script, seen): (Arc<Script>, Arc<Mutex<Vec<Seen>>>) =
            (Arc::new(script), Arc::default());
        let ((begun, hangs), (left, gone)) = (channel(), channel());
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            while let Ok(stream) = accept() {
                let (script, all) = (Arc::clone(&script), Arc::clone(&all));
                let told = [begun.clone(), left.clone()];
                thread::spawn(move || answer(stream, &*script, &all, &told));
            }
        });
        Self { address, seen, hangs, gone }
    }

    /// Everything that was asked so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer<S: Read + Write>(
    mut stream: S,
    script: &Script,
    all: &Mutex<Vec<Seen>>,
    [begun, left]: &[Sender<()>; 2],
) {
    let Some(seen) = request(&mut stream) else { return };
    all.lock().unwrap().push(seen.clone());
    for step in script(&seen) {
        let sent = match step {
            Step::Send(bytes) => stream.write_all(&bytes),
            Step::Chunk(bytes) => stream
                .write_all(format!("{:x}\r\n", bytes.len()).as_bytes())
                .and_then(|()| stream.write_all(&bytes))
                .and_then(|()| stream.write_all(b"\r\n")),
            Step::End => stream.write_all(b"0\r\n\r\n"),
            Step::Hang => {
                let _ = begun.send(());
                let mut rest = [0; 64];
                while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
                let _ = left.send(());
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
    // A close with unread bytes would reset the connection before all was read.
    let _ = stream.flush();
}

/// Reads one request, whose body has a length.
fn request(stream: &mut impl Read) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        bytes.extend(byte);
        if bytes.ends_with(b"\r\n\r\n") {
            break String::from_utf8(bytes).unwrap();
        }
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { path, body: String::from_utf8(body).unwrap() })
}

/// A whole answer.
pub(super) fn whole(status: u16, content: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {content}\r\ncontent-length: {length}\r\n\r\n"
    );
    vec![Step::Send((head + body).into_bytes())]
}

/// An answer in JSON.
pub(super) fn json(body: &str) -> Vec<Step> {
    whole(200, "application/json", body)
}

/// The head of a stream of events.
pub(super) fn stream() -> Step {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    Step::Send(head.into())
}
