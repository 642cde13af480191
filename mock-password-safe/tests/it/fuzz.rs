//! Hostile requests: whatever is sent, the answer is a status below 500 or the 501 that says so,
//! and nothing panics.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sim_kit::exchange::Method;
use sim_kit::serve::Limits;

use crate::client::{Got, User, acme, call, exchange};
use crate::schema::violation;

/// A value that a client might put anywhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..12).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![
            Just("View"),
            Just("reuse"),
            Just("SSH"),
            Just("password"),
            Just("x"),
            Just("")
        ]
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(Value::from)
    })
}

fn encoded(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// The status is documented, and the body is what the document says of it.
fn judge(document: &Value, operation: &Value, got: &Got, what: &str) {
    let response = &operation["responses"][got.status.to_string()];
    assert!(
        response.is_object(),
        "{} is not documented: {what}",
        got.status
    );
    let is_json = got
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    let schema = &response["content"]["application/json"]["schema"];
    if is_json && schema.is_object() {
        let wrong = violation(document, schema, &got.json(), "the body");
        assert_eq!(wrong, None, "{what}: {got:?}");
    }
}

/// A rule of the test itself: the check above can fail.
#[test]
fn the_schema_check_finds_what_is_wrong() {
    let document = json!({ "a": { "type": "object", "required": ["Id"], "properties": { "Id": { "type": ["integer", "null"] } } } });
    let schema =
        json!({ "anyOf": [{ "type": "array", "items": { "$ref": "#/a" } }, { "$ref": "#/a" }] });
    let wrong = |value: Value| violation(&document, &schema, &value, "body").is_some();
    assert!(!wrong(json!([{ "Id": 1 }])) && !wrong(json!({ "Id": null })));
    assert!(
        wrong(json!([{ "Id": "1" }]))
            && wrong(json!({}))
            && wrong(json!({ "Id": 1, "id": 1 }))
            && wrong(json!(7))
    );
}

#[tokio::test]
async fn every_operation_survives_every_value() {
    let mock = acme().await;
    let admin = User::sign_in(&mock, "admin").await;
    let document = mock
        .hosted()
        .control()
        .dispatch(&Method::GET, "/vendor/openapi.json", Value::Null)
        .await
        .body;
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut draw = || value().new_tree(&mut runner).expect("a value").current();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for round in 0..8 {
                let mut filled = path.trim_start_matches('/').to_owned();
                let mut query = Vec::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let name = parameter["name"].as_str().unwrap();
                    let drawn = if round % 2 == 0 {
                        json!(round / 2 + 1)
                    } else {
                        draw()
                    };
                    if parameter["in"] == "path" {
                        let text = encoded(&drawn);
                        filled = filled.replace(
                            &format!("{{{name}}}"),
                            if text.is_empty() { "0" } else { &text },
                        );
                    } else if round > 0 {
                        query.push(format!("{name}={}", encoded(&draw())));
                    }
                }
                let properties = operation["requestBody"]["content"]["application/json"]["schema"]
                    ["properties"]
                    .as_object();
                let body = properties.map(|all| {
                    all.keys()
                        .map(|name| (name.clone(), draw()))
                        .collect::<serde_json::Map<_, _>>()
                });
                let body = body
                    .map(|map| Value::from(map).to_string())
                    .unwrap_or_default();
                let target = format!("{filled}?{}", query.join("&"));
                let got = call(
                    &mock,
                    &method.to_uppercase(),
                    &target,
                    admin.headers(),
                    &body,
                )
                .await;
                judge(
                    &document,
                    operation,
                    &got,
                    &format!("{method} {target} {body}"),
                );
            }
        }
    }
    assert_eq!(mock.hosted().panics(), Vec::<String>::new());
}

#[tokio::test]
async fn bytes_that_are_not_a_call_are_refused() {
    let mock = acme().await;
    let joe = User::sign_in(&mock, "joe.user").await;
    let deep = "[".repeat(200_000);
    for body in [
        deep.as_str(),
        &format!("{{\"a\":{deep}"),
        "{\"SystemID\":1e999}",
        "\u{0}",
        "{'a':\u{1}}",
        "{\"a\":1,\"a\":{}}",
    ] {
        let got = joe.post("Requests", body).await;
        assert_eq!(got.status, 400, "{:.40}", body);
    }
    let head =
        "POST /BeyondTrust/api/public/v3/Requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let cookie = &joe.headers()[0];
    let invalid = [
        format!("{head}{cookie}\r\nContent-Length: 4\r\n\r\n").as_bytes(),
        b"\xff\xfe\x00\x01",
    ]
    .concat();
    assert_eq!(exchange(&mock, &invalid).await.unwrap().status, 400);
    let xml = format!("{head}{cookie}\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>");
    assert_eq!(exchange(&mock, xml.as_bytes()).await.unwrap().status, 415);
    let limit = Limits::default().body_bytes_max;
    let huge = format!(
        "{head}{cookie}\r\nContent-Length: {}\r\n\r\n{}",
        limit + 1,
        " ".repeat(limit + 1)
    );
    assert_eq!(exchange(&mock, huge.as_bytes()).await.unwrap().status, 413);
    assert_eq!(mock.hosted().panics(), Vec::<String>::new());
}
