//! Whoever stands between gateway and node: a wire, or somebody who terminates TLS with one key or another.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use sealroom_attestation::tls;
use sealroom_enclave::{Keys, SystemEntropy};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

/// What stands in the middle.
pub enum Middle {
    /// A wire that moves bytes.
    Wire,
    /// Terminates TLS with a leaf of its own.
    OwnLeaf,
    /// Terminates TLS with the node's leaf and its stolen key.
    StolenLeaf {
        /// The node's certificate, DER.
        certificate: CertificateDer<'static>,
        /// The node's key, PKCS#8.
        pkcs8: Vec<u8>,
    },
    /// Shows the node's certificate, and has some other key.
    LeafWithoutKey {
        /// The node's certificate, DER.
        certificate: CertificateDer<'static>,
    },
}

/// A running one. It ends when dropped.
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Where victims connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Middle {
    /// Starts before a node.
    ///
    /// # Errors
    /// When no port or key can be had.
    pub async fn start(self, node: SocketAddr) -> Result<Running> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("binding a loopback port")?;
        let address = listener.local_addr()?;
        let acceptor = self.acceptor()?;
        let task = tokio::spawn(async move {
            // Connections end with this task. A failed one is the victim's to report.
            let mut connections = JoinSet::new();
            while let Ok((victim, _)) = listener.accept().await {
                connections.spawn(serve(victim, node, acceptor.clone()));
            }
        });
        Ok(Running { address, task })
    }

    fn acceptor(self) -> Result<Option<TlsAcceptor>> {
        let config = match self {
            Self::Wire => return Ok(None),
            Self::OwnLeaf => {
                let keys = Keys::generate(&SystemEntropy)?;
                let leaf = keys.leaf();
                server(leaf.certificate().clone(), leaf.pkcs8().to_vec())?
            }
            Self::StolenLeaf { certificate, pkcs8 } => server(certificate, pkcs8)?,
            Self::LeafWithoutKey { certificate } => {
                let keys = Keys::generate(&SystemEntropy)?;
                let other = PrivateKeyDer::Pkcs8(keys.leaf().pkcs8().to_vec().into());
                let key = tls::provider().key_provider.load_private_key(other)?;
                let mut config =
                    server(keys.leaf().certificate().clone(), keys.leaf().pkcs8().to_vec())?;
                let shown = CertifiedKey::new(vec![certificate], key);
                config.cert_resolver = Arc::new(SingleCertAndKey::from(shown));
                config
            }
        };
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn server(certificate: CertificateDer<'static>, pkcs8: Vec<u8>) -> Result<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(pkcs8.into());
    tls::server_config(certificate, key).context("configuring the attacker's TLS")
}

async fn serve(
    mut victim: TcpStream,
    node: SocketAddr,
    acceptor: Option<TlsAcceptor>,
) -> Result<()> {
    let mut node = TcpStream::connect(node).await?;
    let Some(acceptor) = acceptor else {
        copy_bidirectional(&mut victim, &mut node).await?;
        return Ok(());
    };
    let mut victim = acceptor.accept(victim).await?;
    let connector = TlsConnector::from(Arc::new(tls::client_config()?));
    let name = ServerName::try_from("sealroom.invalid")?;
    let mut node = connector.connect(name, node).await?;
    copy_bidirectional(&mut victim, &mut node).await?;
    Ok(())
}
