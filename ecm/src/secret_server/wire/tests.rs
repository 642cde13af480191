//! The client against the published bytes under `features/vectors/secret-server`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

macro_rules! vector {
    ($path:literal) => {
        include_str!(concat!(
            "../../../../features/vectors/secret-server/",
            $path
        ))
    };
}

fn emits(request: Request, expected: &str) {
    assert_eq!(
        String::from_utf8(request.into_body().to_vec()).unwrap(),
        expected
    );
}

fn answer(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        content_type: content_type.into(),
        location: None,
        body: body.as_bytes().to_vec().into(),
    }
}

fn result(operation: &str, body: &str) -> Element {
    match result_of(operation, &answer(200, "text/xml; charset=utf-8", body)) {
        Ok(result) => result,
        Err(error) => panic!("{operation}: {error}"),
    }
}

fn refusal(operation: &str, answer: &Answer) -> ReplyError {
    result_of(operation, answer).err().unwrap()
}

#[test]
fn requests_are_the_published_bytes() {
    let (api, user, t) = (
        Secret::from("v2T0k3n:00ff"),
        Secret::from("v2Us3r:11ee"),
        "T".into(),
    );
    emits(
        Request::authenticate("svc-ecm", &"p&w<1>".into(), "", ""),
        vector!("Authenticate/local-account.request"),
    );
    emits(
        Request::authenticate("svc-ecm", &"secret".into(), "acme", "ACME"),
        vector!("Authenticate/domain-account.request"),
    );
    emits(
        Request::impersonate_user(&api, "joe.user", "", "ACME"),
        vector!("ImpersonateUser/domain-user.request"),
    );
    emits(
        Request::search_secrets_by_field_value(&user, "Machine", "srv01", true),
        vector!("SearchSecretsByFieldValue/machine.request"),
    );
    emits(
        Request::get_secret(&t, 7, &[]),
        vector!("GetSecret/first-call.request"),
    );
    let comment = CodeResponse {
        error_code: "COMMENT".into(),
        comment: "why".into(),
        additional_comment: None,
    };
    emits(
        Request::get_secret(&t, 7, &[comment]),
        vector!("GetSecret/with-comment.request"),
    );
    emits(
        Request::download_file_attachment_by_item_id(&t, 9, 13),
        vector!("DownloadFileAttachmentByItemId/private-key.request"),
    );
    emits(Request::check_in(&t, 7), vector!("CheckIn/held.request"));
    emits(
        Request::get_token_is_valid(&t),
        vector!("GetTokenIsValid/valid.request"),
    );
    emits(Request::version_get(), vector!("VersionGet/plain.request"));
    assert_eq!(
        Request::check_in(&t, 7).soap_action(),
        "\"urn:thesecretserver.com/CheckIn\""
    );
}

#[test]
fn control_characters_are_written_as_references() {
    let body = Request::get_token_is_valid(&"a\r\n\u{1}\"'".into()).into_body();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("<token>a&#xD;\n&#x1;\"'</token>"), "{body}");
}

#[test]
fn tokens_and_refusals_are_read() {
    let reply = token_reply(&result(
        "Authenticate",
        vector!("Authenticate/local-account.response"),
    ));
    let reply = reply.unwrap();
    assert_eq!(
        (reply.errors.len(), reply.token),
        (0, Some("v2T0k3n:00ff".into()))
    );

    let reply = token_reply(&result(
        "Authenticate",
        vector!("Authenticate/login-failed.response"),
    ));
    let reply = reply.unwrap();
    assert_eq!(
        (reply.errors, reply.token),
        (vec!["Login failed.".to_owned()], None)
    );

    for body in [
        vector!("ImpersonateUser/pending.response"),
        vector!("ImpersonateUser/pending-without-errors.response"),
    ] {
        let reply = token_reply(&result("ImpersonateUser", body)).unwrap();
        assert_eq!(reply.token, None);
        assert!(
            reply
                .authorize_url
                .unwrap()
                .ends_with("/ManageApplications.aspx")
        );
    }
}

#[test]
fn search_results_are_read() {
    let operation = "SearchSecretsByFieldValue";
    let read = |body| {
        search_reply(&result(operation, body), 10)
            .unwrap()
            .summaries
    };
    assert_eq!(
        read(vector!("SearchSecretsByFieldValue/machine.response")),
        [SecretSummary {
            secret_id: 7,
            name: "srv01\\admin".into(),
            template: "Windows Account".into(),
            is_restricted: false,
        }]
    );
    assert_eq!(
        read(vector!("SearchSecretsByFieldValue/nothing-found.response")),
        []
    );

    let one = result(
        operation,
        vector!("SearchSecretsByFieldValue/machine.response"),
    );
    assert_eq!(
        search_reply(&one, 0).err(),
        Some(ReplyError::TooManyResults(0))
    );
}

#[test]
fn a_secret_is_read_with_its_fields() {
    let reply = secret_reply(&result(
        "GetSecret",
        vector!("GetSecret/first-call.response"),
    ));
    let secret = reply.unwrap().secret.unwrap();
    assert_eq!(
        (secret.id, secret.name.as_str(), secret.items.len()),
        (7, "srv01\\admin", 4)
    );
    let password = &secret.items[2];
    assert_eq!(
        (password.value.expose(), password.is_password),
        ("p&w", true)
    );
    assert!(secret.items[3].value.is_empty());

    let reply = secret_reply(&result(
        "GetSecret",
        vector!("GetSecret/comment-required.response"),
    ));
    let hurdle = reply.unwrap().hurdle.unwrap();
    assert_eq!(
        (hurdle.code.as_str(), hurdle.allows_response),
        ("COMMENT", true)
    );
}

