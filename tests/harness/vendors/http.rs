//! HTTP/1.1 by hand (RFC 9112): a server library would refuse to write most of what these services get wrong.

use std::io;

use sealroom_attestation::UnixTime;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head and the longest body that are read.
const LONGEST: usize = 64 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    /// Reads one request; `None` when the connection ended between two, or what came is none.
    pub(super) async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if buffer.len() > LONGEST || stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = buffer.drain(..end).collect();
        let Some(mut call) = Self::decode(&head) else { return Ok(None) };
        let length = call.header("content-length").map_or(Some(0), |text| text.parse().ok());
        let Some(length) = length.filter(|length| *length <= LONGEST) else { return Ok(None) };
        while buffer.len() < length {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        call.body = buffer.drain(..length).collect();
        Ok(Some(call))
    }

    fn decode(head: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        if first.next()? != "HTTP/1.1" || !target.starts_with('/') {
            return None;
        }
        let mut headers = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Self { method, target, headers, body: Vec::new() })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// True when the client will send no more on this connection.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// The value of a header whose name is in small letters.
pub(super) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// An answer before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, media: &str, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body }.header("Content-Type", media)
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain", text.as_bytes().to_vec())
    }

    pub(super) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Status line and headers, without the empty line; the length of the body is not said here.
    pub(super) fn head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers: String = headers.collect();
        format!("HTTP/1.1 {} {}\r\n{headers}", self.status, reason(self.status))
    }

    /// All of it.
    pub(super) fn encode(&self) -> Vec<u8> {
        // A 304 has no body, and says nothing of its length (RFC 9110 §15.4.5).
        let length = match self.status {
            304 => String::new(),
            _ => format!("Content-Length: {}\r\n", self.body.len()),
        };
        let head = format!("{}{length}\r\n", self.head());
        [head.as_bytes(), &self.body].concat()
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        _ => "Status",
    }
}

/// A date as HTTP writes it (RFC 9110 §5.6.7): `Mon, 01 Jun 2026 00:00:00 GMT`.
pub(super) fn date(time: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = time.to_string();
    let month: usize = text[5..7].parse().expect("a month has two digits");
    let weekday = DAYS[(time.0 / 86_400 % 7) as usize];
    let (year, month, day, clock) = (&text[..4], MONTHS[month - 1], &text[8..10], &text[11..19]);
    format!("{weekday}, {day} {month} {year} {clock} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_http_writes_them() {
        assert_eq!(date(UnixTime(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(UnixTime(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
