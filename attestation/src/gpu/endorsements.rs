//! What NVIDIA signs about GPUs beside their certificates, as plain data, from wherever it came.

/// Reference values, revocation responses and tokens, in any order. Nothing is trusted for where it came from or how
/// it was labelled: each is known by what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endorsements {
    /// Reference integrity manifests, XML.
    pub rims: Vec<Vec<u8>>,
    /// OCSP responses, DER.
    pub ocsp: Vec<Vec<u8>>,
    /// Tokens of NVIDIA's remote attestation service.
    pub tokens: Vec<Vec<u8>>,
}

impl Endorsements {
    /// Adds another set.
    pub fn extend(&mut self, other: Self) {
        let Self { rims, ocsp, tokens } = other;
        self.rims.extend(rims);
        self.ocsp.extend(ocsp);
        self.tokens.extend(tokens);
    }
}