#[test]
fn attachments_are_read_with_and_without_line_breaks() {
    let operation = "DownloadFileAttachmentByItemId";
    let body = vector!("DownloadFileAttachmentByItemId/private-key.response");
    let content = file_reply(&result(operation, body)).unwrap().content;
    assert!(content.starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----\n"));

    let broken = body.replace("LS0tLS1CRU", "LS0t\r\n LS1CRU");
    assert_ne!(broken, body);
    assert_eq!(
        *file_reply(&result(operation, &broken)).unwrap().content,
        *content
    );

    let not_base64 = body.replace("LS0tLS1CRU", "LS0t*S1CRU");
    assert_eq!(
        file_reply(&result(operation, &not_base64)).err(),
        Some(ReplyError::Malformed("the attachment is not base64"))
    );
}

#[test]
fn faults_of_both_versions_are_told_from_results() {
    let fault = answer(
        500,
        "text/xml; charset=utf-8",
        vector!("Fault/unknown-action.response"),
    );
    let ReplyError::Fault { code, text } = refusal("Nope", &fault) else {
        panic!("no fault")
    };
    assert_eq!(code, "soap:Client");
    assert!(text.starts_with("Server did not recognize"), "{text}");

    let body = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><s:Fault>\
                <s:Code><s:Value>s:Receiver</s:Value></s:Code>\
                <s:Reason><s:Text xml:lang='en'>no</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>";
    let fault = answer(500, "application/soap+xml", body);
    assert_eq!(
        refusal("Nope", &fault),
        ReplyError::Fault {
            code: "s:Receiver".into(),
            text: "no".into()
        }
    );
}

#[test]
fn a_web_page_is_never_taken_for_soap() {
    let page = "<!DOCTYPE html><html><head><title> Sign in </title></head></html>";
    assert_eq!(
        refusal("CheckIn", &answer(200, "text/html; charset=utf-8", page)),
        ReplyError::Html(StatusCode::OK, "Sign in".into())
    );
    assert_eq!(
        refusal("CheckIn", &answer(200, "text/xml", &format!("\n {page}"))),
        ReplyError::Html(StatusCode::OK, "Sign in".into())
    );
    assert_eq!(
        refusal("CheckIn", &answer(404, "text/html", "<html>")),
        ReplyError::Status(StatusCode::NOT_FOUND, String::new())
    );
}

#[test]
fn another_namespace_or_a_missing_errors_element_is_no_answer() {
    let held = vector!("CheckIn/held.response");
    let wrong = held.replace("urn:thesecretserver.com", "urn:other");
    assert!(matches!(
        refusal("CheckIn", &answer(200, "text/xml", &wrong)),
        ReplyError::Malformed(_)
    ));
    let silent = held.replace("<Errors />", "");
    assert_eq!(
        errors_of(&result("CheckIn", &silent)).err(),
        Some(ReplyError::Malformed("it has no Errors element"))
    );
    assert!(matches!(
        refusal("GetSecret", &answer(200, "text/xml", held)),
        ReplyError::Malformed("it answers another operation")
    ));
}

#[test]
fn unknown_elements_are_passed_over() {
    let body = vector!("SearchSecretsByFieldValue/machine.response")
        .replace("<FolderId>", "<New a='b'><Deep/></New><FolderId>");
    let found = search_reply(&result("SearchSecretsByFieldValue", &body), 10)
        .unwrap()
        .summaries;
    assert_eq!(found[0].secret_id, 7);
}

/// Everything that a published reply may be turned into by cutting, repeating and overwriting.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let replies = [
        vector!("ImpersonateUser/pending.response"),
        vector!("SearchSecretsByFieldValue/machine.response"),
        vector!("GetSecret/ssh-key.response"),
        vector!("GetSecret/comment-required.response"),
        vector!("DownloadFileAttachmentByItemId/private-key.response"),
        vector!("Fault/unknown-action.response"),
    ];
    let index = any::<prop::sample::Index>;
    let edits = prop::collection::vec((index(), index(), any::<Option<u8>>()), 0..6);
    (prop::sample::select(replies.to_vec()), edits).prop_map(|(reply, edits)| {
        let mut bytes = reply.as_bytes().to_vec();
        for (one, other, byte) in edits {
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            match byte {
                Some(byte) => bytes[one] = byte,
                None => {
                    let piece = bytes[one.min(other)..one.max(other)].to_vec();
                    bytes.splice(one..one, piece.into_iter().take(200));
                }
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(body in mangled(), status in prop::sample::select(vec![200, 404, 500])) {
        xml::agreement::check(&body);
        for operation in ["ImpersonateUser", "SearchSecretsByFieldValue", "GetSecret"] {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                content_type: String::new(),
                location: None,
                body: body.clone().into(),
            };
            if let Ok(result) = result_of(operation, &answer) {
                let _ = token_reply(&result);
                let _ = search_reply(&result, 10);
                let _ = secret_reply(&result);
                let _ = file_reply(&result);
            }
        }
    }
}

#[test]
fn an_attachment_in_lines_is_put_together_in_one_buffer() {
    let lines = "LS0t \r\n".repeat(100);
    let line = in_one_line(&lines);
    assert_eq!(*line, "LS0t".repeat(100).as_bytes());
    // One that had grown would have left its bytes behind.
    assert_eq!(line.capacity(), lines.len());
}
