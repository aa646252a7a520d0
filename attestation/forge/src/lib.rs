//! sealroom-forge
