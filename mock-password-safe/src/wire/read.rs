//! Lenient readers of queries and bodies: names in any case, numbers as text, JSON or a form.
//! psafe:§1.1.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::pseudo_json::{self, Top};
use crate::state::refusal::Refusal;

/// Named values of a body or a query, in the order of the document. Of names that differ in case
/// only, the last one wins, as Json.NET has it (`assumed psafe:§1.1`).
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: Vec<(String, Value)>,
}

/// Members of an object, or pairs of a form, that are looked at.
const MEMBERS_MAX: usize = 1000;

/// What a content type says about a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Form,
    Multipart,
    Other,
}

impl Kind {
    /// Reads the header; a body without one is taken for JSON, as the clients that send none mean.
    pub(crate) fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type else {
            return Self::Json;
        };
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/json" | "text/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            json if json.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }
}

impl Fields {
    /// Reads a body. An empty one, and JSON `null`, have no fields.
    pub(crate) fn of_body(content_type: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match Kind::of(content_type) {
            Kind::Json => Self::of_json(body),
            Kind::Form => Ok(Self::of_form(body)),
            Kind::Multipart | Kind::Other => Err(Refusal::UnsupportedMedia),
        }
    }

    /// Reads JSON, or what Json.NET takes for it.
    pub(crate) fn of_json(body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Refusal::malformed("The request body is not valid UTF-8"))?;
        let top = serde_json::from_str(text).or_else(|_| {
            pseudo_json::parse(text).map_err(|why| {
                Refusal::malformed(format!("The request body is not valid JSON: {why}"))
            })
        })?;
        match top {
            Top::Members(values) if values.len() > MEMBERS_MAX => {
                Err(Refusal::malformed("The request body has too many members"))
            }
            Top::Members(values) => Ok(Self { values }),
            Top::Null => Ok(Self::default()),
            Top::Other => Err(Refusal::malformed("The request body is not a JSON object")),
        }
    }

    /// Reads a form, or a query.
    pub(crate) fn of_form(body: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(body).take(MEMBERS_MAX);
        Self {
            values: pairs
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect(),
        }
    }

    /// The value of a name, `null` counting as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .rev()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// A list of texts: an array, or a name that a form repeats.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let bad = || Refusal::malformed(format!("{name} is not a list of strings"));
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(bad);
                items.iter().map(text).collect::<Result<_, _>>().map(Some)
            }
            Some(Value::String(_)) => {
                let same = |(own, _): &&(String, Value)| own.eq_ignore_ascii_case(name);
                let text = |(_, value): &(String, Value)| value.as_str().map(str::to_owned);
                let all = self.values.iter().filter(same).map(text);
                all.map(|text| text.ok_or_else(bad))
                    .collect::<Result<_, _>>()
                    .map(Some)
            }
            Some(_) => Err(bad()),
        }
    }

    /// A text; numbers and truth values are taken as they print.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(scalar.to_string())),
            Some(_) => Err(Refusal::malformed(format!("{name} is not a string"))),
        }
    }

    /// A text that is not blank.
    pub(crate) fn words(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.filter(|text| !text.trim().is_empty()))
    }

    /// A text that has to be there.
    pub(crate) fn required_words(&self, name: &str) -> Result<String, Refusal> {
        self.words(name)?
            .ok_or_else(|| Refusal::malformed(format!("{name} is required")))
    }

    /// A whole number, written as a number or as text. Blank text is absent.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let bad = || Refusal::malformed(format!("{name} is not an integer"));
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| bad()),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or_else(bad),
            Some(_) => Err(bad()),
        }
    }

    /// A number of the wire's 32 bits.
    pub(crate) fn id(&self, name: &str) -> Result<Option<i32>, Refusal> {
        self.int(name)?
            .map(|number| {
                i32::try_from(number)
                    .map_err(|_| Refusal::malformed(format!("{name} is out of range")))
            })
            .transpose()
    }

    /// A number of the wire's 32 bits that has to be there.
    pub(crate) fn required_id(&self, name: &str) -> Result<i32, Refusal> {
        self.id(name)?
            .ok_or_else(|| Refusal::malformed(format!("{name} is required")))
    }

    /// Whole numbers in one text, with commas between them. Blank text is absent.
    pub(crate) fn numbers(&self, name: &str) -> Result<Option<Vec<i32>>, Refusal> {
        let Some(words) = self.words(name)? else {
            return Ok(None);
        };
        let numbers = words.split(',').map(|word| word.trim().parse());
        let numbers: Result<_, _> = numbers.collect();
        numbers
            .map(Some)
            .map_err(|_| Refusal::malformed(format!("{name} is not a list of integers")))
    }

    /// A truth value, written as one or as text.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let bad = || Refusal::malformed(format!("{name} is not a boolean"));
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "" => Ok(None),
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(bad()),
            },
            Some(_) => Err(bad()),
        }
    }
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TopVisitor)
    }
}

