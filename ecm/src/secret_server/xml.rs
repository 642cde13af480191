//! A bounded, namespace-aware reader from bytes to a small tree. A vault's answer is hostile until
//! it has passed here: depth, size and number of elements have limits, document type definitions
//! are refused, and text is zeroed on drop.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;
use zeroize::Zeroizing;

use crate::secret::Secret;

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
    None,
    Foreign,
}

/// One element.
pub(super) struct Element {
    pub(super) space: Space,
    pub(super) name: String,
    /// Marked `xsi:nil`.
    pub(super) nil: bool,
    /// All character data directly inside, as it stands.
    pub(super) text: Zeroizing<String>,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child `name` in the service's namespace. Others are ignored, as the vendor's own
    /// reader does (documented soap:§1.5).
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name))
    }

    /// Every child `name` in the service's namespace.
    pub(super) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.is(name))
    }

    fn is(&self, name: &str) -> bool {
        self.space == Space::Vault && self.name == name
    }

    /// Takes `secret` out of all texts of this element and what is inside.
    pub(super) fn conceal(&mut self, secret: &Secret) {
        self.text = Zeroizing::new(secret.concealed_in(&self.text));
        for child in &mut self.children {
            child.conceal(secret);
        }
    }

    /// The text of the child `name`, unless it is missing or nil.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .filter(|child| !child.nil)
            .map(|child| child.text.as_str())
    }
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

/// Reads a whole document and gives its root.
pub(super) fn read(bytes: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = NsReader::from_str(text);
    let mut tree = Tree::default();
    loop {
        let position = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|_| XmlError::NotWellFormed(position))?;
        match event {
            Event::Start(start) => tree.open(element(&start, reader.resolver())?)?,
            Event::Empty(start) => {
                tree.open(element(&start, reader.resolver())?)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => tree.character(resolve(&reference)?)?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooMany);
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(XmlError::NotOneRoot);
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::NotOneRoot)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<(), XmlError> {
        self.text(character.encode_utf8(&mut [0; 4]))
    }

    fn finish(self) -> Result<Element, XmlError> {
        if !self.open.is_empty() {
            return Err(XmlError::Unfinished);
        }
        self.root.ok_or(XmlError::NotOneRoot)
    }
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Element, XmlError> {
    let (space, name) = resolver.resolve_element(start.name());
    let space = match space {
        ResolveResult::Bound(Namespace(VAULT)) => Space::Vault,
        ResolveResult::Bound(Namespace(SOAP11)) => Space::Soap11,
        ResolveResult::Bound(Namespace(SOAP12)) => Space::Soap12,
        ResolveResult::Bound(_) => Space::Foreign,
        ResolveResult::Unbound => Space::None,
        ResolveResult::Unknown(_) => return Err(XmlError::UnknownPrefix),
    };
    let mut nil = false;
    for (number, attribute) in start.attributes().enumerate() {
        if number == ATTRIBUTES_MAX {
            return Err(XmlError::TooMany);
        }
        let attribute = attribute.map_err(|_| XmlError::NotWellFormed(0))?;
        let (space, name) = resolver.resolve_attribute(attribute.key);
        if space == ResolveResult::Bound(Namespace(XSI)) && name.as_ref() == "nil" {
            nil = matches!(attribute.value.trim(), "true" | "1");
        }
    }
    Ok(Element {
        space,
        name: name.as_ref().to_owned(),
        nil,
        text: Zeroizing::default(),
        children: Vec::new(),
    })
}

/// The five entities of XML and character references; `a&amp;b` arrives as three events.
fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|_| XmlError::UnknownEntity)?
    {
        return Ok(character);
    }
    match reference.xml10_content().as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(XmlError::UnknownEntity),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(text: &str) -> XmlError {
        read(text.as_bytes()).err().unwrap()
    }

    #[test]
    fn text_is_put_together_from_all_its_pieces() {
        let text =
            "<a xmlns='urn:thesecretserver.com'><b> p&amp;w&lt;&#x41;<![CDATA[&x]]> </b></a>";
        assert_eq!(
            read(text.as_bytes()).unwrap().text_of("b"),
            Some(" p&w<A&x ")
        );
    }

    #[test]
    fn prefixes_are_free_and_namespaces_decide() {
        let text = "<q:a xmlns:q='urn:thesecretserver.com'><b>no</b><q:b>yes</q:b></q:a>";
        let root = read(text.as_bytes()).unwrap();
        assert_eq!((root.space, root.text_of("b")), (Space::Vault, Some("yes")));
    }

    #[test]
    fn nil_is_no_text() {
        let text = "<a xmlns='urn:thesecretserver.com' \
                    xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\
                    <b i:nil='true'/><c nil='true'/></a>";
        let root = read(text.as_bytes()).unwrap();
        assert_eq!((root.text_of("b"), root.text_of("c")), (None, Some("")));
    }

    #[test]
    fn hostile_documents_are_refused() {
        assert_eq!(
            fault("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"),
            XmlError::DocumentType
        );
        assert_eq!(fault("<a>&x;</a>"), XmlError::UnknownEntity);
        assert_eq!(fault("<a/><b/>"), XmlError::NotOneRoot);
        assert_eq!(fault("<a/>text"), XmlError::NotOneRoot);
        assert_eq!(fault(""), XmlError::NotOneRoot);
        assert_eq!(fault("<a><b>"), XmlError::Unfinished);
        assert_eq!(fault("<q:a/>"), XmlError::UnknownPrefix);
        assert_eq!(fault(&"<a>".repeat(DEPTH_MAX + 1)), XmlError::TooDeep);
        assert_eq!(
            fault(&format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX))),
            XmlError::TooMany
        );
        let attributes: String = (0..=ATTRIBUTES_MAX).map(|n| format!(" x{n}=''")).collect();
        assert_eq!(fault(&format!("<a{attributes}/>")), XmlError::TooMany);
        assert!(matches!(fault("<a></b>"), XmlError::NotWellFormed(_)));
        assert_eq!(read(b"<a>\xff</a>").err(), Some(XmlError::NotUtf8));
    }
}
