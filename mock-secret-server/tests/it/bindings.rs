//! The HTTP GET and POST bindings: soap:§1.8.

use crate::rig::{PATH, Rig};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

#[test]
fn both_bindings_give_the_bare_result_indented_and_named_by_its_type() {
    let rig = Rig::start();
    let expected = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<VersionGetResult \
        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
        xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"urn:thesecretserver.com\">\r\n  \
        <Errors />\r\n  <Version>10.3.000015</Version>\r\n</VersionGetResult>";
    let get = rig.send("GET", &format!("{PATH}/VersionGet"), &[], b"");
    let post = rig.send("POST", &format!("{PATH}/VersionGet"), &[FORM], b"");
    for response in [get, post] {
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(
            response.header("Content-Type"),
            Some("text/xml; charset=utf-8")
        );
        assert_eq!(response.header("Cache-Control"), Some("private, max-age=0"));
        assert_eq!(response.body, expected);
    }
    let refused = rig.send(
        "GET",
        &format!("{PATH}/Authenticate?username=alice&password=no&organization=&domain="),
        &[],
        b"",
    );
    assert!(
        refused.body.ends_with(
            "\r\n  <Errors>\r\n    <string>Login failed.</string>\r\n  </Errors>\r\n\
             </AuthenticateResult>"
        ),
        "{refused:?}"
    );
    let token = rig.alice();
    let form = format!("token={token}&secretId=7");
    let check_in = rig.send("POST", &format!("{PATH}/CheckIn"), &[FORM], form.as_bytes());
    assert!(
        check_in.body.contains("\r\n<WebServiceResult xmlns:xsi="),
        "{check_in:?}"
    );
    let form = "username=alice&password=p%3Cw%3E&organization=&domain=";
    let log_on = rig.send(
        "POST",
        &format!("{PATH}/Authenticate"),
        &[FORM],
        form.as_bytes(),
    );
    assert!(log_on.body.contains("<Token>v2"), "{log_on:?}");
}

#[test]
fn what_does_not_fit_is_plain_text_encoded_for_html() {
    let rig = Rig::start();
    let authenticate = "/Authenticate?username=u&password=p&domain=";
    for (method, path, headers, body, expected) in [
        (
            "GET",
            authenticate,
            &[][..],
            "",
            "Missing parameter: organization.",
        ),
        (
            "GET",
            "/Nope",
            &[],
            "",
            "Nope Web Service method name is not valid.",
        ),
        (
            "GET",
            "/GetSecret",
            &[],
            "",
            "GetSecret Web Service method name is not valid.",
        ),
        (
            "GET",
            "/%3Cb%3E",
            &[],
            "",
            "&lt;b&gt; Web Service method name is not valid.",
        ),
        (
            "GET",
            "/authenticate",
            &[],
            "",
            "Invalid method name &#39;authenticate&#39;,  method names are case sensitive.   The \
             method name &#39;Authenticate&#39; with the same name but different casing was \
             found.\r\nParameter name: methodName",
        ),
        (
            "GET",
            "/CheckIn?token=t&secretId=abc",
            &[],
            "",
            "Cannot convert abc to System.Int32.\r\nParameter name: type ---> Input string was not \
             in a correct format.",
        ),
        (
            "GET",
            "/GetFavorites?token=t&includeRestricted=1",
            &[],
            "",
            "Cannot convert 1 to System.Boolean.\r\nParameter name: type ---> String was not \
             recognized as a valid Boolean.",
        ),
        (
            "POST",
            "/WhoAmI",
            &["Content-Type: text/xml"],
            "x",
            "Request format is invalid: text/xml.",
        ),
        ("POST", "/WhoAmI", &[], "", "Request format is invalid: ."),
        (
            "GET",
            "/GetScript?token=t&userScriptId=1",
            &[],
            "",
            "GetScript is known but not mocked.",
        ),
    ] {
        let response = rig.send(method, &format!("{PATH}{path}"), headers, body.as_bytes());
        assert_eq!(response.status, 500, "{response:?}");
        assert_eq!(
            response.header("Content-Type"),
            Some("text/plain; charset=utf-8"),
            "{path}"
        );
        assert_eq!(response.body, format!("{expected}\r\n"), "{path}");
    }
}

