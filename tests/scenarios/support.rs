//! A small world for stories: an engine that echoes, a node, a gateway, and a plain HTTP client.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use sealroom_attestation::manifest::ModelFile;
use sealroom_enclave::{Node, boot};
use sealroom_engine::{Engine, LocalEngine};
use sealroom_gateway::connect::{Connect, Settings};
use sealroom_tests::{
    attacks::Ground,
    clock::MovableClock,
    echo::Echo,
    world::{self, Machine},
};
use tokio::net::{TcpListener, TcpStream};

/// The name of the echoing model.
pub(crate) const MODEL: &str = "echo";

/// One vendor with one chip, and a model that answers at once.
pub(crate) fn ground(engine: Echo) -> Ground {
    ground_of(Arc::new(engine))
}

/// The default model, on this machine's processor.
pub(crate) async fn default_engine() -> Arc<dyn Engine> {
    let load = || {
        let path = sealroom_tests::model::bring().expect("the default model");
        let bytes = std::fs::read(path).expect("the default model");
        LocalEngine::load(&bytes, &sealroom_engine::Settings::default()).expect("an engine")
    };
    Arc::new(tokio::task::spawn_blocking(load).await.expect("no panic"))
}

/// The same with any engine.
pub(crate) fn ground_of(engine: Arc<dyn Engine>) -> Ground {
    let describe = |sha256| {
        let file = ModelFile { name: "echo.gguf".into(), size: 1, sha256 };
        boot::manifest(MODEL, &file, engine.card())
    };
    let other = (Arc::clone(&engine), describe([2; 32]));
    let (manifest, chip) = (describe([1; 32]), world::chip(world::seed()));
    Ground { chip, gpus: None, engine, manifest, other_weights: Some(other) }
}

pub(crate) fn machine(ground: &Ground) -> Machine {
    ground.machine().expect("keys")
}

/// A node and a gateway that trusts it.
pub(crate) struct Pair {
    pub(crate) node: Node,
    pub(crate) connect: Connect,
    pub(crate) clock: MovableClock,
}

impl Pair {
    pub(crate) async fn start(ground: &Ground) -> Self {
        Self::start_with(ground, machine(ground)).await
    }

    pub(crate) async fn start_with(ground: &Ground, machine: Machine) -> Self {
        let clock = machine.clock.clone();
        let node = machine.boot().await.expect("a node");
        let connect = gateway(ground, &clock, node.address()).await;
        Self { node, connect, clock }
    }

    pub(crate) async fn stop(self) {
        self.connect.shutdown().await;
        self.node.shutdown().await;
    }

    pub(crate) async fn post(&self, path: &str, body: serde_json::Value) -> (u16, String) {
        let request = Request::post(path).header("content-type", "application/json");
        whole(send(self.connect.address(), request, body.to_string()).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        whole(send(self.connect.address(), Request::get(path), String::new()).await).await
    }
}

pub(crate) async fn gateway(ground: &Ground, clock: &MovableClock, node: SocketAddr) -> Connect {
    let party = world::party(ground.trust(), clock);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let target = world::target(node).expect("an address");
    Connect::start(Settings::default(), target, party, listener).expect("a gateway")
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    request: http::request::Builder,
    body: String,
) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let host = address.to_string();
    let has_host = request.headers_ref().is_some_and(|headers| headers.contains_key("host"));
    let request = if has_host { request } else { request.header("host", host) };
    let request = request.body(Full::<bytes::Bytes>::from(body)).expect("a request");
    let answer = tokio::time::timeout(Duration::from_secs(120), sender.send_request(request)).await;
    answer.expect("in time").expect("an answer")
}

pub(crate) async fn whole(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}