/// Keeps the members of the outermost object in their order; `serde_json`'s own map does not.
struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Top::Members(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Top, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Top::Other)
    }

    fn visit_unit<E>(self) -> Result<Top, E> {
        Ok(Top::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Top, E> {
        Ok(Top::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Top, E> {
        Ok(Top::Other)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_names_that_differ_in_case_the_last_of_the_document_wins() {
        for body in [
            r#"{"systemid":1,"SystemID":2,"x":0}"#,
            r#"{"SystemID":1,"systemid":2}"#,
            r#"{"SystemID":1,"SystemID":2}"#,
            "{'systemid': 1, 'SystemID': 2}",
            "{'SystemID': 1, 'a': {}, 'systemid': 2}",
        ] {
            let fields = Fields::of_body(None, body.as_bytes()).unwrap();
            assert_eq!(fields.id("SystemId").unwrap(), Some(2), "{body}");
        }
    }

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

    #[test]
    fn json_forms_and_quoted_dictionaries_say_the_same() {
        for (content_type, body) in [
            (Some("application/json"), r#"{"SystemID":5,"Reason":"a b"}"#),
            (None, r#"{"systemid":"5","REASON":"a b","x":null}"#),
            (Some("text/json"), "{'SystemId': 5, 'Reason': 'a b'}"),
            (FORM, "SystemId=5&reason=a+b"),
        ] {
            let fields = Fields::of_body(content_type, body.as_bytes()).unwrap();
            assert_eq!(fields.id("SystemID").unwrap(), Some(5), "{body}");
            assert_eq!(
                fields.words("Reason").unwrap().as_deref(),
                Some("a b"),
                "{body}"
            );
        }
    }

    #[test]
    fn nothing_is_no_field_and_no_error() {
        for body in ["", "  \r\n", "null", "{}"] {
            let fields = Fields::of_body(Some("application/json"), body.as_bytes()).unwrap();
            assert_eq!(fields.id("SystemID").unwrap(), None, "{body:?}");
        }
    }

    #[test]
    fn bad_bodies_are_refused_without_being_quoted() {
        for body in [
            &b"{\"a\":"[..],
            b"[1]",
            b"7",
            b"\xff\xfe",
            b"{\"Password\":\"s3cret\"",
        ] {
            let error = Fields::of_body(None, body).unwrap_err();
            assert!(
                matches!(&error, Refusal::Malformed(text) if !text.contains("s3cret")),
                "{error:?}"
            );
        }
        let fields = Fields::of_body(None, br#"{"a":9999999999,"b":1.5,"c":[],"d":"x"}"#).unwrap();
        assert!(fields.id("a").is_err() && fields.id("b").is_err());
        assert!(fields.text("c").is_err() && fields.flag("d").is_err() && fields.int("d").is_err());
        assert_eq!(
            Fields::of_body(Some("text/xml"), b"<a/>").unwrap_err(),
            Refusal::UnsupportedMedia
        );
    }
}
