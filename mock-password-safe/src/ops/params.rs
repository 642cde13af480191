//! Named values of queries and bodies: what the OpenAPI document says of them, and what is checked
//! before an operation runs. One table, so that the two cannot drift.

use serde_json::Value;

use crate::state::refusal::Refusal;
use crate::wire::read::Fields;

/// A named value of a query or a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// The words that it may be, in any case; any text when there are none.
    pub(crate) words: &'static [&'static str],
    /// Bounds of a whole number.
    pub(crate) min: i32,
    pub(crate) max: i32,
    /// Characters of a text at most.
    pub(crate) length_max: usize,
}

/// The kind of a named value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Flag,
    /// Whole numbers in one text, with commas between them.
    Numbers,
    /// A list of texts, each once.
    Texts,
    /// A list of objects, kept or ignored as a whole. Only JSON can hold one.
    Objects,
    /// A file: the body is a form of parts, and the other values are the JSON of one of them.
    File,
}

/// Characters of a text that no document bounds. Longer ones are nobody's.
const LENGTH_MAX: usize = 4000;

const fn param(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
        words: &[],
        min: i32::MIN,
        max: i32::MAX,
        length_max: LENGTH_MAX,
    }
}

/// A whole number.
pub(crate) const fn int(name: &'static str) -> Param {
    param(name, Kind::Int)
}

/// A text.
pub(crate) const fn text(name: &'static str) -> Param {
    param(name, Kind::Text)
}

