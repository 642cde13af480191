//! A reader for what Json.NET takes beside JSON: single-quoted strings and bare property names.
//! Real clients send a Python dictionary printed as text (`vendor-client psafe:XSOAR`).

use serde_json::{Map, Number, Value};

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 64;

/// What a text says at its top.
#[derive(Debug, PartialEq)]
pub(crate) enum Top {
    /// An object: its members in the order of the text, repeated ones included.
    Members(Vec<(String, Value)>),
    Null,
    Other,
}

/// Reads one value. The error is a fragment for a 400.
pub(crate) fn parse(text: &str) -> Result<Top, String> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blanks();
    let top = match reader.peek() {
        Some('{') => Top::Members(reader.members(0)?),
        _ => match reader.value(0)? {
            Value::Null => Top::Null,
            _ => Top::Other,
        },
    };
    reader.skip_blanks();
    if reader.at == text.len() {
        Ok(top)
    } else {
        Err(reader.unexpected())
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.skip_blanks();
        match self.peek() {
            Some('{') => Ok(Value::Object(Map::from_iter(self.members(depth)?))),
            Some('[') => self.array(depth),
            Some(quote @ ('\'' | '"')) => self.string(quote).map(Value::String),
            Some(_) => self.word(),
            None => Err("unexpected end".to_owned()),
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<(String, Value)>, String> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip_blanks();
            let name = match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok(members);
                }
                Some(quote @ ('\'' | '"')) => self.string(quote)?,
                _ => self.bare()?.to_owned(),
            };
            self.expect(':')?;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.skip_blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => {}
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some(']') {
                self.at += 1;
                return Ok(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {}
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.take() {
                None => return Err("unterminated string".to_owned()),
                Some(c) if c == quote => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        Ok(match self.take().ok_or("unterminated string")? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let digits = self
                    .text
                    .get(self.at..self.at + 4)
                    .ok_or("unterminated string")?;
                let code = u32::from_str_radix(digits, 16).map_err(|_| "bad escape in a string")?;
                self.at += 4;
                // Half of a pair cannot stand in a Rust string; the replacement can.
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            c @ ('\\' | '/' | '"' | '\'') => c,
            _ => return Err("bad escape in a string".to_owned()),
        })
    }

    fn word(&mut self) -> Result<Value, String> {
        let word = self.bare()?;
        Ok(match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => Value::Number(word.parse::<Number>().map_err(|_| self.unexpected())?),
        })
    }

    fn bare(&mut self) -> Result<&str, String> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| {
                !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '$'))
            })
            .unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected());
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.skip_blanks();
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Says where, not what: the text may hold a secret.
    fn unexpected(&self) -> String {
        format!("unexpected character at position {}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(text: &str) -> Value {
        match parse(text) {
            Ok(Top::Members(members)) => Value::Object(Map::from_iter(members)),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_printed_python_dictionary_is_read() {
        let text =
            "{'SystemId': 5, 'AccountId': '10', 'DurationMinutes': 1, 'ConflictOption': 'reuse'}";
        let expected = json!({"SystemId": 5, "AccountId": "10", "DurationMinutes": 1, "ConflictOption": "reuse"});
        assert_eq!(object(text), expected);
        assert_eq!(
            object(r"{a: 'it\'s \u00e9', b: [1, -2.5, null,], 'c': {}}"),
            json!({"a": "it's é", "b": [1, -2.5, null], "c": {}})
        );
    }

    #[test]
    fn what_json_net_refuses_is_refused() {
        for text in [
            "",
            "{",
            "{'a': True}",
            "{'a': None}",
            "{'a' 1}",
            "{'a': 1",
            "'open",
            "{} x",
            "{'a': '\\x'}",
            "{'a': '\\u12'}",
            "{'é\\u00é'",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
