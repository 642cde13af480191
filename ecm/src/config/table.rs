//! Reads a TOML document strictly: every key is asked for by name, and what nobody asked for is a
//! finding with its line and the nearest name that exists.
//!
//! Findings are collected, so that one run shows them all. None of them quotes a value: the value
//! may be a password that somebody typed in the wrong place, which is also why the `toml` crate's
//! own error display, a snippet of the file, is never used.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::env::Environment;
use crate::error::shortened;

/// How alike two keys must be to be suggested for each other, from 0 (nothing) to 1 (equal).
const SUGGESTION_SIMILARITY_MIN: f64 = 0.7;

/// Most findings that are told at once; a file with more is not a configuration.
const FINDINGS_MAX: usize = 50;

/// Longest key that a finding repeats.
const KEY_CHARS_MAX: usize = 120;

/// One thing that is wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file as it was named on the command line.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The full key, such as `appliance.site_url`; empty when the file is not TOML at all.
    pub key: String,
    /// What is wrong and what to do about it; never a value of the file.
    pub problem: String,
}

/// What a finding about a value of a wrong type says before the type.
const OF_TYPE: &str = ", and is of type ";

impl Finding {
    /// Whether the value has another type than its key wants.
    pub(super) fn is_about_type(&self) -> bool {
        self.problem.contains(OF_TYPE)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

/// The text of one file with the findings about it so far.
pub(super) struct Document<'t> {
    file: &'t Path,
    text: &'t str,
    findings: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
    /// Where secrets are looked for when all that can be checked is to be checked.
    surveyed_in: Option<&'t Environment>,
}

impl<'t> Document<'t> {
    pub(super) fn new(file: &'t Path, text: &'t str) -> Self {
        Self {
            file,
            text,
            findings: RefCell::default(),
            warnings: RefCell::default(),
            surveyed_in: None,
        }
    }

    /// One that is read to find everything that is wrong, with what it refers to.
    pub(super) fn surveyed(file: &'t Path, text: &'t str, environment: &'t Environment) -> Self {
        Self {
            surveyed_in: Some(environment),
            ..Self::new(file, text)
        }
    }

    /// The parsed root; `None`, with findings, when the file is not TOML.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'t>>> {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let problem = format!("not valid TOML: {}", error.message());
            let finding = Finding {
                problem,
                ..self.place(at, "")
            };
            self.findings.borrow_mut().push(finding);
            if self.has_enough() {
                break;
            }
        }
        errors.is_empty().then_some(root)
    }

    /// A finding at byte `at` that says nothing yet.
    fn place(&self, at: usize, key: &str) -> Finding {
        let line = 1 + self
            .text
            .bytes()
            .take(at)
            .filter(|&byte| byte == b'\n')
            .count();
        Finding {
            file: self.file.to_owned(),
            line,
            key: shortened(key, KEY_CHARS_MAX),
            problem: String::new(),
        }
    }

    /// The findings in the order of their lines, each once.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner();
        findings.sort_by_key(|finding| finding.line);
        findings.dedup();
        if let Some(last) = findings.get_mut(FINDINGS_MAX) {
            last.key.clear();
            last.problem = "there is more from here on; correct what is above first".to_owned();
            findings.truncate(FINDINGS_MAX + 1);
        }
        findings
    }

    /// What is doubtful, in the order of the lines.
    pub(super) fn take_warnings(&self) -> Vec<Finding> {
        let mut warnings = self.warnings.take();
        warnings.sort_by_key(|warning| warning.line);
        warnings
    }

    /// Whether looking for more would help nobody: each costs a pass over the file.
    fn has_enough(&self) -> bool {
        self.findings.borrow().len() > FINDINGS_MAX
    }
}

/// One table being read. [`Table::finish`] must be called, or unknown keys go unseen.
pub(super) struct Table<'d, 't> {
    document: &'d Document<'t>,
    entries: &'d DeTable<'t>,
    /// The full name with a trailing dot, or nothing for the root.
    prefix: String,
    at: usize,
    asked: Vec<&'static str>,
    /// Whether nothing is required, because the rest is elsewhere.
    partial: bool,
}

impl<'d, 't> Table<'d, 't> {
    pub(super) fn root(document: &'d Document<'t>, root: &'d Spanned<DeTable<'t>>) -> Self {
        Self {
            document,
            entries: root.get_ref(),
            prefix: String::new(),
            at: 0,
            asked: Vec::new(),
            partial: false,
        }
    }

