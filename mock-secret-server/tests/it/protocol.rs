//! The switches of the protocol engine, both ways, and the spelling of paths.

use crate::rig::{PATH, Rig, SOAP11, envelope, wrapped};
use mock_secret_server::config::{CustomErrors, NotFoundPage};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const TEXT: &str = "Content-Type: text/xml; charset=utf-8";
const WINDOWS: &str = "/SecretServer/winauthwebservices/sswinauthwebservice.asmx";

#[test]
fn paths_are_spelled_as_iis_lets_them_be_spelled() {
    let rig = Rig::start();
    let body = envelope(SOAP11, &wrapped("VersionGet", ""));
    for path in [
        "/SecretServer/webservices/SSWeb%53ervice.asmx",
        "/%53ecretServer/webservices/SSWebService%2Easmx",
        "/SecretServer/./webservices/SSWebService.asmx",
        "/SecretServer/x/../webservices/SSWebService.asmx",
        "/SecretServer/x/%2e%2e/webservices/SSWebService.asmx",
        "//SecretServer//webservices///SSWebService.asmx",
    ] {
        let response = rig.send("POST", path, &[TEXT], body.as_bytes());
        assert_eq!(response.status, 200, "{path}: {response:?}");
        let wsdl = rig.send("GET", &format!("{path}?wsdl"), &[], b"");
        let address = format!("location=\"http://vault.example{PATH}\"");
        assert_eq!(wsdl.body.matches(&address).count(), 4, "{path}");
        let get = rig.send("GET", &format!("{path}/Version%47et"), &[], b"");
        assert_eq!(get.status, 200, "{path}: {get:?}");
    }
    let above = "/../../SecretServer/webservices/SSWebService.asmx";
    assert_eq!(rig.send("GET", above, &[], b"").status, 200);
    let elsewhere = "/SecretServer/webservices/../SSWebService.asmx";
    assert_eq!(rig.send("GET", elsewhere, &[], b"").status, 404);
}

#[test]
fn a_method_without_a_name_is_an_unrecognized_format() {
    let rig = Rig::start();
    for method in ["GET", "POST"] {
        let response = rig.send(method, &format!("{PATH}/"), &[FORM], b"");
        assert_eq!(response.status, 500);
        assert_eq!(
            response.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        let text = "Request format is unrecognized for URL unexpectedly ending in '/'.";
        assert!(response.body.contains(text), "{response:?}");
    }
}

#[test]
fn the_post_binding_stays_open_to_this_machine() {
    for (everybody, local, status) in [
        (true, false, 200),
        (false, true, 200),
        (false, false, 500),
        (true, true, 200),
    ] {
        let rig = Rig::protocol(|protocol| {
            protocol.http_post = everybody;
            protocol.http_post_localhost = local;
        });
        let post = rig.send("POST", &format!("{PATH}/VersionGet"), &[FORM], b"");
        assert_eq!(post.status, status, "{everybody} {local}");
        assert_eq!(
            rig.send("GET", &format!("{PATH}/VersionGet"), &[], b"")
                .status,
            200
        );
    }
}

#[test]
fn the_page_of_an_operation_has_a_form_for_this_machine() {
    let remote = "The test form is only available for requests from the local machine.";
    let complex = "The test form is only available for methods with primitive types as parameters.";
    let form = "<form target=\"_blank\" \
                action=\"/SecretServer/webservices/SSWebService.asmx/CheckIn\" method=\"POST\">";
    let page = |rig: &Rig, name: &str| rig.send("GET", &format!("{PATH}?op={name}"), &[], b"").body;
    let rig = Rig::start();
    let check_in = page(&rig, "CheckIn");
    assert!(check_in.contains(form), "{check_in}");
    for name in ["token", "secretId"] {
        let field = format!("<input type=\"text\" size=\"50\" name=\"{name}\" />");
        assert!(check_in.contains(&field), "{check_in}");
    }
    assert!(page(&rig, "GetSecret").contains(complex));
    let rig = Rig::protocol(|protocol| protocol.test_form = false);
    assert!(page(&rig, "CheckIn").contains(remote));
    let rig = Rig::protocol(|protocol| {
        protocol.http_post = false;
        protocol.http_post_localhost = false;
    });
    assert!(
        !page(&rig, "CheckIn").contains("<form"),
        "there is no binding to post to"
    );
}

#[test]
fn the_service_behind_windows_authentication_challenges_on_every_path() {
    let rig = Rig::start();
    let type1 = "Authorization: NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKALpHAAAADw==";
    for (method, path, headers) in [
        ("GET", WINDOWS.to_owned(), &[][..]),
        ("POST", format!("{WINDOWS}/WhoAmI"), &[FORM][..]),
        ("GET", format!("{WINDOWS}/WhoAmI"), &[][..]),
        ("POST", WINDOWS.to_ascii_uppercase(), &[TEXT, type1][..]),
    ] {
        let response = rig.send(method, &path, headers, b"");
        assert_eq!(response.status, 401, "{path}");
        let challenges: Vec<_> = response
            .head
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with("www-authenticate:"))
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        assert_eq!(challenges, ["Negotiate", "NTLM"], "{path}");
    }
}

