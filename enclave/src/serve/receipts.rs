//! Receipts for a relay whose connection broke: the peer that gave a nonce fetches what it pays for.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::{Connection, problem};
use crate::node::State;
use crate::receipts::Place;

/// `application/cose` carries an untagged COSE_Sign1 too: RFC 9052 §11.3.
const MEDIA_TYPE: &str = "application/cose; cose-type=\"cose-sign1\"";

/// One receipt by its billing nonce.
pub(super) async fn fetch(
    Shared(state): Shared<Arc<State>>,
    Extension(connection): Extension<Connection>,
    Path(nonce): Path<String>,
) -> Response {
    let place = super::ohttp::decode_base64(nonce.as_bytes())
        .map(|nonce| Place { peer: connection.peer(), nonce });
    let now = state.clock().monotonic();
    match place.and_then(|place| state.receipts().find(&place, now)) {
        Some(receipt) => problem::bytes(MEDIA_TYPE, receipt.to_vec()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