    /// The same table with nothing required in it.
    pub(super) fn partial(self) -> Self {
        Self {
            partial: true,
            ..self
        }
    }

    /// Where secrets are looked for, when what the file refers to is to be checked too.
    pub(super) fn surveyed_in(&self) -> Option<&'t Environment> {
        self.document.surveyed_in
    }

    /// Whether there is a finding about `key` already.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        let key = self.place(key).key;
        let findings = self.document.findings.borrow();
        findings.iter().any(|finding| finding.key == key)
    }

    /// Whether `key` is there, whatever its value is.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// The table `key`, if it is there.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'d, 't>> {
        let value = self.value(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type(key, value, "a table");
            return None;
        };
        let prefix = format!("{}{key}.", self.prefix);
        let (document, at) = (self.document, value.span().start);
        Some(Table {
            document,
            entries,
            prefix,
            at,
            asked: Vec::new(),
            partial: false,
        })
    }

    /// The table `key`, with a finding when it is missing.
    pub(super) fn required_table(&mut self, key: &'static str) -> Option<Table<'d, 't>> {
        if self.value(key).is_none() {
            let example = format!("missing; add a section [{}{key}]", self.prefix);
            self.problem(key, example);
        }
        self.table(key)
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<&'d str> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, value, "a string in quotes");
        }
        text
    }

    /// The string `key`, with a finding when it is missing or blank.
    pub(super) fn required_string(&mut self, key: &'static str) -> Option<&'d str> {
        if self.value(key).is_none() {
            if !self.partial {
                self.problem(key, "missing; it is required");
            }
            return None;
        }
        let text = self.string(key)?;
        if text.trim().is_empty() {
            self.problem(key, "empty; it is required");
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "true or false, without quotes");
        }
        flag
    }

    /// The whole number `key` within `range`.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!(
                "must be a whole number from {} to {}",
                range.start(),
                range.end()
            );
            self.problem(key, expected);
        }
        number
    }

    /// The string `key`, which must be one of the names in `choices`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string(key)?;
        let chosen = choices.iter().find(|(name, _)| *name == text);
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.problem(key, format!("must be one of {}", names.join(", ")));
        }
        chosen.map(|(_, value)| *value)
    }

    /// The list of strings `key`, or one string with commas as the vendor's form has it; blank
    /// members are dropped.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let members = match value.get_ref() {
            DeValue::String(text) => Some(text.split(',').collect::<Vec<_>>()),
            DeValue::Array(array) => array
                .iter()
                .map(|member| member.get_ref().as_str())
                .collect(),
            _ => None,
        };
        let Some(members) = members else {
            self.wrong_type(
                key,
                value,
                "a list of strings, such as [\"ACME\", \"EMEA\"]",
            );
            return None;
        };
        let members = members
            .into_iter()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        Some(members.map(str::to_owned).collect())
    }

    /// Adds a finding about `key`, at its line if it is there and else at the table's.
    pub(super) fn problem(&self, key: &str, problem: impl Into<String>) {
        let finding = Finding {
            problem: problem.into(),
            ..self.place(key)
        };
        self.document.findings.borrow_mut().push(finding);
    }

    /// Says that the value of `key` is taken and doubtful.
    pub(super) fn warn(&self, key: &str, why: impl Into<String>) {
        let warning = Finding {
            problem: why.into(),
            ..self.place(key)
        };
        self.document.warnings.borrow_mut().push(warning);
    }

    /// A finding about `key` that says nothing yet.
    pub(super) fn place(&self, key: &str) -> Finding {
        let at = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        let at = at.map_or(self.at, |(name, _)| name.span().start);
        self.document.place(at, &format!("{}{key}", self.prefix))
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.entries {
            let key = name.get_ref().as_ref();
            if self.document.has_enough() {
                return;
            }
            if self.asked.contains(&key) {
                continue;
            }
            let problem = match nearest(key, &self.asked) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; known here: {}", self.asked.join(", ")),
            };
            self.problem(key, problem);
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'t>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let entry = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        entry.map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.problem(key, format!("must be {expected}{OF_TYPE}{found}"));
    }
}

/// The known key that `typed` was most likely meant to be.
fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed = typed.to_lowercase().replace('-', "_");
    let scored = known
        .iter()
        .map(|key| (strsim::jaro_winkler(&typed, key), *key));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 >= SUGGESTION_SIMILARITY_MIN).then_some(best.1)
}
