//! The frames under `features/vectors/appliance`: each one of the appliance is read, each one of
//! the ECM is written, member for member.

use std::path::PathBuf;

use ecm::link::wire::{
    Answer, Call, CapabilityFlags, CredentialEntry, EndpointEntry, ErrorAnswer, Hello, Incoming,
    PluginIdentity, Request, SessionFrame, read, write_answer, write_hello,
};
use ecm::plugin::{JumpItemType, Product, Session};
use serde_json::{Value, json};

fn vector(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../features/vectors/appliance");
    let text = std::fs::read_to_string(root.join(name)).unwrap();
    text.trim_end_matches('\n').to_owned()
}

fn request(name: &str) -> Request {
    match read(&vector(name)) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

/// The same object without the members that are `null`: absent and `null` mean the same.
fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(name, member)| (name, present(member))).collect())
        }
        Value::Array(members) => Value::Array(members.into_iter().map(present).collect()),
        other => other,
    }
}

fn check_written(written: &str, name: &str) {
    let parse = |text: &str| present(serde_json::from_str(text).unwrap());
    assert_eq!(parse(written), parse(&vector(name)), "{name}");
}

fn check_session(frame: SessionFrame) {
    let session = Session::from(frame);
    assert_eq!(session.session_id, "s-1");
    assert_eq!(session.product, Product::Pra);
    assert_eq!(session.user.username, "ACME\\joe.user");
    assert_eq!(
        session.user.distinguished_name.as_deref(),
        Some("uid=joe.user,ou=HelpDesk,dc=acme,dc=example")
    );
    assert_eq!(session.user.display_name.as_deref(), Some("Joe User"));
    assert_eq!(session.user.provider_type.as_deref(), Some("ldap"));
    let item = session.jump_item;
    assert_eq!(item.item_type, JumpItemType::RemoteRdp);
    assert_eq!((item.name.as_str(), item.port), ("web01", Some(3389)));
    assert_eq!(item.hostname.as_deref(), Some("web01.acme.example"));
    assert_eq!(item.jump_group.as_deref(), Some("Servers"));
    assert!(item.url.is_none() && item.additional_ips.is_empty() && item.tag.is_none());
}

#[test]
fn every_request_of_the_appliance_is_read_with_all_its_members() {
    let found = request("find_credentials/remote_rdp.request");
    assert_eq!(
        (found.id.as_str(), found.deadline_ms),
        ("r-1", Some(30_000))
    );
    let Call::FindCredentials { session } = found.call else {
        panic!("{:?}", found.call)
    };
    check_session(session);

    let got = request("get_credential/password.request");
    let Call::GetCredential {
        session,
        credential_id,
        recipient_key,
    } = got.call
    else {
        panic!("{:?}", got.call)
    };
    check_session(session);
    assert_eq!((got.id.as_str(), got.deadline_ms), ("r-2", Some(60_000)));
    assert_eq!(credential_id, "ss:7");
    assert_eq!(recipient_key, "<32 bytes in base64>");

    let released = request("release_credential/ended.request");
    let Call::ReleaseCredential {
        session,
        credential_id,
        session_ended_at,
    } = released.call
    else {
        panic!("{:?}", released.call)
    };
    check_session(session);
    assert_eq!(
        (credential_id.as_str(), session_ended_at),
        ("ss:7", 1_767_603_660)
    );

    let searched = request("find_endpoints/query.request");
    let Call::FindEndpoints {
        session,
        types,
        query,
        most_recently_used_count,
    } = searched.call
    else {
        panic!("{:?}", searched.call)
    };
    assert_eq!(
        Session::from(session).jump_item.item_type,
        JumpItemType::ExternalRdp
    );
    assert_eq!(
        (types, query.as_str(), most_recently_used_count),
        (vec!["rdp".to_owned(), "shell".to_owned()], "web", None)
    );

    let started = request("session_started/history.request");
    let Call::SessionStarted {
        session,
        history_url,
        history_url_expiry_s,
    } = started.call
    else {
        panic!("{:?}", started.call)
    };
    check_session(session);
    assert_eq!(
        (history_url.as_deref(), history_url_expiry_s),
        (Some("<url>"), Some(3600))
    );

    let completed = request("session_complete/ended.request");
    let Call::SessionComplete { session } = completed.call else {
        panic!("{:?}", completed.call)
    };
    check_session(session);

    let asked = request("health/healthy.request");
    assert_eq!(
        (asked.call, asked.deadline_ms),
        (Call::Health, Some(15_000))
    );
}

#[test]
fn the_opening_of_the_appliance_is_read() {
    let Ok(Incoming::Welcome(welcome)) = read(&vector("hello/secret_server.response")) else {
        panic!("not a welcome")
    };
    assert_eq!(welcome.protocol_version, 1);
    assert_eq!(
        (welcome.connection_id.as_str(), welcome.ecm_group.as_str()),
        ("c-1", "Default")
    );
    assert_eq!(welcome.server_time, Some(1_767_603_600));
    assert_eq!(
        (welcome.ping_interval_s, welcome.max_frame_bytes),
        (30, 1_048_576)
    );
    let limits = welcome.request_timeout_ms;
    assert_eq!(
        (limits.find_credentials, limits.get_credential),
        (30_000, 60_000)
    );
    assert_eq!(
        (
            limits.find_endpoints,
            limits.release_credential,
            limits.other
        ),
        (15_000, 30_000, 15_000)
    );
    let Ok(Incoming::Reject(reject)) = read(&vector("hello/no_common_version.response")) else {
        panic!("not a reject")
    };
    assert_eq!(reject.code, "version_mismatch");
    assert_eq!(reject.message, "this appliance speaks version 1");
}

