//! sealroom-attestation
