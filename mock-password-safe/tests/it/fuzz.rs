//! Hostile requests: whatever is sent, the answer is one that the OpenAPI document describes, never
//! a 500, and nothing panics.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sim_kit::exchange::Method;
use sim_kit::serve::Limits;

use crate::client::{Got, User, acme, call, exchange, ps_auth};
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

/// Rounds for each operation: every caller meets plausible values and wild ones.
const ROUNDS: usize = 16;

#[tokio::test]
async fn every_operation_survives_every_value() {
    let mock = acme().await;
    // Every call presents a key, since some of them end sessions.
    let callers = ["admin", "joe.user", "fire.fighter", "global.approver"]
        .map(|name| ps_auth(&mock, "ECM", &format!("runas={name};")));
    let control = mock.hosted().control();
    let described = control
        .dispatch(&Method::GET, "/vendor/openapi.json", Value::Null)
        .await;
    let document = described.body;
    let mut draws = Draws::seeded();
    let mut succeeded = 0;
    for round in 0..ROUNDS {
        let caller = &callers[round % callers.len()];
        // What the last round quarantined or removed comes back.
        control.dispatch(&Method::POST, "/reset", Value::Null).await;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                // The values are plausible in every other cycle of callers.
                let plausible = (round / callers.len()) % 2 == 0;
                let (target, body) = draws.request(path, operation, plausible);
                let method = method.to_uppercase();
                let got = call(&mock, &method, &target, std::slice::from_ref(caller), &body).await;
                judge(
                    &document,
                    operation,
                    &got,
                    &format!("{method} {target} {body}"),
                );
                succeeded += usize::from(got.status < 300);
            }
        }
    }
    assert!(
        succeeded > 150,
        "only {succeeded} calls got past the checks"
    );
    assert_eq!(mock.hosted().panics(), Vec::<String>::new());
}

/// Draws requests from a seed that never changes, so that a failure repeats.
struct Draws {
    runner: TestRunner,
}

impl Draws {
    fn seeded() -> Self {
        let config = Config {
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        Self {
            runner: TestRunner::new_with_rng(config, rng),
        }
    }

    fn draw<T: std::fmt::Debug>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy
            .new_tree(&mut self.runner)
            .expect("a value")
            .current()
    }

    /// Path with query, and body.
    fn request(&mut self, path: &str, operation: &Value, plausible: bool) -> (String, String) {
        let mut filled = path.trim_start_matches('/').to_owned();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let text = encoded(&self.value(&parameter["schema"], plausible));
            if parameter["in"] == "path" {
                let text = if text.is_empty() { "0" } else { &text };
                filled = filled.replace(&format!("{{{name}}}"), text);
            } else if self.draw(&prop::bool::weighted(0.3)) {
                query.push(format!("{name}={text}"));
            }
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut body = serde_json::Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if self.draw(&prop::bool::weighted(0.7)) {
                body.insert(name.clone(), self.value(schema, plausible));
            }
        }
        let body = if body.is_empty() {
            String::new()
        } else {
            Value::from(body).to_string()
        };
        (format!("{filled}?{}", query.join("&")), body)
    }

    fn value(&mut self, schema: &Value, plausible: bool) -> Value {
        if !plausible {
            return self.draw(&value());
        }
        if let Some(words) = schema["enum"].as_array() {
            return self.draw(&prop::sample::select(words.clone()));
        }
        // What may be left out may be null, too: the other type is the one that is meant.
        match schema["type"].as_str().or(schema["type"][0].as_str()) {
            Some("integer") => json!(self.draw(&prop_oneof![1..12_i32, 100..110_i32])),
            Some("boolean") => json!(self.draw(&any::<bool>())),
            Some("array") if schema["items"]["type"] == "object" => json!([{}]),
            Some("array") => json!(["View", "SSH"]),
            _ => json!(self.draw(&prop::sample::select(WORDS))),
        }
    }
}

const WORDS: &[&str] = &[
    "View", "reuse", "renew", "SSH", "web01", "svc-web", "password", "all", "app", "1", "3.2", "x",
];

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
        assert_eq!(got.status, 400, "{body:.40}");
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
