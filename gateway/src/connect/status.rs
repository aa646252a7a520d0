//! What is known about the node: for probes, for programs, for people.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use sealroom_attestation::seal::KemKind;
use sealroom_verifier::{Verdict, report::VerdictReport};
use serde::Serialize;

use super::{Endpoint, page};
use crate::session::{Session, SessionError};

/// The version of the JSON form. It changes when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// The page runs nothing, loads nothing and can be framed by nobody.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Counters for Prometheus.
pub(super) async fn metrics(State(endpoint): State<Arc<Endpoint>>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = endpoint.meter.text(endpoint.keeper.current().is_some());
    ([(header::CONTENT_TYPE, TYPE)], text).into_response()
}

/// What is known now: the open session, or why there is none.
pub(super) struct Known {
    pub(super) node: String,
    session: Option<Session>,
    error: Option<Arc<SessionError>>,
}

impl Known {
    fn now(endpoint: &Endpoint) -> Self {
        let keeper = &endpoint.keeper;
        let (session, error) = (keeper.current(), keeper.last_error());
        Self { node: keeper.target().to_string(), session, error }
    }

    /// One word for the state.
    pub(super) fn state(&self) -> &'static str {
        match (&self.session, &self.error) {
            (Some(_), _) => "verified",
            (None, None) => "opening",
            (None, Some(error)) => {
                error.verdict().map_or("unreachable", |verdict| verdict.decision.name())
            }
        }
    }

    /// The verdict on the open session, or on the last evidence that was not accepted.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.session {
            Some(session) => Some(session.accepted().verdict()),
            None => self.error.as_ref()?.verdict(),
        }
    }

    pub(super) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Why the last attempt failed. Beside an open session it is about its renewal.
    pub(super) fn error(&self) -> Option<&SessionError> {
        self.error.as_deref()
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    state: &'static str,
    simulated: bool,
    node: &'a str,
    session: Option<SessionReport>,
    error: Option<ErrorReport>,
    verdict: Option<VerdictReport<'a>>,
}

#[derive(Serialize)]
struct SessionReport {
    boot_id: String,
    model: String,
    key: &'static str,
    ends_in_seconds: u64,
}

#[derive(Serialize)]
struct ErrorReport {
    check: &'static str,
    message: String,
    fix: &'static str,
}

impl<'a> From<&'a Known> for Report<'a> {
    fn from(known: &'a Known) -> Self {
        let verdict = known.verdict();
        Self {
            schema: SCHEMA,
            state: known.state(),
            simulated: verdict.is_some_and(Verdict::simulated),
            node: &known.node,
            session: known.session().map(SessionReport::from),
            error: known.error().map(ErrorReport::from),
            verdict: verdict.map(VerdictReport::from),
        }
    }
}

impl From<&Session> for SessionReport {
    fn from(session: &Session) -> Self {
        Self {
            boot_id: session.boot_id().to_string(),
            model: session.accepted().claims().manifest.name.clone(),
            key: key_name(session),
            ends_in_seconds: session.remaining().as_secs(),
        }
    }
}

impl From<&SessionError> for ErrorReport {
    fn from(error: &SessionError) -> Self {
        let check = error.reason();
        Self { check: check.id, message: error.to_string(), fix: check.fix }
    }
}

/// The kind of key that prompts are sealed to.
pub(super) fn key_name(session: &Session) -> &'static str {
    match session.key().kind() {
        KemKind::XWing => "X-Wing",
        KemKind::X25519 => "X25519",
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    simulated: bool,
    boot_id: Option<String>,
    check: Option<&'static str>,
}

/// 200 while a verified session exists or can be opened now, else 503 with the failed check.
pub(super) async fn health(State(endpoint): State<Arc<Endpoint>>) -> Response {
    let (code, health) = match endpoint.keeper.session().await {
        Ok(session) => {
            let boot_id = Some(session.boot_id().to_string());
            let simulated = session.accepted().verdict().simulated();
            (StatusCode::OK, Health { status: "ok", simulated, boot_id, check: None })
        }
        Err(error) => {
            let check = Some(error.check());
            let simulated = error.verdict().is_some_and(Verdict::simulated);
            let health = Health { status: "no session", simulated, boot_id: None, check };
            (StatusCode::SERVICE_UNAVAILABLE, health)
        }
    };
    (code, Json(health)).into_response()
}

pub(super) async fn status(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.starts_with("application/json")) {
        return status_json(State(endpoint)).await;
    }
    let mut response = Html(page::render(&Known::now(&endpoint))).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(CONTENT_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(super) async fn status_json(State(endpoint): State<Arc<Endpoint>>) -> Response {
    Json(Report::from(&Known::now(&endpoint))).into_response()
}

/// Where to go from here.
pub(super) async fn pointer(State(endpoint): State<Arc<Endpoint>>) -> String {
    let known = Known::now(&endpoint);
    let simulated =
        if known.verdict().is_some_and(Verdict::simulated) { "SIMULATED\n" } else { "" };
    format!(
        "{simulated}Sealroom: an OpenAI-compatible endpoint in front of a verified node ({}).\n\
         Base URL: /v1   Verdict: /status   Probe: /health\n",
        known.state()
    )
}
