//! The OpenAPI document of the vendor surface, from the table that routes it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::ops::{self, Access, Kind, Param, Route};

/// The document. Refusals and bodies are described as the simulator sends and reads them.
pub(crate) fn document(version: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in ops::routes().filter(|route| route.is_simulated()) {
        let mut success = json!({ "description": "Done" });
        if let Some(describe) = route.gives.describe {
            let schema = json!(describe(&mut generator));
            success["content"] = json!({ "application/json": { "schema": schema } });
        }
        let path = format!("/{}", route.path().replace("{id|name}", "{workgroup}"));
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[route.method().as_str().to_ascii_lowercase()] = operation(route, success);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "BeyondInsight and Password Safe public API, simulated",
            "version": version,
            "description": "The part of the vendor's REST API v3 that mock-password-safe answers. \
                            Paths, parameters and members are matched in any case. After \
                            SignAppin the cookie ASP.NET_SessionId stands for the Authorization.",
        },
        "x-known-not-simulated": ops::routes()
            .filter(|route| !route.is_simulated())
            .map(|route| route.name)
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

fn operation(route: &Route, mut success: Value) -> Value {
    let mut responses = json!({
        "400": refusal("The call makes no sense; the reason as a JSON string"),
        "401": refusal("Nobody is signed in"),
        "403": forbidden(route),
        "404": refusal("Not found; the reason as a JSON string"),
        "409": refusal("A conflicting request"),
        "413": refusal("The body is too large"),
        "415": refusal("The body's media type is not read"),
    });
    if route.name == "POST Requests" {
        success["links"] = request_links();
    }
    responses[route.gives.status.to_string()] = success.clone();
    if route.gives.status == 201 {
        // A reused request, or a file.
        responses["200"] = success;
    }
    if route.query.iter().any(|param| param.name == "feedback") {
        responses["200"] = json!({
            "description": "How many sessions were concerned",
            "content": { "application/json": { "schema": { "type": "integer" } } },
        });
    }
    if route.name == "GET Auth" {
        responses["405"] = refusal("The probe is switched off");
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
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

fn refusal(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": {
            "type": ["string", "integer", "object", "array", "boolean", "null"],
        } } },
    })
}

fn path_parameters(route: &Route) -> impl Iterator<Item = Value> {
    route
        .path()
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let kind = match name {
                "id|name" | "workgroup" | "asset" | "account" => "string",
                _ if route.path().starts_with("Secrets-Safe") => "string",
                _ => "integer",
            };
            let name = if name == "id|name" { "workgroup" } else { name };
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } })
        })
}

fn query_parameters(route: &Route) -> impl Iterator<Item = Value> {
    route.query.iter().map(|param| {
        json!({ "name": param.name, "in": "query", "required": param.required, "schema": schema(param) })
    })
}

fn body(params: &[Param]) -> Value {
    let properties: Map<String, Value> = params
        .iter()
        .map(|param| (param.name.to_owned(), schema(param)))
        .collect();
    let required: Vec<&str> = params
        .iter()
        .filter(|param| param.required)
        .map(|param| param.name)
        .collect();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({ "content": {
        "application/json": { "schema": schema },
        "application/x-www-form-urlencoded": { "schema": schema },
    } })
}

fn schema(param: &Param) -> Value {
    match param.kind {
        Kind::Int => json!({ "type": "integer", "format": "int32" }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Objects => json!({ "type": "array", "items": { "type": "object" } }),
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

    #[test]
    fn the_document_names_every_operation_and_resolves_its_references() {
        let document = document("24.3.0");
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
        for part in document.to_string().split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
