//! sealroom-engine
