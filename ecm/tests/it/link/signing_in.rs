//! The token endpoint and what may be wrong with its answer.

use ecm::link::ConnectError;
use ecm::oauth::{TokenError, TokenSource};

use super::appliance::{Appliance, PATIENCE};

async fn fetch(status: u16, body: &str) -> TokenError {
    let appliance = Appliance::start().await;
    appliance.refuse_token(status, body);
    source(&appliance.url).fetch().await.unwrap_err()
}

fn source(url: &str) -> TokenSource {
    let tls = ecm::tls::client_config(None).unwrap();
    let secret = "canary-s3cret".into();
    TokenSource::new(
        &url.parse().unwrap(),
        "ecm-client".into(),
        secret,
        tls,
        PATIENCE,
    )
    .unwrap()
}

#[tokio::test]
async fn a_refusal_carries_the_appliances_code_and_words() {
    let error = fetch(
        401,
        r#"{"error":"invalid_client","message":"no such client"}"#,
    )
    .await;
    let text = error.to_string();
    assert!(
        text.contains("HTTP 401, invalid_client") && text.contains("no such client"),
        "{text}"
    );
    assert!(
        ConnectError::from(error)
            .next_action()
            .contains("client_secret")
    );
    // Words of a stranger are cut and cannot break a line.
    let flood = format!(r#"{{"error":"x\ny","message":"{}"}}"#, "m".repeat(5000));
    let text = fetch(400, &flood).await.to_string();
    assert!(text.len() < 400 && !text.contains('\n'), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_not_taken_for_one() {
    for body in [
        "<html>log in</html>".to_owned(),
        "{}".to_owned(),
        r#"{"access_token":"","token_type":"Bearer"}"#.to_owned(),
        r#"{"access_token":"a\r\nx-evil: 1","token_type":"Bearer"}"#.to_owned(),
        r#"{"access_token":"abc","token_type":"mac"}"#.to_owned(),
        " ".repeat(65 * 1024),
    ] {
        let error = fetch(200, &body).await;
        assert!(matches!(error, TokenError::NotAnAnswer { .. }), "{error}");
    }
    // A redirect is not followed: it would carry the secret elsewhere.
    assert!(matches!(
        fetch(302, "").await,
        TokenError::Refused { status: 302, .. }
    ));
}

#[tokio::test]
async fn nobody_there_is_told_from_a_refusal() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = source(&url).fetch().await.unwrap_err();
    assert!(matches!(error, TokenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}
