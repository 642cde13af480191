//! Fault rules in the protocol's own words.

use crate::rig::{PATH, Rig};
use sim_kit::fault::{How, Matcher, Rule, Verdict, When};

fn on(operation: &str, verdict: Verdict) -> Rule {
    let matcher = Matcher {
        operation: Some(operation.into()),
        ..Matcher::default()
    };
    Rule {
        id: None,
        matcher,
        verdict,
        times: 1,
    }
}

#[test]
fn a_rule_answers_once_in_the_shape_of_the_operation() {
    let rig = Rig::start();
    let token = rig.alice();
    let who = format!("<token>{token}</token>");
    let guard = rig
        .server
        .faults()
        .add(on(
            "WhoAmI",
            Verdict::Error {
                text: "a & b".into(),
            },
        ))
        .unwrap();
    let refused = rig.call("WhoAmI", &who);
    assert_eq!(refused.status, 200);
    assert_eq!(
        refused.element("WhoAmIResult"),
        Some("<Errors><string>a &amp; b</string></Errors><UserId>0</UserId><DomainId>0</DomainId>")
    );
    guard.assert_met();
    assert_eq!(
        rig.call("WhoAmI", &who).element("UserName"),
        Some("alice"),
        "one-shot"
    );
    let _guard = rig
        .server
        .faults()
        .add(on(
            "WhoAmI",
            Verdict::Fault {
                text: "boom".into(),
            },
        ))
        .unwrap();
    let fault = rig.call("WhoAmI", &who);
    assert_eq!(fault.status, 500);
    assert_eq!(
        fault.element("faultstring"),
        Some("Server was unable to process request. ---&gt; boom")
    );
}

#[test]
fn a_token_dies_between_two_calls() {
    let rig = Rig::start();
    let token = rig.alice();
    let mut rule = on("GetSecretLegacy", Verdict::ExpireToken);
    rule.matcher.user = Some("alice".into());
    let _guard = rig.server.faults().add(rule).unwrap();
    let response = rig.call(
        "GetSecretLegacy",
        &format!("<token>{token}</token><secretId>7</secretId>"),
    );
    assert!(
        response
            .body
            .contains("Authentication failed or expired token."),
        "{response:?}"
    );
    let valid = rig.call("GetTokenIsValid", &format!("<token>{token}</token>"));
    assert!(!valid.body.contains("<Errors />"), "{valid:?}");
}

#[test]
fn damage_and_loss_reach_the_wire_and_the_journal() {
    let rig = Rig::start();
    let cut = Verdict::Truncate {
        at_bytes: None,
        inside: Some("Version".into()),
    };
    let _cut = rig.server.faults().add(on("VersionGet", cut)).unwrap();
    let response = rig.call("VersionGet", "");
    assert!(response.body.ends_with("<Version>1"), "{response:?}");
    let lost = Verdict::Drop {
        when: When::After,
        how: How::Close,
    };
    let _lost = rig.server.faults().add(on("VersionGet", lost)).unwrap();
    assert_eq!(rig.call("VersionGet", "").status, 0);
    let proxy = Verdict::Status {
        status: 503,
        content_type: None,
        body: Some("<h1>busy</h1>".into()),
        retry_after_s: Some(5),
        location: None,
    };
    let _proxy = rig.server.faults().add(on("VersionGet", proxy)).unwrap();
    let response = rig.call("VersionGet", "");
    assert_eq!(
        (response.status, response.header("Retry-After")),
        (503, Some("5"))
    );
    let entries = rig.server.journal().entries();
    let outcomes: Vec<_> = entries
        .iter()
        .map(|entry| format!("{:?}", entry.outcome))
        .collect();
    assert_eq!(outcomes, ["Dropped", "Dropped", "HttpError"]);
    assert!(entries.iter().all(|entry| entry.fault_rule.is_some()));
}

#[test]
fn a_rule_finds_requests_that_are_no_call_by_their_path() {
    let rig = Rig::start();
    let matcher = Matcher {
        path: Some("sswebservice.asmx".into()),
        ..Matcher::default()
    };
    let verdict = Verdict::Status {
        status: 403,
        content_type: None,
        body: None,
        retry_after_s: None,
        location: None,
    };
    let rule = Rule {
        id: None,
        matcher,
        verdict,
        times: 1,
    };
    let guard = rig.server.faults().add(rule).unwrap();
    assert_eq!(
        rig.send("GET", &format!("{PATH}?wsdl"), &[], b"").status,
        403
    );
    guard.assert_met();
    assert_eq!(rig.server.journal().operations(), [format!("GET {PATH}")]);
}
