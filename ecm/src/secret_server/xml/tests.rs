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
