//! Any value comes back exactly as it went in, read by a second strict parser that shares nothing
//! with the simulator's own reader. Only the ends of lines become line feeds, since the platform
//! writes a carriage return as it is (documented soap:NETFX).

use mock_secret_server::state::{Level, NewSecret};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use roxmltree::Document;

use crate::rig::{Rig, contents};

const NS: &str = "urn:thesecretserver.com";
/// Any text without control characters but the three that XML has.
const TEXT: &str = "[^\\p{Cc}\u{fffe}\u{ffff}]{0,40}[\t\n\r]?[^\\p{Cc}\u{fffe}\u{ffff}]{0,8}";

/// Text of the child with this name.
fn child_text(node: roxmltree::Node<'_, '_>, name: &str) -> Option<String> {
    let child = node
        .children()
        .find(|child| child.has_tag_name((NS, name)))?;
    Some(child.children().filter_map(|text| text.text()).collect())
}

/// Text of `value` in the record of this name whose `key` has this text.
fn value(document: &str, record: &str, [key, wanted]: [&str; 2], value: &str) -> Option<String> {
    let document = Document::parse(document).expect("well-formed");
    document
        .descendants()
        .filter(|node| node.has_tag_name((NS, record)))
        .find(|node| child_text(*node, key).as_deref() == Some(wanted))
        .and_then(|node| child_text(node, value))
}

/// As a client writes it that has read the rules: a carriage return is a reference.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\r', "&#13;")
}

/// Any end of a line as a line feed. The second parser forgets to do so before a reference.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn a_password_comes_back_as_it_went_in(password in TEXT) {
        let rig = Rig::with(|builder| {
            let secret = NewSecret::new("any", "Windows Account")
                .id(77)
                .grant("alice", Level::View)
                .password("Password", &password);
            builder.contents(contents().with_secret(secret))
        });
        let token = rig.alice();
        let parameters = format!("<token>{token}</token><secretId>77</secretId>");
        let reply = rig.call("GetSecretLegacy", &parameters).body;
        let found = value(&reply, "SecretItem", ["FieldName", "Password"], "Value");
        prop_assert_eq!(found.as_deref().map(lines), Some(lines(&password)));
    }
}

#[test]
fn a_note_that_came_over_the_wire_comes_back_over_the_wire() {
    let rig = Rig::start();
    let token = format!(
        "<token>{}</token><secretId>7</secretId>",
        rig.token("api", "api&pw")
    );
    let number = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(config(256));
    let outcome = runner.run(&(TEXT, any::<bool>()), |(notes, cdata)| {
        number.set(number.get() + 1);
        let ticket = format!("ticket {}", number.get());
        // A section holds everything but its own end and a carriage return.
        let written = if cdata && !notes.contains("]]>") && !notes.contains('\r') {
            format!("<![CDATA[{notes}]]>")
        } else {
            escaped(&notes)
        };
        let parameters =
            format!("{token}<notes>{written}</notes><ticketNumber>{ticket}</ticketNumber>");
        let added = rig.call("AddSecretCustomAudit", &parameters).body;
        prop_assert!(added.contains("<Errors />"), "{}", added);
        let audit = rig.call("GetSecretAudit", &token).body;
        let found = value(&audit, "AuditSecret", ["TicketNumber", &ticket], "Notes");
        prop_assert_eq!(found.as_deref().map(lines), Some(lines(&notes)));
        Ok(())
    });
    outcome.unwrap();
}
