//! One verified connection: dial, challenge, judge, and only then seal.
//!
//! [`Session`] is the proof that a node was accepted on one connection, and the only thing that seals.
//! There is no pool, no transparent reconnect, no redirect and no proxy: a new socket is a new session,
//! with evidence of its own. See the wire specification, sections 6 to 8.

mod answer;
mod error;
mod lifetime;
mod outer;
mod party;
mod receipt;
mod release;
mod request;
mod sources;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use sealroom_attestation::{
    digests::BootId,
    endpoints::{Proof, deadline},
    node::Freshness,
    seal::KeyConfig,
};
use sealroom_verifier::{Accepted, contact::Contact};

pub use answer::Answer;
pub use error::{ExchangeError, SessionError};
pub use outer::RawAnswer;
pub use party::RelyingParty;
pub use request::{InnerRequest, RequestId, SealedRequest};
pub use sealroom_verifier::contact::{Target, TargetError};
pub use sources::Sources;

use crate::clock::Moment;
use lifetime::Lifetime;

/// A node that was verified and accepted on one connection. Clones share the connection.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    contact: Arc<Contact>,
    party: RelyingParty,
    accepted: Accepted,
    key: KeyConfig,
    nonce_sent: Moment,
    lifetime: Lifetime,
}

impl Session {
    /// Dials, challenges and judges. Hardware freshness is asked for at the first contact with a boot and
    /// every 600 seconds; in between, a further connection may be opened on key freshness.
    ///
    /// # Errors
    /// [`SessionError`] for everything but an accepted verdict.
    pub async fn open(target: &Target, party: &RelyingParty) -> Result<Self, SessionError> {
        let contact = Arc::new(Contact::dial(target).await?);
        if party.may_know_the_node() {
            let session = Self::verify(&contact, party, Proof::Key).await?;
            if let Some(session) = session {
                return Ok(session);
            }
        }
        Self::hardware(&contact, party).await
    }

