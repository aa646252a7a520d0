//! Readiness, as a load balancer asks for it.

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;

use super::problem::NO_STORE;
use crate::node::State;

/// 200 or 503, and nothing else.
pub(super) async fn health(Shared(state): Shared<Arc<State>>) -> Response {
    let ready = state.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, NO_STORE)]).into_response()
}
