//! The OpenAPI document of the vendor surface, from the table that routes it.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use sim_kit::exchange::Method;

use crate::ops::params::TEXTS_MAX;
use crate::ops::{self, Access, Kind, Param, Route, auth};
use crate::settings::Settings;

/// The document. Refusals and bodies are described as the simulator sends and reads them.
pub(crate) fn document(settings: &Settings) -> Value {
    let form = SchemaSettings::draft2020_12().with(|form| {
        form.definitions_path = "/components/schemas".into();
        form.meta_schema = None;
    });
    let mut generator = form.into_generator();
    let mut paths = Map::new();
    let mut tags = BTreeSet::new();
    // A probe that is switched off is not there.
    let answers = |route: &&Route| settings.auth_probe_answers || route.name != auth::PROBE;
    for route in ops::routes()
        .filter(|route| route.is_simulated())
        .filter(answers)
    {
        let mut success = json!({ "description": "Done" });
        if let Some(describe) = route.gives.describe {
            let schema = json!(describe(&mut generator));
            success["content"] = json!({ "application/json": { "schema": schema } });
        } else if route.gives.status == 200 && route.method() == Method::GET {
            success["content"] = bytes();
        }
        let path = format!("/{}", route.path().replace("{id|name}", "{workgroup}"));
        let item = paths.entry(path).or_insert_with(|| json!({}));
        tags.insert(tag(route));
        item[route.method().as_str().to_ascii_lowercase()] = operation(route, success);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "BeyondInsight and Password Safe public API, simulated",
            "version": settings.version,
            "description": "The part of the vendor's REST API v3 that mock-password-safe answers. \
                            Paths, parameters and members are matched in any case. After \
                            SignAppin the cookie ASP.NET_SessionId stands for the Authorization.",
            "contact": { "name": env!("CARGO_PKG_NAME") },
            "license": { "name": LICENSE, "identifier": LICENSE },
        },
        "x-known-not-simulated": ops::routes()
            .filter(|route| !route.is_simulated())
            .map(|route| route.name)
            .collect::<Vec<_>>(),
        "tags": tags
            .iter()
            .map(|name| json!({ "name": name, "description": format!("What is below {name}") }))
            .collect::<Vec<_>>(),
        "servers": [{ "url": "/BeyondTrust/api/public/v3" }],
        "security": [{ "psAuth": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "psAuth": { "type": "apiKey", "in": "header", "name": "Authorization",
                            "description": "PS-Auth key=K; runas=U; pwd=[P];" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

const LICENSE: &str = env!("CARGO_PKG_LICENSE");

fn operation(route: &Route, mut success: Value) -> Value {
    let mut responses = json!({
        "400": refusal("The call makes no sense; the reason as a JSON string"),
        "401": refusal("Nobody is signed in"),
        "403": forbidden(route),
        "404": refusal("Not found; the reason as a JSON string"),
        "409": refusal("A conflicting request"),
        "413": refusal("The body is too large"),
        "414": { "description": "The address is too long" },
        "415": refusal("The body's media type is not read"),
    });
    if route.name == "POST Requests" {
        success["links"] = request_links();
    }
    responses[route.gives.status.to_string()] = success.clone();
    if route.gives.status == 201 {
        // A reused request, an asset that is managed already, or a file.
        responses["200"] = success;
        if route.path().ends_with("Sessions") {
            responses["200"]["content"]["application/octet-stream"] =
                bytes()["application/octet-stream"].clone();
        }
    }
    if route.name == auth::TOKEN {
        responses["400"] = refused_client();
        responses["401"] = refused_client();
    }
    if route.query.iter().any(|param| param.name == "feedback") {
        responses["200"] = json!({
            "description": "How many sessions were concerned",
            "content": { "application/json": { "schema": { "type": "integer" } } },
        });
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [tag(route)],
        "summary": route.summary,
        "description": route.summary,
        "responses": responses,
    });
    let parameters: Vec<Value> = path_parameters(route)
        .chain(query_parameters(route))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if !route.body.is_empty() {
        operation["requestBody"] = body(route.body);
    }
    if route.access == Access::Open {
        operation["security"] = json!([]);
    }
    operation
}

/// Lacking a feature, or a licence, is told without a body; lacking a role with a number.
fn forbidden(route: &Route) -> Value {
    match route.access {
        Access::SignedIn => refusal("Not allowed; a number as the whole body"),
        Access::Open | Access::Feature(..) => json!({ "description": "Not allowed" }),
    }
}

/// What can be done with the number of a new request.
fn request_links() -> Value {
    let link = |operation: &str, parameter: &str| json!({ "operationId": operation, "parameters": { parameter: "$response.body" } });
    json!({
        "credential": link("get_Credentials_requestId", "requestId"),
        "approve": link("put_Requests_id_Approve", "id"),
        "deny": link("put_Requests_id_Deny", "id"),
        "checkIn": link("put_Requests_id_Checkin", "id"),
        "session": link("post_Requests_id_Sessions", "id"),
    })
}

/// A text, or a number that explains it: the whole body.
fn refusal(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": { "type": ["string", "integer"] } } },
    })
}

/// What OAuth says instead. The status is a setting.
fn refused_client() -> Value {
    let schema = json!({
        "type": "object",
        "properties": { "error": { "type": "string", "maxLength": 64 } },
        "required": ["error"],
    });
    json!({
        "description": "The client credentials are refused",
        "content": { "application/json": { "schema": schema } },
    })
}

fn bytes() -> Value {
    json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } })
}

