//! Any text comes back from an independent strict reader exactly as it went in.

use std::borrow::Cow;

use mock_secret_server::state::{Level, NewSecret};
use proptest::prelude::*;
use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};

use crate::rig::{Rig, contents};

/// Value of the item with this field name, read by the rules of XML and of namespaces.
fn item_value(document: &str, field: &str) -> Option<String> {
    let mut reader = NsReader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_comments = true;
    let (mut text, mut value) = (String::new(), None);
    loop {
        let (namespace, event) = reader.read_resolved_event().expect("well-formed");
        let ours = namespace == ResolveResult::Bound(Namespace("urn:thesecretserver.com"));
        match event {
            Event::Start(_) => text.clear(),
            Event::Text(piece) => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(name) => {
                let known = match name.as_ref() {
                    "amp" => Cow::Borrowed("&"),
                    "lt" => Cow::Borrowed("<"),
                    "gt" => Cow::Borrowed(">"),
                    _ => name
                        .resolve_char_ref()
                        .expect("a reference")
                        .expect("a character")
                        .to_string()
                        .into(),
                };
                text.push_str(&known);
            }
            Event::End(tag) if ours => match tag.local_name().as_ref() {
                "Value" => value = Some(std::mem::take(&mut text)),
                "FieldName" if text == field => return value,
                _ => text.clear(),
            },
            Event::Eof => return None,
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_password_comes_back_as_it_went_in(password in "[^\\p{Cc}\u{fffe}\u{ffff}]{0,40}[\t\n\r]?[^\\p{Cc}\u{fffe}\u{ffff}]{0,8}") {
        let rig = Rig::with(|builder| {
            let secret = NewSecret::new("any", "Windows Account")
                .id(77)
                .grant("alice", Level::View)
                .password("Password", &password);
            builder.contents(contents().with_secret(secret))
        });
        let token = rig.alice();
        let reply = rig.call(
            "GetSecretLegacy",
            &format!("<token>{token}</token><secretId>77</secretId>"),
        );
        prop_assert_eq!(item_value(&reply.body, "Password"), Some(password));
    }
}
