//! sealroom-tests
