//! The control routes, and the page on which users answer for themselves.

use crate::rig::Rig;
use mock_secret_server::settings::{Profile, WebServices};
use serde_json::{Value, json};
use sim_kit::exchange::Method;

fn ask(rig: &Rig, method: &Method, path: &str, body: Value) -> (u16, Value) {
    let reply = rig.block_on(rig.server.control().dispatch(method, path, body));
    (reply.status.as_u16(), reply.body)
}

fn impersonate(rig: &Rig, api: &str) -> String {
    rig.call(
        "ImpersonateUser",
        &format!("<token>{api}</token><username>alice</username>"),
    )
    .body
}

#[test]
fn trust_is_answered_and_taken_back_by_control() {
    let rig = Rig::start();
    let api = rig.token("api", "api&pw");
    let both = json!({ "caller": "api", "user": "alice" });
    let (_, list) = ask(&rig, &Method::GET, "/approvals", Value::Null);
    assert_eq!(list["approvals"][0]["state"], "approved");
    assert_eq!(
        ask(&rig, &Method::POST, "/approvals/revoke", both.clone()).0,
        200
    );
    assert!(impersonate(&rig, &api).contains("pending approval"));
    let (_, mail) = ask(&rig, &Method::GET, "/mailbox?user=alice", Value::Null);
    assert_eq!(mail["mails"][0]["to"], "alice@acme.example");
    assert!(
        mail["mails"][0]["link"]
            .as_str()
            .unwrap()
            .starts_with("/SecretServer/ManageApplications"),
        "{mail}"
    );
    assert_eq!(
        ask(&rig, &Method::POST, "/approvals/deny", both.clone()).0,
        200
    );
    assert!(impersonate(&rig, &api).contains("denied"));
    let (status, error) = ask(&rig, &Method::POST, "/approvals/deny", both.clone());
    assert_eq!(status, 409, "{error}");
    assert_eq!(ask(&rig, &Method::POST, "/approvals/approve", both).0, 200);
    assert!(impersonate(&rig, &api).contains("<Token>"));
}

#[test]
fn tokens_die_and_the_vault_starts_anew() {
    let rig = Rig::start();
    let token = rig.alice();
    let valid = || {
        let response = rig.call("GetTokenIsValid", &format!("<token>{token}</token>"));
        response.body.contains("<Errors />")
    };
    assert!(valid());
    let (status, ended) = ask(
        &rig,
        &Method::POST,
        "/tokens/expire",
        json!({ "user": "alice" }),
    );
    assert_eq!((status, &ended["ended"]), (200, &json!(1)));
    assert!(!valid());
    assert_eq!(ask(&rig, &Method::POST, "/tokens/expire", json!({})).0, 400);
    let (_, state) = ask(&rig, &Method::GET, "/state", Value::Null);
    assert_eq!(state["secrets"], 2);
    let shown = state.to_string();
    for secret in ["api&pw", "p<w>", "held", token.as_str()] {
        assert!(!shown.contains(secret), "{secret} is in the state dump");
    }
    assert_eq!(ask(&rig, &Method::POST, "/reset", Value::Null).0, 200);
    assert_eq!(
        ask(&rig, &Method::GET, "/state", Value::Null).1["live_tokens"],
        0
    );
}

#[test]
fn a_user_answers_on_the_page_under_tools() {
    let rig = Rig::start();
    let api = rig.token("api", "api&pw");
    let page = "/SecretServer/ManageApplications.aspx";
    let form = "Content-Type: application/x-www-form-urlencoded";
    assert!(
        rig.send("GET", page, &[], b"")
            .body
            .contains("type=\"password\"")
    );
    let wrong = rig.send("POST", page, &[form], b"username=alice&password=no");
    assert!(wrong.body.contains("Login failed.") && wrong.header("Set-Cookie").is_none());
    let robot = rig.send("POST", page, &[form], b"username=api&password=api%26pw");
    assert!(
        robot.body.contains("Login failed."),
        "application accounts have no pages"
    );
    let (_, state) = ask(&rig, &Method::GET, "/state", Value::Null);
    assert_eq!(
        state["live_tokens"], 1,
        "the API account's own and no other"
    );
    let signed_in = rig.send("POST", page, &[form], b"username=alice&password=p%3Cw%3E");
    let cookie = signed_in.header("Set-Cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert!(
        signed_in.body.contains("<td>api</td><td>approved</td>"),
        "{signed_in:?}"
    );
    let act = |what: &str| {
        let body = format!("act={what}&caller=api");
        rig.send("POST", page, &[form, &cookie], body.as_bytes())
            .body
    };
    assert!(act("revoke").contains("<td>revoked</td>"));
    assert!(impersonate(&rig, &api).contains("pending approval"));
    assert!(
        rig.send("GET", page, &[&cookie], b"")
            .body
            .contains("<td>pending</td>")
    );
    assert!(act("deny").contains("<td>denied</td>"));
    assert!(act("revoke").contains("Failed to"), "nothing to revoke");
    assert!(act("approve").contains("<td>approved</td>"));
    assert!(impersonate(&rig, &api).contains("<Token>"));
}

#[test]
fn the_page_takes_users_while_web_services_are_off() {
    let rig = Rig::start();
    rig.server
        .with_vault(|vault| vault.settings_mut().web_services = WebServices::OffText);
    let page = "/SecretServer/ManageApplications.aspx";
    let form = "Content-Type: application/x-www-form-urlencoded";
    let signed_in = rig.send("POST", page, &[form], b"username=alice&password=p%3Cw%3E");
    assert!(signed_in.header("Set-Cookie").is_some(), "{signed_in:?}");
}

