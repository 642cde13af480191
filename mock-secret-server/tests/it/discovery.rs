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
