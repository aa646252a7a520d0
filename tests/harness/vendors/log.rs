//! What was asked of the services.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    Service,
    http::{Call, find},
};

/// One request that reached a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which service.
    pub service: Service,
    /// As `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// All of them, names in small letters.
    pub headers: Vec<(String, String)>,
    /// What was posted.
    pub body: Vec<u8>,
    /// When it had arrived.
    pub at: Instant,
    /// The status of the answer; none where the connection is closed without one.
    pub status: Option<u16>,
}

impl Request {
    pub(super) fn new(service: Service, call: &Call, status: Option<u16>) -> Self {
        let Call { method, target, headers, body } = call.clone();
        Self { service, method, target, headers, body, at: Instant::now(), status }
    }

    /// The value of a header whose name is in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// Every request since the start, or since somebody asked to forget.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Request>>);

impl Log {
    pub(super) fn record(&self, request: Request) {
        self.lines().push(request);
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Vec<Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
