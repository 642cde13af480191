//! What is read, and what is refused.
#![allow(clippy::unwrap_used)]

use super::*;

fn fault(text: &str) -> XmlError {
    read(text.as_bytes()).err().unwrap()
}

#[test]
fn text_is_put_together_from_all_its_pieces() {
    let text = "<a xmlns='urn:thesecretserver.com'><b> p&amp;w&lt;&#x41;<![CDATA[&x]]> </b></a>";
    let document = read(text.as_bytes()).unwrap();
    assert_eq!(document.root().text_of("b"), Some(" p&w<A&x "));
}

#[test]
fn prefixes_are_free_and_namespaces_decide() {
    let text = "<q:a xmlns:q='urn:thesecretserver.com'><b>no</b><q:b>yes</q:b></q:a>";
    let document = read(text.as_bytes()).unwrap();
    let root = document.root();
    assert_eq!(
        (root.space(), root.text_of("b")),
        (Space::Vault, Some("yes"))
    );
}

#[test]
fn nil_is_no_text() {
    let text = "<a xmlns='urn:thesecretserver.com' \
                xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\
                <b i:nil='true'/><c nil='true'/></a>";
    let document = read(text.as_bytes()).unwrap();
    let root = document.root();
    assert_eq!((root.text_of("b"), root.text_of("c")), (None, Some("")));
}

#[test]
fn hostile_documents_are_refused() {
    assert_eq!(
        fault("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"),
        XmlError::DocumentType
    );
    assert_eq!(fault("<a>&x;</a>"), XmlError::UnknownEntity);
    assert_eq!(fault("<a/><b/>"), XmlError::NotOneRoot);
    assert_eq!(fault("<a/>text"), XmlError::NotOneRoot);
    assert_eq!(fault(""), XmlError::NotOneRoot);
    assert_eq!(fault("<a><b>"), XmlError::Unfinished);
    assert_eq!(fault("<q:a/>"), XmlError::UnknownPrefix);
    assert_eq!(fault(&"<a>".repeat(DEPTH_MAX + 1)), XmlError::TooDeep);
    assert_eq!(
        fault(&format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX))),
        XmlError::TooMany
    );
    let attributes: String = (0..=ATTRIBUTES_MAX).map(|n| format!(" x{n}=''")).collect();
    assert_eq!(fault(&format!("<a{attributes}/>")), XmlError::TooMany);
    assert!(matches!(fault("<a></b>"), XmlError::NotWellFormed(_)));
    assert_eq!(read(b"<a>\xff</a>").err(), Some(XmlError::NotUtf8));
}

#[test]
fn text_in_pieces_is_put_together_whatever_stands_between() {
    let check = |inside: &str, expected: &str| {
        let document = format!("<a xmlns='urn:thesecretserver.com'><b>{inside}</b></a>");
        let document = read(document.as_bytes()).unwrap();
        assert_eq!(document.root().text_of("b"), Some(expected), "{inside}");
    };
    check("p&amp;w", "p&w");
    check("p<c>q</c>w", "pw");
    check("p<!-- > -->w<?x?>!", "pw!");
    check("\r\n\r\r\n\n", "\n\n\n\n");
    check("\r&#10;", "\n\n");
    check("&#13;\n", "\r\n");
    check("<![CDATA[<\r\n>]]>", "<\n>");
    check("<![CDATA[]]>", "");
    check(&"x&lt;".repeat(1000), &"x<".repeat(1000));
}

#[test]
fn what_is_kept_of_a_document_is_no_more_than_the_element() {
    let document = "<e><a xmlns='urn:thesecretserver.com'><b>one&amp;two</b><c>three</c></a>\
                    <rest>of it</rest></e>";
    let document = read(document.as_bytes()).unwrap();
    let mut element = document
        .keep(|root| root.children().next().ok_or(()))
        .unwrap();
    let texts = |element: &Element| {
        let texts = element.node().children().map(Node::text);
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(texts(&element), ["one&two", "three"]);
    element.conceal(&["b"], &"one&two".into());
    element.conceal(&["b"], &"three".into());
    assert_eq!(texts(&element), ["***", "three"]);
    element.conceal(&["a", "c"], &"three".into());
    assert_eq!(texts(&element), ["***", "***"]);
}

#[test]
fn a_name_that_an_end_tag_reads_otherwise_is_not_taken_for_its_end() {
    // In an end tag the quote would go on to the next one.
    assert!(matches!(
        fault("<a\"b x\"='1'></a\"b>"),
        XmlError::NotWellFormed(_)
    ));
    let document = read(b"<a\"b\"></a\"b\">").unwrap();
    assert_eq!(document.root().name(), "a\"b\"");
}
