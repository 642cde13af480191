//! A strict, namespace-aware pull reader over borrowed text.
//!
//! quick-xml finds the tokens and the namespaces. What a conforming processor refuses and it lets
//! pass is refused here: a DTD, two roots, text outside the root, forbidden characters and names,
//! duplicate attributes, unbound prefixes, unknown entities. Depth is bounded.

mod attributes;
mod malformed;

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{
    Namespace as Uri, NamespaceResolver, PrefixDeclaration, QName, ResolveResult,
};

pub(crate) use self::malformed::Malformed;

use self::attributes::{Attribute, Attributes, FEW, is_declaration};
use super::characters::{
    entity, is_allowed, is_attribute_value, is_blank, is_character_data, is_ncname, local_name,
    noncharacter, unescaped,
};
use super::{SOAP11, SOAP12, XSI};
use crate::schema::TARGET_NAMESPACE;

/// Elements may nest this deep. The platform has no limit here but its memory; ours is far beyond
/// any real request, and reading is a loop, so that depth costs the open names and nothing else.
pub(crate) const DEPTH_MAX: usize = 10_000;
/// Attributes of one element. The platform has no limit here either.
const ATTRIBUTES_MAX: usize = 4_096;
/// Namespace declarations in scope at one place. Each name is looked up among them one by one, so
/// this bounds the time that a hostile document takes.
const NAMESPACES_MAX: usize = 1_024;
/// The namespace of the prefix `xml`, which nothing else may be bound to.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`, which nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// One step of the document; comments and processing instructions are passed over.
#[derive(Debug)]
pub(crate) enum Node<'i> {
    /// A start tag. An empty element is followed by its own [`Node::End`].
    Start(Element<'i>),
    /// An end tag.
    End,
    /// Character data, a CDATA section or a reference: one of possibly many pieces.
    Text(Cow<'i, str>),
    /// The end of a well-formed document.
    Eof,
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Element<'i> {
    /// Namespace, as far as it matters.
    pub(crate) namespace: Namespace,
    /// Local name.
    pub(crate) local: &'i str,
    /// Written `<a/>`.
    pub(crate) empty: bool,
    tag: BytesStart<'i>,
}

/// The namespaces that the service knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// None at all.
    None,
    /// The service's own.
    Target,
    /// SOAP 1.1 envelope.
    Soap11,
    /// SOAP 1.2 envelope.
    Soap12,
    /// XML Schema instance.
    Xsi,
    /// Any other.
    Other,
}

impl Namespace {
    fn of(resolved: &ResolveResult<'_>) -> Option<Self> {
        match resolved {
            ResolveResult::Unbound => Some(Self::None),
            ResolveResult::Unknown(_) => None,
            ResolveResult::Bound(namespace) => Some(match namespace.0 {
                TARGET_NAMESPACE => Self::Target,
                SOAP11 => Self::Soap11,
                SOAP12 => Self::Soap12,
                XSI => Self::Xsi,
                _ => Self::Other,
            }),
        }
    }
}

/// The reader.
pub(crate) struct Xml<'i> {
    reader: NsReader<&'i [u8]>,
    text: &'i str,
    /// Byte offset at which the last token starts.
    token_at: usize,
    depth: usize,
    root_seen: bool,
}

impl<'i> Xml<'i> {
    /// A reader at the start of `text`.
    pub(crate) fn new(text: &'i str) -> Result<Self, Malformed> {
        let mut reader = NsReader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let resolver = reader.resolver_mut();
        resolver.set_max_namespace_bindings(NAMESPACES_MAX);
        let xml = Self {
            reader,
            text,
            token_at: 0,
            depth: 0,
            root_seen: false,
        };
        // No early exit: so the compiler looks at many bytes at once.
        let sound = text
            .bytes()
            .fold(true, |sound, byte| sound & is_allowed(byte));
        let none = noncharacter(text);
        if sound && none.is_none() {
            return Ok(xml);
        }
        let control = text.bytes().position(|byte| !is_allowed(byte));
        Err(xml.syntax_at(control.into_iter().chain(none).min().unwrap_or(0)))
    }

