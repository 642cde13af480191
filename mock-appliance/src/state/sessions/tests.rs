#![allow(clippy::unwrap_used)]
use super::*;
use crate::state::directory::{JumpItemType, ProviderType};
use crate::state::username_format::UsernameFormat;

const NOW: SimTime = SimTime::SCENARIO_START;

fn user(username: &str) -> ConsoleUser {
    ConsoleUser {
        username: username.into(),
        distinguished_name: None,
        display_name: None,
        provider_type: ProviderType::Local,
    }
}

fn item(name: &str) -> JumpItem {
    JumpItem {
        kind: JumpItemType::RemoteRdp,
        name: name.into(),
        hostname: Some(format!("{name}.acme.example")),
        port: None,
        url: None,
        additional_ips: Vec::new(),
        application_name: None,
        jump_group: None,
        tag: None,
        username_format: UsernameFormat::Default,
    }
}

fn begin(sessions: &mut Sessions) -> Result<SessionId, SessionError> {
    sessions.begin(
        user("joe.user"),
        item("web01"),
        "Default".into(),
        "ab".repeat(16),
        NOW,
    )
}

fn offer(sessions: &mut Sessions, id: SessionId) {
    let summary = CredentialSummary {
        credential_id: "7".into(),
        display_value: "ACME\\svc".into(),
        recommended: false,
    };
    sessions.offer(id, vec![summary]);
}

#[test]
fn an_attempt_and_its_failure_are_events_of_the_session() {
    let mut sessions = Sessions::default();
    let id = begin(&mut sessions).unwrap();
    offer(&mut sessions, id);
    let attempt = sessions.attempt(id, "7", NOW).unwrap();
    sessions.attempt_failed(id, attempt, "7", "the vault is down".into(), NOW);
    sessions.end(id, NOW).unwrap();
    let events = &sessions.get(id).unwrap().events;
    let names: Vec<_> = events.iter().map(|event| event.event_type).collect();
    assert_eq!(
        names,
        [
            "Session Start",
            "Credential Injection Attempt",
            "Credential Injection Attempt Failed",
            "Session End"
        ]
    );
    let expected = [
        ("attempt_id", "1"),
        ("credential_id", "7"),
        ("credential_name", "ACME\\svc"),
        ("failure_reason", "the vault is down"),
    ];
    assert_eq!(
        events[2].data,
        expected.map(|(key, value)| (key, value.to_owned()))
    );
}

#[test]
fn only_what_the_user_saw_can_be_picked() {
    let mut sessions = Sessions::default();
    let id = begin(&mut sessions).unwrap();
    assert!(matches!(
        sessions.attempt(id, "7", NOW),
        Err(SessionError::NotOffered { .. })
    ));
    offer(&mut sessions, id);
    assert_eq!(sessions.attempt(id, "7", NOW), Ok(1));
}

#[test]
fn nothing_more_happens_in_a_session_that_ended() {
    let mut sessions = Sessions::default();
    let id = begin(&mut sessions).unwrap();
    offer(&mut sessions, id);
    sessions.end(id, NOW).unwrap();
    assert_eq!(sessions.end(id, NOW), Err(SessionError::Ended(id)));
    assert_eq!(sessions.attempt(id, "7", NOW), Err(SessionError::Ended(id)));
}

#[test]
fn the_number_of_sessions_is_bounded() {
    let mut sessions = Sessions::default();
    for _ in 0..RUNNING_MAX {
        begin(&mut sessions).unwrap();
    }
    assert_eq!(begin(&mut sessions), Err(SessionError::TooMany));
    for n in 1..=1_000 {
        sessions.end(SessionId(n), NOW).unwrap();
    }
    begin(&mut sessions).unwrap();
    assert!(
        sessions.get(SessionId(1)).is_err(),
        "the oldest ended session is forgotten"
    );
}

#[test]
fn an_id_reads_back_from_its_text() {
    assert_eq!("s-12".parse(), Ok(SessionId(12)));
    for text in ["12", "s-", "s-x", "c-1", ""] {
        assert_eq!(
            text.parse::<SessionId>(),
            Err(SessionError::Unknown(text.into()))
        );
    }
}

#[test]
fn what_the_user_took_here_before_comes_first_and_is_recommended() {
    let entry = |id: &str| CredentialSummary {
        credential_id: id.into(),
        display_value: id.into(),
        recommended: false,
    };
    let list = || vec![entry("a"), entry("b"), entry("c")];
    let mut sessions = Sessions::default();
    let first = begin(&mut sessions).unwrap();
    sessions.offer(first, list());
    let record = InjectionRecord {
        at: NOW,
        credential_id: "b".into(),
        kind: "username_password",
        masked_username: String::new(),
        fingerprint: String::new(),
    };
    sessions.injected(first, record);
    let again = begin(&mut sessions).unwrap();
    let offered = sessions.offer(again, list());
    let shown: Vec<_> = offered
        .iter()
        .map(|e| (e.credential_id.as_str(), e.recommended))
        .collect();
    assert_eq!(shown, [("b", true), ("a", false), ("c", false)]);

    let elsewhere = (user("joe.user"), item("web02"));
    let other = sessions.begin(
        elsewhere.0,
        elsewhere.1,
        "Default".into(),
        String::new(),
        NOW,
    );
    let offered = sessions.offer(other.unwrap(), list());
    assert!(
        offered.iter().all(|entry| !entry.recommended),
        "another Jump Item"
    );
}
