//! Answers that are legal and that few clients have met. A client that survives them is robust.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sim_kit::seeded::{Seed, Stream};

use crate::state::Answer;

/// Characters of a line of base64 that is broken into lines.
const BASE64_LINE: usize = 76;
/// One call in so many finds its token dead.
const TOKEN_ENDS_IN: u64 = 20;
/// The one element that the schema lets be absent as well as nil: `Secret.Active`.
const OMISSIBLE_NULL: &str = "<Active xsi:nil=\"true\" />";

/// The oddities of one run, in the order that its seed gives.
pub(crate) struct Awkward {
    stream: Mutex<Stream>,
}

impl Awkward {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            stream: Mutex::new(Seed(seed).stream("awkward")),
        }
    }

    /// Whether the token of this call dies before its time.
    pub(crate) fn ends_a_token(&self) -> bool {
        self.stream().below(TOKEN_ENDS_IN) == 0
    }

    /// Puts rows into another order where the order means nothing.
    pub(crate) fn reorder(&self, answer: &mut Answer) {
        match answer {
            Answer::SearchSecrets(rows) => self.shuffle(rows),
            Answer::GetSecretsByFieldValue(rows) => self.shuffle(rows),
            Answer::SearchFolders(rows) => self.shuffle(rows),
            Answer::GetUsers(rows) => self.shuffle(rows),
            Answer::GetSecretTemplates(rows) => self.shuffle(rows),
            Answer::GetTicketSystems(rows) => self.shuffle(rows),
            _ => {}
        }
    }

    fn shuffle<T>(&self, rows: &mut [T]) {
        let mut stream = self.stream();
        for last in (1..rows.len()).rev() {
            let other = stream.below(last as u64 + 1);
            rows.swap(last, usize::try_from(other).unwrap_or(0));
        }
    }

    /// Writes a fault otherwise. Its elements have no namespace in SOAP 1.1, so they get no prefix.
    pub(crate) fn dress_fault(&self, body: &[u8]) -> String {
        let mut odd = self.odd(body.len());
        odd.prefixed = false;
        odd.rewrite(&String::from_utf8_lossy(body));
        odd.out
    }

    /// Writes a reply otherwise: the same document for whoever reads it by the rules.
    pub(crate) fn dress(&self, body: &str) -> String {
        let mut odd = self.odd(body.len());
        odd.rewrite(body);
        odd.out
    }

    fn odd(&self, length: usize) -> Odd {
        let mut stream = self.stream();
        Odd {
            envelope_prefix: ["soap", "s", "SOAP-ENV", "env"][pick(&mut stream, 4)],
            prefixed: stream.below(2) == 0,
            spaced: stream.below(2) == 0,
            single_quotes: stream.below(2) == 0,
            nil_by_omission: stream.below(2) == 0,
            comments: stream.below(2) == 0,
            references: stream.below(2) == 0,
            long_empty: stream.below(2) == 0,
            broken_base64: stream.below(2) == 0,
            holds: Holds::Text,
            out: String::with_capacity(length * 2),
        }
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pick(stream: &mut Stream, bound: u64) -> usize {
    usize::try_from(stream.below(bound)).unwrap_or(0)
}

struct Odd {
    envelope_prefix: &'static str,
    /// The service's elements carry a prefix instead of a default namespace.
    prefixed: bool,
    /// White space between elements.
    spaced: bool,
    single_quotes: bool,
    /// A null is left out instead of being marked, where the schema allows both.
    nil_by_omission: bool,
    /// Comments between elements.
    comments: bool,
    /// The first letter of a value as a character reference.
    references: bool,
    /// `<a></a>` for `<a />`.
    long_empty: bool,
    /// Line breaks within base64.
    broken_base64: bool,
    /// What the element that was opened last holds.
    holds: Holds,
    out: String,
}

/// What an element holds, as far as it matters for writing it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    /// A name with the envelope's prefix: a fault's code.
    Name,
    Base64,
}

impl Odd {
    /// Walks the tags of a document that our own writer wrote.
    fn rewrite(&mut self, body: &str) {
        let mut rest = body;
        while let Some(start) = rest.find('<') {
            let (text, tag) = rest.split_at(start);
            self.text(text);
            let end = tag.find('>').map_or(tag.len(), |end| end + 1);
            self.tag(&tag[..end], tag[end..].starts_with('<'));
            rest = &tag[end..];
        }
        self.out.push_str(rest);
    }