    /// The next step.
    pub(crate) fn next(&mut self) -> Result<Node<'i>, Malformed> {
        loop {
            self.token_at = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.refuse(&error)),
            };
            match event {
                Event::Start(tag) => return self.start(tag).map(Node::Start),
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(Node::End);
                }
                Event::Text(text) => {
                    let text = text.xml10_content();
                    if self.depth > 0 {
                        if !is_character_data(&text) {
                            return Err(self.syntax());
                        }
                        return Ok(Node::Text(text));
                    }
                    if !is_blank(&text) {
                        let (line, column) = self.line_column(self.token_at);
                        return Err(Malformed::RootLevelData { line, column });
                    }
                }
                Event::CData(text) if self.depth > 0 => {
                    return Ok(Node::Text(text.xml10_content()));
                }
                Event::GeneralRef(name) if self.depth > 0 => {
                    let Some(text) = entity(&name) else {
                        return Err(self.syntax());
                    };
                    return Ok(Node::Text(text));
                }
                Event::Comment(_) => {}
                Event::PI(instruction) => {
                    let target = instruction.target();
                    if !is_ncname(target) || target.eq_ignore_ascii_case("xml") {
                        return Err(self.syntax());
                    }
                }
                // A declaration stands first or not at all.
                Event::Decl(_)
                    if self.token_at == 0 && is_declaration(&self.text[..self.position()]) => {}
                Event::DocType(_) => return Err(Malformed::Dtd),
                Event::Eof if self.depth > 0 => return Err(self.unexpected_end()),
                Event::Eof if !self.root_seen => return Err(Malformed::NoRoot),
                Event::Eof => return Ok(Node::Eof),
                Event::Decl(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Empty(_) => {
                    return Err(self.syntax());
                }
            }
        }
    }

    /// The next start tag or end tag; text between is passed over.
    pub(crate) fn next_tag(&mut self) -> Result<Node<'i>, Malformed> {
        loop {
            match self.next()? {
                Node::Text(_) => {}
                node => return Ok(node),
            }
        }
    }

    /// Passes over the element that just started, to its end tag.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// Reads the text of the element that just started, to its end tag. Child elements are
    /// refused, as .NET refuses them in simple content.
    pub(crate) fn text(&mut self) -> Result<Cow<'i, str>, Malformed> {
        let mut whole = Cow::Borrowed("");
        loop {
            match self.next()? {
                Node::Text(piece) if whole.is_empty() => whole = piece,
                Node::Text(piece) => whole.to_mut().push_str(&piece),
                Node::End => return Ok(whole),
                Node::Start(element) => {
                    let (line, column) = self.line_column(self.token_at + 1);
                    let element = element.local.to_owned();
                    return Err(Malformed::UnexpectedElement {
                        element,
                        line,
                        column,
                    });
                }
                Node::Eof => return Err(self.unexpected_end()),
            }
        }
    }

    /// Value of an attribute with this namespace and local name.
    pub(crate) fn attribute(
        &self,
        element: &Element<'i>,
        namespace: Namespace,
        local: &str,
    ) -> Option<String> {
        Attributes::of(element.tag.attributes_raw())
            .flatten()
            .find_map(|attribute| {
                let name = QName(attribute.name);
                let (resolved, name) = self.reader.resolver().resolve_attribute(name);
                let found = name.as_ref() == local && Namespace::of(&resolved) == Some(namespace);
                found.then(|| unescaped(attribute.value).unwrap_or_default().into_owned())
            })
    }

    /// Namespace of an element as written.
    pub(crate) fn namespace_text(&self, element: &Element<'i>) -> String {
        match self.reader.resolver().resolve_element(element.tag.name()).0 {
            ResolveResult::Bound(namespace) => namespace.0.to_owned(),
            _ => String::new(),
        }
    }

    /// Line and column of the next token's name, where .NET stands after it has read a value.
    pub(crate) fn next_name_position(&self) -> (usize, usize) {
        let rest = &self.text[self.position()..];
        let blank = rest.len() - rest.trim_start().len();
        let at = self.position() + blank;
        let marks = match &self.text.as_bytes()[at..] {
            [b'<', b'/', ..] => 2,
            [b'<', ..] => 1,
            _ => 0,
        };
        self.line_column(at + marks)
    }

    fn start(&mut self, tag: BytesStart<'i>) -> Result<Element<'i>, Malformed> {
        if self.depth == 0 && self.root_seen {
            let (line, column) = self.line_column(self.token_at);
            return Err(Malformed::RootLevelData { line, column });
        }
        self.root_seen = true;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.syntax());
        }
        // First, since a declaration among the attributes decides on the element's own name.
        if !is_blank(tag.attributes_raw()) {
            self.check_attributes(tag.attributes_raw())?;
        }
        let name_at = self.token_at + 1;
        let name = &self.text[name_at..name_at + tag.name().as_ref().len()];
        let (resolved, _) = self.reader.resolver().resolve_element(tag.name());
        let (Some(namespace), Some(local)) = (Namespace::of(&resolved), local_name(name)) else {
            return Err(self.syntax());
        };
        if name.starts_with("xmlns:") {
            return Err(self.syntax());
        }
        let empty = self.text[..self.position()].ends_with("/>");
        Ok(Element {
            namespace,
            local,
            empty,
            tag,
        })
    }

    fn check_attributes(&mut self, raw: &str) -> Result<(), Malformed> {
        let mut count = 0;
        for attribute in Attributes::of(raw) {
            let sound = attribute.is_ok_and(|attribute| self.is_sound(attribute));
            count += 1;
            if !sound || count > ATTRIBUTES_MAX {
                return Err(self.syntax());
            }
        }
        if count > 1 && self.has_equal_names(raw, count) {
            return Err(self.syntax());
        }
        Ok(())
    }

    /// Whether name, value and the name's prefix may stand so.
    fn is_sound(&mut self, attribute: Attribute<'_>) -> bool {
        let Attribute { name, value } = attribute;
        if local_name(name).is_none() || !is_attribute_value(value) {
            return false;
        }
        let Some(declaration) = QName(name).as_namespace_binding() else {
            let (resolved, _) = self.reader.resolver().resolve_attribute(QName(name));
            return !matches!(resolved, ResolveResult::Unknown(_));
        };
        let Some(uri) = unescaped(value) else {
            return false;
        };
        let is_default = declaration == PrefixDeclaration::Default;
        if is_default && (uri == XML || uri == XMLNS) || !is_default && uri.is_empty() {
            return false;
        }
        // The name is what the references stand for; the library took them literally.
        uri == value || {
            let resolver = self.reader.resolver_mut();
            resolver.add(declaration, Uri(&uri)).is_ok()
        }
    }

    /// Whether two attributes have one expanded name.
    fn has_equal_names(&self, raw: &str, count: usize) -> bool {
        let resolver = self.reader.resolver();
        let names = Attributes::of(raw)
            .flatten()
            .map(|attribute| attribute.name);
        if count > FEW {
            let mut all: Vec<_> = names.map(|name| expanded(resolver, name)).collect();
            all.sort_unstable();
            return all.windows(2).any(|pair| pair[0] == pair[1]);
        }
        let mut seen = [""; FEW];
        for (index, name) in names.take(FEW).enumerate() {
            let local = |name: &str| {
                let colon = memchr::memrchr(b':', name.as_bytes());
                colon.map_or(name.len(), |at| name.len() - at - 1)
            };
            let same = |other: &str| {
                local(other) == local(name) && expanded(resolver, other) == expanded(resolver, name)
            };
            if seen[..index].iter().any(|other| same(other)) {
                return true;
            }
            seen[index] = name;
        }
        false
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len())
    }

    fn refuse(&self, error: &Error) -> Malformed {
        match error {
            Error::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedPI
                | SyntaxError::UnclosedSingleQuotedAttributeValue
                | SyntaxError::UnclosedDoubleQuotedAttributeValue,
            )
            | Error::IllFormed(IllFormedError::MissingEndTag(_))
                if self.depth > 0 =>
            {
                self.unexpected_end()
            }
            Error::Syntax(SyntaxError::UnclosedDoctype)
            | Error::IllFormed(IllFormedError::MissingDoctypeName) => Malformed::Dtd,
            _ => self.syntax(),
        }
    }

    fn unexpected_end(&self) -> Malformed {
        let (line, column) = self.line_column(self.text.len());
        Malformed::UnexpectedEnd {
            open: self.open_elements(),
            line,
            column,
        }
    }

    /// Names of the open elements, innermost first. Read again from the start: errors are rare.
    fn open_elements(&self) -> String {
        let mut reader = quick_xml::Reader::from_str(self.text);
        let mut open = Vec::new();
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(tag) => open.push(tag.name().as_ref().to_owned()),
                Event::End(_) => {
                    open.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        open.reverse();
        open.join(", ")
    }

    fn syntax(&self) -> Malformed {
        self.syntax_at(self.token_at)
    }

    fn syntax_at(&self, at: usize) -> Malformed {
        let (line, column) = self.line_column(at);
        Malformed::Syntax { line, column }
    }

    /// Line and column, from 1, of a byte offset; columns count UTF-16 units, as .NET does.
    fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
        let last = before.rsplit('\n').next().unwrap_or("");
        (line, last.encode_utf16().count() + 1)
    }
}

/// Local name and namespace of an attribute.
fn expanded<'n>(resolver: &'n NamespaceResolver, name: &'n str) -> (&'n str, &'n str) {
    let (resolved, local) = resolver.resolve_attribute(QName(name));
    let uri = match resolved {
        ResolveResult::Bound(uri) => uri.0,
        _ => "",
    };
    (local.into_inner(), uri)
}

#[cfg(test)]
mod tests;
