//! Restricted secrets and what answers their hurdles: soap:§3.5, soap:§3.8.

use mock_secret_server::state::{
    Answer, ApprovalInfo, Command, MailKind, NewSecret, NewTicketSystem, Operate, Operated,
    Refusal, RefusalKind, SecretAccessRequestStatus,
};

use crate::fixture::{Bench, account, contents, response};

fn with(secret: NewSecret) -> Bench {
    Bench::of(contents().with_secret(secret.id(8)))
}

#[test]
fn a_comment_is_asked_for_and_taken() {
    let mut bench = with(account("commented", "m").comment());
    let token = bench.token("alice");
    let refusal = bench.get(&token, 8, Vec::new()).unwrap_err();
    assert_eq!(
        refusal.text,
        "The requested Secret requires a comment when viewed."
    );
    let error = refusal.secret_error.unwrap();
    assert_eq!(error.error_code, "COMMENT");
    assert_eq!(error.error_message, refusal.text);
    assert!(error.allows_response);
    assert_eq!(
        (&*error.comment_title, &*error.additional_comment_title),
        ("Comment", "")
    );
    for wrong in [
        response("COMMENT", "", None),
        response("OTHER", "why", None),
    ] {
        let refusal = bench.get(&token, 8, vec![wrong]).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::CommentRequired);
    }
    assert!(
        bench
            .get(&token, 8, vec![response("COMMENT", "INC1 disk full", None)])
            .is_ok()
    );
    let audit = Command::GetSecretAudit {
        token,
        secret_id: 8,
    };
    let Answer::GetSecretAudit(rows) = bench.call(audit).unwrap() else {
        panic!("no audit")
    };
    assert_eq!(rows[0].notes.as_deref(), Some("INC1 disk full"));
}

#[test]
fn a_comment_that_nobody_asked_for_does_no_harm() {
    let mut bench = Bench::of(contents());
    let token = bench.token("alice");
    assert!(
        bench
            .get(&token, 7, vec![response("COMMENT", "why", Some("T1"))])
            .is_ok()
    );
}

#[test]
fn within_the_view_interval_one_comment_is_enough_for_its_author() {
    let mut bench = with(account("commented", "m").comment());
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    bench
        .get(&alice, 8, vec![response("COMMENT", "why", None)])
        .unwrap();
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    assert!(
        bench.get(&bob, 8, Vec::new()).is_err(),
        "bob has not said why"
    );
    bench.wait(300);
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    bench.wait(1);
    assert!(
        bench.get(&alice, 8, Vec::new()).is_err(),
        "viewing does not prolong the interval"
    );
}

#[test]
fn secret_error_may_stand_alone_by_setting() {
    let mut contents = contents().with_secret(account("commented", "m").comment().id(8));
    contents.settings.secret_error_only = true;
    let mut bench = Bench::of(contents);
    let token = bench.token("alice");
    let refusal = bench.get(&token, 8, Vec::new()).unwrap_err();
    assert_eq!(refusal.text, "");
    assert!(refusal.secret_error.is_some());
    assert_eq!(
        bench.get(&token, 99, Vec::new()).unwrap_err().text,
        "No secret exists."
    );
}

#[test]
fn where_the_result_has_no_secret_error_the_text_stays() {
    let mut secret = account("commented", "m").comment().id(8);
    secret.rules.proxy = true;
    let mut contents = contents().with_secret(secret);
    contents.settings.secret_error_only = true;
    let mut bench = Bench::of(contents);
    let token = bench.token("alice");
    let calls = [
        Command::DownloadFileAttachment {
            token: token.clone(),
            secret_id: 8,
        },
        Command::DownloadFileAttachmentByItemId {
            token: token.clone(),
            secret_id: 8,
            secret_item_id: 1,
        },
        Command::GetSSHLoginCredentials {
            token: token.clone(),
            secret_id: 8,
        },
    ];
    for call in calls {
        let operation = call.operation();
        let refusal = bench.refused(call);
        assert_eq!(
            refusal.text, "The requested Secret requires a comment when viewed.",
            "{operation}: an empty text reads as success"
        );
        assert!(refusal.secret_error.is_none(), "{operation}");
    }
    let legacy = Command::GetSecretLegacy {
        token,
        secret_id: 8,
    };
    let refusal = bench.refused(legacy);
    assert!(refusal.text.is_empty() && refusal.secret_error.is_some());
}