/// The first word of the path.
fn tag(route: &Route) -> &'static str {
    route.path().split('/').next().unwrap_or_default()
}

fn path_parameters(route: &Route) -> impl Iterator<Item = Value> {
    route
        .path()
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let is_text = matches!(name, "id|name" | "workgroup" | "asset" | "account" | "name")
                || route.path().starts_with("Secrets-Safe");
            let schema = if is_text {
                json!({ "type": "string", "minLength": 1, "maxLength": 255 })
            } else {
                json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
            };
            let name = if name == "id|name" { "workgroup" } else { name };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
}

fn query_parameters(route: &Route) -> impl Iterator<Item = Value> {
    route.query.iter().map(|param| {
        json!({ "name": param.name, "in": "query", "required": param.required, "schema": schema(param) })
    })
}

/// The body as JSON or as a form; with a file, as parts.
fn body(params: &[Param]) -> Value {
    let is_file = |param: &&Param| param.kind == Kind::File;
    let fields: Vec<&Param> = params.iter().filter(|param| !is_file(param)).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|param| (param.name.to_owned(), member(param)))
        .collect();
    // A form has no null, and nowhere to put an object.
    let pairs: Map<String, Value> = fields
        .iter()
        .filter(|param| param.kind != Kind::Objects)
        .map(|param| (param.name.to_owned(), schema(param)))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|param| param.required)
        .map(|param| param.name)
        .collect();
    let any_required = !required.is_empty();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    let Some(file) = params.iter().find(is_file) else {
        let form = json!({ "type": "object", "properties": pairs, "required": required });
        let mut schema = schema;
        if !any_required {
            // Read as an object without members.
            schema["type"] = json!(["object", "null"]);
        }
        return json!({ "required": any_required, "content": {
            "application/json": { "schema": schema },
            "application/x-www-form-urlencoded": { "schema": form },
        } });
    };
    let mut parts = json!({ file.name: { "type": "string", "format": "binary" } });
    let mut required = vec![file.name];
    let mut encoding = json!({});
    if !fields.is_empty() {
        parts["secretmetadata"] = schema;
        encoding["secretmetadata"] = json!({ "contentType": "application/json" });
        if any_required {
            required.push("secretmetadata");
        }
    }
    let schema = json!({ "type": "object", "properties": parts, "required": required });
    let content = json!({ "schema": schema, "encoding": encoding });
    json!({ "required": true, "content": { "multipart/form-data": content } })
}

