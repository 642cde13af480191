//! What operators do by the control plane, and the page on which approvers answer.

use crate::rig::{Rig, SOAP11, contents, envelope, wrapped};
use mock_secret_server::settings::{PlatformRefusal, Profile, RefusedPayload};
use mock_secret_server::state::{NewSecret, NewUser};
use serde_json::{Value, json};
use sim_kit::exchange::Method;
use sim_kit::fault::{Matcher, Rule, Verdict};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const PAGE: &str = "/SecretServer/SecretAccessApprove.aspx";

fn post(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    let reply = rig.block_on(rig.server.control().dispatch(&Method::POST, path, body));
    (reply.status.as_u16(), reply.body)
}

fn done(rig: &Rig, path: &str, body: Value) -> Value {
    let (status, told) = post(rig, path, body);
    assert_eq!(status, 200, "{path}: {told}");
    told
}

fn state(rig: &Rig) -> Value {
    let look = rig
        .server
        .control()
        .dispatch(&Method::GET, "/state", Value::Null);
    rig.block_on(look).body
}

#[test]
fn beside_a_refusal_or_a_forced_error_texts_and_lists_are_left_out_or_empty() {
    let rig = Rig::start();
    let faces: [(RefusedPayload, [&str; 3]); 2] = [
        (
            RefusedPayload::Omitted,
            [
                "</Errors></AuthenticateResult>",
                "</Errors></SearchSecretsLegacyResult>",
                "</Errors><MaxOfflineSeconds>0</MaxOfflineSeconds></GetTokenIsValidResult>",
            ],
        ),
        (
            RefusedPayload::Empty,
            [
                "</Errors><Token /></AuthenticateResult>",
                "</Errors><SecretSummaries /></SearchSecretsLegacyResult>",
                "</Errors><MaxOfflineSeconds>0</MaxOfflineSeconds><Version /></",
            ],
        ),
    ];
    for (setting, expected) in faces {
        rig.server
            .with_vault(|vault| vault.settings_mut().refused_payload = setting);
        let operations = ["Authenticate", "SearchSecretsLegacy", "GetTokenIsValid"];
        for (operation, expected) in operations.iter().zip(expected) {
            let body = rig.call(operation, "").body;
            assert!(body.contains(expected), "{body}");
            let forced = Verdict::Error {
                text: "forced".into(),
            };
            let rule = Rule {
                id: None,
                matcher: Matcher::default(),
                verdict: forced,
                times: 1,
            };
            let guard = rig.server.faults().add(rule).unwrap();
            let body = rig.call(operation, "").body;
            let both = body.contains("<string>forced</string>") && body.contains(expected);
            assert!(both, "{body}");
            guard.assert_met();
        }
    }
}

#[test]
fn the_platform_refuses_as_it_is_told() {
    for (setting, status) in [
        (PlatformRefusal::NotFound, 404),
        (PlatformRefusal::Text, 200),
        (PlatformRefusal::LogInPage, 302),
    ] {
        let rig = Rig::with(|builder| {
            let mut contents = contents();
            contents.settings.profile = Profile::Platform;
            contents.settings.platform_refusal = setting;
            builder.contents(contents)
        });
        let body = envelope(SOAP11, &wrapped("VersionGet", ""));
        let path = "/webservices/SSWebservice.asmx";
        let reply = rig.send("POST", path, &["Content-Type: text/xml"], body.as_bytes());
        assert_eq!(reply.status, status, "{setting:?}");
        let told = reply.body.contains("not available on the Delinea Platform");
        assert_eq!(told, setting == PlatformRefusal::Text);
    }
}

#[test]
fn a_reset_brings_no_token_back() {
    let rig = Rig::start();
    let before = rig.alice();
    done(&rig, "/reset", Value::Null);
    let first = rig.token("api", "api&pw");
    assert_ne!(
        first, before,
        "alice's old token would be the API account's"
    );
    let valid = rig.call("GetTokenIsValid", &format!("<token>{before}</token>"));
    assert!(valid.body.contains("<Errors><string>"), "{valid:?}");
    done(&rig, "/reset", Value::Null);
    assert_ne!(rig.token("api", "api&pw"), first);
    assert_eq!(state(&rig)["resets"], 2);
}

