//! As much of JSON Schema as the OpenAPI document uses.

use serde_json::Value;

/// What of `value` the schema does not allow, or nothing.
pub(crate) fn violation(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document
            .pointer(reference.trim_start_matches('#'))
            .expect("a reference that resolves");
        return violation(document, target, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let found: Vec<_> = choices
            .iter()
            .filter_map(|choice| violation(document, choice, value, at))
            .collect();
        return (found.len() == choices.len()).then(|| found.join("; or "));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    if !types.contains(&type_of(value)) {
        return Some(format!("{at} is {}, not {types:?}", type_of(value)));
    }
    if let Some(items) = value.as_array() {
        let of = |(n, item)| violation(document, &schema["items"], item, &format!("{at}[{n}]"));
        return items.iter().enumerate().find_map(of);
    }
    let members = value.as_object()?;
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !members.contains_key(name) {
            return Some(format!("{at} lacks {name}"));
        }
    }
    // A schema that names no member allows any.
    schema["properties"].as_object()?;
    members
        .iter()
        .find_map(|(name, value)| match &schema["properties"][name] {
            Value::Null => Some(format!("{at} has an unknown {name}")),
            schema => violation(document, schema, value, &format!("{at}.{name}")),
        })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
