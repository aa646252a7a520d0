//! A node small enough to lie on purpose: forged hardware, real TLS, real seal, one changed answer at a time.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};
use sealroom_attestation::{
    UnixTime,
    binder::{Channel, ProverSide, Session, Tree},
    cbor::Item,
    digests::{IdentityKey, KemDigest, LeafDigest, Nonce, ReceiptKey},
    endorsements::{Anchors, Endorsements},
    endpoints::{self, Challenge, Problem, Proof},
    evidence::{self, Binder, Bundle, Hardware},
    manifest::{Configuration, Manifest, ModelFile},
    node::Freshness,
    seal::{Framing, KemKey, KemKind, KeyConfig},
    snp::Measurement,
    statement::{QuoteFreshness, Statement},
    tls,
    transcript::sha256,
};
use sealroom_forge::{Fake, FakeSnp};
use sealroom_verifier::{Policy, Trust};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::answer::{self, Lie};

const MEASUREMENT: Measurement = Measurement([0x5e; 48]);
const MODEL: &str = "echo";

/// What a node has for one boot.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) chip: FakeSnp,
    pub(crate) identity: Ed25519KeyPair,
    pub(crate) receipts: Ed25519KeyPair,
    pub(crate) kem: Arc<KemKey>,
    pub(crate) manifest: Vec<u8>,
    certificate: CertificateDer<'static>,
    leaf: LeafDigest,
    pub(crate) lie: Mutex<Lie>,
    /// Every challenge and every sealed request, in order.
    pub(crate) seen: Mutex<Vec<&'static str>>,
    /// The path of every sealed request, in order.
    pub(crate) paths: Mutex<Vec<String>>,
}

/// Which HTTP the node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

fn key_pair() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key of ring's own")
}

fn public<T>(key: &Ed25519KeyPair, of: impl FnOnce([u8; 32]) -> T) -> T {
    of(key.public_key().as_ref().try_into().expect("32 bytes"))
}

impl Node {
    /// Boots a node that tells the truth.
    pub(crate) async fn boot(http: Http) -> Arc<Self> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let params = rcgen::CertificateParams::new([]).expect("no names");
        let leaf: CertificateDer<'static> = params.self_signed(&key).expect("a leaf").der().clone();
        let digest = tls::leaf_digest(&leaf).expect("a certificate");
        let certificate = leaf.clone();
        let pkcs8 = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = tls::server_config(leaf, pkcs8).expect("a matching pair");
        if http == Http::One {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let kem = KemKey::generate(KemKind::XWing, 0, &SystemRandom::new()).expect("a key");
        let node = Arc::new(Self {
            address: listener.local_addr().expect("an address"),
            chip: Fake::snp([1; 32]).measurement(MEASUREMENT.0),
            identity: key_pair(),
            receipts: key_pair(),
            kem: Arc::new(kem),
            manifest: manifest().encode(),
            certificate,
            leaf: digest,
            lie: Mutex::new(Lie::None),
            seen: Mutex::default(),
            paths: Mutex::default(),
        });
        tokio::spawn(serve(node.clone(), listener, TlsAcceptor::from(Arc::new(config))));
        node
    }

    /// What an enterprise that wants this image and this model would trust.
    pub(crate) fn trust(&self) -> Trust {
        let forged = self.chip.sign();
        let mut policy = Policy::built_in();
        policy.freshness = Freshness::Hardware;
        policy.snp.measurements = [("image".to_owned(), MEASUREMENT)].into();
        policy.models = [(MODEL.to_owned(), vec![Manifest::digest(&self.manifest)])].into();
        let mut endorsements = Endorsements::default();
        endorsements.add_file(&forged.crl).expect("a revocation list");
        let anchors = Anchors::production().danger_accept_simulated(forged.root_sha256);
        Trust::new(policy, &endorsements, &anchors)
    }

    pub(crate) fn lie(&self, lie: Lie) {
        *self.lie.lock().expect("not poisoned") = lie;
    }

