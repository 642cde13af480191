//! The bytes of the REST API: lenient readers in, exact JSON out.

pub(crate) mod answer;
mod awkward;
pub(crate) mod date;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod pseudo_json;
pub(crate) mod read;
pub(crate) mod rows;
