//! mock-secret-server
