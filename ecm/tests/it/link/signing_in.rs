//! The token endpoint: what is sent to it, and what may be wrong with its answer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ecm::link::ConnectError;
use ecm::oauth::{TokenError, TokenSource};
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::appliance::PATIENCE;

async fn fetch(status: u16, body: &str) -> TokenError {
    let site = MockServer::start().await;
    let answer = ResponseTemplate::new(status)
        .insert_header("Location", "/elsewhere")
        .set_body_string(body);
    let token = Mock::given(method("POST")).and(path("/oauth2/token"));
    // Once, whatever the answer: the connection's own back-off decides about the next.
    token.respond_with(answer).expect(1).mount(&site).await;
    source(&site.uri()).fetch().await.unwrap_err()
}

fn source(url: &str) -> TokenSource {
    source_with(url, PATIENCE)
}

fn source_with(url: &str, limit: Duration) -> TokenSource {
    let tls = ecm::tls::client_config(None).unwrap();
    let secret = "canary-s3cret".into();
    TokenSource::new(
        &url.parse().unwrap(),
        "ecm-client".into(),
        secret,
        tls,
        limit,
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
        TokenError::Redirected { .. }
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

#[tokio::test]
async fn client_credentials_are_asked_for_as_documented() {
    let site = MockServer::start().await;
    let basic = STANDARD.encode("ecm-client:canary-s3cret");
    Mock::given(method("POST"))
        .and(path("/oauth2/token"))
        .and(header("Authorization", format!("Basic {basic}").as_str()))
        .and(header("Content-Type", "application/x-www-form-urlencoded"))
        .and(body_string("grant_type=client_credentials"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(
            r#"{"access_token":"0123456789abcdef","token_type":"bearer","expires_in":1799}"#,
            "application/json",
        ))
        .expect(1)
        .mount(&site)
        .await;
    let token = source(&site.uri()).fetch().await.unwrap();
    assert_eq!(token.expose(), "0123456789abcdef");
    assert!(!format!("{:?}", source(&site.uri())).contains("canary"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_left_in_time() {
    let site = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
    Mock::given(method("POST"))
        .respond_with(never)
        .mount(&site)
        .await;
    let source = source_with(&site.uri(), Duration::from_millis(100));
    let error = source.fetch().await.unwrap_err();
    assert!(matches!(error, TokenError::TimedOut { .. }), "{error}");
}
