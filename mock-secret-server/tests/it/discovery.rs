//! GET on the service: soap:§1.3.

use crate::rig::{PATH, Rig};
use mock_secret_server::config::WsdlFlavor;

#[test]
fn the_description_is_served_with_the_address_as_requested() {
    let rig = Rig::start();
    let odd = PATH.to_ascii_uppercase();
    for target in [
        format!("{PATH}?WSDL"),
        format!("{PATH}?wsdl"),
        format!("{odd}?Wsdl"),
    ] {
        let response = rig.send("GET", &target, &[], b"");
        assert_eq!(response.status, 200);
        assert_eq!(
            response.header("Content-Type"),
            Some("text/xml; charset=utf-8")
        );
        let path = target.split('?').next().unwrap();
        let address = format!("location=\"http://vault.example{path}\"");
        assert_eq!(response.body.matches(&address).count(), 4, "{target}");
    }
    let soap_only = rig.send("GET", &format!("{PATH}?wsdl-soap-only"), &[], b"");
    assert!(!soap_only.body.contains("soap/encoding/\" />"));
    assert_eq!(
        soap_only
            .body
            .matches(" location=\"http://vault.example/")
            .count(),
        2
    );
    let rig = Rig::protocol(|protocol| protocol.wsdl = WsdlFlavor::SoapOnly);
    assert_eq!(
        rig.send("GET", &format!("{PATH}?wsdl"), &[], b"").body,
        soap_only.body
    );
}

#[test]
fn a_key_with_a_value_asks_for_a_number_that_is_not_there() {
    let rig = Rig::start();
    for query in ["WSDL=", "wsdl=x"] {
        let response = rig.send("GET", &format!("{PATH}?{query}"), &[], b"");
        assert_eq!(response.status, 500);
        assert_eq!(
            response.header("Content-Type"),
            Some("text/plain; charset=utf-8")
        );
    }
}

#[test]
fn a_proxy_generator_finds_its_way_from_the_page() {
    let rig = Rig::start();
    let page = rig.send("GET", PATH, &[], b"");
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    let link = format!("<link rel=\"alternate\" type=\"text/xml\" href=\"{PATH}?disco\" />");
    assert!(page.body.contains(&link));
    assert!(
        page.body
            .contains("<a href=\"SSWebService.asmx?op=GetSecret\">GetSecret</a>")
    );
    assert!(page.body.contains("SSWebService.asmx?WSDL"));
    assert_eq!(page.body.matches("?op=").count(), 88);
    let disco = rig.send("GET", &format!("{PATH}?disco"), &[], b"");
    assert_eq!(
        disco.header("Content-Type"),
        Some("text/xml; charset=utf-8")
    );
    let url = format!("http://vault.example{PATH}");
    assert!(disco.body.contains(&format!(
        "<contractRef ref=\"{url}?wsdl\" docRef=\"{url}\" xmlns=\"http://schemas.xmlsoap.org/disco/scl/\" />"
    )));
    assert_eq!(
        disco
            .body
            .matches(&format!("<soap address=\"{url}\""))
            .count(),
        2
    );
}

#[test]
fn each_operation_has_a_page_with_samples() {
    let rig = Rig::start();
    let page = rig
        .send("GET", &format!("{PATH}?op=GetSecret"), &[], b"")
        .body;
    for part in [
        "SOAPAction: &quot;urn:thesecretserver.com/GetSecret&quot;",
        "Content-Type: application/soap+xml; charset=utf-8",
        "&lt;secretId&gt;int&lt;/secretId&gt;",
        "&lt;GetSecretResponse xmlns=",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("HTTP GET"), "GetSecret has no such binding");
    let page = rig
        .send("GET", &format!("{PATH}?op=CheckIn"), &[], b"")
        .body;
    assert!(page.contains("GET /SecretServer/webservices/SSWebService.asmx/CheckIn?token=string"));
    let page = rig.send("GET", &format!("{PATH}?op=%3CNope%3E"), &[], b"");
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("Method &#39;&lt;Nope&gt;&#39; was not found")
            || page.body.contains("Method '&lt;Nope&gt;' was not found")
    );
}

