//! One service: a loopback port that can be closed and opened again, and what it answers.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::SyncSender},
};

use ring::digest::{SHA256, digest};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use super::{
    Service,
    catalogue::Catalogue,
    document::Document,
    fault::{Behaviour, Fault, Variant},
    http::{Answer, Call, date},
    log::{Log, Request},
    wire,
};

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// What all services share.
pub(super) struct Shared {
    pub(super) catalogue: Mutex<Catalogue>,
    pub(super) log: Log,
}

impl Shared {
    pub(super) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running service. It ends with its runtime.
pub(super) struct Server {
    address: SocketAddr,
    desk: Arc<Desk>,
    orders: UnboundedSender<(Order, SyncSender<()>)>,
}

enum Order {
    Shut,
    Open,
}

impl Server {
    /// Starts on a free port.
    pub(super) fn start(service: Service, shared: &Arc<Shared>, on: &Handle) -> io::Result<Self> {
        let _inside = on.enter();
        let listener = bound(([127, 0, 0, 1], 0).into())?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let behaviour = Mutex::default();
        let desk = Arc::new(Desk { service, shared: Arc::clone(shared), behaviour });
        let (orders, taken) = unbounded_channel();
        on.spawn(serve(Door::Open(listener), address, Arc::clone(&desk), taken));
        Ok(Self { address, desk, orders })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.desk.behaviour()
    }

    /// After this nothing listens, or something does. Returns when it is so.
    pub(super) fn listen(&self, whether: bool) {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let order = if whether { Order::Open } else { Order::Shut };
        self.orders.send((order, done)).expect("the service runs");
        wait.recv().expect("nobody takes the port in between");
    }
}

/// Bound, and not yet listening: connections are refused, and the port stays taken.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The port, open or shut.
enum Door {
    Open(TcpListener),
    Shut(TcpSocket),
}

impl Door {
    fn turned(self, order: Order, address: SocketAddr) -> io::Result<Self> {
        Ok(match (self, order) {
            (Self::Open(open), Order::Shut) => {
                drop(open);
                Self::Shut(bound(address)?)
            }
            (Self::Shut(shut), Order::Open) => Self::Open(shut.listen(BACKLOG)?),
            (same, Order::Open | Order::Shut) => same,
        })
    }

    /// The next connection; none comes through a door that is shut.
    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => Ok(listener.accept().await?.0),
            Self::Shut(_) => std::future::pending().await,
        }
    }
}

async fn serve(
    mut door: Door,
    address: SocketAddr,
    desk: Arc<Desk>,
    mut orders: UnboundedReceiver<(Order, SyncSender<()>)>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = door.accept() => {
                // A connection that fails is the client's to report.
                if let Ok(stream) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&desk)));
                }
            }
            Some(_) = connections.join_next() => {}
            order = orders.recv() => {
                let Some((order, done)) = order else { return Ok(()) };
                door = door.turned(order, address)?;
                if let Door::Shut(_) = door {
                    connections.shutdown().await;
                }
                // Whoever asked may have given up waiting.
                let _gone = done.send(());
            }
        }
    }
}

async fn converse(mut stream: TcpStream, desk: Arc<Desk>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(call) = Call::read(&mut stream, &mut buffer).await? {
        let (fault, answer) = desk.answer(&call);
        let open = wire::write(&mut stream, fault.as_ref(), &answer).await?;
        if !open || call.closes() {
            break;
        }
    }
    stream.shutdown().await
}

/// Where the requests of one service are answered.
struct Desk {
    service: Service,
    shared: Arc<Shared>,
    behaviour: Mutex<Behaviour>,
}

impl Desk {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, and what is wrong with it on the wire.
    fn answer(&self, call: &Call) -> (Option<Fault>, Answer) {
        let (fault, max_age) = {
            let behaviour = self.behaviour();
            let fault = behaviour.fault(&call.target).filter(|fault| fault.concerns(call));
            (fault, behaviour.max_age)
        };
        let variant = fault.as_ref().map_or(Variant::Genuine, Fault::variant);
        let (found, edition) = {
            let mut catalogue = self.shared.catalogue();
            (catalogue.answer(self.service, call, variant), catalogue.edition())
        };
        let right = match found {
            Ok(document) => {
                let seen = Validators::of(&document.body, date(edition.under(variant).window.from));
                let unchanged = fault.as_ref().is_none_or(Fault::keeps_conditions)
                    && call.method == "GET"
                    && seen.matched(call);
                seen.said(document, unchanged, max_age)
            }
            Err(missing) => Answer::text(missing.status(), missing.reason()),
        };
        let answer = wire::rewrite(fault.as_ref(), right);
        let silent = matches!(fault, Some(Fault::Refused | Fault::Dropped | Fault::NotHttp));
        let status = (!silent).then_some(answer.status);
        self.shared.log.record(Request::new(self.service, call, status));
        (fault, answer)
    }
}

/// What says whether a client has the document already (RFC 9110 §8.8).
struct Validators {
    tag: String,
    modified: String,
}

impl Validators {
    fn of(body: &[u8], modified: String) -> Self {
        let digest = hex::encode(digest(&SHA256, body));
        Self { tag: format!("\"{}\"", &digest[..32]), modified }
    }

    /// RFC 9110 §13.2.2: a tag stands above a date. Dates are compared as text, as common servers do.
    fn matched(&self, call: &Call) -> bool {
        match call.header("if-none-match") {
            Some(tags) => tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == self.tag),
            None => call.header("if-modified-since") == Some(&self.modified),
        }
    }

    fn said(self, document: Document, unchanged: bool, max_age: Option<u32>) -> Answer {
        let answer = if unchanged {
            Answer { status: 304, headers: Vec::new(), body: Vec::new() }
        } else {
            let mut answer = Answer::new(200, document.media, document.body);
            answer.headers.extend(document.headers);
            answer
        };
        let answer = answer.header("ETag", self.tag).header("Last-Modified", self.modified);
        match max_age {
            Some(seconds) => answer.header("Cache-Control", format!("max-age={seconds}")),
            None => answer,
        }
    }
}