    fn tag(&mut self, tag: &str, tag_follows: bool) {
        if tag.starts_with("<?") {
            self.out.push_str(tag);
            return;
        }
        if self.nil_by_omission && tag == OMISSIBLE_NULL {
            return;
        }
        let closing = tag.starts_with("</");
        let empty = tag.ends_with("/>");
        let inner = tag
            .trim_start_matches(['<', '/'])
            .trim_end_matches(['>', '/'])
            .trim_end();
        let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        self.holds = match name {
            "faultcode" | "soap:Value" => Holds::Name,
            "FileAttachment" => Holds::Base64,
            _ => Holds::Text,
        };
        let name = self.name(name);
        let attributes = self.attributes(attributes);
        let mark = if closing { "</" } else { "<" };
        self.out.push_str(mark);
        self.out.push_str(&name);
        self.out.push_str(&attributes);
        match (empty, self.long_empty) {
            (true, true) => self.out.push_str(&format!("></{name}>")),
            (true, false) => self.out.push_str("/>"),
            (false, _) => self.out.push('>'),
        }
        // Between a start tag and its own end tag white space would be a value.
        if tag_follows && (closing || empty || !attributes.is_empty()) {
            if self.spaced {
                self.out.push_str("\r\n  ");
            }
            if self.comments {
                self.out.push_str("<!-- -->");
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.holds == Holds::Base64 && self.broken_base64 {
            for (index, character) in text.char_indices() {
                if index % BASE64_LINE == 0 {
                    self.out.push_str("\r\n");
                }
                self.out.push(character);
            }
            return;
        }
        let named = text
            .strip_prefix("soap")
            .filter(|_| self.holds == Holds::Name);
        let text = match named {
            Some(rest) => &format!("{}{rest}", self.envelope_prefix),
            None => text,
        };
        match text.chars().next() {
            Some(first) if self.references && first.is_alphanumeric() => {
                self.out.push_str(&format!("&#x{:X};", u32::from(first)));
                self.out.push_str(&text[first.len_utf8()..]);
            }
            _ => self.out.push_str(text),
        }
    }

    fn name(&self, name: &str) -> String {
        match name.strip_prefix("soap:") {
            Some(local) => format!("{}:{local}", self.envelope_prefix),
            None if self.prefixed => format!("ns1:{name}"),
            None => name.to_owned(),
        }
    }

    fn attributes(&self, attributes: &str) -> String {
        if attributes.is_empty() {
            return String::new();
        }
        let prefix = self.envelope_prefix;
        // A version mismatch names the envelope in an attribute.
        let mut attributes = attributes
            .replace("xmlns:soap=", &format!("xmlns:{prefix}="))
            .replace("\"soap:", &format!("\"{prefix}:"));
        if self.prefixed {
            attributes = attributes.replace("xmlns=", "xmlns:ns1=");
        }
        if self.single_quotes {
            attributes = attributes.replace('"', "'");
        }
        format!(" {attributes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
        xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Body><R \
        xmlns=\"urn:thesecretserver.com\"><Errors /><Id xsi:nil=\"true\" /><Active xsi:nil=\"true\" /><Name>a &lt; b </Name>\
        </R></soap:Body></soap:Envelope>";

    #[test]
    fn the_dressed_reply_reads_as_the_same_document() {
        let awkward = Awkward::new(7);
        let mut forms = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let dressed = awkward.dress(REPLY);
            assert_eq!(meaning(&dressed), meaning(REPLY), "{dressed}");
            forms.insert(dressed);
        }
        assert!(forms.len() > 16, "only {} forms", forms.len());
    }

    #[test]
    fn a_seed_gives_the_same_oddities_again() {
        let run = |seed| {
            let awkward = Awkward::new(seed);
            (0..8).map(|_| awkward.dress(REPLY)).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    /// Expanded names and leaf texts; nulls and white space between elements left out.
    fn meaning(document: &str) -> Vec<String> {
        use quick_xml::events::Event;
        let mut reader = quick_xml::NsReader::from_str(document);
        reader.config_mut().expand_empty_elements = true;
        let mut out: Vec<String> = Vec::new();
        let mut text = String::new();
        let mut nil = false;
        loop {
            let (namespace, event) = reader.read_resolved_event().expect("well-formed");
            let namespace = format!("{namespace:?}");
            match event {
                Event::Start(tag) => {
                    text.clear();
                    nil = tag.attributes_raw().contains("nil");
                    if !nil {
                        out.push(format!("<{namespace}{}", tag.local_name().as_ref()));
                    }
                }
                Event::End(_) if nil => nil = false,
                Event::End(tag) => {
                    let leaf = out.last().is_some_and(|last| last.starts_with('<'));
                    let value = if leaf {
                        std::mem::take(&mut text)
                    } else {
                        String::new()
                    };
                    out.push(format!("{value}>{}", tag.local_name().as_ref()));
                }
                Event::Text(piece) => text.push_str(&piece.xml10_content()),
                Event::GeneralRef(name) => match name.resolve_char_ref().expect("a reference") {
                    Some(character) => text.push(character),
                    None => text.push_str(&name),
                },
                Event::Eof => return out,
                _ => {}
            }
        }
    }
}
