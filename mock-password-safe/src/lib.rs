//! mock-password-safe
