//! Receipt and opening as CBOR: the wire specification, section 10.

use super::{Commitments, Finish, Opening, Receipt, Timing, Usage};
use crate::{
    cbor::{CborError, Item, Source, Writer},
    digests::{BootId, Commitment, KemConfigDigest, ManifestDigest, RequestDigest},
    time::UnixTime,
};

impl Item for Opening {
    const NAME: &'static str = "opening";
    const LIMIT: usize = 1024 * 1024;

    fn write(&self, out: &mut Writer) {
        out.map(2).number(1).bytes(&self.salt);
        out.number(2).optional_bytes(self.fingerprint.as_deref());
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(2)?;
        from.key(1)?;
        let salt = from.array_of()?;
        from.key(2)?;
        let fingerprint = from.optional(|from| Ok(from.bytes()?.to_vec()))?;
        Ok(Self { salt, fingerprint })
    }
}

impl Item for Receipt {
    const NAME: &'static str = "receipt";
    const LIMIT: usize = 2048;

    fn write(&self, out: &mut Writer) {
        let Commitments { parameters, request, answer, fingerprint } = &self.commitments;
        out.map(16).number(1).number(1).number(2).bytes(&self.boot_id.0);
        out.number(3).number(self.sequence).number(4).bytes(&self.request_id);
        out.number(5).bytes(&self.request_digest.0);
        out.number(6).optional_bytes(self.billing_nonce.as_ref().map(<[u8; 16]>::as_slice));
        out.number(7).bytes(&self.kem.0).number(8).bytes(&self.manifest.0);
        let Usage { prompt, completion, cached } = self.usage;
        out.number(9).array(3).number(prompt).number(completion).number(cached);
        let Timing { queue, first_token, total } = self.timing;
        out.number(10).array(3).number(queue).number(first_token).number(total);
        out.number(11).bytes(&parameters.0).number(12).bytes(&request.0);
        out.number(13).bytes(&answer.0);
        out.number(14).optional_bytes(fingerprint.as_ref().map(AsRef::as_ref));
        out.number(15).number(self.finish as u64).number(16).number(self.issued_at.0);
    }

    fn read(from: &mut Source<'_>) -> Result<Self, CborError> {
        from.map_of(16)?;
        from.version()?;
        let boot_id = BootId(bytes(from, 2)?);
        let sequence = number(from, 3)?;
        let request_id = bytes(from, 4)?;
        let request_digest = RequestDigest(bytes(from, 5)?);
        from.key(6)?;
        let billing_nonce = from.optional(Source::array_of)?;
        let kem = KemConfigDigest(bytes(from, 7)?);
        let manifest = ManifestDigest(bytes(from, 8)?);
        let [prompt, completion, cached] = three(from, 9)?;
        let usage = Usage { prompt, completion, cached };
        if cached > prompt {
            return Err(from.malformed("no more cached tokens than prompt tokens"));
        }
        let [queue, first_token, total] = three(from, 10)?;
        let timing = Timing { queue, first_token, total };
        let commitments = read_commitments(from)?;
        let finish = read_finish(from)?;
        let issued_at = UnixTime(number(from, 16)?);
        Ok(Self {
            boot_id,
            sequence,
            request_id,
            request_digest,
            billing_nonce,
            kem,
            manifest,
            usage,
            timing,
            commitments,
            finish,
            issued_at,
        })
    }
}

fn bytes<const N: usize>(from: &mut Source<'_>, key: u64) -> Result<[u8; N], CborError> {
    from.key(key)?;
    from.array_of()
}

fn number(from: &mut Source<'_>, key: u64) -> Result<u64, CborError> {
    from.key(key)?;
    from.number()
}

fn three(from: &mut Source<'_>, key: u64) -> Result<[u64; 3], CborError> {
    from.key(key)?;
    if from.array()? != 3 {
        return Err(from.malformed("three numbers"));
    }
    Ok([from.number()?, from.number()?, from.number()?])
}

fn read_commitments(from: &mut Source<'_>) -> Result<Commitments, CborError> {
    let parameters = Commitment(bytes(from, 11)?);
    let request = Commitment(bytes(from, 12)?);
    let answer = Commitment(bytes(from, 13)?);
    from.key(14)?;
    let fingerprint = from.optional(Source::array_of)?.map(Commitment);
    Ok(Commitments { parameters, request, answer, fingerprint })
}

fn read_finish(from: &mut Source<'_>) -> Result<Finish, CborError> {
    Ok(match number(from, 15)? {
        1 => Finish::Stop,
        2 => Finish::Length,
        3 => Finish::Tool,
        4 => Finish::Cancelled,
        5 => Finish::Error,
        finish => return Err(from.unsupported("finish", finish)),
    })
}