#[test]
fn the_404_page_is_one_of_three() {
    for (page, content_type, text) in [
        (
            NotFoundPage::AspNet,
            "text/html; charset=utf-8",
            "The resource cannot be found.",
        ),
        (
            NotFoundPage::Iis,
            "text/html",
            "404 - File or directory not found.",
        ),
        (
            NotFoundPage::Product,
            "text/html; charset=utf-8",
            "Page Not Found",
        ),
    ] {
        let rig = Rig::protocol(|protocol| protocol.not_found_page = page);
        let response = rig.send("GET", "/webservices/SSWebservice.asmx", &[], b"");
        assert_eq!(response.status, 404);
        assert_eq!(response.header("Content-Type"), Some(content_type));
        assert!(response.body.contains(text), "{response:?}");
    }
}

#[test]
fn without_custom_errors_a_fault_tells_types_and_stacks() {
    let reading = "\r\n   at System.Web.Services.Protocols.SoapServerProtocol.ReadParameters()";
    let end = "\r\n   --- End of inner exception stack trace ---";
    for custom_errors in [CustomErrors::Off, CustomErrors::RemoteOnly] {
        let rig = Rig::protocol(|protocol| protocol.custom_errors = custom_errors);
        let fault = rig.call("CheckIn", "<secretId>abc</secretId>");
        assert_eq!(fault.status, 500);
        let text = fault.element("faultstring").unwrap();
        let expected = format!(
            "System.Web.Services.Protocols.SoapException: Server was unable to read request. \
             ---&gt; System.InvalidOperationException: There is an error in XML document (1, 286). \
             ---&gt; System.FormatException: Input string was not in a correct format.\r\n   at \
             System.Number.ParseInt32(String s, NumberStyles style, NumberFormatInfo info){end}\
             {reading}{end}{reading}\r\n   at \
             System.Web.Services.Protocols.WebServiceHandler.CoreProcessRequest()"
        );
        assert_eq!(text, expected);
        let unknown = rig.call("Nope", "");
        let text = unknown.element("faultstring").unwrap();
        assert!(
            text.starts_with(
                "System.Web.Services.Protocols.SoapException: Server did not recognize the value \
                 of HTTP Header SOAPAction: urn:thesecretserver.com/Nope.\r\n   at System.Web."
            ),
            "{text}"
        );
        let plain = rig.send("GET", &format!("{PATH}/CheckIn?token=%3Ct%3E"), &[], b"");
        assert_eq!(
            plain.body,
            "System.InvalidOperationException: Missing parameter: secretId.\r\n   at \
             System.Web.Services.Protocols.HttpServerProtocol.ReadParameters()\r\n"
        );
    }
}

#[test]
fn the_longest_request_is_a_setting() {
    let body = envelope(SOAP11, &wrapped("VersionGet", &" ".repeat(3000)));
    for (kb, status) in [(1, 500), (4, 200)] {
        let rig = Rig::protocol(|protocol| protocol.max_request_length_kb = kb);
        let response = rig.send("POST", PATH, &[TEXT], body.as_bytes());
        assert_eq!(response.status, status);
        let refused = response.body.contains("Maximum request length exceeded.");
        assert_eq!(refused, status == 500);
    }
}

#[test]
fn each_header_of_the_platform_has_its_switch() {
    for off in 0..4 {
        let rig = Rig::protocol(|protocol| {
            protocol.server_header = off != 0;
            protocol.aspnet_version_header = off != 1;
            protocol.powered_by_header = off != 2;
        });
        let response = rig.call("VersionGet", "");
        let names = ["Server", "X-AspNet-Version", "X-Powered-By"];
        for (index, name) in names.into_iter().enumerate() {
            assert_eq!(response.header(name).is_some(), index != off, "{name}");
        }
        assert_eq!(response.header("Cache-Control"), Some("private, max-age=0"));
    }
}

#[test]
fn iis_may_fill_the_bodies_that_the_engine_leaves_empty() {
    let action = "SOAPAction: \"urn:thesecretserver.com/VersionGet\"";
    for (fills, is_empty) in [(false, true), (true, false)] {
        let rig = Rig::protocol(|protocol| protocol.iis_fills_empty_errors = fills);
        let malformed = rig.send("POST", PATH, &[TEXT, action], b"<a");
        assert_eq!(
            (malformed.status, malformed.body.is_empty()),
            (400, is_empty)
        );
        let json = ["Content-Type: application/json", action];
        let unsupported = rig.send("POST", PATH, &json, b"{}");
        assert_eq!(
            (unsupported.status, unsupported.body.is_empty()),
            (415, is_empty)
        );
        if fills {
            assert_eq!(malformed.header("Content-Type"), Some("text/html"));
        }
    }
}
