//! The log behind the RTMRs: TCG's crypto-agile event log as firmware leaves it for a trust domain (CCEL; UEFI 2.10
//! §38.4, TCG PC Client Platform Firmware Profile §10). It is read after the quote was verified, in one pass whose
//! work and memory are bounded by its length.

use ring::digest::{Context, SHA384};

use crate::reader::{ReadError, Reader};

use super::body::{Measurement, TdReport};

/// The longest log that is read.
pub const LONGEST_LOG: usize = 256 * 1024;
/// TPM_ALG_SHA384, the one hash of RTMRs.
const SHA384_ID: u16 = 0x0c;
/// An event that is not measured.
const NO_ACTION: u32 = 3;
const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";

/// Why a log does not stand behind a quote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// Longer than anything that is read.
    #[error("an event log of {found} bytes is longer than the {LONGEST_LOG} that are read")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// An event is cut off.
    #[error("event log: {0}")]
    Read(#[from] ReadError),
    /// The first event does not say that the log is of SHA-384 alone.
    #[error("the event log's header is not one of SHA-384 alone")]
    Header,
    /// A digest of another algorithm, or not exactly one.
    #[error("event {index} does not have exactly one digest of SHA-384")]
    Digest {
        /// Counted from 0, the header not counted.
        index: usize,
    },
    /// Not one of the four registers.
    #[error("event {index} is for register {found}: 1 to 4 expected")]
    Register {
        /// Counted from 0, the header not counted.
        index: usize,
        /// As found.
        found: u32,
    },
    /// Something other than padding follows the last event.
    #[error("something other than padding follows the last event")]
    Trailing,
    /// The events do not make the register.
    #[error("the event log does not replay to RTMR{register}")]
    Replay {
        /// 0 to 2.
        register: usize,
    },
}

/// One event whose digest is in a register that was replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which RTMR, 0 to 3.
    pub register: usize,
    /// The type, as TCG numbers them. The log says so, the register does not.
    pub kind: u32,
    /// What was extended.
    pub digest: Measurement,
    /// The event's data, where the digest is its hash; `None` where only the log vouches for it.
    pub data: Option<Vec<u8>>,
}

/// A log that stands behind a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// Events of the registers that were replayed, in order.
    pub events: Vec<Event>,
    /// True when RTMR3 replays too. Kernels extend it without writing to this log: then its events are left out, and
    /// the register is the policy's to pin.
    pub rtmr3: bool,
}

/// Replays a log against the registers of a trust domain's report.
///
/// The caller has verified the quote: nothing in a log is worth reading before.
///
/// # Errors
/// When the log is not one of SHA-384 that ends in padding, or does not replay to RTMR0, RTMR1 and RTMR2.
pub fn replay(log: &[u8], report: &TdReport) -> Result<EventLog, EventLogError> {
    if log.len() > LONGEST_LOG {
        return Err(EventLogError::TooLong { found: log.len() });
    }
    let mut reader = Reader::new(log);
    header(&mut reader)?;
    let mut events = Vec::new();
    let mut registers = [[0; 48]; 4];
    for index in 0_usize.. {
        if is_padding(&reader)? {
            break;
        }
        let Some(event) = event(&mut reader, index)? else { continue };
        if let Some(register) = registers.get_mut(event.register) {
            *register = sha384(&[&register[..], &event.digest.0]);
        }
        events.push(event);
    }
    let pairs = registers.iter().zip(&report.rtmr).enumerate();
    let mut broken = pairs.filter(|(_, (replayed, quoted))| **replayed != quoted.0);
    match broken.next().map(|(register, _)| register) {
        None => Ok(EventLog { events, rtmr3: true }),
        Some(3) => {
            events.retain(|event| event.register != 3);
            Ok(EventLog { events, rtmr3: false })
        }
        Some(register) => Err(EventLogError::Replay { register }),
    }
}

/// TCG_PCR_EVENT with a TCG_EfiSpecIdEvent that names SHA-384 alone.
fn header(reader: &mut Reader<'_>) -> Result<(), EventLogError> {
    reader.u32_le("register")?;
    let kind = reader.u32_le("event type")?;
    let digest: [u8; 20] = reader.array("digest")?;
    let length = reader.u32_le("event length")?;
    let mut body = Reader::new(sized(reader, length)?);
    let signature: [u8; 16] = body.array("signature")?;
    body.bytes("platform class, version and word size", 8)?;
    let algorithms = body.u32_le("number of algorithms")?;
    let (id, size) = (body.u16_le("algorithm")?, body.u16_le("digest size")?);
    let vendor = body.u8("length of vendor's information")?;
    body.bytes("vendor's information", usize::from(vendor))?;
    body.finish()?;
    let known = (kind, digest, &signature) == (NO_ACTION, [0; 20], SIGNATURE);
    if known && (algorithms, id, size) == (1, SHA384_ID, 48) {
        return Ok(());
    }
    Err(EventLogError::Header)
}

/// TCG_PCR_EVENT2. `None` for an event that is not measured.
fn event(reader: &mut Reader<'_>, index: usize) -> Result<Option<Event>, EventLogError> {
    let found = reader.u32_le("register")?;
    let kind = reader.u32_le("event type")?;
    let digests = reader.u32_le("number of digests")?;
    let algorithm = reader.u16_le("algorithm")?;
    if (digests, algorithm) != (1, SHA384_ID) {
        return Err(EventLogError::Digest { index });
    }
    let digest = reader.array("digest")?;
    let length = reader.u32_le("event length")?;
    let data = sized(reader, length)?;
    if kind == NO_ACTION {
        return Ok(None);
    }
    let register = found.checked_sub(1).and_then(|register| usize::try_from(register).ok());
    let register = register.filter(|register| *register < 4);
    let register = register.ok_or(EventLogError::Register { index, found })?;
    let data = (sha384(&[data]) == digest).then(|| data.to_vec());
    Ok(Some(Event { register, kind, digest: Measurement(digest), data }))
}

/// At the end, or before bytes that are all ones or all zeros. An event never begins like that: registers are counted
/// from 1, and there are four.
fn is_padding(reader: &Reader<'_>) -> Result<bool, EventLogError> {
    let mut ahead = reader.clone();
    let rest = ahead.bytes("the rest", reader.left())?;
    match rest {
        [] => Ok(true),
        [first @ (0 | 0xff), second, third, fourth, ..]
            if [first; 3] == [second, third, fourth] =>
        {
            if rest.iter().all(|byte| byte == first) {
                return Ok(true);
            }
            Err(EventLogError::Trailing)
        }
        _ => Ok(false),
    }
}

fn sized<'a>(reader: &mut Reader<'a>, length: u32) -> Result<&'a [u8], ReadError> {
    reader.bytes("event", usize::try_from(length).unwrap_or(usize::MAX))
}

fn sha384(parts: &[&[u8]]) -> [u8; 48] {
    let mut hash = Context::new(&SHA384);
    parts.iter().for_each(|part| hash.update(part));
    let mut digest = [0; 48];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests;
