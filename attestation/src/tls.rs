//! TLS as both ends of a session use it: 1.3 only, ring, the hybrid key exchange first, nothing resumed.
//!
//! No certificate authority takes part. A leaf counts only when a verified statement names its key and a
//! binder covers this connection; what is checked here is that the peer holds the leaf's private key.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::ParsedCertificate,
    version::TLS13,
};

use crate::{binder, digests::LeafDigest, digests::Nonce, transcript::sha256};

mod hybrid;

/// Application protocols, the preferred one first: over HTTP/2 trailers always arrive.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Leaves are on P-256: wire specification, section 2.
const SCHEME: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;

/// ring with X25519MLKEM768 before X25519, and the cipher suites of TLS 1.3 alone.
#[must_use]
pub fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![&hybrid::X25519MLKEM768, ring::kx_group::X25519];
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider
}

/// The verifier's end. Every handshake is a full one, and the node must prove that it holds its leaf's key.
///
/// # Errors
/// When the provider lacks what TLS 1.3 needs, which would be a bug.
pub fn client_config() -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider());
    let possession = Possession { algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous() // chain building alone is replaced: the statement names the key
        .with_custom_certificate_verifier(Arc::new(possession))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    Ok(config)
}

/// The node's end: no tickets, no early data.
///
/// # Errors
/// When certificate and key do not belong together.
pub fn server_config(
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    Ok(config)
}

/// SHA-256 of the leaf's SubjectPublicKeyInfo, as statements name it.
///
/// # Errors
/// When the certificate cannot be decoded.
pub fn leaf_digest(leaf: &CertificateDer<'_>) -> Result<LeafDigest, Error> {
    let parsed = ParsedCertificate::try_from(leaf)?;
    Ok(LeafDigest(sha256(&parsed.subject_public_key_info())))
}

/// The binding of one connection to one nonce: both ends compute the same bytes, nobody else can.
///
/// # Errors
/// Before the handshake has ended.
pub fn exporter<Data>(
    connection: &rustls::ConnectionCommon<Data>,
    nonce: &Nonce,
    side: binder::ProverSide,
) -> Result<[u8; 32], Error> {
    let context = binder::exporter_context(nonce, side);
    connection.export_keying_material([0; 32], binder::EXPORTER_LABEL, Some(&context))
}

/// Checks possession of the leaf's key, and nothing else: no name, no issuer, no date.
#[derive(Debug)]
struct Possession {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Possession {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !intermediates.is_empty() || !ocsp_response.is_empty() {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        leaf_digest(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Offering one scheme is not refusing the others: rustls leaves that to its caller.
        if dss.scheme != SCHEME {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }
}

#[cfg(test)]
mod tests;
