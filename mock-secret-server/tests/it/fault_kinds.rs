//! Every kind of fault on the wire, as a client with a socket meets it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use crate::rig::{PATH, Rig, SOAP11, envelope, soap_call, wrapped};
use sim_kit::fault::{FaultGuard, How, Matcher, Rule, Verdict, When};

fn install(rig: &Rig, operation: &str, verdict: Verdict) -> FaultGuard {
    install_rule(rig, operation, verdict, None, 1)
}

fn install_rule(
    rig: &Rig,
    operation: &str,
    verdict: Verdict,
    nth: Option<u32>,
    times: u32,
) -> FaultGuard {
    let matcher = Matcher {
        operation: Some(operation.into()),
        nth,
        ..Matcher::default()
    };
    let rule = Rule {
        id: None,
        matcher,
        verdict,
        times,
    };
    rig.server.faults().add(rule).unwrap()
}

fn element(name: &str) -> String {
    name.to_owned()
}

/// Whether nothing more arrives for a moment.
fn is_silent(socket: &mut std::net::TcpStream) -> bool {
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let read = socket.read(&mut [0; 1]);
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_slow_first_byte_keeps_the_client_waiting() {
    let rig = Rig::start();
    let ten_minutes = Verdict::Delay { ms: 600_000 };
    let guard = install(&rig, "VersionGet", ten_minutes);
    let mut socket = rig.connect();
    socket.write_all(&soap_call("VersionGet", "")).unwrap();
    assert!(is_silent(&mut socket));
    guard.assert_met();
    drop(guard);
    let guard = install(&rig, "VersionGet", Verdict::Delay { ms: 1 });
    assert_eq!(rig.call("VersionGet", "").status, 200);
    guard.assert_met();
}

#[test]
fn a_held_call_goes_on_when_its_rule_is_removed() {
    let rig = Rig::start();
    let guard = install(&rig, "VersionGet", Verdict::Hold);
    let mut socket = rig.connect();
    socket.write_all(&soap_call("VersionGet", "")).unwrap();
    assert!(is_silent(&mut socket));
    guard.assert_met();
    drop(guard);
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    assert!(reply.contains("<Version>10.3.000015</Version>"), "{reply}");
}

#[test]
fn a_dripping_answer_announces_its_length_and_comes_in_pieces() {
    let rig = Rig::start();
    let whole = rig.call("VersionGet", "").body;
    let chunk_bytes = whole.len() / 2;
    let drip = |every_ms| Verdict::Drip {
        chunk_bytes,
        every_ms,
    };
    let stuck = install(&rig, "VersionGet", drip(60_000));
    let mut socket = rig.connect();
    socket.write_all(&soap_call("VersionGet", "")).unwrap();
    let mut arrived = Vec::new();
    let body_arrived = |arrived: &[u8]| {
        let text = String::from_utf8_lossy(arrived).into_owned();
        text.split_once("\r\n\r\n").map(|(head, body)| {
            let length = format!("Content-Length: {}", whole.len());
            assert!(head.contains(&length), "{head}");
            body.to_owned()
        })
    };
    while body_arrived(&arrived).is_none_or(|body| body.len() < chunk_bytes) {
        let mut piece = [0; 4096];
        let length = socket.read(&mut piece).unwrap();
        assert_ne!(length, 0, "the connection ended");
        arrived.extend_from_slice(&piece[..length]);
    }
    assert!(is_silent(&mut socket));
    assert_eq!(body_arrived(&arrived).unwrap(), whole[..chunk_bytes]);
    stuck.assert_met();
    let guard = install(&rig, "VersionGet", drip(1));
    assert_eq!(rig.call("VersionGet", "").body, whole);
    guard.assert_met();
}

#[test]
fn a_lost_connection_is_closed_or_reset_before_or_after_the_effect() {
    let held = "<secretId>8</secretId>";
    for when in [When::Before, When::After] {
        for how in [How::Close, How::Reset] {
            let rig = Rig::start();
            let token = format!("<token>{}</token>{held}", rig.alice());
            let guard = install(&rig, "GetSecretLegacy", Verdict::Drop { when, how });
            let lost = rig.bytes(&soap_call("GetSecretLegacy", &token));
            match how {
                How::Close => assert_eq!(lost.unwrap(), b""),
                How::Reset => assert_eq!(lost.unwrap_err().kind(), ErrorKind::ConnectionReset),
            }
            guard.assert_met();
            let status = rig.call("GetCheckOutStatus", &token);
            let taken = if when == When::After { "true" } else { "false" };
            assert_eq!(
                status.element("IsCheckedOut"),
                Some(taken),
                "{when:?} {how:?}"
            );
        }
    }
}

#[test]
fn a_connection_can_end_after_100_continue() {
    let rig = Rig::start();
    let verdict = Verdict::Drop {
        when: When::Before,
        how: How::Close,
    };
    let guard = install(&rig, "VersionGet", verdict);
    let body = envelope(SOAP11, &wrapped("VersionGet", ""));
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: vault.example\r\nContent-Type: text/xml\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = rig.connect();
    socket.write_all(head.as_bytes()).unwrap();
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut interim = vec![0; expected.len()];
    socket.read_exact(&mut interim).unwrap();
    assert_eq!(interim, expected);
    socket.write_all(body.as_bytes()).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    guard.assert_met();
}

#[test]
fn an_answer_comes_twice_byte_by_byte() {
    let rig = Rig::start();
    let guard = install(&rig, "VersionGet", Verdict::Duplicate);
    let bytes = rig.bytes(&soap_call("VersionGet", "")).unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n") && first.ends_with(b"</soap:Envelope>"));
    assert_eq!(first, second);
    guard.assert_met();
}

#[test]
fn a_proxy_answers_in_the_server_s_place() {
    let rig = Rig::start();
    let status = |status, location: Option<&str>, retry_after_s| Verdict::Status {
        status,
        content_type: None,
        body: Some("<html>Log in</html>".into()),
        retry_after_s,
        location: location.map(Into::into),
    };
    for (verdict, code, header) in [
        (status(200, None, None), 200, None),
        (
            status(302, Some("/Login.aspx"), None),
            302,
            Some(("Location", "/Login.aspx")),
        ),
        (status(503, None, Some(7)), 503, Some(("Retry-After", "7"))),
    ] {
        let guard = install(&rig, "VersionGet", verdict);
        let response = rig.call("VersionGet", "");
        assert_eq!(response.status, code);
        assert_eq!(
            response.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        if let Some((name, value)) = header {
            assert_eq!(response.header(name), Some(value));
        }
        assert_eq!(response.body, "<html>Log in</html>");
        guard.assert_met();
    }
}

#[test]
fn a_garbled_answer_is_no_text_any_more() {
    let rig = Rig::start();
    let whole = rig.call("VersionGet", "").body;
    let guard = install(&rig, "VersionGet", Verdict::Garble);
    let bytes = rig.bytes(&soap_call("VersionGet", "")).unwrap();
    let body = &bytes[bytes.len() - whole.len()..];
    assert!(std::str::from_utf8(body).is_err());
    let differing = body.iter().zip(whole.as_bytes()).filter(|(a, b)| a != b);
    assert_eq!(differing.count(), 3);
    guard.assert_met();
}

#[test]
fn an_answer_breaks_off_where_the_rule_says() {
    let rig = Rig::start();
    let whole = rig.call("VersionGet", "").body;
    let truncate = |at_bytes, inside: Option<&str>| Verdict::Truncate {
        at_bytes,
        inside: inside.map(element),
    };
    let inside = whole.find("<Version>").unwrap() + "<Version>1".len();
    let response = whole.find("<VersionGetResponse xmlns").unwrap();
    let response = response + whole[response..].find('>').unwrap() + 2;
    for (verdict, expected) in [
        (truncate(Some(10), None), 10),
        (truncate(Some(1_000_000), None), whole.len() - 1),
        (truncate(None, None), whole.len() / 2),
        (truncate(None, Some("Version")), inside),
        (truncate(None, Some("VersionGetResponse")), response),
    ] {
        let guard = install(&rig, "VersionGet", verdict.clone());
        let cut = rig.call("VersionGet", "");
        assert_eq!(
            cut.header("Content-Length"),
            Some(whole.len().to_string().as_str())
        );
        assert_eq!(cut.body, whole[..expected], "{verdict:?}");
        guard.assert_met();
    }
}

#[test]
fn a_rule_waits_for_its_call_and_lasts_its_times() {
    let rig = Rig::start();
    let boom = || Verdict::Fault {
        text: "boom".into(),
    };
    let run = |calls: usize| -> Vec<u16> {
        let call = |_| rig.call("VersionGet", "").status;
        (0..calls).map(call).collect()
    };
    let third = install_rule(&rig, "VersionGet", boom(), Some(3), 1);
    assert_eq!(run(4), [200, 200, 500, 200]);
    let twice = install_rule(&rig, "VersionGet", boom(), None, 2);
    assert_eq!(run(3), [500, 500, 200]);
    let from_the_second_on = install_rule(&rig, "VersionGet", boom(), Some(2), 0);
    assert_eq!(run(4), [200, 500, 500, 500]);
    assert_eq!(
        (third.met(), twice.met(), from_the_second_on.met()),
        (1, 2, 3)
    );
}

#[test]
fn documents_come_in_shapes_that_no_schema_allows() {
    let rig = Rig::start();
    let whole = rig.call("VersionGet", "").body;
    let version = "<Version>10.3.000015</Version>";
    let extra = "<SimUnknown>1</SimUnknown></VersionGetResult>";
    for (verdict, expected) in [
        (
            Verdict::Omit {
                element: element("Errors"),
            },
            whole.replace("<Errors />", ""),
        ),
        (
            Verdict::Nil {
                element: element("Version"),
            },
            whole.replace(version, "<Version xsi:nil=\"true\" />"),
        ),
        (Verdict::Extra, whole.replace("</VersionGetResult>", extra)),
        (
            Verdict::BreakLines {
                element: element("Version"),
            },
            whole.replace(version, "<Version>\r\n10.3.000015\r\n</Version>"),
        ),
    ] {
        let guard = install(&rig, "VersionGet", verdict);
        assert_eq!(rig.call("VersionGet", "").body, expected);
        guard.assert_met();
    }
}

#[test]
fn a_verdict_that_cannot_happen_passes_by_and_its_rule_stays_unmet() {
    let rig = Rig::start();
    let verdicts = || {
        [
            Verdict::Error { text: "e".into() },
            Verdict::Fault { text: "f".into() },
            Verdict::ExpireToken,
            Verdict::Extra,
        ]
    };
    let any = |verdict| Rule {
        id: None,
        matcher: Matcher::default(),
        verdict,
        times: 1,
    };
    let text = "Content-Type: text/xml";
    for verdict in verdicts() {
        let guard = rig.server.faults().add(any(verdict)).unwrap();
        // A page, a refused request, an unknown path.
        assert_eq!(
            rig.send("GET", &format!("{PATH}?wsdl"), &[], b"").status,
            200
        );
        assert_eq!(
            rig.send("POST", PATH, &[text, "SOAPAction: x"], b"<a/>")
                .status,
            500
        );
        assert_eq!(rig.send("GET", "/nowhere", &[], b"").status, 404);
        assert_eq!(guard.met(), 0);
    }
    // No token, a dead token, a live one.
    let guard = install(&rig, "WhoAmI", Verdict::ExpireToken);
    let _anonymous = install(&rig, "VersionGet", Verdict::ExpireToken);
    assert_eq!(rig.call("VersionGet", "").status, 200);
    let _ = rig.call("WhoAmI", "<token>dead</token>");
    let entries = rig.server.journal().entries();
    assert!(
        entries.iter().all(|entry| entry.fault_rule.is_none()),
        "{entries:?}"
    );
    let token = rig.alice();
    let _ = rig.call("WhoAmI", &format!("<token>{token}</token>"));
    guard.assert_met();
    assert_eq!(rig.server.faults().never_met().len(), 1);
}

#[test]
fn damage_to_what_an_answer_lacks_leaves_the_rule_for_the_next() {
    let rig = Rig::start();
    let token = format!("<token>{}</token>", rig.alice());
    let inside = Some("UserName".to_owned());
    for verdict in [
        Verdict::Truncate {
            at_bytes: None,
            inside,
        },
        Verdict::Omit {
            element: element("UserName"),
        },
        Verdict::Nil {
            element: element("UserName"),
        },
        Verdict::BreakLines {
            element: element("UserName"),
        },
    ] {
        let guard = install(&rig, "WhoAmI", verdict);
        assert!(rig.call("WhoAmI", "").body.ends_with("</soap:Envelope>"));
        assert_eq!(guard.met(), 0);
        let whole = "<UserName>alice</UserName>";
        assert!(!rig.call("WhoAmI", &token).body.contains(whole));
        guard.assert_met();
    }
    let entries = rig.server.journal().entries();
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry.fault_rule.is_some())
            .count(),
        4
    );
}
