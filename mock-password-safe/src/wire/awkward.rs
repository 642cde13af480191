//! The same JSON, as awkward as JSON may be: members nobody asked for, `null` for empty text,
//! escapes that nobody needs. Still one line, still the same meaning to a reader that is right.

use serde_json::Value;

/// Rewrites a document. Text that is not JSON is left as it is.
pub(crate) fn rewrite(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len() * 2);
    write(&value, &mut out, true);
    out
}

fn write(value: &Value, out: &mut String, top: bool) {
    match value {
        Value::Object(map) => {
            out.push_str("{\"SimNewerMember\":{\"Nested\":[1,null]}");
            for (name, value) in map {
                out.push(',');
                string(name, out);
                out.push(':');
                match value {
                    Value::String(text) if text.is_empty() => out.push_str("null"),
                    _ => write(value, out, false),
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out, false);
            }
            out.push(']');
        }
        // Sub-codes and texts that are the whole body keep their bytes where clients compare them.
        Value::String(text) if top && text.is_ascii() => {
            out.push_str(&value.to_string().replace('/', "\\/"));
        }
        Value::String(text) => string(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// A JSON string with every character outside letters, digits and blanks as a `\u` escape.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() || byte == b' ' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn awkward_json_means_the_same() {
        let plain = r#"[{"Name":"a/é\"\\😀","Empty":"","Id":7}]"#;
        let odd = rewrite(plain);
        let read: Value = serde_json::from_str(&odd).unwrap();
        assert_eq!(read[0]["Name"], "a/é\"\\😀");
        assert_eq!(read[0]["Empty"], Value::Null);
        assert_eq!(read[0]["Id"], 7);
        assert!(odd.is_ascii() && !odd.contains('\n'));
        assert_eq!(rewrite("4031"), "4031");
        assert_eq!(
            rewrite("\"User not authenticated\""),
            "\"User not authenticated\""
        );
    }
}
