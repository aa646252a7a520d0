//! sealroom-enclave
