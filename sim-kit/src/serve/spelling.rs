//! How header names are spelled on HTTP/1.1: in title case, and where a vendor's server differs from
//! that, as the handler says: `X-AspNet-Version`, `WWW-Authenticate`.
//!
//! The HTTP library writes names in lower case. It has a slow way to write them in title case and none
//! for the others, so names are spelled on their way out, in the head of a response.

use memchr::memchr;
use memchr::memmem::Finder;

/// How names are spelled.
pub(super) struct Spelling {
    /// Names that are not in title case.
    exceptions: &'static [&'static str],
    end: Finder<'static>,
}

impl Spelling {
    pub(super) fn of(exceptions: &'static [&'static str]) -> Self {
        Self {
            exceptions,
            end: Finder::new("\r\n\r\n"),
        }
    }

    /// Fills `head` with the head of the response that `bytes` starts with, its names spelled, and
    /// with a `100 Continue` that goes out in front of it. `head` stays empty when `bytes` is
    /// something else.
    pub(super) fn apply(&self, bytes: &[u8], head: &mut Vec<u8>) {
        head.clear();
        let mut start = 0;
        while bytes[start..].starts_with(b"HTTP/1.") {
            let end = self.end.find(&bytes[start..]);
            let end = end.map_or(bytes.len(), |at| start + at);
            head.extend_from_slice(&bytes[head.len()..end]);
            self.spell_names(&mut head[start..]);
            if !bytes[start..].starts_with(b"HTTP/1.1 1") {
                return;
            }
            start = bytes.len().min(end + "\r\n\r\n".len());
        }
    }

    fn spell_names(&self, head: &mut [u8]) {
        let mut rest = head;
        // The first line is the status.
        while let Some(line_feed) = memchr(b'\n', rest) {
            rest = &mut rest[line_feed + 1..];
            if let Some(colon) = memchr(b':', rest) {
                self.spell(&mut rest[..colon]);
            }
        }
    }

    fn spell(&self, name: &mut [u8]) {
        let same = |known: &&&str| known.as_bytes().eq_ignore_ascii_case(name);
        if let Some(exception) = self.exceptions.iter().find(same) {
            name.copy_from_slice(exception.as_bytes());
            return;
        }
        let mut starts = true;
        for byte in name {
            if starts {
                byte.make_ascii_uppercase();
            }
            starts = *byte == b'-';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(bytes: &str) -> String {
        let mut head = Vec::new();
        let spelling = Spelling::of(&["X-AspNet-Version", "WWW-Authenticate"]);
        spelling.apply(bytes.as_bytes(), &mut head);
        String::from_utf8(head).expect("text")
    }

    #[test]
    fn names_are_spelled_in_the_head_of_a_response_and_nowhere_else() {
        let head = "HTTP/1.1 401 no-way: x\r\nwww-authenticate: a-b: c\r\nx-aspnet-version: 4\r\n\
                    content-length: 4\r\netag: x-y";
        let wanted = "HTTP/1.1 401 no-way: x\r\nWWW-Authenticate: a-b: c\r\nX-AspNet-Version: 4\r\n\
                      Content-Length: 4\r\nEtag: x-y";
        assert_eq!(spelled(&format!("{head}\r\n\r\na-b: c")), wanted);
        assert_eq!(
            spelled("HTTP/1.1 100 Continue\r\n\r\n"),
            "HTTP/1.1 100 Continue"
        );
        assert_eq!(
            spelled(&format!(
                "HTTP/1.1 100 Continue\r\n\r\n{head}\r\n\r\na-b: c"
            )),
            format!("HTTP/1.1 100 Continue\r\n\r\n{wanted}")
        );
        for other in ["a-b: c\r\nx-aspnet-version: 4", ""] {
            assert_eq!(spelled(other), "", "{other:?}");
        }
    }
}
