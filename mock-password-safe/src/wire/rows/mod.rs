//! The objects of the API, member by member in the order in which they travel.

pub(crate) mod account;
pub(crate) mod auth;
pub(crate) mod directory;
pub(crate) mod request;
pub(crate) mod secrets_safe;
pub(crate) mod session;
pub(crate) mod system;

use schemars::JsonSchema;
use serde::Serialize;

/// A page: the whole count and the rows of this page.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub(crate) struct Page<T> {
    #[serde(rename = "TotalCount")]
    pub(crate) total_count: usize,
    #[serde(rename = "Data")]
    pub(crate) data: Vec<T>,
}
