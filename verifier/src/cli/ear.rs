//! `check --ear`: the verdict as a signed attestation result.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealroom_attestation::digests::Nonce;

use super::{
    files::{is_stdout, signing_key, write_output},
    values,
};
use crate::{
    ear::{Binding, issue},
    verdict::Verdict,
};

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Also write an attestation result (EAR, a JWT), signed with the key of --ear-key; `-` is standard output, instead of
    /// the text.
    #[arg(long, value_name = "FILE", requires = "ear_key")]
    ear: Option<PathBuf>,
    /// The key that signs it: Ed25519 in PKCS #8, DER or PEM.
    #[arg(long, value_name = "FILE", requires = "ear")]
    ear_key: Option<PathBuf>,
    /// The nonce of whoever asked for it, 64 hexadecimal digits. That of --nonce when it is not given.
    #[arg(long, value_name = "HEX", value_parser = values::nonce, requires = "ear")]
    ear_nonce: Option<Nonce>,
    /// Whom it is for.
    #[arg(long, value_name = "NAME", requires = "ear")]
    ear_audience: Option<String>,
    /// How long it counts from the time of the judgement.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "ear")]
    ear_lifetime: u64,
}

/// A result that can be signed: everything that a user may have got wrong was looked at before the judgement.
pub(super) struct Signer<'a> {
    arguments: &'a Arguments,
    path: &'a Path,
    key: Ed25519KeyPair,
    nonce: Nonce,
}

impl Arguments {
    /// True where standard output is taken.
    pub(super) fn to_stdout(&self) -> bool {
        self.ear.as_deref().is_some_and(is_stdout)
    }

    /// Reads the key, where a result is asked for.
    pub(super) fn signer(&self, nonce: Option<Nonce>) -> Result<Option<Signer<'_>>> {
        let (Some(path), Some(key)) = (&self.ear, &self.ear_key) else { return Ok(None) };
        let Some(nonce) = self.ear_nonce.or(nonce) else {
            bail!("an attestation result answers a nonce: give --ear-nonce or --nonce");
        };
        Ok(Some(Signer { arguments: self, path, key: signing_key(key)?, nonce }))
    }
}

impl Signer<'_> {
    /// Signs and writes one result.
    pub(super) fn write(&self, verdict: &Verdict, policy: Option<[u8; 32]>) -> Result<()> {
        let audience = self.arguments.ear_audience.as_deref();
        let binding = Binding { nonce: self.nonce, audience, policy };
        let mut public_key = [0; 32];
        public_key.copy_from_slice(self.key.public_key().as_ref());
        let sign = |bytes: &[u8]| {
            let mut signature = [0; 64];
            signature.copy_from_slice(self.key.sign(bytes).as_ref());
            signature
        };
        let token = issue(verdict, &binding, self.arguments.ear_lifetime, &public_key, sign);
        write_output(self.path, token.as_bytes())
    }
}
