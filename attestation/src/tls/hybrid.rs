//! X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem) over ring's X25519 and the `ml-kem` crate.
//!
//! ML-KEM comes first in shares and secret. The client's share is 1,216 bytes, the server's 1,120.

use ml_kem::{
    Ciphertext, DecapsulationKey768, EncapsulationKey768, KeyExport, MlKem768, TryKeyInit,
    kem::{Decapsulate, Encapsulate, Kem},
};
use rustls::{
    Error, NamedGroup, PeerMisbehaved, ProtocolVersion,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup,
        ring::kx_group::X25519,
    },
    ffdhe_groups::FfdheGroup,
};
use zeroize::Zeroizing;

const ENCAPSULATION_KEY: usize = 1184;
const CIPHERTEXT: usize = 1088;

/// The hybrid group.
pub(super) static X25519MLKEM768: Hybrid = Hybrid;

#[derive(Debug)]
pub(super) struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let classical = X25519.start()?;
        let (post_quantum, encapsulation_key) = MlKem768::generate_keypair();
        let share = [encapsulation_key.to_bytes().as_slice(), classical.pub_key()].concat();
        Ok(Box::new(Started { classical, post_quantum: Box::new(post_quantum), share }))
    }

    /// The server's part: a KEM answers the peer's share, it has none of its own before.
    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (post_quantum, classical) = split(peer, ENCAPSULATION_KEY)?;
        let key = EncapsulationKey768::new_from_slice(post_quantum).map_err(|_| invalid_share())?;
        let (ciphertext, secret) = key.encapsulate();
        let secret = Zeroizing::new(secret);
        let classical = X25519.start_and_complete(classical)?;
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [ciphertext.as_slice(), &classical.pub_key].concat(),
            secret: combine(secret.as_slice(), classical.secret.secret_bytes()),
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// The client's part, between its two flights.
struct Started {
    classical: Box<dyn ActiveKeyExchange>,
    post_quantum: Box<DecapsulationKey768>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, classical) = split(peer, CIPHERTEXT)?;
        let ciphertext =
            Ciphertext::<MlKem768>::try_from(ciphertext).map_err(|_| invalid_share())?;
        let secret = Zeroizing::new(self.post_quantum.decapsulate(&ciphertext));
        let classical = self.classical.complete(classical)?;
        Ok(combine(secret.as_slice(), classical.secret_bytes()))
    }

    /// Lets a peer without ML-KEM use the X25519 half of the share without another round trip.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.classical.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

fn split(share: &[u8], first: usize) -> Result<(&[u8], &[u8]), Error> {
    let (post_quantum, classical) = share.split_at_checked(first).ok_or_else(invalid_share)?;
    if classical.len() == 32 { Ok((post_quantum, classical)) } else { Err(invalid_share()) }
}

fn combine(post_quantum: &[u8], classical: &[u8]) -> SharedSecret {
    let secret = Zeroizing::new([post_quantum, classical].concat());
    SharedSecret::from(secret.as_slice())
}

fn invalid_share() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare)
}