#[test]
fn the_ecm_writes_its_hello() {
    let hello = Hello {
        protocol_versions: vec![1],
        ecm_version: "0.1.0".into(),
        ecm_id: "3f0c5b5d9f4e4a53a5f1d2c7b8e90a16".into(),
        hostname: "ecm01".into(),
        os: "linux".into(),
        plugin: PluginIdentity {
            name: "Secret Server".into(),
            version: "0.1.0".into(),
            description: "Delinea Secret Server over SOAP".into(),
        },
        capabilities: CapabilityFlags {
            credentials_used: true,
            endpoint_search: true,
            health_check: true,
            session_complete: true,
            session_started: true,
            start_session: false,
        },
    };
    check_written(&write_hello(&hello).unwrap(), "hello/secret_server.request");
}

#[test]
fn the_ecm_writes_every_answer() {
    let entry = |credential_id: &str, display_value: &str| CredentialEntry {
        credential_id: credential_id.into(),
        display_value: display_value.into(),
    };
    let pending = ErrorAnswer {
        category: "pending_approval",
        message: "An e-mail asks for your approval.".into(),
        retryable: true,
        action_url: Some("https://vault.acme.example/approve".into()),
    };
    for (id, answer, name) in [
        (
            "r-1",
            Answer::Credentials {
                credentials: vec![
                    entry("ss:7", "ACME\\svc-web (Domain)"),
                    entry("ss:8", "web01\\Administrator & \"more\" é"),
                ],
            },
            "find_credentials/remote_rdp.response",
        ),
        (
            "r-1",
            Answer::Credentials {
                credentials: Vec::new(),
            },
            "find_credentials/none.response",
        ),
        (
            "r-1",
            Answer::Error(pending),
            "find_credentials/pending_approval.response",
        ),
        ("r-3", Answer::Done, "release_credential/ended.response"),
        (
            "r-1",
            Answer::Health {
                healthy: true,
                detail: "Secret Server answers".into(),
            },
            "health/healthy.response",
        ),
    ] {
        check_written(&write_answer(id, &answer).unwrap(), name);
    }
}

/// The vector has a third endpoint of a type that only other ECMs know.
#[test]
fn the_ecm_writes_the_endpoints_that_it_knows() {
    let endpoint = |number: u32, name: &str, hostname: &str, endpoint_type| EndpointEntry {
        external_id: number.to_string(),
        name: name.into(),
        hostname: hostname.into(),
        endpoint_type,
        port: Some(if endpoint_type == "rdp" { 3389 } else { 22 }),
        comments: (number == 42).then(|| "rack 4".into()),
        network_id: (number == 43).then(|| "dmz".into()),
    };
    let endpoints = vec![
        endpoint(42, "web02", "web02.acme.example", "rdp"),
        endpoint(43, "lin09", "10.20.0.9", "shell"),
    ];
    let written = write_answer("r-1", &Answer::Endpoints { endpoints }).unwrap();
    let written = present(serde_json::from_str(&written).unwrap());
    let expected: Value = serde_json::from_str(&vector("find_endpoints/query.response")).unwrap();
    let expected = present(expected);
    assert_eq!(written["type"], expected["type"]);
    for number in 0..2 {
        assert_eq!(written["endpoints"][number], expected["endpoints"][number]);
    }
    assert_eq!(expected["endpoints"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_package_has_its_box_in_base64() {
    let sealed = ecm::link::wire::SealedBox {
        enc: "ZQ==".into(),
        ciphertext: "Yw==".into(),
    };
    let written = write_answer(
        "r-2",
        &Answer::Package {
            kind: "ssh_key",
            sealed,
        },
    )
    .unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&written).unwrap(),
        json!({"type": "package", "id": "r-2", "kind": "ssh_key",
            "sealed": {"enc": "ZQ==", "ciphertext": "Yw=="}})
    );
}

#[test]
fn absent_members_and_null_mean_the_same() {
    let bare = json!({"type": "find_credentials", "id": "r-1", "session": {
        "session_id": "s-1", "product": "rs", "user": {"username": "joe"},
        "jump_item": {"type": "web_jump", "name": "intranet"}}});
    let mut full = bare.clone();
    full["deadline_ms"] = Value::Null;
    for member in ["distinguished_name", "display_name", "provider_type"] {
        full["session"]["user"][member] = Value::Null;
    }
    for member in [
        "hostname",
        "port",
        "url",
        "additional_ips",
        "application_name",
        "jump_group",
        "tag",
    ] {
        full["session"]["jump_item"][member] = Value::Null;
    }
    full["from_the_future"] = json!({"x": 1});
    full["session"]["from_the_future"] = json!([]);
    let read = |frame: &Value| match read(&frame.to_string()) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&bare), read(&full));
}
