//! Which request is answered how: soap:§1.4 and soap:§1.7, row by row.

use crate::rig::{PATH, Rig, SOAP11, SOAP12, envelope, wrapped};

const TEXT: &str = "Content-Type: text/xml; charset=utf-8";
const ACTION: &str = "SOAPAction: \"urn:thesecretserver.com/VersionGet\"";
const SOAP_XML: &str = "Content-Type: application/soap+xml; charset=utf-8";
const HEAD11: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
    xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">";

fn fault11(code: &str, text: &str) -> String {
    format!(
        "{HEAD11}<soap:Body><soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}\
         </faultstring><detail /></soap:Fault></soap:Body></soap:Envelope>"
    )
}

fn fault12(code: &str, text: &str) -> String {
    format!(
        "{}<soap:Body><soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>\
         <soap:Reason><soap:Text xml:lang=\"en\">{text}</soap:Text></soap:Reason><soap:Detail />\
         </soap:Fault></soap:Body></soap:Envelope>",
        HEAD11.replace(SOAP11, SOAP12)
    )
}

/// Headers, body, expected status, content type, body.
type Row = (
    &'static [&'static str],
    String,
    u16,
    Option<&'static str>,
    String,
);

fn check(rows: Vec<Row>) {
    let rig = Rig::start();
    for (headers, body, status, content_type, expected) in rows {
        let response = rig.send("POST", PATH, headers, body.as_bytes());
        let shown = format!("{headers:?} {body}\n{response:?}");
        assert_eq!(response.status, status, "{shown}");
        assert_eq!(response.header("Content-Type"), content_type, "{shown}");
        assert_eq!(response.body, expected, "{shown}");
    }
}

const XML: Option<&str> = Some("text/xml; charset=utf-8");
const XML12: Option<&str> = Some("application/soap+xml; charset=utf-8");

fn version11() -> String {
    format!(
        "{HEAD11}<soap:Body><VersionGetResponse xmlns=\"urn:thesecretserver.com\">\
         <VersionGetResult><Errors /><Version>10.3.000015</Version></VersionGetResult>\
         </VersionGetResponse></soap:Body></soap:Envelope>"
    )
}

fn version12() -> String {
    version11().replace(SOAP11, SOAP12)
}

fn get11() -> String {
    envelope(SOAP11, "<VersionGet xmlns=\"urn:thesecretserver.com\" />")
}

fn get12() -> String {
    envelope(SOAP12, "<VersionGet xmlns=\"urn:thesecretserver.com\" />")
}

#[test]
fn the_operation_is_found_by_action_or_by_the_body() {
    check(vec![
        (&[TEXT, ACTION], get11(), 200, XML, version11()),
        (
            &[TEXT, "soapaction: urn:thesecretserver.com/VersionGet"],
            get11(),
            200,
            XML,
            version11(),
        ),
        (
            &[
                TEXT,
                "SOAPAction: \"urn%3Athesecretserver.com/Version%47et\"",
            ],
            get11(),
            200,
            XML,
            version11(),
        ),
        (&[TEXT], get11(), 200, XML, version11()),
        (&[TEXT], get12(), 200, XML12, version12()),
        (&[TEXT, ACTION], get12(), 200, XML12, version12()),
        (&[SOAP_XML], get12(), 200, XML12, version12()),
        (
            &["Content-Type: application/soap+xml; action=\"urn:thesecretserver.com/VersionGet\""],
            get12(),
            200,
            XML12,
            version12(),
        ),
        (
            // gsoap sends both; the header is not looked at.
            &[
                "Content-Type: application/soap+xml; charset=utf-8; action=\"urn:x\"",
                "SOAPAction: \"urn:nope\"",
            ],
            get12(),
            200,
            XML12,
            version12(),
        ),
        (
            &["Content-Type: text/xml; charset=\"utf-8\"", ACTION],
            get11(),
            200,
            XML,
            version11(),
        ),
        (
            &["content-type: TEXT/XML", ACTION],
            get11(),
            200,
            XML,
            version11(),
        ),
    ]);
}

