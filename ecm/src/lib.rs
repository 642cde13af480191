//! ecm
