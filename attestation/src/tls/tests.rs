use super::*;
use rustls::{ClientConnection, NamedGroup, ServerConnection};

struct Node {
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn node() -> Node {
    let key = rcgen::KeyPair::generate().expect("a key pair");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Node { leaf: certificate.der().clone(), key }
}

fn shake(
    client: ClientConfig,
    server: ServerConfig,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from("sealroom.invalid").expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        client.write_tls(&mut wire).expect("memory");
        server.read_tls(&mut wire.as_slice()).expect("memory");
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).expect("memory");
        client.read_tls(&mut wire.as_slice()).expect("memory");
        client.process_new_packets()?;
    }
    Ok((client, server))
}

fn group(client: &ClientConnection) -> Option<NamedGroup> {
    client.negotiated_key_exchange_group().map(|group| group.name())
}

fn parts() -> (ClientConfig, ServerConfig) {
    let node = node();
    let server = server_config(node.leaf, node.key).expect("they belong together");
    (client_config().expect("TLS 1.3"), server)
}

#[test]
fn both_ends_prefer_the_hybrid_group_and_export_the_same_binding() {
    let (client, server) = parts();
    let (client, server) = shake(client, server).expect("a handshake");
    assert_eq!(group(&client), Some(NamedGroup::X25519MLKEM768));
    let bind =
        |nonce, side| exporter(&client, &Nonce([nonce; 32]), side).expect("after the handshake");
    let server_side = exporter(&server, &Nonce([1; 32]), binder::ProverSide::Server);
    assert_eq!(server_side, Ok(bind(1, binder::ProverSide::Server)));
    assert_ne!(server_side, Ok(bind(2, binder::ProverSide::Server)));
    assert_ne!(server_side, Ok(bind(1, binder::ProverSide::Client)));
    assert_eq!(client.alpn_protocol(), Some(b"h2".as_slice()));
}

#[test]
fn a_peer_without_ml_kem_gets_x25519_in_one_round_trip() {
    let (client, server) = parts();
    let mut classical = provider();
    classical.kx_groups = vec![ring::kx_group::X25519];
    let mut old = ServerConfig::builder_with_provider(Arc::new(classical))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(server.cert_resolver.clone());
    old.alpn_protocols = server.alpn_protocols.clone();
    let (client, _) = shake(client, old).expect("a handshake");
    assert_eq!(group(&client), Some(NamedGroup::X25519));
    assert_eq!(client.handshake_kind(), Some(rustls::HandshakeKind::Full));
}

#[test]
fn a_genuine_leaf_without_its_key_is_refused() {
    let (genuine, thief) = (node(), node());
    let key = provider().key_provider.load_private_key(thief.key).expect("a key");
    // `CertifiedKey::new` does not compare the two: that is the attack.
    let shown = rustls::sign::CertifiedKey::new(vec![genuine.leaf.clone()], key);
    let server = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(shown)));
    let mut server = server;
    server.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    let refused = shake(client_config().expect("TLS 1.3"), server).expect_err("no possession");
    assert_eq!(refused, Error::InvalidCertificate(CertificateError::BadSignature));
}

/// A server of its own making signs with what it likes, whatever the client offered.
#[derive(Debug)]
struct Stubborn(Arc<dyn rustls::sign::SigningKey>);

impl rustls::sign::SigningKey for Stubborn {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        self.0.choose_scheme(&[SignatureScheme::ED25519])
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[test]
fn a_leaf_of_another_kind_is_refused() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key pair");
    let leaf = rcgen::CertificateParams::default().self_signed(&pair).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
    let key = provider().key_provider.load_private_key(key).expect("a key");
    let shown = rustls::sign::CertifiedKey::new(vec![leaf.der().clone()], Arc::new(Stubborn(key)));
    let (client, mut server) = parts();
    server.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(shown));
    let refused = shake(client, server).expect_err("a leaf on Ed25519");
    let expected = rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme;
    assert_eq!(refused, Error::PeerMisbehaved(expected));
}

#[test]
fn a_chain_beside_the_leaf_is_refused() {
    let (one, other) = (node(), node());
    let config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth();
    let mut config =
        config.with_single_cert(vec![one.leaf, other.leaf], one.key).expect("they fit");
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    let refused = shake(client_config().expect("TLS 1.3"), config).expect_err("a chain");
    let expected = CertificateError::ApplicationVerificationFailure;
    assert_eq!(refused, Error::InvalidCertificate(expected));
}

#[test]
fn a_second_connection_is_a_full_handshake() {
    let (client, server) = parts();
    let (client, server) = (Arc::new(client), Arc::new(server));
    for _ in 0..2 {
        let (client, _) = shake((*client).clone(), (*server).clone()).expect("a handshake");
        assert_eq!(client.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[test]
fn short_and_long_shares_are_refused() {
    use rustls::crypto::SupportedKxGroup;
    for length in [0, 32, 1184, 1215, 1217] {
        let refused = hybrid::X25519MLKEM768.start_and_complete(&vec![0; length]).err();
        let expected = Error::PeerMisbehaved(rustls::PeerMisbehaved::InvalidKeyShare);
        assert_eq!(refused, Some(expected), "{length} bytes");
    }
}