/// One of these words, in any case.
pub(crate) const fn one_of(name: &'static str, words: &'static [&'static str]) -> Param {
    let mut param = param(name, Kind::Text);
    param.words = words;
    param
}

/// Whole numbers in one text, with commas between them.
pub(crate) const fn numbers(name: &'static str) -> Param {
    param(name, Kind::Numbers)
}

/// A truth value.
pub(crate) const fn flag(name: &'static str) -> Param {
    param(name, Kind::Flag)
}

/// A list of these words, each once.
pub(crate) const fn several_of(name: &'static str, words: &'static [&'static str]) -> Param {
    let mut param = param(name, Kind::Texts);
    param.words = words;
    param
}

/// A list of texts, each once.
pub(crate) const fn texts(name: &'static str) -> Param {
    param(name, Kind::Texts)
}

/// A list of objects.
pub(crate) const fn objects(name: &'static str) -> Param {
    param(name, Kind::Objects)
}

/// A file of a multipart body.
pub(crate) const fn file(name: &'static str) -> Param {
    param(name, Kind::File).required()
}

impl Param {
    /// The same, and it has to be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same, within these bounds.
    pub(crate) const fn between(mut self, min: i32, max: i32) -> Self {
        self.min = min;
        self.max = max;
        self
    }

    /// The same, with so many characters at most.
    pub(crate) const fn at_most(mut self, length_max: usize) -> Self {
        self.length_max = length_max;
        self
    }

    fn check(&self, fields: &Fields) -> Result<(), Refusal> {
        let present = match self.kind {
            Kind::Int => self.check_int(fields)?,
            Kind::Text => self.check_text(fields)?,
            Kind::Flag => fields.flag(self.name)?.is_some(),
            Kind::Numbers => fields.numbers(self.name)?.is_some(),
            Kind::Texts => self.check_texts(fields)?,
            Kind::Objects => self.check_objects(fields)?,
            // A file is a part of its own, which the reader of parts has asked for.
            Kind::File => true,
        };
        if self.required && !present {
            return Err(Refusal::malformed(format!("{} is required", self.name)));
        }
        Ok(())
    }

    fn check_int(&self, fields: &Fields) -> Result<bool, Refusal> {
        let Some(number) = fields.int(self.name)? else {
            return Ok(false);
        };
        let bounds = i64::from(self.min)..=i64::from(self.max);
        if bounds.contains(&number) {
            return Ok(true);
        }
        let (name, min, max) = (self.name, self.min, self.max);
        Err(Refusal::malformed(if min == i32::MIN {
            format!("{name} is out of range")
        } else {
            format!("{name} must be between {min} and {max}")
        }))
    }

    fn check_text(&self, fields: &Fields) -> Result<bool, Refusal> {
        let Some(text) = fields.words(self.name)? else {
            return Ok(false);
        };
        if text.chars().count() > self.length_max {
            let (name, max) = (self.name, self.length_max);
            return Err(Refusal::malformed(format!(
                "{name} is longer than {max} characters"
            )));
        }
        self.check_word(&text, "be")?;
        Ok(true)
    }

    fn check_texts(&self, fields: &Fields) -> Result<bool, Refusal> {
        let Some(texts) = fields.texts(self.name)? else {
            return Ok(false);
        };
        // The list of words bounds how many different ones there can be.
        let max = if self.words.is_empty() {
            TEXTS_MAX
        } else {
            self.words.len()
        };
        if texts.len() > max {
            let name = self.name;
            return Err(Refusal::malformed(format!(
                "{name} must hold at most {max} values, each once"
            )));
        }
        for (at, text) in texts.iter().enumerate() {
            self.check_word(text, "hold")?;
            if texts[..at]
                .iter()
                .any(|other| other.eq_ignore_ascii_case(text))
            {
                let name = self.name;
                return Err(Refusal::malformed(format!("{name} names {text} twice")));
            }
        }
        if self.required && texts.is_empty() {
            return Err(Refusal::malformed(format!("{} is empty", self.name)));
        }
        Ok(true)
    }

    fn check_objects(&self, fields: &Fields) -> Result<bool, Refusal> {
        match fields.value(self.name) {
            None => Ok(false),
            Some(Value::Array(items)) if items.len() > TEXTS_MAX => Err(Refusal::malformed(
                format!("{} must hold at most {TEXTS_MAX} values", self.name),
            )),
            Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(true),
            Some(_) => Err(Refusal::malformed(format!(
                "{} is not a list of objects",
                self.name
            ))),
        }
    }

    fn check_word(&self, text: &str, verb: &str) -> Result<(), Refusal> {
        let known = |word: &&str| word.eq_ignore_ascii_case(text.trim());
        if self.words.is_empty() || self.words.iter().any(known) {
            return Ok(());
        }
        let (name, words) = (self.name, listed(self.words));
        Err(Refusal::malformed(format!("{name} must {verb} {words}")))
    }
}

/// Texts of a list without words, or objects, at most.
pub(crate) const TEXTS_MAX: usize = 100;

/// Checks every value against the table. What the table does not name is ignored, as by the
/// product's reader.
pub(crate) fn check(params: &[Param], fields: &Fields) -> Result<(), Refusal> {
    params.iter().try_for_each(|param| param.check(fields))
}

/// `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_that_the_table_does_not_allow_is_refused_by_name() {
        const TABLE: &[Param] = &[
            int("Id").required().between(1, 9),
            one_of("Kind", &["a", "b", "c"]),
            text("Name").at_most(3),
            flag("Flag"),
            several_of("Words", &["x", "y"]),
            objects("Urls"),
            numbers("Status"),
        ];
        let many = format!(r#"{{"Id":1,"Urls":[{{}}{}]}}"#, ",{}".repeat(TEXTS_MAX));
        for (body, expected) in [
            (&*many, "Urls must hold at most 100 values"),
            (
                r#"{"id":"3","kind":"B","words":["Y"],"urls":[{}],"more":1}"#,
                "",
            ),
            ("{}", "Id is required"),
            (r#"{"Id":0}"#, "Id must be between 1 and 9"),
            (r#"{"Id":1,"Kind":"d"}"#, "Kind must be a, b or c"),
            (
                r#"{"Id":1,"Name":"four"}"#,
                "Name is longer than 3 characters",
            ),
            (r#"{"Id":1,"Flag":7}"#, "Flag is not a boolean"),
            (r#"{"Id":1,"Words":["x","X"]}"#, "Words names X twice"),
            (r#"{"Id":1,"Words":["z"]}"#, "Words must hold x or y"),
            (
                r#"{"Id":1,"Words":["x","y","x"]}"#,
                "Words must hold at most 2 values, each once",
            ),
            (r#"{"Id":1,"Words":[1]}"#, "Words is not a list of strings"),
            (r#"{"Id":1,"Status":"5, 8"}"#, ""),
            (
                r#"{"Id":1,"Status":"5,x"}"#,
                "Status is not a list of integers",
            ),
            (r#"{"Id":1,"Urls":[1]}"#, "Urls is not a list of objects"),
        ] {
            let fields = Fields::of_json(body.as_bytes()).unwrap();
            let said = check(TABLE, &fields).err().map(|refusal| match refusal {
                Refusal::Malformed(text) => text,
                other => other.to_string(),
            });
            assert_eq!(said.unwrap_or_default(), expected, "{body}");
        }
    }
}
