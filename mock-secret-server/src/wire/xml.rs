//! A strict, namespace-aware pull reader over borrowed text.
//!
//! quick-xml finds the tokens. What a conforming processor refuses and it lets pass is refused here:
//! a DTD, two roots, text outside the root, forbidden characters and names, duplicate attributes,
//! unbound prefixes, unknown entities. That walks through every attribute anyway, so the namespaces
//! are kept here as well. Depth is bounded.

mod attributes;
mod malformed;
mod scope;

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

pub(crate) use self::malformed::Malformed;

use self::attributes::{Attribute, Attributes, is_declaration};
use self::scope::Scope;
use super::characters::{
    control, entity, is_blank, is_character_data, is_ncname, noncharacter, split_name, unescaped,
};

/// Elements may nest this deep. The platform has no limit here but its memory; ours is far beyond
/// any real request, and reading is a loop, so that depth costs the open names and nothing else.
pub(crate) const DEPTH_MAX: usize = 10_000;
/// Attributes of one element. The platform has no limit here either.
const ATTRIBUTES_MAX: usize = 4_096;
/// Attributes of which each with each is compared for equal names; of more, a sorted list is made.
const FEW: usize = 16;

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
    prefix: &'i str,
    /// What stands between the name and the end of the tag.
    attributes: &'i str,
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

/// The reader.
pub(crate) struct Xml<'i> {
    reader: Reader<&'i [u8]>,
    scope: Scope<'i>,
    text: &'i str,
    /// Whether nothing in the document may be the end of a line to be changed, or `]]>`.
    plain: bool,
    /// Byte offset at which the last token starts.
    token_at: usize,
    depth: usize,
    root_seen: bool,
}

impl<'i> Xml<'i> {
    /// A reader at the start of `text`.
    pub(crate) fn new(text: &'i str) -> Result<Self, Malformed> {
        // The decoder took a byte order mark away. The library would pass over a second one, without
        // counting it among the bytes it has read.
        if text.starts_with('\u{feff}') {
            return Err(Malformed::RootLevelData { line: 1, column: 1 });
        }
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let xml = Self {
            reader,
            scope: Scope::default(),
            text,
            plain: memchr::memchr2(b'\r', b']', text.as_bytes()).is_none(),
            token_at: 0,
            depth: 0,
            root_seen: false,
        };
        match control(text).into_iter().chain(noncharacter(text)).min() {
            None => Ok(xml),
            Some(at) => Err(xml.syntax_at(at)),
        }
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
                Event::Start(tag) => {
                    let name_length = tag.name().as_ref().len();
                    return self.start(name_length).map(Node::Start);
                }
                Event::End(_) => {
                    self.depth -= 1;
                    self.scope.leave(self.depth);
                    return Ok(Node::End);
                }
                Event::Text(_) if self.plain && self.depth > 0 => {
                    return Ok(Node::Text(self.text[self.token_at..self.position()].into()));
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
    ) -> Option<Cow<'i, str>> {
        Attributes::of(element.attributes)
            .flatten()
            .find_map(|Attribute { name, value }| {
                let (prefix, name) = split_name(name)?;
                let found = name == local && self.scope.of_attribute(prefix) == Some(namespace);
                found.then(|| unescaped(value).unwrap_or_default())
            })
    }

    /// Namespace of an element as written.
    pub(crate) fn namespace_text(&self, element: &Element<'i>) -> String {
        self.scope.uri_of_element(element.prefix).to_owned()
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

    fn start(&mut self, name_length: usize) -> Result<Element<'i>, Malformed> {
        if self.depth == 0 && self.root_seen {
            let (line, column) = self.line_column(self.token_at);
            return Err(Malformed::RootLevelData { line, column });
        }
        self.root_seen = true;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.syntax());
        }
        let tag = &self.text[self.token_at + 1..self.position()];
        let (name, rest) = tag.split_at(name_length);
        let (attributes, empty) = match rest.strip_suffix("/>") {
            Some(attributes) => (attributes, true),
            None => (rest.strip_suffix('>').unwrap_or(rest), false),
        };
        // First, since a declaration among the attributes decides on the element's own name.
        if !is_blank(attributes) {
            self.check_attributes(attributes)?;
        }
        let (prefix, local) = split_name(name).ok_or_else(|| self.syntax())?;
        let namespace = self.scope.of_element(prefix).ok_or_else(|| self.syntax())?;
        Ok(Element {
            namespace,
            local,
            empty,
            prefix,
            attributes,
        })
    }

    fn check_attributes(&mut self, attributes: &'i str) -> Result<(), Malformed> {
        let mut few = [("", ""); FEW];
        let mut count = 0;
        for attribute in Attributes::of(attributes) {
            let name = attribute.ok().and_then(|attribute| self.sound(attribute));
            let Some(name) = name.filter(|_| count < ATTRIBUTES_MAX) else {
                return Err(self.syntax());
            };
            if let Some(place) = few.get_mut(count) {
                *place = name;
            }
            count += 1;
        }
        let sound = match few.get(..count) {
            Some(few) => self.are_declared_and_differ(few),
            None => self.are_many_declared_and_differ(attributes),
        };
        if sound { Ok(()) } else { Err(self.syntax()) }
    }

    /// Prefix and local name of an attribute whose name and value may stand so. A declaration is
    /// taken into the scope.
    fn sound(&mut self, attribute: Attribute<'i>) -> Option<(&'i str, &'i str)> {
        let name = split_name(attribute.name)?;
        let value = unescaped(attribute.value)?;
        let declared = match name {
            ("", "xmlns") => "",
            ("xmlns", prefix) => prefix,
            _ => return Some(name),
        };
        let is_declared = self.scope.declare(declared, value, self.depth);
        is_declared.then_some(name)
    }

    /// Whether the prefixes of these attributes are declared, and no two have one expanded name.
    fn are_declared_and_differ(&self, names: &[(&str, &str)]) -> bool {
        let uri = |prefix| self.scope.uri_of_attribute(prefix);
        names.iter().enumerate().all(|(at, &(prefix, local))| {
            (prefix.is_empty() || uri(prefix).is_some())
                && !names[..at].iter().any(|&(other, name)| {
                    name == local && (other == prefix || uri(other) == uri(prefix))
                })
        })
    }

    /// The same for more attributes than each can be compared with each.
    fn are_many_declared_and_differ(&self, attributes: &str) -> bool {
        let names = Attributes::of(attributes).flatten();
        let all: Option<Vec<_>> = names
            .map(|attribute| self.expanded(attribute.name))
            .collect();
        all.is_some_and(|mut all| {
            all.sort_unstable();
            all.windows(2).all(|pair| pair[0] != pair[1])
        })
    }

    /// Local name and namespace of an attribute.
    fn expanded<'n>(&'n self, name: &'n str) -> Option<(&'n str, &'n str)> {
        let (prefix, local) = split_name(name)?;
        Some((local, self.scope.uri_of_attribute(prefix)?))
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
        let mut reader = Reader::from_str(self.text);
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

#[cfg(test)]
mod tests;
