//! Lab files: TOML with one table for each party, unknown keys refused with a suggestion, secrets
//! by reference only.
//!
//! No message of this module repeats a value of the file, since a value may be a password in the
//! wrong place. The one exception is a misspelt word that is close to one that is expected there.

mod long;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::seeded::Seed;

pub use long::{LongTable, read_long_file, read_long_section};

/// The tables that a lab file may hold. A simulator reads its own and tolerates the others.
pub const SECTIONS: [&str; 5] = [
    "appliance",
    "secret-server",
    "password-safe",
    "ecm",
    "journey",
];
/// Longest configuration file, bytes: a lab of a million secrets fits.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
const SECRET_BYTES_MAX: u64 = 1024 * 1024;

/// Why a configuration was refused. One line that names the place and the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// File and line, a reference, or a flag.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl ConfigError {
    /// An error at a place.
    pub fn at(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

/// Reads a file that must be UTF-8 text.
///
/// # Errors
/// When the file is missing, unreadable, too long, or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    read_bounded(path, FILE_BYTES_MAX).map(|mut text| std::mem::take(&mut *text))
}

/// Reads UTF-8 text of at most `bytes_max` bytes.
fn read_bounded(path: &Path, bytes_max: u64) -> Result<Zeroizing<String>, ConfigError> {
    let mut bytes = read_bytes(path, bytes_max)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(ConfigError::at(
                path.display().to_string(),
                "not UTF-8 text".to_owned(),
            ))
        }
    }
}

/// Reads at most `bytes_max` bytes, counted as they come: the length of a pipe or a device says
/// nothing.
fn read_bytes(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let refused = |why: String| ConfigError::at(path.display().to_string(), why);
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut bytes = Zeroizing::new(Vec::new());
    match file.take(bytes_max + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > bytes_max => {
            Err(refused(format!("longer than {bytes_max} bytes")))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Reads one table of a lab file. An absent table reads as an empty one.
///
/// # Errors
/// When the text is not TOML, holds a top-level table that no party knows, or the table has an
/// unknown key, a missing key, or a value of the wrong type.
pub fn read_section<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    section: &str,
) -> Result<T, ConfigError> {
    let document = toml::de::DeTable::parse(text).map_err(|error| refused(path, text, &error))?;
    for key in document.get_ref().keys() {
        let name: &str = key.get_ref();
        if !SECTIONS.contains(&name) {
            let place = place_of(path, text, Some(key.span()));
            return Err(ConfigError::at(place, unknown("table", name, &SECTIONS)));
        }
    }
    let empty = toml::de::DeTable::new();
    let value = document.into_inner().remove(section);
    let absent = value.is_none();
    let deserializer = match value {
        Some(value) => toml::de::ValueDeserializer::from(value),
        None => toml::de::ValueDeserializer::from(toml::Spanned::new(
            0..0,
            toml::de::DeValue::Table(empty),
        )),
    };
    T::deserialize(deserializer).map_err(|error| {
        if absent {
            let lacks = format!("{}; there is no table [{section}]", told(error.message()));
            return ConfigError::at(path.display().to_string(), lacks);
        }
        refused(path, text, &error)
    })
}

/// The library's message without the snippet of the file that its `Display` prints.
fn refused(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::at(place_of(path, text, error.span()), told(error.message()))
}

fn place_of(path: &Path, text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let line = span.filter(|span| span.end > 0).and_then(|span| {
        text.get(..span.start)
            .map(|before| before.matches('\n').count() + 1)
    });
    line.map_or_else(
        || path.display().to_string(),
        |line| format!("{}:{line}", path.display()),
    )
}

/// Rewrites the message of the deserialiser: a suggestion for unknown names, no value.
fn told(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let [name, known @ ..] = names.as_slice() {
        if message.starts_with("unknown field") {
            return unknown("key", name, known);
        }
        if message.starts_with("unknown variant") && close(name, known).is_some() {
            return unknown("value", name, known);
        }
    }
    without_value(message).unwrap_or_else(|| message.replace('\n', " "))
}

/// A message of the deserialiser that quotes what it was given, without the quotation: what
/// stands in the wrong place may be a password.
pub(crate) fn without_value(message: &str) -> Option<String> {
    let quotes = ["invalid type: ", "invalid value: ", "unknown variant "];
    if !quotes.iter().any(|start| message.starts_with(start)) {
        return None;
    }
    let (said, _) = message.split_once(['`', '"'])?;
    let (_, expected) = message.rsplit_once("expected ")?;
    Some(format!(
        "{} (value not shown), expected {expected}",
        said.trim_end()
    ))
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match close(name, known) {
        Some(meant) => format!("unknown {what} \"{name}\" - did you mean \"{meant}\"?"),
        None if known.is_empty() => format!("unknown {what} \"{name}\"; none is expected here"),
        None => format!(
            "unknown {what} \"{name}\"; expected one of: {}",
            known.join(", ")
        ),
    }
}

/// The known name that was most likely meant, if any is likely.
pub(crate) fn close<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score > 0.75)
        .map(|(_, meant)| meant)
}

/// Where a secret of a lab comes from. A literal is refused, so that no lab file ever holds a
/// password that somebody uses elsewhere.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum SecretRef {
    /// Made from the run's seed: a canary.
    Generate,
    /// The value of an environment variable.
    Env(String),
    /// The content of a file, one trailing line end removed.
    File(PathBuf),
}

