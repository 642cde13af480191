//! What was read: one list of elements in the order of their start tags. They say where in the
//! document their names and texts stand; only a text that does not stand there in one piece, and as
//! it is meant, is written down.

use std::ops::Range;

use super::Space;
use crate::secret::Secret;
use crate::wiped::Wiped;

/// A document's elements, with the document itself.
pub(in crate::secret_server) struct Document<'a> {
    source: &'a str,
    tree: Tree,
}

/// One element and what is inside, for longer than its document. Zeroed on drop.
pub(in crate::secret_server) struct Element {
    /// The part of the document from the element's name to its end.
    source: Wiped<String>,
    tree: Tree,
    at: usize,
}

/// An element, to look at.
#[derive(Clone, Copy)]
pub(in crate::secret_server) struct Node<'a> {
    source: &'a str,
    tree: &'a Tree,
    at: usize,
}

#[derive(Default)]
pub(super) struct Tree {
    /// Where the source begins in the document.
    base: usize,
    records: Vec<Record>,
    written: Vec<Wiped<String>>,
}

/// One element; places are offsets in the document.
struct Record {
    /// The name without its prefix.
    name: Range<usize>,
    space: Space,
    nil: bool,
    text: Text,
    /// The first record after this one that is not inside it.
    end: usize,
    /// Where the element ends.
    ends_at: usize,
}

enum Text {
    None,
    At(Range<usize>),
    /// One of those that were written down.
    Written(usize),
}

impl<'a> Document<'a> {
    pub(super) fn new(source: &'a str, tree: Tree) -> Self {
        Self { source, tree }
    }

    /// The outermost element.
    pub(in crate::secret_server) fn root(&self) -> Node<'_> {
        Node {
            source: self.source,
            tree: &self.tree,
            at: 0,
        }
    }

    /// The element that `choose` finds, taken out of the document with nothing of what is beside it.
    pub(in crate::secret_server) fn keep<E>(
        mut self,
        choose: impl FnOnce(Node<'_>) -> Result<Node<'_>, E>,
    ) -> Result<Element, E> {
        let at = choose(self.root())?.at;
        let record = &self.tree.records[at];
        let part = self.source.get(record.name.start..record.ends_at);
        let source = Wiped::new(part.unwrap_or_default().to_owned());
        self.tree.base = record.name.start;
        self.tree.reduce_to(at);
        Ok(Element {
            source,
            tree: self.tree,
            at,
        })
    }
}

impl Element {
    /// The element, to look at.
    pub(in crate::secret_server) fn node(&self) -> Node<'_> {
        Node {
            source: &self.source,
            tree: &self.tree,
            at: self.at,
        }
    }

    /// Takes `secret` out of all texts of the children with one of these names, and of what is
    /// inside.
    pub(in crate::secret_server) fn conceal(&mut self, names: &[&str], secret: &Secret) {
        let mut child = self.at + 1;
        while child < self.tree.records[self.at].end {
            let end = self.tree.records[child].end;
            if names.contains(&self.at(child).name()) {
                for at in child..end {
                    let text = self.at(at).text();
                    if !text.is_empty() {
                        let shown = Wiped::new(secret.concealed_in(text));
                        self.tree.replace(at, shown);
                    }
                }
            }
            child = end;
        }
    }

    fn at(&self, at: usize) -> Node<'_> {
        Node { at, ..self.node() }
    }
}

impl<'a> Node<'a> {
    #[inline]
    pub(in crate::secret_server) fn space(self) -> Space {
        self.record().space
    }

    /// The name without its prefix.
    pub(in crate::secret_server) fn name(self) -> &'a str {
        self.part(&self.record().name)
    }

    /// Whether it is marked `xsi:nil`.
    #[inline]
    pub(in crate::secret_server) fn nil(self) -> bool {
        self.record().nil
    }

    /// All character data directly inside, as it stands.
    pub(in crate::secret_server) fn text(self) -> &'a str {
        match &self.record().text {
            Text::None => "",
            Text::At(place) => self.part(place),
            Text::Written(number) => &self.tree.written[*number],
        }
    }

    /// All elements directly inside.
    #[inline]
    pub(in crate::secret_server) fn children(self) -> impl Iterator<Item = Self> {
        let (mut next, end) = (self.at + 1, self.record().end);
        std::iter::from_fn(move || {
            let child = (next < end).then_some(Self { at: next, ..self })?;
            next = child.record().end;
            Some(child)
        })
    }

    /// The first child `name` in the service's namespace. Others are ignored, as the vendor's own
    /// reader does (documented soap:§1.5).
    pub(in crate::secret_server) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.is(name))
    }

    /// Every child `name` in the service's namespace.
    pub(in crate::secret_server) fn children_named(
        self,
        name: &'a str,
    ) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.is(name))
    }

    /// The text of the child `name`, unless it is missing or nil.
    pub(in crate::secret_server) fn text_of(self, name: &str) -> Option<&'a str> {
        self.child(name)
            .filter(|child| !child.nil())
            .map(Self::text)
    }

    fn is(self, name: &str) -> bool {
        let record = self.record();
        record.space == Space::Vault && record.name.len() == name.len() && self.name() == name
    }

    #[inline]
    fn record(self) -> &'a Record {
        &self.tree.records[self.at]
    }

    #[inline]
    fn part(self, place: &Range<usize>) -> &'a str {
        let base = self.tree.base;
        self.source
            .get(place.start.wrapping_sub(base)..place.end.wrapping_sub(base))
            .unwrap_or_default()
    }
}

