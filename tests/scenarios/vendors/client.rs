//! The plainest HTTP client there is: one request for each connection, and every byte of what comes back.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
};

/// As much as is read of what has no end.
const ENOUGH: u64 = 4 * 1024 * 1024;

/// What came back.
pub(super) struct Reply {
    pub(super) raw: Vec<u8>,
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }

    pub(super) fn headers(&self) -> usize {
        self.headers.len()
    }

    /// A chain of certificates in a header.
    pub(super) fn chain(&self, name: &str) -> Vec<u8> {
        let text = self.header(name).expect("an issuer chain");
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, others @ ..] = rest {
            let (byte, left) = match rest {
                [b'%', high, low, left @ ..] => {
                    let digits = [*high, *low];
                    (hex::decode(digits).expect("two digits")[0], left)
                }
                _ => (*first, others),
            };
            bytes.push(byte);
            rest = left;
        }
        bytes
    }
}

pub(super) fn get(service: &str, target: &str) -> Reply {
    get_if(service, target, &[])
}

pub(super) fn get_if(service: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
    let raw = send(service, "GET", target, headers, &[]).expect("an answer");
    decode(raw).expect("HTTP")
}

pub(super) fn post(service: &str, media: &str, body: &[u8]) -> Reply {
    let raw = send(service, "POST", "/", &[("Content-Type", media)], body).expect("an answer");
    decode(raw).expect("HTTP")
}

/// Sends a request and reads until the end, or enough.
pub(super) fn send(
    service: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Vec<u8>> {
    let host = service.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(host)?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut raw = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut raw)?;
    Ok(raw)
}

/// The parts of an answer; the body is whatever came after the headers.
pub(super) fn decode(raw: Vec<u8>) -> Option<Reply> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    });
    Some(Reply { status, headers: headers.collect(), body: raw[end + 4..].to_vec(), raw })
}