impl SecretRef {
    /// The secret. `purpose` makes generated ones differ, and names the place in errors.
    ///
    /// # Errors
    /// When the variable is not set or the file cannot be read.
    pub fn resolve(&self, purpose: &str, seed: Seed) -> Result<Zeroizing<String>, ConfigError> {
        match self {
            Self::Generate => Ok(Zeroizing::new(seed.plain_canary(purpose))),
            Self::Env(name) => environment(name).map(Zeroizing::new).ok_or_else(|| {
                ConfigError::at(
                    purpose,
                    format!("environment variable {name} is not set to UTF-8 text"),
                )
            }),
            Self::File(path) => {
                let mut text = read_bounded(path, SECRET_BYTES_MAX)?;
                let kept = text.strip_suffix('\n').unwrap_or(&text);
                let kept = kept.strip_suffix('\r').unwrap_or(kept).len();
                text.truncate(kept);
                Ok(text)
            }
        }
    }

    /// The secret as the content of a file: what `file:PATH` holds is taken byte by byte, its last
    /// line end included, and need not be text.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_content(
        &self,
        purpose: &str,
        seed: Seed,
    ) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        match self {
            Self::File(path) => read_bytes(path, SECRET_BYTES_MAX),
            Self::Generate | Self::Env(_) => {
                let text = self.resolve(purpose, seed)?;
                Ok(Zeroizing::new(text.as_bytes().to_vec()))
            }
        }
    }

    /// Reads `generate`, `env:NAME` or `file:PATH`; nothing when the text is none of them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "generate" {
            return Some(Self::Generate);
        }
        if let Some(name) = text.strip_prefix("env:") {
            return (!name.is_empty()).then(|| Self::Env(name.to_owned()));
        }
        let path = text.strip_prefix("file:")?;
        (!path.is_empty()).then(|| Self::File(PathBuf::from(path)))
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generate => f.write_str("generate"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(
                "a literal secret is refused (value not shown); write \"generate\", \"env:NAME\" or \
                 \"file:PATH\"",
            )
        })
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Section {
        #[serde(default)]
        users: Vec<User>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct User {
        #[allow(dead_code)]
        name: String,
        #[allow(dead_code)]
        password: SecretRef,
        #[allow(dead_code)]
        age: Option<u32>,
        #[serde(default)]
        #[allow(dead_code)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        #[default]
        Person,
        Application,
    }

    fn refusal(text: &str) -> String {
        read_section::<Section>(Path::new("lab.toml"), text, "secret-server")
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn each_mistake_is_named_with_its_line_and_without_its_value() {
        let cases = [
            (
                "[secret-servr]\n",
                "lab.toml:1: unknown table \"secret-servr\" - did you mean \"secret-server\"?",
            ),
            (
                "[secret-server]\n[[secret-server.users]]\nnam = 'x'\n",
                "lab.toml:3: unknown key \"nam\" - did you mean \"name\"?",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\npassword = 'hunter2'\n",
                "lab.toml:3: a literal secret is refused (value not shown); write \"generate\", \"env:NAME\" or \"file:PATH\"",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\npassword = 'generate'\nage = 'hunter2'",
                "lab.toml:4: invalid type: string (value not shown), expected u32",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\npassword = 73101",
                "lab.toml:3: invalid type: integer (value not shown), expected a string",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\npassword = 'generate'\nkind = 'aplication'",
                "lab.toml:4: unknown value \"aplication\" - did you mean \"application\"?",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\npassword = 'generate'\nkind = 'hunter2'",
                "lab.toml:4: unknown variant (value not shown), expected `person` or `application`",
            ),
            (
                "[[secret-server.users]]\nname = 'x'\n",
                "lab.toml:1: missing field `password`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(refusal(text), expected);
            assert!(!refusal(text).contains("hunter2"));
        }
        assert!(refusal("password = 'hunter2\n").starts_with("lab.toml:1: "));
        assert!(!refusal("password = 'hunter2\n").contains("hunter2"));
    }

    #[test]
    fn an_absent_table_reads_as_empty_and_other_parties_tables_are_left_alone() {
        let section: Section = read_section(
            Path::new("lab.toml"),
            "[appliance]\nanything = 1\n",
            "secret-server",
        )
        .expect("read");
        assert!(section.users.is_empty());
    }

    #[test]
    fn a_secret_comes_from_the_seed_or_from_a_file() {
        let made = SecretRef::Generate.resolve("api", Seed(1)).expect("made");
        assert_eq!(*made, Seed(1).plain_canary("api"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "s3cret\r\n").expect("written");
        let read = SecretRef::File(file.path().into())
            .resolve("api", Seed(1))
            .expect("read");
        assert_eq!(*read, "s3cret");
        std::fs::write(file.path(), b"\xff\0key\r\n").expect("written");
        let binary = SecretRef::File(file.path().into());
        let content = binary.resolve_content("api", Seed(1)).expect("read");
        assert_eq!(*content, b"\xff\0key\r\n");
        let refused = binary.resolve("api", Seed(1)).expect_err("no text");
        assert!(refused.to_string().ends_with("not UTF-8 text"), "{refused}");
        let endless = SecretRef::File("/dev/zero".into()).resolve("api", Seed(1));
        let refused = endless.expect_err("too long").to_string();
        assert!(refused.ends_with("longer than 1048576 bytes"), "{refused}");
        let missing = SecretRef::File("/no/such".into()).resolve("api", Seed(1));
        assert!(missing.expect_err("missing").place.contains("/no/such"));
    }
}
