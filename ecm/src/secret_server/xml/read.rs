//! From bytes to elements. Tags, texts and references, which is what the service's answers are made
//! of, are read here in one pass; what else XML has is left to quick-xml.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::QName;

use super::scan;
use super::scope::Scope;
use super::tree::{Document, Tree};
use super::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Space, XmlError};

/// Reads a whole document.
pub(in crate::secret_server) fn read(bytes: &[u8]) -> Result<Document<'_>, XmlError> {
    let source = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    // Two, since quick-xml takes one that is left to it as well.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut reading = Reading {
        source,
        at: 0,
        tree: Tree::default(),
        open: Vec::with_capacity(DEPTH_MAX),
        scope: Scope::default(),
        keys: Vec::new(),
    };
    while let Some(byte) = source.as_bytes().get(reading.at) {
        match (byte, source.as_bytes().get(reading.at + 1)) {
            (b'<', Some(b'/')) => reading.end()?,
            (b'<', Some(b'!' | b'?')) => reading.other()?,
            (b'<', _) => reading.start()?,
            (b'&', _) => reading.reference()?,
            _ => reading.text()?,
        }
    }
    reading.finish()
}

struct Reading<'a> {
    source: &'a str,
    /// Everything before was read.
    at: usize,
    tree: Tree,
    open: Vec<Open>,
    scope: Scope<'a>,
    /// The names of the attributes of one element.
    keys: Vec<QName<'a>>,
}

/// An element that is open.
struct Open {
    number: usize,
    /// The name with its prefix, as the end tag must repeat it.
    name: Range<usize>,
    /// Whether the name has no quotes, which would mean something in an end tag.
    plain: bool,
}

/// What stands between the brackets of a tag.
struct Tag {
    name: Range<usize>,
    /// What follows the name.
    attributes: Range<usize>,
    plain: bool,
    /// Whether it is start and end at once.
    empty: bool,
    /// Where the tag is over.
    end: usize,
}

