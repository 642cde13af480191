//! What a request may look like and still be understood: soap:§1.5 and the odd things of real
//! clients in soap:§5.

use std::fmt::Write as _;

use crate::rig::{PATH, Rig, SOAP11, SOAP12, envelope, wrapped};

const ACTION: &str = "SOAPAction: \"urn:thesecretserver.com/Authenticate\"";
const TEXT: &str = "Content-Type: text/xml; charset=utf-8";
const NS: &str = "urn:thesecretserver.com";

/// Whether a log-on as alice with this request succeeds.
fn logs_on(rig: &Rig, headers: &[&str], body: &[u8]) -> bool {
    let response = rig.send("POST", PATH, headers, body);
    assert_eq!(response.status, 200, "{response:?}");
    response.body.contains("<Errors /><Token>")
}

#[test]
fn every_way_to_write_the_same_log_on_is_understood() {
    let rig = Rig::start();
    let good = "<username>alice</username><password>p&lt;w&gt;</password>";
    let plain = |body: &str| envelope(SOAP11, &wrapped("Authenticate", body));
    let prefixed = format!(
        "<e:Envelope xmlns:e='{SOAP11}' xmlns:tns='{NS}' xmlns:wsdl='{NS}'>\r\n  <e:Header/>\r\n  \
         <e:Body e:encodingStyle='http://schemas.xmlsoap.org/soap/encoding/'>\r\n    \
         <tns:Authenticate>\r\n      <wsdl:password>p&lt;w&gt;</wsdl:password>\r\n      \
         <tns:username>alice</tns:username>\r\n    </tns:Authenticate>\r\n  </e:Body>\r\n\
         </e:Envelope>\r\n"
    );
    for body in [
        plain(good),
        plain("<password>p&lt;w></password><username>alice</username>"),
        plain("<username>alice</username><password>p&#60;w&#x3E;</password>"),
        plain("<username>al<!-- c -->ice</username><password><![CDATA[p<w>]]></password>"),
        plain("<username><![CDATA[al]]>ice</username><password>p<![CDATA[<w]]>&gt;</password>"),
        plain(&format!(
            "{good}<username>bob</username><unknown><a/></unknown>"
        )),
        plain(&format!(
            "{good}<organization xsi:nil='true'/><domain xsi:nil='1'></domain>"
        )),
        plain(&format!("{good}<organization /><domain />")),
        plain(&good.replace("<username>", "<username xsi:type='xsd:string' id='x'>")),
        plain(&format!(
            "<x:username xmlns:x='urn:x'>bob</x:username>{good}"
        )),
        prefixed,
        format!("\u{feff}{}", plain(good)),
        plain(good).replace("?><", "?>\n<?pi x?><!-- before --><"),
        format!("{}\n<!-- after -->\n", plain(good)),
        plain(good).replace(
            "<soap:Body>",
            "<soap:Header><h xmlns='urn:h'>x</h></soap:Header><soap:Body>",
        ),
        plain(good).replace("</soap:Body>", "<second xmlns='urn:x'/></soap:Body>"),
    ] {
        assert!(logs_on(&rig, &[TEXT, ACTION], body.as_bytes()), "{body}");
    }
}

#[test]
fn what_a_lenient_server_ignores_arrives_as_null() {
    let rig = Rig::start();
    for body in [
        envelope(SOAP11, &wrapped("Authenticate", "")),
        envelope(
            SOAP11,
            "<Authenticate><username>alice</username></Authenticate>",
        ),
        envelope(
            SOAP11,
            &format!(
                "<Authenticate xmlns='{NS}'><username xmlns=''>alice</username>\
                 <password xmlns='urn:x'>p&lt;w&gt;</password></Authenticate>"
            ),
        ),
        envelope(
            SOAP11,
            &format!(
                "<Other xmlns='{NS}'><username>alice</username><password>p&lt;w&gt;</password>\
                 </Other>"
            ),
        ),
        envelope(
            SOAP11,
            &wrapped(
                "Authenticate",
                "<username>alice</username><password xsi:nil='true'/>",
            ),
        ),
    ] {
        assert!(!logs_on(&rig, &[TEXT, ACTION], body.as_bytes()), "{body}");
    }
}

