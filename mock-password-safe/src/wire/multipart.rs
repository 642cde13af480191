//! The parts of a `multipart/form-data` body, for file secrets. `vendor-client psafe:PYLIB`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::read::{Fields, Kind};
use crate::secret::Secret;
use crate::state::refusal::Refusal;

/// The file of a multipart body.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) name: String,
    /// The bytes, held as base64 since secrets are text.
    pub(crate) base64: Secret,
}

/// The file of a multipart body, and the fields of the part that describes it: `secretmetadata`
/// with JSON in it. The file's part is called `files` (`vendor-client psafe:PYLIB`), `file`
/// (`vendor-client psafe:GO`) or `form-data` (a CSV file of PYLIB's `import_csv`).
pub(crate) fn upload(content_type: Option<&str>, body: &[u8]) -> Result<(Fields, Upload), Refusal> {
    let content_type = content_type.unwrap_or_default();
    if Kind::of(Some(content_type)) != Kind::Multipart {
        return Err(Refusal::UnsupportedMedia);
    }
    let parts = parts(content_type, body)?;
    let named = |names: &[&str]| {
        let is_named = |part: &&Part<'_>| {
            names
                .iter()
                .any(|name| part.name.eq_ignore_ascii_case(name))
        };
        parts.iter().find(is_named)
    };
    let fields = match named(&["secretmetadata"]) {
        Some(part) => Fields::of_json(part.body)?,
        None => Fields::default(),
    };
    let file = named(&["files", "file", "form-data"])
        .ok_or_else(|| Refusal::malformed("The part files is required"))?;
    let name = file.file_name.clone().unwrap_or_else(|| "file".to_owned());
    let base64 = Secret::new(STANDARD.encode(file.body));
    Ok((fields, Upload { name, base64 }))
}

/// One part.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    name: String,
    file_name: Option<String>,
    body: &'a [u8],
}

/// Parts at most.
const PARTS_MAX: usize = 16;

/// Reads the parts.
fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Refusal> {
    let boundary = parameter(content_type, "boundary")
        .ok_or_else(|| Refusal::malformed("The multipart body has no boundary"))?;
    let marker = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = after(body, &marker).ok_or_else(broken)?;
    while let Some(content) = rest.strip_prefix(b"\r\n") {
        if parts.len() == PARTS_MAX {
            return Err(Refusal::malformed("The multipart body has too many parts"));
        }
        let end = find(content, &[b"\r\n", marker.as_slice()].concat()).ok_or_else(broken)?;
        parts.push(part(&content[..end])?);
        rest = &content[end + 2 + marker.len()..];
    }
    if rest.starts_with(b"--") {
        Ok(parts)
    } else {
        Err(broken())
    }
}

fn part(content: &[u8]) -> Result<Part<'_>, Refusal> {
    let split = find(content, b"\r\n\r\n").ok_or_else(broken)?;
    let head = std::str::from_utf8(&content[..split]).map_err(|_| broken())?;
    let disposition = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value)
        .ok_or_else(broken)?;
    Ok(Part {
        name: parameter(disposition, "name").ok_or_else(broken)?,
        file_name: parameter(disposition, "filename"),
        body: &content[split + 4..],
    })
}

/// A parameter of a header value, with or without quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    value
        .split(';')
        .skip(1)
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(own, value)| {
            own.trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"').to_owned())
        })
}

fn after<'a>(text: &'a [u8], marker: &[u8]) -> Option<&'a [u8]> {
    find(text, marker).map(|at| &text[at + marker.len()..])
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn broken() -> Refusal {
    Refusal::malformed("The multipart body is broken")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_are_read_with_their_names() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"secretmetadata\"\r\n\r\n{}\r\n--B\r\nContent-Disposition: form-data; name=files; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\ny\r\n--B--\r\n";
        let parts = parts("multipart/form-data; boundary=\"B\"", body).unwrap();
        assert_eq!(parts[0].name, "secretmetadata");
        assert_eq!(parts[1].file_name.as_deref(), Some("a.txt"));
        assert_eq!(parts[1].body, b"x\r\ny");
    }

    #[test]
    fn broken_bodies_are_refused() {
        for body in [
            &b""[..],
            b"--B",
            b"--B\r\n",
            b"--B\r\nX\r\n--B--",
            b"--B\r\n\r\n\r\n--B--",
        ] {
            assert!(
                parts("multipart/form-data; boundary=B", body).is_err(),
                "{body:?}"
            );
        }
        assert!(parts("multipart/form-data", b"--B--").is_err());
    }
}