#[test]
fn a_binding_that_is_switched_off_is_an_unrecognized_format() {
    for (method, get, post) in [
        ("GET", false, true),
        ("POST", true, false),
        ("PUT", true, true),
    ] {
        let rig = Rig::protocol(|protocol| {
            protocol.http_get = get;
            protocol.http_post = post;
            protocol.http_post_localhost = false;
        });
        let response = rig.send(method, &format!("{PATH}/VersionGet"), &[FORM], b"");
        assert_eq!(response.status, 500);
        assert_eq!(
            response.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert!(
            response.body.contains(
                "Request format is unrecognized for URL unexpectedly ending in '/VersionGet'."
            ),
            "{response:?}"
        );
    }
}

#[test]
fn other_verbs_on_the_service_are_not_allowed() {
    let rig = Rig::start();
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let response = rig.send(method, PATH, &[], b"");
        assert_eq!(response.status, 405, "{method}");
        assert!(
            response.body.contains("Request format is unrecognized."),
            "{response:?}"
        );
    }
}

#[test]
fn a_form_is_read_in_the_charset_that_it_names() {
    let rig = Rig::with(|builder| {
        let user = mock_secret_server::state::NewUser::local("zoé").password("€ü");
        builder.contents(crate::rig::contents().with_user(user))
    });
    for (content_type, user, password) in [
        ("", "zo%C3%A9", "%E2%82%AC%C3%BC"),
        ("; charset=utf-8", "zo%C3%A9", "%E2%82%AC%C3%BC"),
        ("; charset=windows-1252", "zo%E9", "%80%FC"),
        ("; charset=\"iso-8859-15\"", "zo%E9", "%A4%FC"),
        ("; charset=cp858", "zo%82", "%D5%81"),
    ] {
        let form = format!("username={user}&password={password}&organization=&domain=");
        let header = format!("{FORM}{content_type}");
        let path = format!("{PATH}/Authenticate");
        let response = rig.send("POST", &path, &[&header], form.as_bytes());
        assert!(
            response.body.contains("<Token>"),
            "{content_type}: {response:?}"
        );
    }
    let latin = format!("{FORM}; charset=iso-8859-1");
    let form = b"username=zo%E9&password=%80%FC&organization=&domain=";
    let response = rig.send("POST", &format!("{PATH}/Authenticate"), &[&latin], form);
    assert!(
        response.body.contains("Login failed."),
        "0x80 is a control character there"
    );
}

#[test]
fn units_are_read_as_the_proxies_of_net_write_them() {
    let rig = Rig::with(|builder| {
        let user =
            mock_secret_server::state::NewUser::local("jörg %u00g1").password("€\u{1f512} ü");
        builder.contents(crate::rig::contents().with_user(user))
    });
    let path = format!("{PATH}/Authenticate");
    for (user, password) in [
        ("j%u00F6rg+%u00g1", "%u20AC%uD83D%uDD12+%u00fc"),
        ("j%C3%B6rg%20%25u00g1", "%E2%82%AC%uD83D%udd12%20%C3%BC"),
    ] {
        let form = format!("username={user}&password={password}&organization=&domain=");
        let post = rig.send("POST", &path, &[FORM], form.as_bytes());
        let get = rig.send("GET", &format!("{path}?{form}"), &[], b"");
        for response in [post, get] {
            assert!(response.body.contains("<Token>"), "{response:?}");
        }
    }
    // Half a pair is no character, and the letter is a small one.
    for password in ["%u20AC%uD83D+%u00fc", "%U20AC%uD83D%uDD12+%u00fc"] {
        let form = format!("username=j%u00F6rg+%u00g1&password={password}&organization=&domain=");
        let response = rig.send("POST", &path, &[FORM], form.as_bytes());
        assert!(response.body.contains("Login failed."), "{response:?}");
    }
}
