//! Which prefix means which namespace where the reader stands. Names are those of the document, so
//! nothing is copied; what a namespace is called is asked once, where it is declared.

use quick_xml::name::{Prefix, PrefixDeclaration};

use super::{SOAP11, SOAP12, Space, VAULT, XSI};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Most declarations that count at one place; a prefix is looked for among all.
const BINDINGS_MAX: usize = 128;

/// The declarations of the elements that are open.
#[derive(Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<Binding<'a>>,
}

struct Binding<'a> {
    /// Empty for the namespace of names without one.
    prefix: &'a str,
    space: Space,
    /// How many elements were open around the one that declares it.
    depth: usize,
}

/// A declaration that the rules of namespaces forbid, or one too many.
#[derive(Debug)]
pub(super) struct BadDeclaration;

impl<'a> Scope<'a> {
    /// Declares `prefix`, or what names without one mean, for an element that has `depth` others
    /// around it, and for what is inside.
    pub(super) fn declare(
        &mut self,
        prefix: PrefixDeclaration<'a>,
        namespace: &str,
        depth: usize,
    ) -> Result<(), BadDeclaration> {
        let prefix = match prefix {
            PrefixDeclaration::Default => "",
            PrefixDeclaration::Named("xml") if namespace == XML => return Ok(()),
            PrefixDeclaration::Named("xml" | "xmlns") => return Err(BadDeclaration),
            PrefixDeclaration::Named(_) if matches!(namespace, XML | XMLNS) => {
                return Err(BadDeclaration);
            }
            PrefixDeclaration::Named(prefix) => prefix,
        };
        if self.bindings.len() == BINDINGS_MAX {
            return Err(BadDeclaration);
        }
        let space = match namespace {
            VAULT => Space::Vault,
            SOAP11 => Space::Soap11,
            SOAP12 => Space::Soap12,
            XSI => Space::Instance,
            "" => Space::None,
            _ => Space::Foreign,
        };
        self.bindings.push(Binding {
            prefix,
            space,
            depth,
        });
        Ok(())
    }

    /// Ends what an element declared that has `depth` others around it.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.bindings.pop_if(|last| last.depth >= depth).is_some() {}
    }

    /// The namespace of an element with this prefix, unless it is not declared or not any more.
    pub(super) fn of_element(&self, prefix: Option<Prefix<'_>>) -> Option<Space> {
        match prefix {
            Some(prefix) => self.of(prefix),
            None => Some(self.last("").unwrap_or(Space::None)),
        }
    }

    /// The namespace of `prefix`, unless it is not declared or not any more.
    pub(super) fn of(&self, prefix: Prefix<'_>) -> Option<Space> {
        match prefix.into_inner() {
            "" => None,
            "xml" | "xmlns" => Some(Space::Foreign),
            prefix => self.last(prefix).filter(|space| *space != Space::None),
        }
    }

    fn last(&self, prefix: &str) -> Option<Space> {
        let mut bindings = self.bindings.iter().rev();
        let binding = bindings.find(|binding| binding.prefix == prefix)?;
        Some(binding.space)
    }
}