    /// A new session under a new nonce on the same connection. This one stays as it is.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn renew(&self) -> Result<Self, SessionError> {
        Self::hardware(&self.inner.contact, &self.inner.party).await
    }

    async fn hardware(contact: &Arc<Contact>, party: &RelyingParty) -> Result<Self, SessionError> {
        let proof = party.strongest_proof();
        let session = Self::verify(contact, party, proof).await?;
        Ok(session.expect("a proof as strong as the policy asks for needs no earlier contact"))
    }

    /// One challenge and its verdict. `None` when a key-fresh node has no hardware-fresh contact to stand on.
    async fn verify(
        contact: &Arc<Contact>,
        party: &RelyingParty,
        proof: Proof,
    ) -> Result<Option<Self>, SessionError> {
        // Read before the nonce is drawn: no session counts as younger than it is.
        let sent = Moment::now(party.clock());
        let shown = contact.challenge(proof, party.random()).await?;
        let accepted = party.judge(&shown, proof).await.map_err(SessionError::Refused)?;
        let boot_id = accepted.claims().boot_id;
        let stands_on = match accepted.claims().freshness {
            Freshness::Hardware => Some(party.remember(boot_id, sent)),
            Freshness::Cached | Freshness::Key => party.stands_on(boot_id, sent),
        };
        let Some(stands_on) = stands_on else { return Ok(None) };
        let key = KeyConfig::select(&accepted.claims().kem_keys, party.allowed())?;
        let lifetime = Lifetime::new(sent, stands_on, accepted.valid_until());
        let (contact, party) = (contact.clone(), party.clone());
        let inner = Inner { contact, party, accepted, key, nonce_sent: sent, lifetime };
        Ok(Some(Self { inner: Arc::new(inner) }))
    }

    /// What was proven, and how.
    #[must_use]
    pub fn accepted(&self) -> &Accepted {
        &self.inner.accepted
    }

    /// The node's name for this boot.
    #[must_use]
    pub fn boot_id(&self) -> BootId {
        self.inner.accepted.claims().boot_id
    }

    /// The attested key that requests are sealed to.
    #[must_use]
    pub fn key(&self) -> &KeyConfig {
        &self.inner.key
    }

    /// Whether new requests may be sealed: in time, and the connection is there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_closed() && self.inner.lifetime.is_open(self.now())
    }

    /// Time left for new requests; zero once it is over.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.inner.lifetime.remaining(self.now())
    }

    /// Whether the connection ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.contact.is_closed()
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) {
        self.inner.contact.closed().await;
    }

    /// Whether both are the same verdict on the same connection.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Seals a request to this session's attested key.
    ///
    /// # Errors
    /// [`ExchangeError::Expired`] when the session is over; [`ExchangeError::Request`] and
    /// [`ExchangeError::Encode`] when the request cannot be sealed.
    pub fn seal(&self, request: &InnerRequest) -> Result<SealedRequest, ExchangeError> {
        self.seal_to(&self.inner.key, request)
    }

    /// Seals a request to a key of the caller's choice, who answers for that key: a node that was accepted
    /// here holds it, or held it.
    ///
    /// # Errors
    /// As [`Session::seal`].
    pub fn seal_to(
        &self,
        key: &KeyConfig,
        request: &InnerRequest,
    ) -> Result<SealedRequest, ExchangeError> {
        if !self.inner.lifetime.is_open(self.now()) {
            return Err(ExchangeError::Expired);
        }
        request.seal(key, self.inner.party.random())
    }

    /// Sends a sealed request on this connection and reads the answer up to its status. Never tries again.
    ///
    /// # Errors
    /// [`ExchangeError`]. Dropping the future or the answer cancels the request at the node.
    pub async fn send(&self, sealed: SealedRequest) -> Result<Answer, ExchangeError> {
        self.attempt(sealed).await.map_err(|failed| failed.error)
    }

    /// Sends bytes as an encapsulated request, for those who test a node: a replay, a forgery.
    ///
    /// # Errors
    /// [`ExchangeError::Problem`] names what the node says; a sealed answer comes back unopened.
    pub async fn send_raw(&self, encapsulated: Bytes) -> Result<RawAnswer, ExchangeError> {
        let response = outer::post(&self.inner.contact, encapsulated).await?;
        RawAnswer::read(response).await
    }

    /// Seals, sends, and follows the client's rules: on a key that the node no longer has it re-attests once
    /// on the same connection, seals anew and tries once more. `self` is then the renewed session.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn exchange(&mut self, request: &InnerRequest) -> Result<Answer, ExchangeError> {
        match self.try_once(request).await {
            Err(failed) if failed.key_is_stale => {
                *self = self.renew().await?;
                self.try_once(request).await.map_err(|failed| failed.error)
            }
            result => result.map_err(|failed| failed.error),
        }
    }

    /// One sealing and one sending, and whether the failure says that the key is stale.
    pub(crate) async fn try_once(&self, request: &InnerRequest) -> Result<Answer, Failed> {
        let sealed = self.seal(request).map_err(|error| Failed { error, key_is_stale: false })?;
        self.attempt(sealed).await
    }

    async fn attempt(&self, sealed: SealedRequest) -> Result<Answer, Failed> {
        Answer::begin(self.clone(), sealed).await.map_err(|failed| {
            let age = self.now().monotonic.saturating_sub(self.inner.nonce_sent.monotonic);
            let key_is_stale = failed.says_stale(age >= deadline::EPOCH);
            Failed { error: failed.error, key_is_stale }
        })
    }

    fn now(&self) -> Moment {
        Moment::now(self.inner.party.clock())
    }
}

/// A failed attempt.
pub(crate) struct Failed {
    pub(crate) error: ExchangeError,
    /// Re-attest once, seal anew, try once more: the wire specification, section 7.
    pub(crate) key_is_stale: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("boot_id", &self.boot_id()).finish_non_exhaustive()
    }
}