#[test]
fn an_operation_that_is_not_found_is_a_fault_before_anything_else() {
    let header = "Server did not recognize the value of HTTP Header SOAPAction: ";
    let none = "Unable to handle request without a valid action parameter. Please supply a valid \
                soap action.";
    let unknown = || envelope(SOAP11, &wrapped("Nope", ""));
    let unknown12 = || envelope(SOAP12, &wrapped("Nope", ""));
    check(vec![
        (
            &[TEXT, "SOAPAction: \"urn:thesecretserver.com/Nope\""],
            get11(),
            500,
            XML,
            fault11("Client", &format!("{header}urn:thesecretserver.com/Nope.")),
        ),
        (
            &[TEXT, "SOAPAction: \"\""],
            get11(),
            500,
            XML,
            fault11("Client", &format!("{header}.")),
        ),
        (
            &[TEXT, "SOAPAction:"],
            get11(),
            500,
            XML,
            fault11("Client", &format!("{header}.")),
        ),
        (
            &[TEXT, "SOAPAction: urn:thesecretserver.com/versionget"],
            get11(),
            500,
            XML,
            fault11(
                "Client",
                &format!("{header}urn:thesecretserver.com/versionget."),
            ),
        ),
        (
            // An unknown action wins over a wrong content type and over broken XML.
            &["Content-Type: text/plain", "SOAPAction: \"<x>\""],
            "<broken".into(),
            500,
            XML,
            fault11("Client", &format!("{header}&lt;x&gt;.")),
        ),
        (&[TEXT], unknown(), 500, XML, fault11("Client", none)),
        (
            &[SOAP_XML],
            unknown12(),
            500,
            XML12,
            fault12("Sender", none),
        ),
        (
            &[TEXT],
            envelope(SOAP11, ""),
            500,
            XML,
            fault11("Client", none),
        ),
        (
            &[TEXT],
            envelope(SOAP11, "<VersionGet />"),
            500,
            XML,
            fault11("Client", none),
        ),
        (
            &["Content-Type: application/soap+xml; action=\"urn:x\""],
            unknown12(),
            500,
            XML12,
            fault12(
                "Sender",
                "Unable to handle request. The action 'urn:x' was not recognized.",
            ),
        ),
        // The body is routed by before the content type is looked at.
        (
            &["Content-Type: text/plain"],
            unknown(),
            500,
            XML,
            fault11("Client", none),
        ),
    ]);
}

#[test]
fn the_content_type_must_be_one_of_two() {
    check(vec![
        (
            &["Content-Type: application/xml", ACTION],
            get11(),
            415,
            None,
            String::new(),
        ),
        (
            &["Content-Type: text/plain"],
            get11(),
            415,
            None,
            String::new(),
        ),
        (&[ACTION], get11(), 415, None, String::new()),
        (&[SOAP_XML], get11(), 415, None, String::new()),
    ]);
}

#[test]
fn what_is_not_xml_is_a_bare_400_when_the_operation_is_known() {
    let cut = get11().replace("</soap:Envelope>", "");
    let doctype = get11().replace("<soap:Envelope", "<!DOCTYPE x><soap:Envelope");
    let body = |from: &str, to: &str| get11().replace(from, to);
    let declared = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    for malformed in [
        body(
            "<VersionGet ",
            "<VersionGet xmlns:a='u' xmlns:b='u' a:x='' b:x='' ",
        ),
        body("<VersionGet ", "<VersionGet xmlns:p='' "),
        body("com\" />", "com\"b='c'/>"),
        body(declared, "<?xml version='1.0' standalone='maybe'?>"),
        body(declared, "<?xml version='1.0' junk='x'?>"),
        body(declared, "<?XML x?>"),
        body(declared, "<? x?>"),
        body("<VersionGet ", "<a×/><VersionGet "),
    ] {
        check(vec![(&[TEXT, ACTION], malformed, 400, XML, String::new())]);
    }
    let action12 =
        "Content-Type: application/soap+xml; action=\"urn:thesecretserver.com/VersionGet\"";
    check(vec![
        (&[TEXT, ACTION], cut, 400, XML, String::new()),
        (&[TEXT, ACTION], String::new(), 400, XML, String::new()),
        (&[TEXT, ACTION], "x".into(), 400, XML, String::new()),
        (&[TEXT, ACTION], doctype.clone(), 400, XML, String::new()),
        (
            &[TEXT, ACTION],
            format!("{}<more/>", get11()),
            400,
            XML,
            String::new(),
        ),
        (
            vec![action12].leak(),
            get12() + "x",
            400,
            XML12,
            String::new(),
        ),
    ]);
    let receiver = |text: &str| {
        fault12(
            "Receiver",
            &format!("Server was unable to process request. ---&gt; {text}"),
        )
    };
    check(vec![
        (
            &[TEXT],
            String::new(),
            500,
            XML12,
            receiver("Root element is missing."),
        ),
        (
            &[SOAP_XML],
            String::new(),
            500,
            XML12,
            receiver("Root element is missing."),
        ),
        (
            &[TEXT],
            "x".into(),
            500,
            XML12,
            receiver("Data at the root level is invalid. Line 1, position 1."),
        ),
        (
            &[TEXT],
            doctype,
            500,
            XML12,
            receiver(
                "For security reasons DTD is prohibited in this XML document. To enable DTD \
                 processing set the DtdProcessing property on XmlReaderSettings to Parse and pass \
                 the settings into XmlReader.Create method.",
            ),
        ),
    ]);
}