#[test]
fn a_launched_session_is_checked_in_by_its_key_once() {
    let rig = Rig::start();
    let launched = done(
        &rig,
        "/secrets/launch",
        json!({ "secret_id": 8, "user": "alice" }),
    );
    let key = launched["session_key"].as_str().unwrap();
    let held = state(&rig);
    assert_eq!(held["check_outs"][0]["holder"], "alice");
    assert!(!held.to_string().contains(key), "the key is a capability");
    let check_in = || {
        let parameters = format!("<sessionKey>{key}</sessionKey>");
        rig.call("CheckInByKey", &parameters).body
    };
    assert!(check_in().contains("<Errors />"));
    assert_eq!(state(&rig)["check_outs"], json!([]));
    assert!(check_in().contains("Session key is invalid."));
}

#[test]
fn passwords_and_roles_change_while_the_server_runs() {
    let rig = Rig::start();
    done(
        &rig,
        "/users/set-password",
        json!({ "user": "alice", "password": "n&w" }),
    );
    rig.token("alice", "n&w");
    let change = json!({ "role": "Impersonator", "permission": "web services impersonate" });
    let api = rig.token("api", "api&pw");
    let impersonate = || {
        let parameters = format!("<token>{api}</token><username>alice</username>");
        rig.call("ImpersonateUser", &parameters).body
    };
    done(&rig, "/roles/withdraw", change.clone());
    assert!(impersonate().contains("Access Denied"));
    done(&rig, "/roles/grant", change);
    assert!(impersonate().contains("<Token>"));
    let unknown = json!({ "role": "Impersonator", "permission": "Fly" });
    let (status, told) = post(&rig, "/roles/grant", unknown);
    assert!(
        status == 400 && told.to_string().contains("Web Services Impersonate"),
        "{told}"
    );
}

fn with_approval() -> Rig {
    Rig::with(|builder| {
        let contents = contents()
            .with_user(
                NewUser::local("bob")
                    .password("pw")
                    .display_name("Bob <B>")
                    .email("bob@acme.example"),
            )
            .with_secret(
                NewSecret::new("vault door", "Windows Account")
                    .id(9)
                    .in_folder("Servers")
                    .approval(&["bob"]),
            );
        builder.contents(contents)
    })
}

fn file(rig: &Rig) -> String {
    let filed = done(
        rig,
        "/access-requests",
        json!({ "secret_id": 9, "user": "alice", "reason": "disk <full>" }),
    );
    filed["approval_id"].as_str().unwrap().to_owned()
}

fn get(rig: &Rig) -> String {
    let token = rig.alice();
    let parameters = format!("<token>{token}</token><secretId>9</secretId>");
    rig.call("GetSecret", &parameters).body
}

#[test]
fn an_approver_follows_the_link_of_the_mail_and_answers() {
    let rig = with_approval();
    let other = file(&rig);
    let id = file(&rig);
    let mail = rig
        .server
        .control()
        .dispatch(&Method::GET, "/mailbox?user=bob", Value::Null);
    let mails = rig.block_on(mail).body;
    let link = mails["mails"][1]["link"].as_str().unwrap().to_owned();
    assert_eq!(link, format!("{PAGE}?approvalId={id}"));

    let closed = rig.send("GET", &link, &[], b"");
    assert!(closed.body.contains("type=\"password\"") && !closed.body.contains("vault door"));
    let signed_in = rig.send("POST", &link, &[FORM], b"username=bob&password=pw");
    let cookie = signed_in.header("Set-Cookie").unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert!(
        signed_in
            .body
            .contains("<td>disk &lt;full&gt;</td><td>Pending</td>"),
        "{signed_in:?}"
    );
    assert!(
        signed_in.body.contains(&id) && !signed_in.body.contains(&other),
        "the link is about one request"
    );
    let all = rig.send("GET", PAGE, &[&cookie], b"").body;
    assert!(all.contains(&id) && all.contains(&other));

    let act = |fields: &str| {
        let body = format!("approvalId={id}&{fields}");
        rig.send("POST", &link, &[FORM, &cookie], body.as_bytes())
            .body
    };
    assert!(act("act=approve&hours=many").contains("Hours must be"));
    assert!(act("act=approve&hours=0").contains("Hours is invalid."));
    assert!(get(&rig).contains("requires requesting approval"));
    assert!(act("act=approve&hours=2").contains("<td>Approved</td>"));
    assert!(get(&rig).contains("<Name>vault door</Name>"));
    assert!(act("act=deny").contains("already been answered"));
}