#[test]
fn of_several_answers_to_one_hurdle_any_may_be_the_one() {
    let mut secret = account("all", "m").comment();
    secret.rules.ticket = true;
    secret.rules.double_lock = Some("second".into());
    let mut bench = with(secret);
    let token = bench.token("alice");
    let answers = vec![
        response("COMMENT", "", None),
        response("DOUBLELOCK", "guess", None),
        response("comment", "why", Some("")),
        response("COMMENT", "", Some("INC1")),
        response("DOUBLELOCK", "second", None),
    ];
    bench.get(&token, 8, answers).unwrap();
}

#[test]
fn a_ticket_wants_its_number_in_a_known_system() {
    let mut secret = account("ticketed", "m").comment().id(8);
    secret.rules.ticket = true;
    let mut contents = contents().with_secret(secret);
    contents.ticket_systems.push(NewTicketSystem {
        name: "Desk".into(),
        description: None,
        is_default: true,
    });
    let mut bench = Bench::of(contents);
    let token = bench.token("alice");
    let bare = bench
        .get(&token, 8, vec![response("COMMENT", "why", None)])
        .unwrap_err();
    assert_eq!(bare.kind, RefusalKind::TicketRequired);
    assert_eq!(
        bare.secret_error.unwrap().additional_comment_title,
        "Ticket Number"
    );
    let mut elsewhere = response("COMMENT", "why", Some("INC1"));
    elsewhere.ticket_system_id = Some(9);
    assert!(
        bench.get(&token, 8, vec![elsewhere]).is_err(),
        "no such ticket system"
    );
    let mut known = response("COMMENT", "why", Some("INC1"));
    known.ticket_system_id = Some(1);
    assert!(bench.get(&token, 8, vec![known]).is_ok());
    let audit = Command::GetSecretAudit {
        token,
        secret_id: 8,
    };
    let Answer::GetSecretAudit(rows) = bench.call(audit).unwrap() else {
        panic!("no audit")
    };
    assert_eq!(rows[0].ticket_number.as_deref(), Some("INC1"));
}

#[test]
fn a_double_lock_opens_to_its_own_password() {
    let mut secret = account("locked", "m").comment();
    secret.rules.double_lock = Some("second".into());
    let mut bench = with(secret);
    let token = bench.token("alice");
    let refusal = bench.get(&token, 8, Vec::new()).unwrap_err();
    assert!(
        refusal
            .text
            .starts_with("The requested Secret is DoubleLocked")
    );
    let code = refusal.secret_error.unwrap().error_code;
    let wrong = bench
        .get(&token, 8, vec![response(&code, "guess", None)])
        .unwrap_err();
    assert_eq!(wrong.kind, RefusalKind::DoubleLocked);
    let first = response(&code, "second", None);
    let next = bench.get(&token, 8, vec![first.clone()]).unwrap_err();
    assert_eq!(
        next.kind,
        RefusalKind::CommentRequired,
        "the hurdles come one after the other"
    );
    assert!(
        bench
            .get(&token, 8, vec![response("COMMENT", "why", None), first])
            .is_ok()
    );
}

fn filed(bench: &mut Bench) -> String {
    let user = "alice".to_owned();
    let act = Operate::FileAccessRequest {
        secret_id: 8,
        user,
        reason: "disk full".into(),
    };
    let Operated::Filed(id) = bench.operate(act) else {
        panic!("not filed")
    };
    id
}