#[test]
fn the_envelope_is_checked_from_outside_to_inside() {
    let mismatch = |namespace: &str| {
        format!(
            "{HEAD11}<soap:Header><soap12:Upgrade xmlns:soap12=\"{SOAP12}\">\
             <soap12:SupportedEnvelope xmlns:soap=\"{SOAP11}\" qname=\"soap:Envelope\" />\
             <soap12:SupportedEnvelope qname=\"soap12:Envelope\" /></soap12:Upgrade></soap:Header>\
             <soap:Body><soap:Fault><faultcode>soap:VersionMismatch</faultcode><faultstring>\
             Possible SOAP version mismatch: Envelope namespace {namespace} was unexpected. \
             Expecting {SOAP11}.</faultstring><detail /></soap:Fault></soap:Body></soap:Envelope>"
        )
    };
    let missing = |element: &str| {
        format!(
            "Server was unable to read request. ---&gt; Request format is invalid: Missing \
             required soap:{element} element."
        )
    };
    let no_body =
        |body: &str| format!("<soap:Envelope xmlns:soap=\"{SOAP11}\">{body}</soap:Envelope>");
    check(vec![
        (&[TEXT, ACTION], "<foo/>".into(), 500, XML, mismatch("")),
        (
            &[TEXT, ACTION],
            "<Envelope xmlns='urn:x'/>".into(),
            500,
            XML,
            mismatch("urn:x"),
        ),
        (&[TEXT], "<foo/>".into(), 500, XML, mismatch("")),
        (
            &[TEXT, ACTION],
            format!("<Body xmlns='{SOAP11}'/>"),
            500,
            XML,
            fault11("Client", &missing("Envelope")),
        ),
        (
            &[TEXT, ACTION],
            no_body(""),
            500,
            XML,
            fault11("Client", &missing("Body")),
        ),
        (
            &[TEXT, ACTION],
            no_body("<soap:Body/>"),
            500,
            XML,
            fault11("Client", &missing("Body")),
        ),
        (
            &[TEXT, ACTION],
            no_body("<soap:Header/><x/>"),
            500,
            XML,
            fault11("Client", &missing("Body")),
        ),
        (
            &[SOAP_XML],
            get12().replace("soap:Envelope", "soap:Envelop"),
            500,
            XML12,
            fault12("Sender", &missing("Envelope")),
        ),
        (
            &[TEXT, ACTION],
            no_body("<soap:Body></soap:Body>"),
            200,
            XML,
            version11(),
        ),
    ]);
}

#[test]
fn a_value_that_does_not_fit_names_its_place() {
    let rig = Rig::start();
    let unreadable = "Server was unable to read request. ---> There is an error in XML document ";
    let format = "Input string was not in a correct format.";
    // The platform names the place where it stands after the value: the next tag's name.
    for (operation, before, after, cause) in [
        ("CheckIn", "<secretId>abc</secretId>", "<token/>", format),
        (
            "CheckIn",
            "<token>\u{10348}</token><secretId />",
            "",
            format,
        ),
        (
            "CheckIn",
            "<secretId>2147483648</secretId>",
            "",
            "Value was either too large or too small for an Int32.",
        ),
        (
            "CheckIn",
            "<secretId xsi:nil=\"true\" />",
            "<token/>",
            format,
        ),
        (
            "SearchSecrets",
            "<includeDeleted>yes</includeDeleted>",
            "",
            "The string 'yes' is not a valid Boolean value.",
        ),
    ] {
        let parameters = format!("{before}{after}");
        let whole = envelope(SOAP11, &wrapped(operation, &parameters));
        let (read, _) = whole.split_at(whole.find(before).unwrap() + before.len());
        let marks = if after.is_empty() { 3 } else { 2 };
        let column = read.encode_utf16().count() + marks;
        let response = rig.call(operation, &parameters);
        assert_eq!(response.status, 500);
        assert!(response.body.contains("<faultcode>soap:Client</faultcode>"));
        assert_eq!(
            response
                .element("faultstring")
                .unwrap()
                .replace("&gt;", ">"),
            format!("{unreadable}(1, {column}). ---> {cause}")
        );
    }
}
