#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

#[test]
fn addresses_stand_below_the_base_and_escape_what_is_not_plain() {
    let base = Url::parse("https://v.example/BeyondTrust/api/public/v3").unwrap();
    let plain = address(&base, "Requests/124/Checkin", &[]);
    assert_eq!(
        plain.as_str(),
        "https://v.example/BeyondTrust/api/public/v3/Requests/124/Checkin"
    );
    let query = [("type", "system"), ("systemName", "a b&c=d\\\u{fc}#%")];
    assert_eq!(
        address(&base, "ManagedAccounts", &query).query(),
        Some("type=system&systemName=a+b%26c%3Dd%5C%C3%BC%23%25")
    );
}

#[test]
fn a_sub_code_is_read_bare_in_quotes_and_with_blanks() {
    for body in ["4031", "\"4031\"", " 4031\r\n", "\" 4031 \""] {
        assert_eq!(refusal(body.as_bytes()).code, Some(4031), "{body:?}");
    }
    for body in [
        "",
        "403",
        "40311",
        "4031x",
        "-4031",
        "{\"code\":4031}",
        "\u{664}\u{660}",
    ] {
        assert_eq!(refusal(body.as_bytes()).code, None, "{body:?}");
    }
}

#[test]
fn the_words_of_a_refusal_are_read_in_any_form() {
    for (body, words) in [
        (
            b"\"Managed Account not found\"".as_slice(),
            "Managed Account not found",
        ),
        (b"plain", "plain"),
        (b"{\"Message\":\"x\"}", "{\"Message\":\"x\"}"),
        (b"\xff\xfe", "\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(refusal(body).words, words);
    }
}

#[test]
fn an_old_request_without_access_type_lets_its_owner_view() {
    let body = br#"[{"requestId":1,"SystemId":5,"accountID":10,"AccessType":null}]"#;
    let rows = requests(body).unwrap();
    assert!(rows[0].views(5, 10));
    assert!(!rows[0].views(10, 5));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = (managed_accounts(&body), platforms(&body), requests(&body));
        let _ = (request_id(&body), credential(&body), refusal(&body));
    }

    #[test]
    fn no_json_makes_a_reader_panic(
        body in "(\\[|\\{|\"SystemI[dD]\":|\"AccountId\":|\"accountname\":|\"x\"|[0-9]|null|,|\\}|\\]){0,14}",
    ) {
        let _ = (managed_accounts(body.as_bytes()), requests(body.as_bytes()));
    }
}