/// A member of a body; what is not required may be `null`.
fn member(param: &Param) -> Value {
    let mut schema = schema(param);
    if !param.required {
        let kind = schema["type"].take();
        schema["type"] = json!([kind, "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    schema
}

fn schema(param: &Param) -> Value {
    match param.kind {
        Kind::Int => json!({
            "type": "integer", "format": "int32", "minimum": param.min, "maximum": param.max,
        }),
        Kind::Text if param.words.is_empty() => {
            let mut schema = json!({ "type": "string", "maxLength": param.length_max });
            if param.required {
                schema["minLength"] = json!(1);
                schema["pattern"] = json!("\\S");
            }
            schema
        }
        Kind::Text => json!({ "type": "string", "enum": param.words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Numbers => json!({
            "type": "string", "maxLength": param.length_max,
            "pattern": r"^\s*[-+]?\d{1,9}\s*(,\s*[-+]?\d{1,9}\s*)*$",
        }),
        Kind::Texts => {
            let words = !param.words.is_empty();
            let items = if words {
                json!({ "type": "string", "enum": param.words })
            } else {
                json!({ "type": "string", "maxLength": param.length_max })
            };
            json!({
                "type": "array", "items": items, "uniqueItems": true,
                "minItems": i32::from(param.required),
                "maxItems": if words { param.words.len() } else { TEXTS_MAX },
            })
        }
        Kind::Objects => json!({
            "type": "array", "items": { "type": "object" }, "maxItems": TEXTS_MAX,
        }),
        Kind::File => json!({ "type": "string", "format": "binary" }),
    }
}

fn operation_id(route: &Route) -> String {
    let words = route
        .path()
        .split(['/', '-', '{', '}', '|'])
        .filter(|word| !word.is_empty());
    std::iter::once(route.method().as_str().to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> Settings {
        Settings {
            auth_probe_answers: true,
            ..Settings::default()
        }
    }

    #[test]
    fn the_document_names_every_operation_and_resolves_its_references() {
        let document = document(&settings());
        let operations: usize = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|item| item.as_object().unwrap().len())
            .sum();
        let simulated = ops::routes().filter(|route| route.is_simulated()).count();
        assert_eq!(operations, simulated);
        let known = document["x-known-not-simulated"].as_array().unwrap();
        assert_eq!(known.len(), ops::routes().count() - simulated);
    }

    /// Every object of the document with its place.
    fn walk(value: &Value, at: &str, see: &mut impl FnMut(&Map<String, Value>, &str)) {
        match value {
            Value::Object(map) => {
                see(map, at);
                for (name, value) in map {
                    walk(value, &format!("{at}/{name}"), see);
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    walk(item, &format!("{at}/{n}"), see);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn references_resolve_and_operation_ids_are_unique() {
        let document = document(&settings());
        let mut ids = BTreeSet::new();
        walk(&document, "", &mut |map, at| {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{at}: {reference}");
            }
            if map.contains_key("responses") {
                let id = map["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} twice");
            }
        });
        // Links name operations that there are.
        walk(&document, "", &mut |map, at| {
            if let Some(links) = map.get("links").and_then(Value::as_object) {
                for link in links.values() {
                    let id = link["operationId"].as_str().unwrap();
                    assert!(ids.contains(id), "{at}: {id}");
                }
            }
        });
    }

    #[test]
    fn every_schema_says_what_it_is_and_bounds_what_is_sent() {
        let document = document(&settings());
        walk(&document, "", &mut |map, at| {
            let (Some(schema), true) = (map.get("schema"), !at.contains("/properties/")) else {
                return;
            };
            let sent = map.contains_key("in") || at.contains("/requestBody/");
            check_schema(schema, at, sent);
        });
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            check_schema(schema, name, false);
        }
    }

    #[test]
    fn a_form_holds_texts_alone_and_a_body_that_needs_nothing_may_be_null() {
        let document = document(&settings());
        let bodies = document["paths"].as_object().unwrap().values();
        let bodies = bodies.flat_map(|item| item.as_object().unwrap().values());
        let mut kinds = BTreeSet::new();
        for body in bodies.filter_map(|operation| operation.get("requestBody")) {
            let schema = |form: &str| body["content"][form].get("schema").cloned();
            let Some(form) = schema("application/x-www-form-urlencoded") else {
                continue;
            };
            for (name, member) in form["properties"].as_object().unwrap() {
                let is_object = member["items"]["type"] == "object";
                assert!(member["type"].is_string() && !is_object, "{name}: {member}");
            }
            let needed = body["required"].as_bool().unwrap();
            let expected = if needed {
                json!("object")
            } else {
                json!(["object", "null"])
            };
            assert_eq!(schema("application/json").unwrap()["type"], expected);
            kinds.insert(needed);
        }
        assert_eq!(kinds.len(), 2);
    }

    /// No schema of any type, no array of anything; what a client sends has bounds.
    fn check_schema(schema: &Value, at: &str, sent: bool) {
        if schema.get("$ref").is_some() {
            return;
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            for choice in choices {
                check_schema(choice, at, sent);
            }
            return;
        }
        let words = schema.get("enum");
        assert!(
            words.is_none_or(Value::is_array),
            "{at} has words that are none"
        );
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            other => panic!("{at} has no type: {other}"),
        };
        assert!((1..=2).contains(&kinds.len()), "{at} is of any type");
        let has = |word: &str| schema.get(word).is_some();
        if kinds.contains(&"array") {
            assert!(!sent || has("maxItems"), "{at} is an array without bounds");
            check_schema(&schema["items"], &format!("{at}/items"), sent);
        }
        if sent && kinds.contains(&"integer") {
            assert!(has("minimum") && has("maximum"), "{at} has no bounds");
        }
        if sent && kinds.contains(&"string") {
            let bounded = has("maxLength") || has("enum") || schema["format"] == "binary";
            assert!(bounded, "{at} is a text without bounds");
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            check_schema(member, &format!("{at}/{name}"), sent);
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_declared_and_no_other() {
        let document = document(&settings());
        for (path, item) in document["paths"].as_object().unwrap() {
            let named: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            for (method, operation) in item.as_object().unwrap() {
                let declared = operation["parameters"].as_array().into_iter().flatten();
                let declared: BTreeSet<&str> = declared
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                assert_eq!(named, declared, "{method} {path}");
            }
        }
    }
}