impl<'a> Reading<'a> {
    fn start(&mut self) -> Result<(), XmlError> {
        let tag = self.tag().ok_or_else(|| self.not_well_formed())?;
        let depth = self.open.len();
        let mut nil = false;
        let fault = if tag.attributes.is_empty() {
            None
        } else {
            self.declare(&tag)?
        };
        let (space, local) = self.resolved(&tag.name)?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !tag.attributes.is_empty() {
            nil = self.is_nil(&tag);
        }
        if self.tree.len() == ELEMENTS_MAX {
            return Err(XmlError::TooMany);
        }
        if depth == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if depth == 0 && self.tree.len() > 0 {
            return Err(XmlError::NotOneRoot);
        }
        let number = self.tree.open(local, space, nil);
        self.at = tag.end;
        if tag.empty {
            self.tree.close(number, self.at);
            self.scope.leave(depth);
        } else {
            let Tag { name, plain, .. } = tag;
            self.open.push(Open {
                number,
                name,
                plain,
            });
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        let open = self.open.pop().ok_or_else(|| self.not_well_formed())?;
        let rest = self.rest(self.at + 2);
        let usual = rest
            .strip_prefix(self.part(&open.name))
            .is_some_and(|rest| open.plain && rest.starts_with('>'));
        self.at = if usual {
            self.at + 2 + open.name.len() + 1
        } else {
            let content = self.content().ok_or_else(|| self.not_well_formed())?;
            let repeated = self.part(&(content.start + 1..content.end));
            let name = match repeated.trim_end_matches(is_space) {
                "" => repeated,
                name => name,
            };
            if name != self.part(&open.name) {
                return Err(self.not_well_formed());
            }
            content.end + 1
        };
        self.tree.close(open.number, self.at);
        self.scope.leave(self.open.len());
        Ok(())
    }

    fn text(&mut self) -> Result<(), XmlError> {
        let bytes = self.rest(self.at).as_bytes();
        let stops = |byte| byte == b'<' || byte == b'&';
        let first = scan::position(bytes, |byte| stops(byte) || byte == b'\r');
        let first = first.unwrap_or(bytes.len());
        let returns = bytes.get(first) == Some(&b'\r');
        let length = if returns {
            let rest = bytes.get(first..).unwrap_or_default();
            scan::position(rest, stops).map_or(bytes.len(), |more| first + more)
        } else {
            first
        };
        let piece = self.at..self.at + length;
        self.at = piece.end;
        self.add(piece, returns)
    }

    fn reference(&mut self) -> Result<(), XmlError> {
        let rest = self.rest(self.at + 1);
        let ends = |byte| matches!(byte, b';' | b'&' | b'<');
        let name = rest
            .bytes()
            .position(ends)
            .and_then(|length| rest.split_at_checked(length))
            .filter(|(_, end)| end.starts_with(';'))
            .map(|(name, _)| name)
            .ok_or_else(|| self.not_well_formed())?;
        let character = resolve(name)?;
        self.at += 1 + name.len() + 1;
        match self.open.last() {
            Some(open) => self.tree.character(open.number, self.source, character),
            None if character.is_whitespace() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    /// Comments, processing instructions, sections of character data, document types.
    fn other(&mut self) -> Result<(), XmlError> {
        let rest = self.rest(self.at);
        let mut reader = Reader::from_str(rest);
        let event = reader.read_event().map_err(|_| self.not_well_formed())?;
        self.at += rest.len() - reader.get_ref().len();
        match event {
            Event::CData(text) => {
                let end = self.at - "]]>".len();
                self.add(end - text.len()..end, text.contains('\r'))
            }
            Event::DocType(_) => Err(XmlError::DocumentType),
            _ => Ok(()),
        }
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

    fn add(&mut self, piece: Range<usize>, returns: bool) -> Result<(), XmlError> {
        match self.open.last() {
            Some(open) => self.tree.text(open.number, self.source, piece, returns),
            None if self.part(&piece).trim().is_empty() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    /// The start tag that begins here.
    fn tag(&self) -> Option<Tag> {
        let start = self.at + 1;
        let bytes = self.rest(start).as_bytes();
        let length = bytes
            .iter()
            .position(|byte| matches!(byte, b'>' | b' ' | b'\r' | b'\n' | b'\t' | b'\'' | b'"'))?;
        if bytes[length] == b'>' {
            let empty = bytes[..length].ends_with(b"/");
            let end = start + length;
            let name = start..end - usize::from(empty);
            return Some(Tag {
                attributes: name.end..name.end,
                name,
                plain: true,
                empty,
                end: end + 1,
            });
        }
        let mut content = self.content()?;
        let end = content.end + 1;
        let empty = self.part(&content).ends_with('/');
        content.end -= usize::from(empty);
        let name = self.part(&content);
        let length = name.find(is_space).unwrap_or(name.len());
        let name = start..start + length;
        Some(Tag {
            plain: !self.part(&name).contains(['\'', '"']),
            attributes: name.end..content.end,
            name,
            empty,
            end,
        })
    }

    /// What stands in the tag that begins here, up to the first bracket that is not in quotes.
    fn content(&self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let rest = self.rest(start);
        let mut quote = None;
        let length = rest.bytes().position(|byte| {
            match (quote, byte) {
                (None, b'>') => return true,
                (None, b'\'' | b'"') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
            false
        })?;
        Some(start..start + length)
    }

    /// Declares what the attributes of `tag` do, and tells what else is wrong with them: the
    /// element's own prefix is looked at first.
    fn declare(&mut self, tag: &Tag) -> Result<Option<XmlError>, XmlError> {
        let (source, depth) = (self.source, self.open.len());
        let mut fault = None;
        self.keys.clear();
        for attribute in attributes(source, tag).with_checks(false) {
            if fault.is_none() && self.keys.len() == ATTRIBUTES_MAX {
                fault = Some(XmlError::TooMany);
            }
            let Ok(attribute) = attribute else {
                return Ok(fault.or(Some(XmlError::NotWellFormed(0))));
            };
            if let Some(prefix) = attribute.key.as_namespace_binding() {
                self.scope
                    .declare(prefix, &attribute.value, depth)
                    .map_err(|_| self.not_well_formed())?;
            }
            if fault.is_none() && self.keys.contains(&attribute.key) {
                fault = Some(XmlError::NotWellFormed(0));
            }
            if fault.is_none() {
                self.keys.push(attribute.key);
            }
        }
        Ok(fault)
    }

    fn is_nil(&self, tag: &Tag) -> bool {
        let named_nil = |key: &QName<'_>| {
            let prefix = key.as_ref().strip_suffix(":nil");
            prefix.is_some_and(|prefix| {
                !prefix.contains(':') && self.scope.of(prefix) == Some(Space::Instance)
            })
        };
        if !self.keys.iter().any(named_nil) {
            return false;
        }
        let all = attributes(self.source, tag);
        all.filter_map(Result::ok)
            .filter(|attribute| named_nil(&attribute.key))
            .last()
            .is_some_and(|last| matches!(last.value.trim(), "true" | "1"))
    }

    /// The namespace of an element's name, and where the name stands without its prefix.
    fn resolved(&self, name: &Range<usize>) -> Result<(Space, Range<usize>), XmlError> {
        let whole = self.part(name);
        let Some(length) = whole.bytes().position(|byte| byte == b':') else {
            return Ok((self.scope.unprefixed(), name.clone()));
        };
        let prefix = whole.get(..length).unwrap_or_default();
        let space = self.scope.of(prefix).ok_or(XmlError::UnknownPrefix)?;
        Ok((space, name.start + length + 1..name.end))
    }

    fn rest(&self, from: usize) -> &'a str {
        self.source.get(from..).unwrap_or_default()
    }

    fn part(&self, place: &Range<usize>) -> &'a str {
        self.source.get(place.clone()).unwrap_or_default()
    }

    fn not_well_formed(&self) -> XmlError {
        XmlError::NotWellFormed(self.at as u64)
    }
}

fn attributes<'a>(source: &'a str, tag: &Tag) -> Attributes<'a> {
    Attributes::new(source.get(tag.attributes.clone()).unwrap_or_default(), 0)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\r' | '\n' | '\t')
}

/// The five entities of XML and references to characters.
fn resolve(name: &str) -> Result<char, XmlError> {
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match BytesRef::new(name).resolve_char_ref() {
            Ok(Some(character)) => Ok(character),
            _ => Err(XmlError::UnknownEntity),
        },
    }
}
