//! Doors for the fuzz targets, in no other build: the readers of the two bindings, without sockets.

use crate::bindings::form;
use crate::ops;
use crate::pages::discovery::Document;
use crate::routes;
use crate::schema::{Operation, Schema};
use crate::wire::decode::decode;
use crate::wire::envelope::{body_element, read};
use crate::wire::reply::escape_text;

const CHARSETS: [Option<&str>; 8] = [
    None,
    Some("utf-8"),
    Some("utf-16"),
    Some("utf-32"),
    Some("iso-8859-1"),
    Some("ibm850"),
    Some("shift_jis"),
    Some("no-such-charset"),
];

/// Reads a body as SOAP. The first byte chooses the charset of the content type and whether it is
/// `application/soap+xml`; the operation is the body's, or `GetSecret`. Gives the text when it was
/// accepted, so that a second parser can be asked.
#[must_use]
pub fn envelope(data: &[u8]) -> Option<String> {
    let (choice, body) = data.split_first()?;
    let charset = CHARSETS[usize::from(choice & 7)];
    let text = decode(body, charset).ok()?;
    let named = body_element(&text).ok().and_then(|element| element.name);
    let operation = named.and_then(|name| Schema::get().operation(name));
    let operation = operation.or_else(|| Schema::get().operation("GetSecret"))?;
    let call = read(&text, operation, choice & 8 != 0).ok()?;
    let _ = ops::command(operation, &call.parameters);
    Some(text.into_owned())
}

/// Reads a target as the HTTP bindings do: path, method, query and form. The first byte chooses the
/// operation, the second the charset.
pub fn bindings(data: &[u8]) {
    let [choice, charset, rest @ ..] = data else {
        return;
    };
    let charset = CHARSETS[usize::from(charset & 7)];
    let text = String::from_utf8_lossy(rest);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let resolved = routes::resolved(path);
    assert_eq!(
        routes::resolved(&routes::written(path)),
        resolved,
        "{path:?}"
    );
    let _ = Document::of(Some(query));
    let method = resolved.rsplit('/').next().unwrap_or("");
    let operation = form::find(method).unwrap_or_else(|_| any(*choice));
    let pairs = form::pairs(query.as_bytes(), charset);
    if let Ok(parameters) = form::parameters(operation, &pairs) {
        let _ = ops::command(operation, &parameters);
    }
    let mut escaped = String::new();
    escape_text(&mut escaped, &text);
    assert!(!escaped.contains(['<', '\u{fffe}', '\u{ffff}']));
}

fn any(choice: u8) -> &'static Operation {
    let operations = &Schema::get().operations;
    &operations[usize::from(choice) % operations.len()]
}
