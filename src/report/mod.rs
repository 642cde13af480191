//! Renderers of a [`crate::outcome::RunResult`] and of a journey's hops. Each is a pure function
//! from the value to text, so that the same run always reads the same.

pub mod json;
pub mod junit;
pub mod terminal;