#[test]
fn booleans_and_numbers_are_trimmed_and_have_two_spellings() {
    let rig = Rig::start();
    let token = rig.alice();
    for (restricted, found) in [
        ("true", true),
        (" 1\n", true),
        ("false", false),
        ("0", false),
    ] {
        let response = rig.call(
            "SearchSecretsByFieldValue",
            &format!(
                "<token>{token}</token><fieldName>Machine</fieldName><searchTerm>srv02\
                 </searchTerm><showRestricted>{restricted}</showRestricted>"
            ),
        );
        assert_eq!(
            response.body.contains("<SecretId>8<"),
            found,
            "{restricted:?} {response:?}"
        );
    }
    let id = rig.call(
        "GetSecretLegacy",
        &format!("<token>{token}</token><secretId> +07 </secretId>"),
    );
    assert!(id.body.contains("<Name>srv01\\admin</Name>"), "{id:?}");
}

#[test]
fn any_encoding_that_the_request_names_is_read() {
    let rig = Rig::start();
    let body = envelope(
        SOAP11,
        &wrapped(
            "Authenticate",
            "<username>alice</username><password>p&lt;w&gt;</password>",
        ),
    );
    let utf16 = |mark: bool, big: bool| -> Vec<u8> {
        let body = body.replace("utf-8", "utf-16");
        let units = body.encode_utf16();
        let mark = mark.then_some(0xfeff_u16);
        let bytes = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        mark.into_iter().chain(units).flat_map(bytes).collect()
    };
    let utf32 = |mark: &str, big: bool| -> Vec<u8> {
        let body = format!("{mark}{}", body.replace("utf-8", "utf-32"));
        let bytes = |one: char| {
            if big {
                u32::from(one).to_be_bytes()
            } else {
                u32::from(one).to_le_bytes()
            }
        };
        body.chars().flat_map(bytes).collect()
    };
    let cases: [(&str, Vec<u8>); 13] = [
        ("Content-Type: text/xml; charset=utf-32", utf32("", false)),
        ("Content-Type: text/xml; charset=utf-32BE", utf32("", true)),
        ("Content-Type: text/xml", utf32("\u{feff}", true)),
        ("Content-Type: text/xml", utf32("\u{feff}", false)),
        ("Content-Type: text/xml", utf32("", false)),
        (
            "Content-Type: text/xml; charset=ibm437",
            body.clone().into_bytes(),
        ),
        (
            "Content-Type: text/xml",
            body.replace("utf-8", "ibm850").into_bytes(),
        ),
        ("Content-Type: text/xml", body.clone().into_bytes()),
        ("Content-Type: text/xml; charset=utf-16", utf16(true, false)),
        ("Content-Type: text/xml", utf16(true, true)),
        ("Content-Type: text/xml", utf16(false, false)),
        (
            "Content-Type: text/xml; charset=ISO-8859-1",
            body.clone().into_bytes(),
        ),
        (
            "Content-Type: text/xml",
            body.replace("utf-8", "iso-8859-1").into_bytes(),
        ),
    ];
    for (content_type, body) in cases {
        assert!(
            logs_on(&rig, &[content_type, ACTION], &body),
            "{content_type}"
        );
    }
    let unknown = body.replace("utf-8", "x-nobody-knows");
    let text = ["Content-Type: text/xml", ACTION];
    let response = rig.send("POST", PATH, &text, unknown.as_bytes());
    assert_eq!((response.status, response.body.as_str()), (400, ""));
    assert!(
        logs_on(&rig, &[TEXT, ACTION], unknown.as_bytes()),
        "the header decides"
    );
    let mut broken = body.into_bytes();
    let at = broken
        .windows(5)
        .position(|window| window == b"alice")
        .unwrap();
    broken[at] = 0xff;
    let response = rig.send("POST", PATH, &["Content-Type: text/xml", ACTION], &broken);
    assert_eq!((response.status, response.body.as_str()), (400, ""));
}