#[test]
fn the_discovery_document_is_written_byte_by_byte() {
    let rig = Rig::start();
    let url = format!("http://vault.example{PATH}");
    let soap = |binding: &str| {
        format!(
            "  <soap address=\"{url}\" xmlns:q1=\"urn:thesecretserver.com\" \
             binding=\"q1:{binding}\" xmlns=\"http://schemas.xmlsoap.org/disco/soap/\" />\r\n"
        )
    };
    assert_eq!(
        rig.send("GET", &format!("{PATH}?disco"), &[], b"").body,
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<discovery \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns=\"http://schemas.xmlsoap.org/disco/\">\r\n  <contractRef ref=\"{url}?wsdl\" \
             docRef=\"{url}\" xmlns=\"http://schemas.xmlsoap.org/disco/scl/\" />\r\n{}{}</discovery>",
            soap("SSWebServiceSoap"),
            soap("SSWebServiceSoap12")
        )
    );
}

#[test]
fn the_page_of_an_operation_is_written_byte_by_byte() {
    let rig = Rig::protocol(|protocol| {
        protocol.http_get = false;
        protocol.http_post = false;
        protocol.http_post_localhost = false;
    });
    let sample = |title: &str, request: &str, reply: &str| {
        format!(
            "          <h3>{title}</h3>\r\n          <p>The following is a sample {title} request \
             and response.  The placeholders shown need to be replaced with actual values.</p>\r\n\
             \x20         <pre>{request}</pre>\r\n          <pre>{reply}</pre>\r\n"
        )
    };
    let envelope = |prefix: &str, uri: &str, body: &str| {
        format!(
            "&lt;?xml version=&quot;1.0&quot; encoding=&quot;utf-8&quot;?&gt;\n&lt;{prefix}:Envelope \
             xmlns:xsi=&quot;http://www.w3.org/2001/XMLSchema-instance&quot; \
             xmlns:xsd=&quot;http://www.w3.org/2001/XMLSchema&quot; xmlns:{prefix}=&quot;{uri}&quot;&gt;\n  \
             &lt;{prefix}:Body&gt;\n{body}  &lt;/{prefix}:Body&gt;\n&lt;/{prefix}:Envelope&gt;"
        )
    };
    let ns = "xmlns=&quot;urn:thesecretserver.com&quot;";
    let request = format!("    &lt;VersionGet {ns}&gt;\n    &lt;/VersionGet&gt;\n");
    let reply = format!(
        "    &lt;VersionGetResponse {ns}&gt;\n      &lt;VersionGetResult&gt;\n        \
         &lt;Errors&gt;\n          &lt;string&gt;string&lt;/string&gt;\n        &lt;/Errors&gt;\n        \
         &lt;Version&gt;string&lt;/Version&gt;\n      &lt;/VersionGetResult&gt;\n    \
         &lt;/VersionGetResponse&gt;\n"
    );
    let mut samples = String::new();
    for (title, prefix, uri, content_type, action) in [
        (
            "SOAP 1.1",
            "soap",
            crate::rig::SOAP11,
            "text/xml",
            "SOAPAction: &quot;urn:thesecretserver.com/VersionGet&quot;\n",
        ),
        (
            "SOAP 1.2",
            "soap12",
            crate::rig::SOAP12,
            "application/soap+xml",
            "",
        ),
    ] {
        let length =
            format!("Content-Type: {content_type}; charset=utf-8\nContent-Length: length\n");
        samples += &sample(
            title,
            &format!(
                "POST {PATH} HTTP/1.1\nHost: vault.example\n{length}{action}\n{}",
                envelope(prefix, uri, &request)
            ),
            &format!(
                "HTTP/1.1 200 OK\n{length}\n{}",
                envelope(prefix, uri, &reply)
            ),
        );
    }
    assert_eq!(
        rig.send("GET", &format!("{PATH}?op=VersionGet"), &[], b"")
            .body,
        format!(
            "<html>\r\n\r\n    <head><link rel=\"alternate\" type=\"text/xml\" \
             href=\"{PATH}?disco\" />\r\n\r\n    <title>\r\n\tSSWebService Web Service\r\n</title>\
             </head>\r\n\r\n  <body>\r\n\r\n    <div id=\"content\">\r\n\r\n      <p \
             class=\"heading1\">SSWebService</p>\r\n\r\n      <span>\r\n          <p \
             class=\"intro\">Click <a href=\"SSWebService.asmx\">here</a> for a complete list of \
             operations.</p>\r\n          <h2>VersionGet</h2>\r\n          <h3>Test</h3>\r\n          \
             The test form is only available for requests from the local machine.\r\n{samples}      \
             </span>\r\n\r\n    </div>\r\n  </body>\r\n</html>\r\n"
        )
    );
}
