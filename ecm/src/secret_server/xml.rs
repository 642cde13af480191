//! A bounded, namespace-aware reader from bytes to a small tree. A vault's answer is hostile until
//! it has passed here: depth, size and number of elements have limits, document type definitions
//! are refused, and text that outlives the answer is zeroed on drop.
//!
//! quick-xml reads the markup. Namespaces are resolved here, since its own reader of namespaces makes
//! strings of all their names; a test holds the two against each other.

mod read;
mod scope;
mod tree;

pub(super) use self::read::read;
pub(super) use self::tree::{Element, Node};

/// Namespace of every element of the service (recorded soap:§1.2).
pub(super) const VAULT: &str = "urn:thesecretserver.com";
/// Namespace of a SOAP 1.1 envelope.
pub(super) const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of a SOAP 1.2 envelope.
pub(super) const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Deepest nesting that is read; the deepest answer of the service has eleven levels.
const DEPTH_MAX: usize = 32;
/// Most attributes of one element, where a duplicate is looked for among all; the service has none
/// but its namespaces.
const ATTRIBUTES_MAX: usize = 64;
/// Most elements that are read; one search result has seven.
const ELEMENTS_MAX: usize = 60_000;

/// The namespaces that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Vault,
    Soap11,
    Soap12,
    /// Of the attribute that marks what is nil.
    Instance,
    None,
    Foreign,
}

/// Why bytes are not a document to be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it is not well-formed XML near byte {0}")]
    NotWellFormed(u64),
    #[error("it has a document type definition")]
    DocumentType,
    #[error("it names an entity that XML does not define")]
    UnknownEntity,
    #[error("it uses a namespace prefix that is not declared")]
    UnknownPrefix,
    #[error("it nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("it has more than {ELEMENTS_MAX} elements, or {ATTRIBUTES_MAX} attributes of one")]
    TooMany,
    #[error("it ends too early")]
    Unfinished,
    #[error("it is not one XML document")]
    NotOneRoot,
}

#[cfg(test)]
pub(super) mod agreement;
#[cfg(test)]
mod tests;
