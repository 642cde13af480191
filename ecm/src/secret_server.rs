//! The Secret Server plugin.
#![allow(dead_code)]

mod wire;
mod xml;
