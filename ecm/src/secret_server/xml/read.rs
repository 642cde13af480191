//! From bytes to elements. quick-xml finds tags, attributes, texts and references, and what is not
//! well-formed about them; namespaces and limits are looked after here.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::scope::{BadDeclaration, Scope};
use super::tree::{Document, Tree};
use super::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Space, XmlError};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a whole document.
pub(in crate::secret_server) fn read(bytes: &[u8]) -> Result<Document<'_>, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut reader = Reader::from_str(text);
    // The reader passes over one more, which it does not count among the bytes that it has read.
    let source = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut reading = Reading {
        source,
        tree: Tree::of(source.len()),
        open: Vec::with_capacity(DEPTH_MAX),
        scope: Scope::default(),
    };
    let mut at = 0;
    loop {
        let event = reader.read_event().map_err(|_| not_well_formed(at))?;
        let end = usize::try_from(reader.buffer_position()).unwrap_or(source.len());
        match event {
            Event::Start(tag) => {
                let number = reading.element(&tag, at)?;
                reading.open.push(number);
            }
            Event::Empty(tag) => {
                let number = reading.element(&tag, at)?;
                reading.close(number, end);
            }
            Event::End(_) => {
                let number = reading.open.pop().ok_or_else(|| not_well_formed(at))?;
                reading.close(number, end);
            }
            Event::Text(_) => reading.text(at..end)?,
            Event::CData(text) => {
                let start = at + "<![CDATA[".len();
                reading.text(start..start + text.len())?;
            }
            Event::GeneralRef(reference) => reading.character(resolve(&reference)?)?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return reading.finish(),
        }
        at = end;
    }
}

struct Reading<'a> {
    source: &'a str,
    tree: Tree,
    /// The numbers of the elements that are open.
    open: Vec<usize>,
    scope: Scope<'a>,
}

impl<'a> Reading<'a> {
    /// Adds the element whose tag begins at `at`, and tells its number.
    fn element(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<usize, XmlError> {
        let name = tag.name();
        let start = at + 1;
        let end = start + name.as_ref().len();
        // As the tag has it, but for as long as the document lives.
        let content = self.source.get(start..start + tag.len());
        let attributes = || Attributes::new(content.unwrap_or_default(), end - start);
        let has_attributes = tag.len() > end - start;
        let has_more = has_attributes && {
            let declared = self.declare(attributes());
            declared.map_err(|BadDeclaration| not_well_formed(at))?
        };
        let (local, prefix) = name.decompose();
        let space = self.scope.of_element(prefix);
        let space = space.ok_or(XmlError::UnknownPrefix)?;
        let nil = has_more && self.is_nil(attributes())?;
        let depth = self.open.len();
        if self.tree.len() == ELEMENTS_MAX {
            return Err(XmlError::TooMany);
        }
        if depth == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if depth == 0 && self.tree.len() > 0 {
            return Err(XmlError::NotOneRoot);
        }
        let local = end - local.as_ref().len()..end;
        Ok(self.tree.open(local, space, nil))
    }

    /// Declares what the attributes of one element do, and tells whether there is more to them than
    /// one declaration. What is wrong with them counts after the element's own prefix.
    fn declare(&mut self, mut attributes: Attributes<'a>) -> Result<bool, BadDeclaration> {
        let depth = self.open.len();
        let (mut count, mut more) = (0, false);
        for attribute in attributes.with_checks(false) {
            let Ok(attribute) = attribute else {
                return Ok(true);
            };
            match attribute.key.as_namespace_binding() {
                Some(prefix) => self.scope.declare(prefix, &attribute.value, depth)?,
                None => more = true,
            }
            count += 1;
        }
        Ok(more || count > 1)
    }

    /// Whether one of these is `xsi:nil`, unless something is wrong with them.
    fn is_nil(&self, attributes: Attributes<'a>) -> Result<bool, XmlError> {
        let mut nil = false;
        for (number, attribute) in attributes.enumerate() {
            if number == ATTRIBUTES_MAX {
                return Err(XmlError::TooMany);
            }
            let attribute = attribute.map_err(|_| not_well_formed(0))?;
            let (local, prefix) = attribute.key.decompose();
            if local.as_ref() == "nil"
                && let Some(prefix) = prefix
                && self.scope.of(prefix) == Some(Space::Instance)
            {
                nil = matches!(attribute.value.trim(), "true" | "1");
            }
        }
        Ok(nil)
    }

    /// Nothing more is inside of element `number`, the innermost, which ends at `end`.
    fn close(&mut self, number: usize, end: usize) {
        self.tree.close(number, end);
        self.scope.leave(self.open.len());
    }

    fn text(&mut self, piece: Range<usize>) -> Result<(), XmlError> {
        match self.open.last() {
            Some(number) => self.tree.text(*number, self.source, piece),
            None if self.source.get(piece).unwrap_or_default().trim().is_empty() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<(), XmlError> {
        match self.open.last() {
            Some(number) => self.tree.character(*number, self.source, character),
            None if character.is_whitespace() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    fn finish(self) -> Result<Document<'a>, XmlError> {
        if !self.open.is_empty() {
            return Err(XmlError::Unfinished);
        }
        if self.tree.len() == 0 {
            return Err(XmlError::NotOneRoot);
        }
        Ok(Document::new(self.source, self.tree))
    }
}

/// The five entities of XML and references to characters.
fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    let named = || resolve_xml_entity(reference)?.chars().next();
    let character = reference.resolve_char_ref().ok();
    let character = character.and_then(|character| character.or_else(named));
    character.ok_or(XmlError::UnknownEntity)
}

fn not_well_formed(at: usize) -> XmlError {
    XmlError::NotWellFormed(at as u64)
}
