//! From bytes to elements. Tags, texts and references, which is what the service's answers are made
//! of, are read here in one pass; what else XML has is left to quick-xml.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::attributes::Attributes;
use super::scan;
use super::scope::Scope;
use super::tree::{Document, Tree};
use super::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, Space, XmlError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a whole document.
pub(in crate::secret_server) fn read(bytes: &[u8]) -> Result<Document<'_>, XmlError> {
    // Two, since quick-xml takes one that is left to it as well.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let source = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reading = Reading {
        source,
        bytes,
        at: 0,
        tree: Tree::of(bytes.len()),
        open: Vec::with_capacity(DEPTH_MAX),
        scope: Scope::default(),
        names: Vec::new(),
    };
    while let Some(byte) = bytes.get(reading.at) {
        match byte {
            b'<' => match bytes.get(reading.at + 1) {
                Some(b'/') => reading.end()?,
                Some(b'?') => reading.instruction()?,
                Some(b'!') => reading.other()?,
                _ => reading.start()?,
            },
            b'&' => reading.reference()?,
            _ => reading.text()?,
        }
    }
    reading.finish()
}

struct Reading<'a> {
    source: &'a str,
    /// The same.
    bytes: &'a [u8],
    /// Everything before was read.
    at: usize,
    tree: Tree,
    open: Vec<Open>,
    scope: Scope<'a>,
    /// The names of the attributes of one element.
    names: Vec<&'a str>,
}

/// An element that is open.
struct Open {
    number: usize,
    /// The name with its prefix, as the end tag must repeat it.
    name: Range<usize>,
    /// Whether the name has no quotes, which would mean something in an end tag.
    plain: bool,
}

/// A start tag.
struct Tag {
    name: Range<usize>,
    /// Where the name has its first colon.
    colon: Option<usize>,
    plain: bool,
    /// What follows the name.
    attributes: Range<usize>,
    /// Whether it is the end as well.
    empty: bool,
    /// Where the tag is over.
    end: usize,
}

impl<'a> Reading<'a> {
    fn start(&mut self) -> Result<(), XmlError> {
        let tag = self.tag().ok_or_else(|| self.not_well_formed())?;
        let has_attributes = !tag.attributes.is_empty();
        let (fault, may_be_nil) = if has_attributes {
            self.declare(&tag)?
        } else {
            (None, false)
        };
        let (space, local) = self.resolved(&tag)?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let nil = may_be_nil && self.is_nil(&tag);
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
        let start = self.at + 2;
        let end = start + open.name.len();
        let usual = open.plain
            && self.bytes.get(end) == Some(&b'>')
            && self.bytes.get(start..end) == self.bytes.get(open.name.clone());
        self.at = if usual {
            end + 1
        } else {
            self.unusual_end(&open)
                .ok_or_else(|| self.not_well_formed())?
        };
        self.tree.close(open.number, self.at);
        self.scope.leave(self.open.len());
        Ok(())
    }

    /// Where the end tag that begins here is over, if it is that of `open`.
    fn unusual_end(&self, open: &Open) -> Option<usize> {
        let start = self.at + 2;
        let end = self.bracket(start)?;
        let repeated = self.bytes.get(start..end)?;
        let spaces = repeated.iter().rev().take_while(|byte| is_space(**byte));
        let name = match repeated.len() - spaces.count() {
            0 => repeated,
            length => &repeated[..length],
        };
        (self.bytes.get(open.name.clone()) == Some(name)).then_some(end + 1)
    }