impl Tree {
    /// Gives up the texts outside of one element, and what comes behind it.
    fn reduce_to(&mut self, at: usize) {
        let end = self.records[at].end;
        for record in self.records[..at].iter().chain(&self.records[end..]) {
            if let Text::Written(written) = record.text {
                self.written[written] = Wiped::default();
            }
        }
        self.records.truncate(end);
    }

    /// A tree with room for what a document of so many bytes usually has.
    pub(super) fn of(document_bytes: usize) -> Self {
        const BYTES_USUAL: usize = 48;
        const RECORDS_FIRST_MAX: usize = 256;
        Self {
            records: Vec::with_capacity((document_bytes / BYTES_USUAL).min(RECORDS_FIRST_MAX)),
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds an element whose tag has been read, and tells its number.
    #[inline]
    pub(super) fn open(&mut self, name: Range<usize>, space: Space, nil: bool) -> usize {
        let at = self.records.len();
        let ends_at = name.end;
        self.records.push(Record {
            name,
            space,
            nil,
            text: Text::None,
            end: at + 1,
            ends_at,
        });
        at
    }

    /// Nothing more is inside of element `at`, which ends here.
    #[inline]
    pub(super) fn close(&mut self, at: usize, ends_at: usize) {
        let end = self.records.len();
        let record = &mut self.records[at];
        (record.end, record.ends_at) = (end, ends_at);
    }

    /// Adds a piece of the document to the text of element `at`.
    pub(super) fn text(&mut self, at: usize, source: &str, piece: Range<usize>) {
        let mut rest = source.get(piece.clone()).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        if matches!(self.records[at].text, Text::None) && !rest.contains('\r') {
            self.records[at].text = Text::At(piece);
            return;
        }
        let written = self.written(at, source, rest.len());
        // Every end of a line is one character (XML 1.0 §2.11).
        while let Some((line, next)) = rest.split_once('\r') {
            append(written, line);
            append(written, "\n");
            rest = next.strip_prefix('\n').unwrap_or(next);
        }
        append(written, rest);
    }

    /// Adds a character that the document tells by a reference.
    pub(super) fn character(&mut self, at: usize, source: &str, character: char) {
        let mut bytes = [0; 4];
        let character = character.encode_utf8(&mut bytes);
        append(self.written(at, source, character.len()), character);
    }

    /// The text of element `at`, written down, with room for `more` bytes where it is new.
    fn written(&mut self, at: usize, source: &str, more: usize) -> &mut Wiped<String> {
        let text = &mut self.records[at].text;
        let number = match text {
            Text::Written(number) => *number,
            Text::None | Text::At(_) => {
                let before = match text {
                    Text::At(place) => source.get(place.clone()).unwrap_or_default(),
                    _ => "",
                };
                let mut written = Wiped::new(String::with_capacity(before.len() + more));
                written.push_str(before);
                self.written.push(written);
                let number = self.written.len() - 1;
                *text = Text::Written(number);
                number
            }
        };
        &mut self.written[number]
    }

    fn replace(&mut self, at: usize, text: Wiped<String>) {
        self.written.push(text);
        self.records[at].text = Text::Written(self.written.len() - 1);
    }
}

/// Appends by hand, since a string that grows leaves its bytes behind.
fn append(written: &mut Wiped<String>, piece: &str) {
    let bytes = written.len() + piece.len();
    if bytes > written.capacity() {
        let mut longer = Wiped::new(String::with_capacity(2 * bytes));
        longer.push_str(written);
        *written = longer;
    }
    written.push_str(piece);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::read;

    #[test]
    fn nothing_is_kept_of_what_stands_beside_the_element() {
        let document = "<r><before>b&amp;b</before><it>i&amp;i</it><after>a&amp;a</after></r>";
        let document = read(document.as_bytes()).unwrap();
        let element = document.keep(|root| root.children().nth(1).ok_or(()));
        let element = element.unwrap();
        assert_eq!(element.node().text(), "i&i");
        let texts: Vec<&str> = element
            .tree
            .written
            .iter()
            .map(|text| text.as_str())
            .collect();
        assert_eq!(texts.concat(), "i&i");
        assert_eq!(element.tree.records.len(), 3);
        assert_eq!(&**element.source, "it>i&amp;i</it>");
    }
}
