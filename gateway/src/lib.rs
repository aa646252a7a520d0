//! sealroom-gateway