    fn text(&mut self) -> Result<(), XmlError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // Nothing differs from one of them: compilers do this in half the steps of the plain test.
        let stops = |byte: u8| (byte ^ b'<').min(byte ^ b'&');
        let first = scan::position(rest, |byte| stops(byte).min(byte ^ b'\r') == 0);
        let mut length = first.unwrap_or(rest.len());
        let returns = rest.get(length) == Some(&b'\r');
        if returns {
            let more = rest.get(length..).unwrap_or_default();
            length += scan::position(more, |byte| stops(byte) == 0).unwrap_or(more.len());
        }
        let piece = self.at..self.at + length;
        self.at = piece.end;
        self.add(piece, returns)
    }

    fn reference(&mut self) -> Result<(), XmlError> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b';' | b'&' | b'<'))
            .filter(|length| rest[*length] == b';')
            .ok_or_else(|| self.not_well_formed())?;
        let character = resolve(self.part(&(start..start + length)))?;
        self.at = start + length + 1;
        match self.open.last() {
            Some(open) => self.tree.character(open.number, self.source, character),
            None if character.is_whitespace() => {}
            None => return Err(XmlError::NotOneRoot),
        }
        Ok(())
    }

    /// Processing instructions, and the declaration of XML, which looks like one.
    fn instruction(&mut self) -> Result<(), XmlError> {
        let start = self.at + 2;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest
            .windows(2)
            .position(|pair| pair == b"?>")
            .ok_or_else(|| self.not_well_formed())?;
        self.at = start + length + 2;
        Ok(())
    }

    /// Comments, sections of character data, document types.
    fn other(&mut self) -> Result<(), XmlError> {
        let rest = self.source.get(self.at..).unwrap_or_default();
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
        let mut colon = None;
        let mut at = start;
        loop {
            let empty = match *self.bytes.get(at)? {
                b'>' => false,
                b'/' if self.bytes.get(at + 1) == Some(&b'>') => true,
                b' ' | b'\r' | b'\n' | b'\t' | b'\'' | b'"' => return self.long_tag(),
                byte => {
                    if byte == b':' && colon.is_none() {
                        colon = Some(at);
                    }
                    at += 1;
                    continue;
                }
            };
            return Some(Tag {
                name: start..at,
                colon,
                plain: true,
                attributes: at..at,
                empty,
                end: at + 1 + usize::from(empty),
            });
        }
    }

    /// The same, where the tag may have attributes.
    fn long_tag(&self) -> Option<Tag> {
        let start = self.at + 1;
        let bracket = self.bracket(start)?;
        let empty = self.bytes[start..bracket].ends_with(b"/");
        let content = self.bytes.get(..bracket - usize::from(empty))?;
        let (mut colon, mut plain, mut at) = (None, true, start);
        while let Some(byte) = content.get(at).filter(|byte| !is_space(**byte)) {
            match byte {
                b':' if colon.is_none() => colon = Some(at),
                b'\'' | b'"' => plain = false,
                _ => {}
            }
            at += 1;
        }
        Some(Tag {
            name: start..at,
            colon,
            plain,
            attributes: at..content.len(),
            empty,
            end: bracket + 1,
        })
    }

    /// Where the first closing bracket stands from `at` on that is not in quotes.
    fn bracket(&self, mut at: usize) -> Option<usize> {
        loop {
            let rest = self.bytes.get(at..)?;
            let stops = |byte: &u8| matches!(byte, b'>' | b'\'' | b'"');
            let length = rest.iter().position(stops)?;
            let (stop, quoted) = rest.get(length..)?.split_first()?;
            at += length;
            if *stop == b'>' {
                return Some(at);
            }
            at += 2 + scan::position(quoted, |byte| byte == *stop)?;
        }
    }

    /// Declares what the attributes of `tag` do. Tells what else is wrong with them, since the
    /// element's own prefix is looked at first, and whether one of them may be `xsi:nil`.
    fn declare(&mut self, tag: &Tag) -> Result<(Option<XmlError>, bool), XmlError> {
        let depth = self.open.len();
        let (mut fault, mut may_be_nil) = (None, false);
        self.names.clear();
        for attribute in self.attributes(tag) {
            if fault.is_none() && self.names.len() == ATTRIBUTES_MAX {
                fault = Some(XmlError::TooMany);
            }
            let Ok(attribute) = attribute else {
                fault = fault.or(Some(XmlError::NotWellFormed(0)));
                break;
            };
            let declared = match attribute.name.strip_prefix("xmlns") {
                Some("") => Some(None),
                Some(rest) => rest.strip_prefix(":").map(Some),
                None => None,
            };
            match declared {
                Some(prefix) => self
                    .scope
                    .declare(prefix, attribute.value, depth)
                    .map_err(|_| self.not_well_formed())?,
                None => may_be_nil |= attribute.name.ends_with(":nil"),
            }
            if fault.is_some() {
                continue;
            }
            if self.names.contains(&attribute.name) {
                fault = Some(XmlError::NotWellFormed(0));
            } else {
                self.names.push(attribute.name);
            }
        }
        Ok((fault, may_be_nil))
    }

    fn is_nil(&self, tag: &Tag) -> bool {
        let is_nil = |name: &str| {
            let prefix = name.strip_suffix(":nil").unwrap_or_default();
            !prefix.contains(':') && self.scope.of(prefix) == Some(Space::Instance)
        };
        let all = self.attributes(tag).filter_map(Result::ok);
        all.filter(|attribute| is_nil(attribute.name))
            .last()
            .is_some_and(|last| matches!(last.value.trim(), "true" | "1"))
    }

    fn attributes(&self, tag: &Tag) -> Attributes<'a> {
        Attributes::new(self.source, tag.attributes.start, tag.attributes.end)
    }

    /// The namespace of an element, and where its name stands without the prefix.
    fn resolved(&self, tag: &Tag) -> Result<(Space, Range<usize>), XmlError> {
        let Some(colon) = tag.colon else {
            return Ok((self.scope.unprefixed(), tag.name.clone()));
        };
        let prefix = self.part(&(tag.name.start..colon));
        let space = self.scope.of(prefix).ok_or(XmlError::UnknownPrefix)?;
        Ok((space, colon + 1..tag.name.end))
    }

    fn part(&self, place: &Range<usize>) -> &'a str {
        self.source.get(place.clone()).unwrap_or_default()
    }

    fn not_well_formed(&self) -> XmlError {
        XmlError::NotWellFormed(self.at as u64)
    }
}

#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\r' | b'\n' | b'\t')
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