    pub(crate) fn seen(&self) -> Vec<&'static str> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.paths.lock().expect("not poisoned").clone()
    }

    fn note(&self, what: &'static str) {
        self.seen.lock().expect("not poisoned").push(what);
    }

    pub(crate) fn statement(&self, freshness: QuoteFreshness) -> Statement {
        let kem_keys = KeyConfig::encode_list(&[self.kem.config()]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        Statement {
            identity: public(&self.identity, IdentityKey),
            receipt_key: public(&self.receipts, ReceiptKey),
            leaf: self.leaf,
            kem: KemDigest(sha256(&kem_keys)),
            kem_epoch: 0,
            gpus: None,
            manifest: Manifest::digest(&self.manifest),
            config: Configuration::digest(&Configuration::default().encode()),
            freshness,
            issued_at: UnixTime(now),
            expires_at: UnixTime(now + 3_600),
        }
    }

    fn evidence(&self, challenge: &Challenge, exporter: [u8; 32]) -> Vec<u8> {
        let lie = *self.lie.lock().expect("not poisoned");
        let leaf = if matches!(lie, Lie::OtherSession | Lie::Impostor) {
            LeafDigest([0; 32])
        } else {
            self.leaf
        };
        let channel = Channel::TlsServer { exporter, leaf };
        let session = Session { nonce: challenge.nonce, channel, context: Vec::new() };
        let boot_id = self.statement(QuoteFreshness::Cached).boot_id();
        let tree = Tree::new(vec![session.leaf(&boot_id)]).expect("one leaf");
        let freshness = match challenge.proof {
            Proof::Key => QuoteFreshness::Cached,
            Proof::Hardware => QuoteFreshness::Tree { root: tree.root(), size: 1 },
        };
        let statement = self.statement(freshness).encode();
        let binder = match challenge.proof {
            Proof::Key => {
                let message = session.live_message(&boot_id, &Statement::digest(&statement));
                let signature = self.identity.sign(&message);
                Binder::Signature(signature.as_ref().try_into().expect("64 bytes"))
            }
            Proof::Hardware => Binder::Path { index: 0, path: Vec::new() },
        };
        let report = self.chip.clone().report_data(Statement::report_data(&statement)).sign();
        let bundle = Bundle {
            statement,
            hardware: Hardware::Snp { report: report.report, certificates: Some(report.table) },
            gpus: Vec::new(),
            kem_keys: KeyConfig::encode_list(&[self.kem.config()]),
            manifest: self.manifest.clone(),
            config: Configuration::default().encode(),
            binder,
        };
        bundle.encode()
    }

    async fn answer(&self, request: Request<Incoming>, tls: &Tls) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.expect("a whole request").to_bytes();
        if path == endpoints::EVIDENCE {
            let challenge = Challenge::decode(&body).expect("a challenge");
            self.note(match challenge.proof {
                Proof::Key => "key",
                Proof::Hardware => "hardware",
            });
            let bundle = self.evidence(&challenge, tls.exporter(&challenge.nonce));
            return response(StatusCode::OK, evidence::MEDIA_TYPE, bundle);
        }
        assert_eq!(path, endpoints::OHTTP_GATEWAY);
        self.note("sealed");
        match answer::answer(self, &body) {
            Ok(sealed) => response(StatusCode::OK, Framing::Chunked.response_type(), sealed),
            Err(problem) => refuse(problem),
        }
    }
}

fn refuse(problem: Problem) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(problem.status()).expect("a status");
    response(status, endpoints::PROBLEM_TYPE, problem.body().into_bytes())
}

fn response(status: StatusCode, kind: &str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(Full::new(body.into())).expect("a response")
}

fn manifest() -> Manifest {
    let file = ModelFile { name: "model.gguf".to_owned(), size: 1, sha256: [1; 32] };
    Manifest {
        name: MODEL.to_owned(),
        files: vec![file],
        tokenizer: [2; 32],
        template: [3; 32],
        engine: "echo".to_owned(),
        build: "1".to_owned(),
        parameters: Default::default(),
        adapters: Vec::new(),
    }
}

/// Listens with the node's certificate and some other key.
pub(crate) async fn show_without_key(node: &Node) -> SocketAddr {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = tls::provider().key_provider.load_private_key(key).expect("a P-256 key");
    let shown = CertifiedKey::new(vec![node.certificate.clone()], key);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client leaves in the middle of the handshake.
            drop(TlsAcceptor::from(Arc::new(config.clone())).accept(stream).await);
        }
    });
    address
}

async fn serve(node: Arc<Node>, listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let (node, acceptor) = (node.clone(), acceptor.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let tls = Tls(Arc::new(Mutex::new(stream)));
            let handle = tls.clone();
            let service = service_fn(move |request| {
                let (node, tls) = (node.clone(), handle.clone());
                async move { Ok::<_, io::Error>(node.answer(request, &tls).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            // How the client leaves is its own business.
            drop(builder.serve_connection(TokioIo::new(tls), service).await);
        });
    }
}

/// The server's end of a connection, in the hands of HTTP and of challenges.
#[derive(Clone)]
struct Tls(Arc<Mutex<TlsStream<TcpStream>>>);

impl Tls {
    fn exporter(&self, nonce: &Nonce) -> [u8; 32] {
        let stream = self.0.lock().expect("not poisoned");
        tls::exporter(stream.get_ref().1, nonce, ProverSide::Server).expect("after the handshake")
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().expect("not poisoned")).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.lock().expect("not poisoned")).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().expect("not poisoned")).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().expect("not poisoned")).poll_shutdown(context)
    }
}
