//! JSON as text, for rows that come by the hundred: their member names need no escapes, and neither
//! do most of their values.

/// Appends a string.
pub(crate) fn text(out: &mut String, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    // No early exit, so that the compiler looks at many bytes at once.
    if value.bytes().fold(true, |all, byte| all & plain(byte)) {
        out.push('"');
        out.push_str(value);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(value).to_string());
    }
}

/// Appends a string or `null`.
pub(crate) fn nullable_text(out: &mut String, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => out.push_str("null"),
    }
}

/// Appends a number.
pub(crate) fn int(out: &mut String, value: i32) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Appends `true` or `false`.
pub(crate) fn flag(out: &mut String, value: bool) {
    out.push_str(if value { "true" } else { "false" });
}
