//! The attributes of one tag, from what follows its name.

use super::read::is_space;
use super::scan;

pub(super) struct Attributes<'a> {
    source: &'a str,
    at: usize,
    end: usize,
}

/// As it stands in the document: no reference is resolved.
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// Something that is no attribute; nothing after it is one either.
#[derive(Debug)]
pub(super) struct NoAttribute;

impl<'a> Attributes<'a> {
    /// Those between `at` and `end`.
    pub(super) fn new(source: &'a str, at: usize, end: usize) -> Self {
        Self { source, at, end }
    }

    fn one(&mut self) -> Option<Attribute<'a>> {
        let bytes = self.source.as_bytes().get(..self.end)?;
        let start = self.at;
        // The first letter of a name may be anything.
        let mut at = start + 1;
        while !matches!(bytes.get(at)?, b'=') && !is_space(bytes[at]) {
            at += 1;
        }
        let name = self.source.get(start..at)?;
        at = after_spaces(bytes, at);
        if *bytes.get(at)? != b'=' {
            return None;
        }
        at = after_spaces(bytes, at + 1);
        let quote = *bytes.get(at)?;
        if !matches!(quote, b'\'' | b'"') {
            return None;
        }
        at += 1;
        let length = scan::position(bytes.get(at..)?, |byte| byte == quote)?;
        let value = self.source.get(at..at + length)?;
        self.at = at + length + 1;
        Some(Attribute { name, value })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, NoAttribute>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.source.as_bytes().get(..self.end)?;
        self.at = after_spaces(bytes, self.at);
        if self.at >= self.end {
            return None;
        }
        let one = self.one();
        if one.is_none() {
            self.at = self.end;
        }
        Some(one.ok_or(NoAttribute))
    }
}

fn after_spaces(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}
