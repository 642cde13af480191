//! The canary scan: looks through everything that a run wrote for the secrets that it planted.
//!
//! A secret rarely leaks in the form in which it was planted, so every form in which a careless
//! program writes text is looked for as well. One pass over the bytes serves all secrets and forms.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sim_kit::seeded::CANARY_MARK;
use zeroize::Zeroizing;

/// Secrets shorter than this are not looked for: they would be found in innocent text.
pub const SECRET_BYTES_MIN: usize = 8;

/// A file longer than this is read up to here.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A secret that a lab planted.
pub struct Planted {
    /// Where it was planted, fit for a report: `secret web01\Administrator, Password`.
    pub name: String,
    value: Zeroizing<String>,
}

impl Planted {
    /// A secret and where it was planted.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Zeroizing<String>) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}

impl fmt::Debug for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planted")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The form in which a secret was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// As planted, or the part of it that no text encoding changes.
    Plain,
    /// Inside base64, at any of the three alignments.
    Base64,
    /// Percent-encoded.
    Url,
    /// With XML's entity or character references.
    Xml,
    /// With JSON's escapes.
    Json,
    /// Two bytes a character, little-endian.
    Utf16,
    /// Two hexadecimal digits a byte.
    Hex,
}

/// A planted secret where it must not be. Never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which secret, by the name that it was planted under.
    pub secret: String,
    /// How it was written.
    pub form: Form,
    /// In what it was found.
    pub place: String,
    /// Byte offset in there.
    pub offset: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = format!("{:?}", self.form).to_lowercase();
        write!(
            f,
            "{} in {form} form, in {} at byte {}",
            self.secret, self.place, self.offset
        )
    }
}

/// Looks for the planted secrets, and for the canary mark whatever follows it.
pub struct Scanner {
    names: Vec<String>,
    needles: Vec<Needle>,
    /// Needles by their first two bytes.
    starts: HashMap<[u8; 2], Vec<usize>>,
}

struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    form: Form,
    name: usize,
}

impl Scanner {
    /// A scanner for these secrets. Those under [`SECRET_BYTES_MIN`] are left out.
    #[must_use]
    pub fn new(planted: impl IntoIterator<Item = Planted>) -> Self {
        let mut scanner = Self {
            names: Vec::new(),
            needles: Vec::new(),
            starts: HashMap::new(),
        };
        for secret in planted {
            scanner.plant(&secret.name, &secret.value);
        }
        // The mark alone comes last: a known secret names the culprit better.
        scanner.plant_text("a canary".to_owned(), &format!("{CANARY_MARK}-"));
        scanner
    }

    /// Everything that `place` holds and must not. One leak for each (secret, form).
    #[must_use]
    pub fn scan(&self, place: &str, bytes: &[u8]) -> Vec<Leak> {
        let mut seen: Vec<(usize, Form)> = Vec::new();
        let mut leaks = Vec::new();
        for (offset, pair) in bytes.windows(2).enumerate() {
            let Some(candidates) = self.starts.get(&[pair[0], pair[1]]) else {
                continue;
            };
            for needle in candidates.iter().map(|&index| &self.needles[index]) {
                let key = (needle.name, needle.form);
                if bytes[offset..].starts_with(&needle.bytes) && !seen.contains(&key) {
                    seen.push(key);
                    leaks.push(Leak {
                        secret: self.names[needle.name].clone(),
                        form: needle.form,
                        place: place.to_owned(),
                        offset,
                    });
                }
            }
        }
        leaks
    }

