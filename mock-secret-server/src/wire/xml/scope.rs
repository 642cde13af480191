//! The namespace declarations in scope.

use std::borrow::Cow;

use super::Namespace;
use crate::schema::TARGET_NAMESPACE;
use crate::wire::{SOAP11, SOAP12, XSI};

/// Declarations in scope at one place. A prefix is looked up among them one by one, so this bounds
/// the time that a hostile document takes.
pub(super) const NAMESPACES_MAX: usize = 1_024;
/// The namespace of the prefix `xml`, which nothing else may be bound to.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`, which nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

impl Namespace {
    fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            TARGET_NAMESPACE => Self::Target,
            SOAP11 => Self::Soap11,
            SOAP12 => Self::Soap12,
            XSI => Self::Xsi,
            _ => Self::Other,
        }
    }
}

/// Declarations, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope<'i> {
    declared: Vec<Declaration<'i>>,
}

#[derive(Debug)]
struct Declaration<'i> {
    /// Empty for the default namespace.
    prefix: &'i str,
    uri: Cow<'i, str>,
    namespace: Namespace,
    /// Depth of the element that declares it.
    depth: usize,
}

impl<'i> Scope<'i> {
    /// Declares `prefix`, empty for the default namespace, from the element at `depth` inwards.
    /// False when that may not be.
    pub(super) fn declare(&mut self, prefix: &'i str, uri: Cow<'i, str>, depth: usize) -> bool {
        if prefix == "xml" || uri == XML {
            return prefix == "xml" && uri == XML;
        }
        let may_be = prefix != "xmlns"
            && uri != XMLNS
            && (prefix.is_empty() || !uri.is_empty())
            && self.declared.len() < NAMESPACES_MAX;
        if may_be {
            let namespace = Namespace::of(&uri);
            self.declared.push(Declaration {
                prefix,
                uri,
                namespace,
                depth,
            });
        }
        may_be
    }

    /// Forgets what elements below `depth` declared.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|last| last.depth > depth) {
            self.declared.pop();
        }
    }

    /// The namespace of an element; `None` when its prefix is not declared.
    pub(super) fn of_element(&self, prefix: &str) -> Option<Namespace> {
        match self.find(prefix) {
            Some(declaration) => Some(declaration.namespace),
            None if prefix.is_empty() => Some(Namespace::None),
            None => (prefix == "xml").then_some(Namespace::Other),
        }
    }

    /// The namespace of an attribute, which the default namespace is not for.
    pub(super) fn of_attribute(&self, prefix: &str) -> Option<Namespace> {
        if prefix.is_empty() {
            return Some(Namespace::None);
        }
        self.of_element(prefix)
    }

    /// The namespace of an attribute as written; `None` when its prefix is not declared.
    pub(super) fn uri_of_attribute(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "" => Some(""),
            "xml" => Some(XML),
            "xmlns" => Some(XMLNS),
            _ => self.find(prefix).map(|declaration| &*declaration.uri),
        }
    }

    /// The namespace of an element as written.
    pub(super) fn uri_of_element(&self, prefix: &str) -> &str {
        self.find(prefix).map_or("", |declaration| &declaration.uri)
    }

    fn find(&self, prefix: &str) -> Option<&Declaration<'i>> {
        let mut inwards = self.declared.iter().rev();
        inwards.find(|declaration| declaration.prefix == prefix)
    }
}