#[test]
fn a_header_that_must_be_understood_is_refused_after_the_method_ran() {
    let rig = Rig::start();
    let token = rig.alice();
    let get = wrapped(
        "GetSecretLegacy",
        &format!("<token>{token}</token><secretId>8</secretId>"),
    );
    for (namespace, attribute, code) in [
        (
            SOAP11,
            "soap:mustUnderstand='1'",
            "<faultcode>soap:MustUnderstand</faultcode>",
        ),
        (
            SOAP12,
            "soap:mustUnderstand='true'",
            "<soap:Value>soap:MustUnderstand</soap:Value>",
        ),
    ] {
        let header =
            format!("<soap:Header><h:Security xmlns:h='urn:h' {attribute}/></soap:Header>");
        let body =
            envelope(namespace, &get).replace("<soap:Body>", &format!("{header}<soap:Body>"));
        let response = rig.send("POST", PATH, &[TEXT], body.as_bytes());
        assert_eq!(response.status, 500);
        assert!(response.body.contains(code), "{response:?}");
        assert!(
            response
                .body
                .contains("SOAP header Security was not understood.")
        );
        assert!(
            !response.body.to_ascii_lowercase().contains("detail"),
            "{response:?}"
        );
    }
    let status = rig.call(
        "GetCheckOutStatus",
        &format!("<token>{token}</token><secretId>8</secretId>"),
    );
    assert_eq!(
        status.element("IsCheckedOut"),
        Some("true"),
        "the method did run: {status:?}"
    );
    let elsewhere = "<soap:Header><h xmlns='urn:h' soap:mustUnderstand='1' \
                     soap:actor='urn:somebody-else'/></soap:Header><soap:Body>";
    let body = envelope(SOAP11, &get).replace("<soap:Body>", elsewhere);
    assert_eq!(rig.send("POST", PATH, &[TEXT], body.as_bytes()).status, 200);
}

#[test]
fn framing_of_real_clients_is_understood() {
    let rig = Rig::start();
    let body = envelope(SOAP11, &wrapped("VersionGet", ""));
    let head = |line: &str, more: &str| {
        format!(
            "POST {PATH}{line}\r\nHost: vault.example\r\n{TEXT}\r\nConnection: close\r\n{more}\r\n"
        )
    };
    let length = format!("Content-Length: {}\r\n", body.len());
    let mut chunked = String::new();
    for part in body.as_bytes().chunks(100) {
        let part = std::str::from_utf8(part).unwrap();
        let _ = write!(chunked, "{:x}\r\n{part}\r\n", part.len());
    }
    chunked.push_str("0\r\n\r\n");
    for request in [
        head(" HTTP/1.1", &length) + &body,
        head(" HTTP/1.0", &length) + &body,
        head("?wsdl HTTP/1.1", &length) + &body,
        head(" HTTP/1.1", &format!("{length}Expect: 100-continue\r\n")) + &body,
        head(" HTTP/1.1", &format!("{length}Accept-Encoding: gzip\r\n")) + &body,
        head(" HTTP/1.1", "Transfer-Encoding: chunked\r\n") + &chunked,
        (head(" HTTP/1.1", &length) + &body).replacen("SSWebService", "sswebSERVICE", 1),
    ] {
        let response = rig.raw(request.as_bytes());
        assert_eq!(response.status, 200, "{request}\n{response:?}");
        assert!(response.body.contains("<Version>10.3.000015</Version>"));
    }
}

#[test]
fn hostile_requests_are_refused_in_bounded_time_and_memory() {
    let rig = Rig::start();
    let known = &[TEXT, ACTION][..];
    let deep = "<a>".repeat(20_000);
    let attributes = (0..20_000).fold(String::from("<a"), |mut tag, n| {
        let _ = write!(tag, " x{n}=''");
        tag
    }) + "/>";
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
    let namespaces = (0..20_000).fold(String::from("<a"), |mut tag, n| {
        let _ = write!(tag, " xmlns:x{n}='u{n}'");
        tag
    }) + "/>";
    for inner in [
        deep,
        namespaces,
        attributes,
        "<![CDATA[".into(),
        "\u{0}".into(),
    ] {
        let body = envelope(SOAP11, &wrapped("Authenticate", &inner));
        assert_eq!(rig.send("POST", PATH, known, body.as_bytes()).status, 400);
    }
    assert_eq!(rig.send("POST", PATH, known, bomb.as_bytes()).status, 400);
    let huge = vec![b' '; 4 * 1024 * 1024 + 1];
    let response = rig.send("POST", PATH, known, &huge);
    assert_eq!(response.status, 500);
    assert_eq!(
        response.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert!(response.body.contains("Maximum request length exceeded."));
}
