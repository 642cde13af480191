//! The OpenAPI document, made from the route table.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{PREFIX, Route};

pub(super) fn document(name: &str, routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    let mut tags = BTreeSet::new();
    let refused = json!({
        "description": "Refused",
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["error"],
            "properties": { "error": { "type": "string" } },
        } } },
    });
    for route in routes {
        tags.insert(tag(route));
        let mut operation = json!({
            "operationId": operation_id(route),
            "tags": [tag(route)],
            "summary": route.summary,
            "description": route.summary,
            "responses": { "200": { "description": "Done" }, "4XX": refused },
        });
        if let Some(describe) = route.gives {
            let schema = json!(describe(&mut generator));
            operation["responses"]["200"]["content"] =
                json!({ "application/json": { "schema": schema } });
        }
        if let Some(describe) = route.takes {
            let schema = json!(describe(&mut generator));
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let parameters: Vec<Value> = parameters(route.path)
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        if !parameters.is_empty() {
            operation["parameters"] = Value::Array(parameters);
        }
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Control plane of {name}"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The simulator's own surface. Nothing of it exists in the vendor's product.",
            "contact": { "name": env!("CARGO_PKG_NAME") },
            "license": { "name": LICENSE, "identifier": LICENSE },
        },
        "servers": [{ "url": PREFIX }],
        "tags": tags
            .iter()
            .map(|name| json!({ "name": name, "description": format!("What is below /{name}") }))
            .collect::<Vec<_>>(),
        // The token is asked for where the operator set one.
        "security": [{}, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// The first word of the path.
fn tag(route: &Route) -> &'static str {
    let words = route.path.trim_start_matches('/').split('/');
    words.into_iter().next().unwrap_or_default()
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .split(['/', '-', '{', '}'])
        .filter(|word| !word.is_empty());
    std::iter::once(route.method.as_str().to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}