#[test]
fn somebody_who_is_no_approver_sees_no_request() {
    let rig = with_approval();
    let id = file(&rig);
    let link = format!("{PAGE}?approvalId={id}");
    let page = rig.send("POST", &link, &[FORM], b"username=alice&password=p%3Cw%3E");
    let cookie = page.header("Set-Cookie").unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert!(page.body.contains("not yours to answer") && !page.body.contains("vault door"));
    let body = format!("approvalId={id}&act=approve");
    let tried = rig.send("POST", &link, &[FORM, &cookie], body.as_bytes());
    assert!(tried.body.contains("no approver"), "{tried:?}");
    assert!(get(&rig).contains("requires requesting approval"));
}

#[test]
fn requests_for_access_are_answered_and_taken_back_by_control() {
    let rig = with_approval();
    let id = json!({ "approval_id": file(&rig) });
    done(&rig, "/access-requests/approve", id.clone());
    assert!(get(&rig).contains("<Name>vault door</Name>"));
    done(&rig, "/access-requests/cancel", id.clone());
    assert!(get(&rig).contains("requires requesting approval"));
    assert_eq!(post(&rig, "/access-requests/deny", id).0, 409);
    let id = json!({ "approval_id": file(&rig), "approver": "bob", "comment": "no" });
    done(&rig, "/access-requests/deny", id);
    let requests = &state(&rig)["access_requests"];
    let statuses: Vec<_> = [0, 1].map(|at| &requests[at]["status"]).into();
    assert_eq!(statuses, ["Canceled", "Denied"]);
}

#[test]
fn the_link_of_a_trust_mail_shows_that_request_and_a_cookie_is_no_token() {
    let rig = Rig::start();
    let both = json!({ "caller": "api", "user": "alice" });
    done(&rig, "/approvals/revoke", both);
    let api = rig.token("api", "api&pw");
    let asked = rig.call(
        "ImpersonateUser",
        &format!("<token>{api}</token><username>alice</username>"),
    );
    let url = asked.element("AuthorizeURL").unwrap();
    let link = &url[url.find("/SecretServer").unwrap()..];
    let page = rig.send("POST", link, &[FORM], b"username=alice&password=p%3Cw%3E");
    assert!(
        page.body
            .contains("The request that you were asked to answer")
    );
    assert!(page.body.contains("<td>api</td><td>pending</td>"));
    let cookie = page.header("Set-Cookie").unwrap();
    let (pair, _) = cookie.split_once(';').unwrap();
    let (_, token) = pair.split_once('=').unwrap();
    let who = rig.call("WhoAmI", &format!("<token>{token}</token>"));
    assert!(who.body.contains("<Errors><string>"), "{who:?}");
    let header = format!("Cookie: {pair}");
    let stale = "/SecretServer/ManageApplications.aspx?requestId=00000000";
    let page = rig.send("GET", stale, &[&header], b"");
    assert!(page.body.contains("That request is not open"), "{page:?}");
    let approved = rig.send("POST", link, &[FORM, &header], b"act=approve&caller=api");
    assert!(approved.body.contains("<td>approved</td>"), "{approved:?}");
}
