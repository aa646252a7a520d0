//! Answers on the wire, with whatever is wrong with them there.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use super::{fault::Fault, gzip, http::Answer};

/// Headers that mean nothing, before those that do.
const MANY_HEADERS: usize = 20_000;
/// As much of an endless body as is written at once.
const CHUNK: [u8; 16 * 1024] = [b' '; 16 * 1024];

/// True when the connection may go on.
type Open = bool;

/// Another answer in place of the right one, where the fault is in what is said.
pub(super) fn rewrite(fault: Option<&Fault>, answer: Answer) -> Answer {
    let Some(fault) = fault else { return answer };
    match fault {
        Fault::Status(status) | Fault::Unconditional(status) => {
            Answer::text(*status, "the service has failed")
        }
        Fault::TooManyRequests(seconds) => {
            Answer::text(429, "too many requests").header("Retry-After", seconds)
        }
        Fault::Redirect(status, to) => Answer::text(*status, "elsewhere").header("Location", to),
        Fault::Gzip => {
            let body = gzip::bomb();
            Answer { body, ..answer }.header("Content-Encoding", "gzip")
        }
        Fault::ManyHeaders => {
            let filler = (0..MANY_HEADERS).map(|one| (format!("X-Filler-{one}"), one.to_string()));
            Answer { headers: filler.chain(answer.headers).collect(), ..answer }
        }
        Fault::Garbage => Answer { body: garbage(answer.body.len().max(64)), ..answer },
        Fault::Empty => Answer { body: Vec::new(), ..answer },
        Fault::Slow(_)
        | Fault::Drip(_)
        | Fault::Refused
        | Fault::Dropped
        | Fault::Truncated
        | Fault::Stale
        | Fault::RolledBack
        | Fault::Tampered
        | Fault::OtherKey
        | Fault::OtherVendor
        | Fault::OtherResource
        | Fault::Replayed
        | Fault::Endless
        | Fault::NotHttp => answer,
    }
}

/// Bytes that are no text and no structure: the high bit is set everywhere.
fn garbage(length: usize) -> Vec<u8> {
    let byte = |place: usize| 0x80 | (place.wrapping_mul(2_654_435_761) >> 11) as u8;
    (0..length).map(byte).collect()
}

/// Writes an answer, as well as the fault lets it.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    fault: Option<&Fault>,
    answer: &Answer,
) -> io::Result<Open> {
    match fault {
        Some(Fault::Refused | Fault::Dropped) => return Ok(false),
        Some(Fault::NotHttp) => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n").await?;
            return Ok(false);
        }
        Some(Fault::Truncated) => {
            let whole = answer.encode();
            let missing = answer.body.len().div_ceil(2);
            stream.write_all(&whole[..whole.len() - missing]).await?;
            return Ok(false);
        }
        Some(Fault::Endless) => return endless(stream, answer).await,
        Some(Fault::Drip(pause)) => return drip(stream, answer, *pause).await,
        Some(Fault::Slow(pause)) => sleep(*pause).await,
        Some(
            Fault::Status(_)
            | Fault::Unconditional(_)
            | Fault::TooManyRequests(_)
            | Fault::Stale
            | Fault::RolledBack
            | Fault::Tampered
            | Fault::OtherKey
            | Fault::OtherVendor
            | Fault::OtherResource
            | Fault::Replayed
            | Fault::Redirect(..)
            | Fault::Gzip
            | Fault::ManyHeaders
            | Fault::Garbage
            | Fault::Empty,
        )
        | None => {}
    }
    stream.write_all(&answer.encode()).await?;
    Ok(true)
}

async fn drip(
    stream: &mut (impl AsyncWrite + Unpin),
    answer: &Answer,
    pause: Duration,
) -> io::Result<Open> {
    for byte in answer.encode() {
        sleep(pause).await;
        stream.write_u8(byte).await?;
        stream.flush().await?;
    }
    Ok(true)
}

/// In chunks (RFC 9112 §7.1) until the client has enough.
async fn endless(stream: &mut (impl AsyncWrite + Unpin), answer: &Answer) -> io::Result<Open> {
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", answer.head());
    stream.write_all(head.as_bytes()).await?;
    let mut chunk = &answer.body[..];
    loop {
        if !chunk.is_empty() {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
            stream.write_all(chunk).await?;
            stream.write_all(b"\r\n").await?;
        }
        chunk = &CHUNK;
    }
}
