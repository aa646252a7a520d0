//! Evidence over HTTP: cached for everybody, bound to one session for whoever brings a nonce.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use sealroom_attestation::cbor::Item;
use sealroom_attestation::endpoints::{
    CHALLENGE_TYPE, Challenge, ChannelKind, Problem, Proof, deadline,
};
use sealroom_attestation::evidence::MEDIA_TYPE;
use tokio::time::timeout;

use super::problem::{self, Refused};
use super::{Connection, Deadlines};
use crate::evidence::Asked;
use crate::node::State;

/// Evidence without a binder: for lists and audits, never for a session.
pub(super) async fn cached(Shared(state): Shared<Arc<State>>) -> Result<Response, Refused> {
    if !state.is_ready() {
        return Err(Problem::NotReady.into());
    }
    Ok(problem::bytes(MEDIA_TYPE, state.cached_bundle().to_vec()))
}

/// Evidence bound to the session that asks.
pub(super) async fn challenge(
    Shared(state): Shared<Arc<State>>,
    Extension(connection): Extension<Connection>,
    Extension(deadlines): Extension<Deadlines>,
    request: Request,
) -> Result<Response, Refused> {
    let challenge = timeout(deadlines.body, decode(request)).await;
    let challenge = challenge.map_err(|_| Problem::BadFrame)??;
    if !state.is_ready() {
        return Err(Problem::NotReady.into());
    }
    let asked = asked(&challenge, &connection)?;
    let bundle = match challenge.proof {
        Proof::Key => within(deadline::EVIDENCE_KEY, key(&state, asked)).await?,
        Proof::Hardware => {
            within(deadline::EVIDENCE_HARDWARE, hardware(&state, &connection, asked)).await?
        }
    };
    Ok(problem::bytes(MEDIA_TYPE, bundle))
}

async fn decode(request: Request) -> Result<Challenge, Refused> {
    let named = request.headers().get(CONTENT_TYPE).is_some_and(|name| name == CHALLENGE_TYPE);
    if !named {
        return Err(Problem::BadFrame.into());
    }
    let body = Limited::new(request.into_body(), Challenge::LIMIT).collect().await;
    let body = body.map_err(|_| Problem::TooLarge)?.to_bytes();
    Ok(Challenge::decode(&body).map_err(|_| Problem::BadFrame)?)
}

/// The binding comes from the connection on which the request arrived, never from what it says; a
/// connection that cannot be bound gets no evidence at all, for the other channel neither.
fn asked(challenge: &Challenge, connection: &Connection) -> Result<Asked, Refused> {
    let exporter = connection.exporter(&challenge.nonce).ok_or(Problem::NotReady)?;
    let kind: ChannelKind = challenge.channel;
    Ok(Asked { nonce: challenge.nonce, kind, exporter })
}

async fn key(state: &State, asked: Asked) -> Result<Vec<u8>, Refused> {
    Ok(state.evidence().live(&asked, state.keys()))
}

async fn hardware(
    state: &State,
    connection: &Connection,
    asked: Asked,
) -> Result<Vec<u8>, Refused> {
    let waiting = &state.evidence().waiting;
    let mut ticket = waiting.join(connection.peer(), asked).map_err(|_| Problem::NotReady)?;
    let (batch, index) = ticket.answer().await.ok_or(Problem::NotReady)?;
    Ok(state.evidence().bundle_of(&batch, index))
}

async fn within(
    limit: Duration,
    bundle: impl Future<Output = Result<Vec<u8>, Refused>>,
) -> Result<Vec<u8>, Refused> {
    timeout(limit, bundle).await.map_err(|_| Problem::NotReady)?
}
