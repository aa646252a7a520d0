//! sealroom-verifier