    /// Scans a file, or every file under a directory, except for those in `spared`: files whose
    /// purpose is to hold planted secrets.
    ///
    /// # Errors
    /// When something in there cannot be read: an unread file is not a clean one.
    pub fn scan_path(&self, path: &Path, spared: &[PathBuf]) -> std::io::Result<Vec<Leak>> {
        use std::io::Read as _;
        if spared.iter().any(|other| other == path) {
            return Ok(Vec::new());
        }
        if path.is_dir() {
            let mut leaks = Vec::new();
            for entry in std::fs::read_dir(path)? {
                leaks.extend(self.scan_path(&entry?.path(), spared)?);
            }
            return Ok(leaks);
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(self.scan(&path.display().to_string(), &bytes))
    }

    fn plant(&mut self, name: &str, value: &str) {
        // A key of many lines leaks line by line as well.
        let lines = value
            .lines()
            .filter(|line| value.lines().count() > 1 && !line.contains("---"));
        for part in lines
            .chain([value])
            .filter(|part| part.len() >= SECRET_BYTES_MIN)
        {
            self.plant_text(name.to_owned(), part);
        }
    }

    fn plant_text(&mut self, name: String, text: &str) {
        let index = self.names.len();
        self.names.push(name);
        for (form, bytes) in forms(text) {
            if bytes.len() < 4 || self.needles.iter().any(|needle| *needle.bytes == bytes) {
                continue;
            }
            self.starts
                .entry([bytes[0], bytes[1]])
                .or_default()
                .push(self.needles.len());
            self.needles.push(Needle {
                bytes: Zeroizing::new(bytes),
                form,
                name: index,
            });
        }
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// Every way in which `text` is looked for.
fn forms(text: &str) -> Vec<(Form, Vec<u8>)> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex = |upper: bool| -> String {
        text.bytes()
            .map(|b| {
                if upper {
                    format!("{b:02X}")
                } else {
                    format!("{b:02x}")
                }
            })
            .collect()
    };
    let mut found = vec![(Form::Plain, text.as_bytes().to_vec())];
    found.extend(unchanging_part(text).map(|part| (Form::Plain, part.as_bytes().to_vec())));
    for skipped in 0..3 {
        let encoded = base64_inside(text.as_bytes(), skipped);
        let url_safe = encoded.replace('+', "-").replace('/', "_");
        found.extend([encoded, url_safe].map(|form| (Form::Base64, form.into_bytes())));
    }
    for kept in ["", "-_.", "-_.~", "-_.*", "-_.!~*'()"] {
        for upper in [true, false] {
            found.push((Form::Url, percent(text, kept, upper).into_bytes()));
        }
    }
    for quotes in [true, false] {
        for references in [Reference::None, Reference::Decimal, Reference::Hexadecimal] {
            found.push((Form::Xml, xml(text, quotes, references).into_bytes()));
        }
    }
    for ascii in [true, false] {
        let escaped = json(text, ascii);
        let slashes = escaped.replace('/', "\\/");
        found.extend([escaped, slashes].map(|form| (Form::Json, form.into_bytes())));
    }
    found.push((Form::Utf16, utf16));
    found.extend([hex(true), hex(false)].map(|form| (Form::Hex, form.into_bytes())));
    found
}

/// The longest run of letters, digits and hyphens, when it is long enough to be nobody else's: no
/// encoding of text changes it, however mixed.
fn unchanging_part(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .max_by_key(|part| part.len())
        .filter(|part| part.len() >= 12)
}

/// The characters of base64 that depend on nothing but `bytes`, when `skipped` (0, 1 or 2) other
/// bytes stand before them in their group of three.
fn base64_inside(bytes: &[u8], skipped: usize) -> String {
    let mut padded = vec![0; skipped];
    padded.extend_from_slice(bytes);
    let encoded = STANDARD.encode(&padded);
    let first = (skipped * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_owned()
}

fn percent(text: &str, kept: &str, upper: bool) -> String {
    text.bytes()
        .map(|byte| match char::from(byte) {
            c if c.is_ascii_alphanumeric() || kept.contains(c) => c.to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Reference {
    None,
    Decimal,
    Hexadecimal,
}

fn xml(text: &str, quotes: bool, references: Reference) -> String {
    text.chars()
        .map(|c| match (c, references) {
            ('&', _) => "&amp;".to_owned(),
            ('<', _) => "&lt;".to_owned(),
            ('>', _) => "&gt;".to_owned(),
            ('"', _) if quotes => "&quot;".to_owned(),
            ('\'', _) if quotes => "&apos;".to_owned(),
            (c, Reference::Decimal) if !c.is_ascii() => format!("&#{};", u32::from(c)),
            (c, Reference::Hexadecimal) if !c.is_ascii() => format!("&#x{:X};", u32::from(c)),
            (c, _) => c.to_string(),
        })
        .collect()
}

fn json(text: &str, ascii: bool) -> String {
    text.chars()
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            c if ascii && !c.is_ascii() => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
#[path = "leak_tests.rs"]
mod tests;
