#![allow(clippy::unwrap_used)]

use sim_kit::seeded::Seed;

use super::*;

const PASSWORD: &str = "p&w<\"é/+%";

fn scanner() -> Scanner {
    Scanner::new([Planted::new(
        "the password",
        Zeroizing::new(PASSWORD.to_owned()),
    )])
}

fn found(text: impl AsRef<[u8]>) -> Vec<(String, Form)> {
    scanner()
        .scan("here", text.as_ref())
        .into_iter()
        .map(|l| (l.secret, l.form))
        .collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let utf16: Vec<u8> = format!("x{PASSWORD}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let table: [(Vec<u8>, Form); 14] = [
        (format!("before {PASSWORD} after").into(), Form::Plain),
        (STANDARD.encode(PASSWORD).into(), Form::Base64),
        (
            STANDARD.encode(format!("1{PASSWORD}2")).into(),
            Form::Base64,
        ),
        (
            STANDARD.encode(format!("12{PASSWORD}345")).into(),
            Form::Base64,
        ),
        ("p%26w%3C%22%C3%A9%2F%2B%25".into(), Form::Url),
        ("p%26w%3c%22%c3%a9%2f%2b%25".into(), Form::Url),
        ("<Value>p&amp;w&lt;\"é/+%</Value>".into(), Form::Xml),
        ("p&amp;w&lt;&quot;&#233;/+%".into(), Form::Xml),
        ("p&amp;w&lt;&quot;&#xE9;/+%".into(), Form::Xml),
        (r#"{"password":"p&w<\"é/+%"}"#.into(), Form::Json),
        (r#""p&w<\"\u00e9\/+%""#.into(), Form::Json),
        (utf16, Form::Utf16),
        ("7026773c22c3a92f2b25".into(), Form::Hex),
        ("7026773C22C3A92F2B25".into(), Form::Hex),
    ];
    for (text, form) in &table {
        let expected = vec![("the password".to_owned(), *form)];
        assert_eq!(found(text), expected, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn clean_text_is_clean() {
    for text in [
        "",
        "p",
        "password",
        "p&w<",
        "the password is withheld",
        "CnR",
        "cnry-",
    ] {
        assert_eq!(found(text), [], "{text:?}");
    }
}

#[test]
fn a_canary_is_recognised_without_being_known() {
    let canary = Seed(9).canary("somewhere");
    let hex: String = canary.bytes().map(|b| format!("{b:02x}")).collect();
    for (text, form) in [
        (canary.clone(), Form::Plain),
        (STANDARD.encode(format!("user:{canary}")), Form::Base64),
        (hex, Form::Hex),
    ] {
        assert_eq!(found(&text), [("a canary".to_owned(), form)]);
    }
}

#[test]
fn a_mixed_encoding_does_not_hide_the_middle_of_a_canary() {
    let known = Seed(9).canary("x");
    let scanner = Scanner::new([Planted::new("known", Zeroizing::new(known.clone()))]);
    let half_encoded = known.replace('&', "%26").replace('<', "&lt;");
    let leaks = scanner.scan("log", half_encoded.as_bytes());
    assert!(leaks.iter().any(|leak| leak.secret == "known"), "{leaks:?}");
}

#[test]
fn each_line_of_a_key_is_a_secret_and_its_frame_is_not() {
    let key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\nq83vEjRWeJq83vEjRW\n-----END KEY-----";
    let scanner = Scanner::new([Planted::new("key", Zeroizing::new(key.to_owned()))]);
    assert_eq!(scanner.scan("x", b"got q83vEjRWeJq83vEjRW here").len(), 1);
    assert_eq!(scanner.scan("x", b"-----BEGIN KEY-----").len(), 0);
}

#[test]
fn files_are_scanned_but_for_those_that_hold_secrets_on_purpose() {
    let dir = tempfile::tempdir().unwrap();
    let spared = dir.path().join("secrets.json");
    std::fs::write(&spared, PASSWORD).unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    std::fs::write(
        dir.path().join("logs/ecm.log"),
        format!("fetched {PASSWORD}"),
    )
    .unwrap();
    let leaks = scanner().scan_path(dir.path(), &[spared]).unwrap();
    assert_eq!(leaks.len(), 1, "{leaks:?}");
    assert_eq!((leaks[0].form, leaks[0].offset), (Form::Plain, 8));
    assert!(scanner().scan_path(&dir.path().join("gone"), &[]).is_err());
}

#[test]
fn neither_a_leak_nor_the_scanner_repeats_the_secret() {
    let scanner = scanner();
    let leaks = scanner.scan("log", PASSWORD.as_bytes());
    let told = format!("{} {leaks:?} {scanner:?}", leaks[0]);
    assert!(
        told.starts_with("the password in plain form, in log at byte 0"),
        "{told}"
    );
    assert_eq!(found(told), []);
}