fn answer(
    bench: &mut Bench,
    id: &str,
    hours: Option<&str>,
    user_override: bool,
) -> Result<ApprovalInfo, Refusal> {
    let approval_id = Some(id.to_owned());
    let command = match hours {
        Some(hours) => Command::ApproveSecretAccessRequest {
            approval_id,
            hours: Some(hours.into()),
            user_override,
        },
        None => Command::DenySecretAccessRequest {
            approval_id,
            user_override,
        },
    };
    match bench.call(command)? {
        Answer::RequestApproval(info) => Ok(info),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approval_opens_the_secret_to_its_requester_until_it_ends() {
    let mut bench = with(account("approved", "m").approval(&["bob"]));
    let (alice, bob) = (bench.token("alice"), bench.token("bob"));
    let closed = bench.get(&alice, 8, Vec::new()).unwrap_err();
    assert!(
        closed
            .text
            .starts_with("The requested Secret requires requesting approval")
    );
    assert!(!closed.secret_error.unwrap().allows_response);

    let id = filed(&mut bench);
    let mail = bench.vault.mailbox().last().unwrap().clone();
    assert_eq!(&*mail.user, "bob");
    assert_eq!(
        mail.kind,
        MailKind::AccessRequest {
            approval_id: id.clone()
        }
    );
    assert!(
        bench
            .get(&alice, 8, Vec::new())
            .unwrap_err()
            .text
            .contains("pending")
    );

    let info = answer(&mut bench, &id, Some("2"), false).unwrap();
    assert_eq!(info.status, SecretAccessRequestStatus::Approved);
    assert_eq!(info.responder.as_deref(), Some("Bob B"));
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    assert!(
        bench.get(&bob, 8, Vec::new()).is_err(),
        "bob has asked for nothing"
    );
    bench.wait(2 * 3600 - 1);
    let alice = bench.token("alice");
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    bench.wait(1);
    assert!(bench.get(&alice, 8, Vec::new()).is_err());
}

#[test]
fn an_answer_stands_unless_it_is_overridden() {
    let mut bench = with(account("approved", "m").approval(&["bob"]));
    let token = bench.token("alice");
    let id = filed(&mut bench);
    assert_eq!(
        answer(&mut bench, &id, None, false).unwrap().status,
        SecretAccessRequestStatus::Denied
    );
    assert!(answer(&mut bench, &id, Some("1"), false).is_err());
    assert!(bench.get(&token, 8, Vec::new()).is_err());
    assert!(answer(&mut bench, &id.to_uppercase(), Some("1"), true).is_ok());
    assert!(bench.get(&token, 8, Vec::new()).is_ok());
    assert!(answer(&mut bench, &id, None, true).is_ok());
    assert!(
        bench.get(&token, 8, Vec::new()).is_err(),
        "a denial ends the access"
    );
}

#[test]
fn a_requester_takes_a_request_back() {
    let mut bench = with(account("approved", "m").approval(&["bob"]));
    let alice = bench.token("alice");
    let pending = filed(&mut bench);
    let approved = filed(&mut bench);
    answer(&mut bench, &approved, Some("1"), false).unwrap();
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    for id in [&pending, &approved] {
        let approval_id = id.to_uppercase();
        bench.operate(Operate::CancelAccessRequest { approval_id });
    }
    let refusal = bench.get(&alice, 8, Vec::new()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::ApprovalRequired);
    assert!(!refusal.text.contains("pending"), "{}", refusal.text);
    assert!(
        bench
            .vault
            .access_requests()
            .iter()
            .all(|one| one.status == SecretAccessRequestStatus::Canceled)
    );
    let late = answer(&mut bench, &pending, Some("1"), true).unwrap_err();
    assert_eq!(late.text, "The request has been canceled.");
    for (id, told) in [
        (pending.as_str(), "it is Canceled"),
        ("nope", "find access request `nope`"),
    ] {
        let approval_id = id.to_owned();
        let error = bench
            .vault
            .operate(Operate::CancelAccessRequest { approval_id }, bench.now)
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn only_an_approver_answers_by_name() {
    let mut bench = with(account("approved", "m").approval(&["bob"]));
    let alice = bench.token("alice");
    let id = filed(&mut bench);
    let answered = |bench: &mut Bench, approver: &str| {
        let act = Operate::AnswerAccessRequest {
            approval_id: id.clone(),
            approver: Some(approver.into()),
            approve: true,
            hours: Some(1),
            comment: None,
        };
        bench.vault.operate(act, bench.now)
    };
    let error = answered(&mut bench, "alice").unwrap_err();
    assert!(error.to_string().contains("no approver"), "{error}");
    assert!(bench.get(&alice, 8, Vec::new()).is_err());
    answered(&mut bench, "bob").unwrap();
    assert!(bench.get(&alice, 8, Vec::new()).is_ok());
    let error = answered(&mut bench, "bob").unwrap_err();
    assert!(
        error.to_string().contains("already been answered"),
        "{error}"
    );
    assert_eq!(bench.vault.access_requests_for("bob").len(), 1);
    assert!(bench.vault.access_requests_for("alice").is_empty());
}

#[test]
fn an_approval_wants_a_known_id_and_sensible_hours() {
    let mut bench = with(account("approved", "m").approval(&["bob"]));
    let id = filed(&mut bench);
    assert_eq!(
        answer(&mut bench, "nope", Some("1"), false)
            .unwrap_err()
            .kind,
        RefusalKind::NotFound
    );
    assert_eq!(
        answer(&mut bench, "", Some("1"), false).unwrap_err().kind,
        RefusalKind::NotFound
    );
    for hours in ["0", "-1", "many", "99999999999999999999"] {
        let refusal = answer(&mut bench, &id, Some(hours), false).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadValue, "{hours}");
    }
    assert!(
        answer(&mut bench, &id, Some(" "), false).is_ok(),
        "blank takes the setting"
    );
}
