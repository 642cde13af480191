//! Reading JSON that may be hostile. Size is bounded by the HTTP client, depth by the parser, which
//! skips unknown members without recursion; a member that is named twice, in whatever letter case, a
//! number that does not fit and text that is not UTF-8 are errors.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::wiped::Wiped;

/// Why an answer was not understood. What it held is not repeated: it may be a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::password_safe) enum NotUnderstood {
    /// Not JSON, or JSON of another shape.
    #[error("{what} expected, but at line {line}, column {column} it is {fault}")]
    Json {
        what: &'static str,
        fault: &'static str,
        line: usize,
        column: usize,
    },
    /// Not a single JSON string.
    #[error("a JSON string expected, but at byte {0} it is something else")]
    NotAString(usize),
    /// Not a single number.
    #[error("a request id expected, but it is not a number from 1 to 2147483647")]
    NotAnId,
}

impl NotUnderstood {
    fn json(what: &'static str, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let fault = match error.classify() {
            Category::Eof => "cut short",
            Category::Syntax => "not valid JSON",
            // The parser's own words may quote a value.
            Category::Data if error.to_string().starts_with("duplicate field") => {
                "a member that was there before"
            }
            Category::Data if error.to_string().starts_with("missing field") => {
                "lacking a member that is needed"
            }
            Category::Data | Category::Io => "a value of the wrong type or range",
        };
        let (line, column) = (error.line(), error.column());
        Self::Json {
            what,
            fault,
            line,
            column,
        }
    }
}

/// The rows of an answer that is an array, or a single object for a single row: Password Safe
/// sends either for the same call (vendor-client psafe:PYLIB, recorded psafe:ELASTIC).
pub(in crate::password_safe) fn one_or_many<'de, T: Deserialize<'de>>(
    what: &'static str,
    body: &'de [u8],
) -> Result<Vec<T>, NotUnderstood> {
    let failed = |error: serde_json::Error| NotUnderstood::json(what, &error);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let row: AnyCase<T> = serde_json::from_slice(body).map_err(failed)?;
        return Ok(vec![row.0]);
    }
    let rows: Vec<AnyCase<T>> = serde_json::from_slice(body).map_err(failed)?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// A value read from an object without regard to the letter case of its members' names:
/// `SystemId` in one call is `SystemID` in another. The members of `T` are named in lower case.
struct AnyCase<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyCase<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = AnyCase<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(Lowered(map))).map(AnyCase)
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// A map whose keys arrive in lower case.
struct Lowered<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Lowered<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        self.0.next_key_seed(LoweredKey(seed))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.next_value_seed(seed)
    }
}

struct LoweredKey<K>(K);

/// Longer than every member that is read; a longer name stands for itself.
const NAME_BYTES_MAX: usize = 40;

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for LoweredKey<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for LoweredKey<K> {
    type Value = K::Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let mut lowered = [0; NAME_BYTES_MAX];
        let name = match lowered.get_mut(..name.len()) {
            Some(room) => {
                room.copy_from_slice(name.as_bytes());
                room.make_ascii_lowercase();
                std::str::from_utf8(room).unwrap_or(name)
            }
            None => name,
        };
        let name: StrDeserializer<'_, E> = name.into_deserializer();
        self.0.deserialize(name)
    }
}

/// The text of a body that is one JSON string, decoded without leaving a copy behind: a general
/// parser keeps one in its scratch buffer, and this is a credential.
pub(in crate::password_safe) fn string(body: &[u8]) -> Result<Wiped<String>, NotUnderstood> {
    let start = body.len() - body.trim_ascii_start().len();
    let inside = body.trim_ascii();
    let inside = match inside {
        [b'"', inside @ .., b'"'] => inside,
        _ => return Err(NotUnderstood::NotAString(start)),
    };
    let mut text = Wiped::new(Vec::with_capacity(inside.len()));
    let mut at = 0;
    while let Some(&byte) = inside.get(at) {
        let failed = NotUnderstood::NotAString(start + 1 + at);
        match byte {
            b'"' | 0..0x20 => return Err(failed),
            b'\\' => {
                let (character, length) = escape(&inside[at..]).ok_or(failed)?;
                let mut encoded = [0; 4];
                text.extend_from_slice(character.encode_utf8(&mut encoded).as_bytes());
                at += length;
            }
            _ => {
                text.push(byte);
                at += 1;
            }
        }
    }
    // The bytes move into the string, so nothing is left to wipe.
    match String::from_utf8(std::mem::take(&mut *text)) {
        Ok(text) => Ok(Wiped::new(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            drop(Wiped::new(error.into_bytes()));
            Err(NotUnderstood::NotAString(start + 1 + at))
        }
    }
}

/// The character of the escape that `text` begins with, and the escape's length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let simple = match text.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((simple, 2))
}

fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = all_hex
            .then(|| std::str::from_utf8(digits).ok())
            .flatten()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 6));
    }
    let pair = [first, unit(6)?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, 12))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Row {
        systemid: i32,
        #[serde(default)]
        systemname: Option<String>,
    }

    fn rows(body: &str) -> Result<Vec<Row>, NotUnderstood> {
        one_or_many("rows", body.as_bytes())
    }

    fn fault(body: &str) -> &'static str {
        match rows(body) {
            Err(NotUnderstood::Json { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_object_and_an_array_of_one_are_the_same_in_any_letter_case() {
        let expected = vec![Row {
            systemid: 5,
            systemname: Some("srv1".into()),
        }];
        for body in [
            r#"{"SystemId":5,"SystemName":"srv1","Unknown":{"a":[1,2,{"b":null}]}}"#,
            r#"[{"SystemID":5,"SYSTEMNAME":"srv1"}]"#,
            " \r\n[ {\"systemid\":5, \"systemName\":\"srv1\"} ]\n",
            r#"[{"\u0053ystemId":5,"SystemName":"srv1"}]"#,
        ] {
            assert_eq!(rows(body).unwrap(), expected, "{body}");
        }
        assert_eq!(rows("[]").unwrap(), []);
    }

    #[test]
    fn a_hostile_document_is_a_typed_error() {
        assert_eq!(fault(r#"[{"SystemId":5"#), "cut short");
        assert_eq!(fault(""), "cut short");
        assert_eq!(fault("[{]"), "not valid JSON");
        assert_eq!(fault(r#"{"SystemId":5} {}"#), "not valid JSON");
        assert_eq!(
            fault(r#"{"SystemId":5,"SystemID":6}"#),
            "a member that was there before"
        );
        assert_eq!(
            fault(r#"{"SystemName":"x"}"#),
            "lacking a member that is needed"
        );
        for value in [
            "2147483648",
            "-2147483649",
            "1e3",
            "5.0",
            "1e999",
            "\"5\"",
            "null",
            "[]",
        ] {
            let body = format!(r#"{{"SystemId":{value}}}"#);
            let known = ["a value of the wrong type or range", "not valid JSON"];
            assert!(known.contains(&fault(&body)), "{body}");
        }
        for body in ["5", "\"text\"", "null", "true", "[5]", "[null]", "[[]]"] {
            assert_eq!(fault(body), "a value of the wrong type or range", "{body}");
        }
        let invalid = [
            b"[{\"SystemId\":1,\"SystemName\":\"".as_slice(),
            b"\xff\"}]",
        ]
        .concat();
        assert!(one_or_many::<Row>("rows", &invalid).is_err());
    }

    #[test]
    fn no_depth_exhausts_the_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(rows(&deep).is_err());
        let unknown = format!(r#"{{"SystemId":1,"x":{deep}}}"#);
        assert!(
            rows(&unknown).is_ok_and(|rows| rows.len() == 1),
            "it is skipped"
        );
    }

    #[test]
    fn an_error_does_not_repeat_what_was_there() {
        let error = rows(r#"[{"SystemId":"canary"}]"#).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("canary"));
    }

    #[test]
    fn a_credential_is_decoded_as_json() {
        for (body, text) in [
            (r#""P@ss\"word\\1""#, "P@ss\"word\\1"),
            (r#"  "" "#, ""),
            (
                r#""\u00fc\ud83d\ude00\/\b\f\n\r\t""#,
                "\u{fc}\u{1f600}/\u{8}\u{c}\n\r\t",
            ),
            ("\"gr\u{fc}n\"", "gr\u{fc}n"),
        ] {
            assert_eq!(*string(body.as_bytes()).unwrap(), text);
        }
        for body in [
            "",
            "\"",
            "bare",
            "\"a\"b\"",
            "\"a\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ude00\"",
            "\"a\nb\"",
            "{}",
            "5",
            "\"\\u+123\"",
            "'a'",
        ] {
            assert!(string(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(string(b"\"a\xff\""), Err(NotUnderstood::NotAString(2)));
    }

    proptest! {
        #[test]
        fn a_string_is_read_as_the_general_parser_reads_it(text in "\\PC{0,40}|[\\x00-\\x1f\"\\\\]{0,9}") {
            let body = serde_json::to_vec(&text).unwrap();
            prop_assert_eq!(&*string(&body).unwrap(), &text);
        }

        #[test]
        fn any_bytes_are_accepted_or_refused_as_the_general_parser_does(
            body in "[ \"]{0,3}(\\\\[\"nu0d8]|[a0-9\"]){0,12}\"? ?",
        ) {
            let general: Option<String> = serde_json::from_str(&body).ok();
            prop_assert_eq!(string(body.as_bytes()).ok().map(|text| text.to_string()), general);
        }
    }
}