#[test]
fn web_services_that_are_off_show_one_of_three_faces() {
    let rig = Rig::start();
    let face = |how| {
        rig.server
            .with_vault(|vault| vault.settings_mut().web_services = how);
        rig.call("VersionGet", "")
    };
    let text = face(WebServices::OffText);
    assert_eq!(text.status, 200);
    assert!(text.body.contains("<Errors><string>"), "{text:?}");
    assert_eq!(face(WebServices::OffNotFound).status, 404);
    let moved = face(WebServices::OffLogInPage);
    assert_eq!(moved.status, 302);
    let target = moved.header("Location").unwrap();
    assert!(
        target.starts_with("/SecretServer/Login.aspx?ReturnUrl="),
        "{target}"
    );
    let page = rig.send("GET", target, &[], b"");
    assert_eq!(
        (page.status, page.header("Content-Type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert_eq!(face(WebServices::On).status, 200);
    let windows = rig.send(
        "POST",
        "/SecretServer/winauthwebservices/sswinauthwebservice.asmx",
        &[],
        b"",
    );
    assert_eq!(
        (windows.status, windows.header("WWW-Authenticate")),
        (401, Some("Negotiate"))
    );
}

#[test]
fn each_edition_answers_on_its_own_layout_only() {
    let cloud = Rig::with(|builder| {
        let mut contents = crate::rig::contents();
        contents.settings.profile = Profile::Cloud;
        builder.contents(contents)
    });
    assert!(
        cloud
            .server
            .endpoint_url()
            .ends_with("/webservices/SSWebservice.asmx")
    );
    let status = |rig: &Rig, path: &str| {
        let body = crate::rig::envelope(crate::rig::SOAP11, &crate::rig::wrapped("VersionGet", ""));
        rig.send("POST", path, &["Content-Type: text/xml"], body.as_bytes())
            .status
    };
    assert_eq!(status(&cloud, "/webservices/SSWebservice.asmx"), 200);
    assert_eq!(status(&cloud, "/webservices/SSWEBSERVICE.asmx"), 200);
    assert_eq!(
        status(&cloud, "/SecretServer/webservices/SSWebService.asmx"),
        404
    );
    let platform = Rig::with(|builder| {
        let mut contents = crate::rig::contents();
        contents.settings.profile = Profile::Platform;
        builder.contents(contents)
    });
    assert_eq!(status(&platform, "/webservices/SSWebservice.asmx"), 404);
    let root = Rig::protocol(|protocol| protocol.virtual_directory = String::new());
    assert_eq!(status(&root, "/webservices/SSWebService.asmx"), 200);
}

#[test]
fn awkward_answers_still_say_the_same() {
    let rig = Rig::protocol(|protocol| protocol.awkward_seed = Some(5));
    let version = |body: &str| body.contains("0.3.000015</");
    let forms: std::collections::BTreeSet<_> = (0..40)
        .map(|_| {
            let response = rig.call("VersionGet", "");
            assert!(version(&response.body), "{response:?}");
            response.body
        })
        .collect();
    assert!(forms.len() > 10, "only {} forms", forms.len());
}

#[test]
fn settings_change_by_name_while_the_server_runs() {
    let rig = Rig::start();
    let change = |body| ask(&rig, &Method::POST, "/settings", body);
    let (status, all) = change(json!({ "login_failed_text": "No.", "ip_allow": ["10.0.0.0/8"] }));
    assert_eq!((status, &all["token_lifetime_minutes"]), (200, &json!(20)));
    assert!(
        rig.call("Authenticate", "")
            .body
            .contains("IP Address is not allowed")
    );
    assert_eq!(change(json!({ "ip_allow": [] })).0, 200);
    assert!(
        rig.call("Authenticate", "")
            .body
            .contains("<string>No.</string>")
    );
    assert_eq!(change(json!({ "no_such_setting": 1 })).0, 400);
    assert_eq!(change(json!({ "profile": "cloud" })).0, 409);
    assert_eq!(change(json!({ "short_domain_names": false })).0, 409);
}

#[test]
fn what_the_routes_give_is_described_and_is_what_the_description_says() {
    let rig = Rig::start();
    rig.server
        .operate(mock_secret_server::state::Operate::RevokeImpersonation {
            caller: "api".into(),
            user: "alice".into(),
        })
        .unwrap();
    let api = rig.token("api", "api&pw");
    let _ = impersonate(&rig, &api);
    let alice = rig.alice();
    let held = format!("<token>{alice}</token><secretId>8</secretId>");
    let _ = rig.call("GetSecretLegacy", &held);
    let (_, document) = ask(&rig, &Method::GET, "/openapi.json", Value::Null);
    for (path, list) in [
        ("/state", "check_outs"),
        ("/state", "users"),
        ("/state", "accesses"),
        ("/state", "trusts"),
        ("/mailbox", "mails"),
        ("/approvals", "approvals"),
    ] {
        let get = &document["paths"][path]["get"]["responses"]["200"];
        let schema = resolve(&document, &get["content"]["application/json"]["schema"]);
        let (_, given) = ask(&rig, &Method::GET, path, Value::Null);
        assert_eq!(keys(&given), keys(&schema["properties"]), "{path}");
        let item = resolve(&document, &schema["properties"][list]["items"]);
        assert_eq!(
            keys(&given[list][0]),
            keys(&item["properties"]),
            "{path} {list}"
        );
    }
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

fn keys(object: &Value) -> Vec<&String> {
    let object = object.as_object().unwrap_or_else(|| panic!("{object}"));
    let mut keys: Vec<_> = object.keys().collect();
    keys.sort();
    keys
}
