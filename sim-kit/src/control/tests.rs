use super::*;
use crate::clock::SimTime;

struct Empty;

impl Simulator for Empty {
    fn state(&self) -> Value {
        json!({ "secrets": 0 })
    }
    fn reset(&self) {}
}

fn plane() -> ControlPlane {
    let parts = Parts {
        name: "mock-nothing",
        clock: SimClock::frozen(SimTime::SCENARIO_START),
        faults: FaultRules::default(),
        journal: Journal::default(),
        simulator: Arc::new(Empty),
    };
    let own = Route::new(
        Method::POST,
        "/users/{name}/approve",
        "Approve",
        |call| async move { Ok(json!({ "approved": call.param("name") })) },
    );
    ControlPlane::new(&parts, vec![own])
}

async fn call(method: Method, path: &str, body: Value) -> (u16, Value) {
    let reply = plane().dispatch(&method, path, body).await;
    (reply.status.as_u16(), reply.body)
}

#[tokio::test]
async fn a_parameter_of_the_path_is_decoded() {
    let (status, body) = call(Method::POST, "/users/ACME%5Cjoe/approve", Value::Null).await;
    assert_eq!((status, body), (200, json!({ "approved": "ACME\\joe" })));
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_say_what_there_is() {
    assert_eq!(call(Method::GET, "/nope", Value::Null).await.0, 404);
    let (status, body) = call(Method::PUT, "/clock", Value::Null).await;
    assert_eq!(
        (status, body),
        (405, json!({ "error": "/clock takes GET" }))
    );
}

#[tokio::test]
async fn a_clock_that_is_moved_shows_the_new_time() {
    let plane = plane();
    let moved = plane
        .dispatch(&Method::POST, "/clock/advance", json!({ "seconds": 60 }))
        .await;
    assert_eq!(moved.body["now"], "2026-01-05T09:01:00.000Z");
    let read = plane.dispatch(&Method::GET, "/clock", Value::Null).await;
    assert_eq!(read.body, moved.body);
}

#[tokio::test]
async fn a_bad_body_is_refused_without_repeating_it() {
    let (status, body) = call(
        Method::POST,
        "/clock/advance",
        json!({ "seconds": "hunter2" }),
    )
    .await;
    assert_eq!(status, 400);
    assert!(!body.to_string().contains("hunter2"), "{body}");
    let rule = json!({ "verdict": { "kind": "hunter2" } });
    let (status_of_rule, refusal) = call(Method::POST, "/faults", rule).await;
    assert_eq!(status_of_rule, 400);
    let text = refusal.to_string();
    assert!(
        !text.contains("hunter2") && text.contains("expire_token"),
        "{text}"
    );
    let (status, body) = call(Method::POST, "/clock/advance", json!({ "second": 1 })).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]
            .as_str()
            .is_some_and(|text| text.contains("`second`")),
        "{body}"
    );
}

#[tokio::test]
async fn a_body_is_an_object_or_nothing() {
    assert_eq!(
        call(Method::POST, "/clock/advance", Value::Null).await.0,
        200
    );
    let expected = json!({ "error": "body: expected a JSON object" });
    for body in [json!([]), json!([60, 0]), json!("60"), json!(60)] {
        let refused = call(Method::POST, "/clock/advance", body).await;
        assert_eq!(refused, (400, expected.clone()));
    }
    let (_, body) = call(Method::POST, "/faults", Value::Null).await;
    assert_eq!(body, json!({ "error": "body: missing field `verdict`" }));
}

#[tokio::test]
async fn a_rule_is_listed_and_goes() {
    let plane = plane();
    let rule = json!({ "id": "r", "matcher": { "operation": "A" }, "verdict": { "kind": "hold" } });
    assert_eq!(
        plane.dispatch(&Method::POST, "/faults", rule).await.body,
        json!({ "id": "r" })
    );
    let list = plane
        .dispatch(&Method::GET, "/faults", Value::Null)
        .await
        .body;
    assert_eq!(list[0]["met"], 0);
    assert_eq!(
        plane
            .dispatch(&Method::DELETE, "/faults/r", Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(
        plane
            .dispatch(&Method::DELETE, "/faults/r", Value::Null)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_document_describes_every_route_and_resolves_its_references() {
    let (status, document) = call(Method::GET, "/openapi.json", Value::Null).await;
    assert_eq!(status, 200);
    let paths = document["paths"].as_object().expect("paths");
    for path in [
        "/ready",
        "/clock",
        "/clock/advance",
        "/faults",
        "/faults/{id}",
        "/journal",
        "/state",
        "/reset",
        "/users/{name}/approve",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    let tags = document["tags"].as_array().expect("tags");
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let at = format!("{method} {path}");
            assert!(operation["description"].is_string(), "{at}");
            assert!(operation["responses"]["4XX"].is_object(), "{at}");
            let is_known = |tag: &Value| tags.iter().any(|one| one["name"] == *tag);
            let own = operation["tags"].as_array().expect("tags");
            assert!(own.len() == 1 && own.iter().all(is_known), "{at}");
        }
    }
    assert_eq!(document["security"], json!([{}, { "bearer": [] }]));
    let text = document.to_string();
    assert!(
        !text.contains("prefixItems"),
        "tools know lists of one kind"
    );
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
