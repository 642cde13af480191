//! The accept loop and the control plane over real sockets.

#![allow(clippy::unwrap_used)]

mod http2;

use std::sync::Arc;
use std::time::Duration;

use sim_kit::clock::SimClock;
use sim_kit::control::{ControlPlane, Parts, Simulator};
use sim_kit::exchange::{
    BodyError, Delivery, HeaderMap, HeaderName, HeaderValue, Reply, Request, StatusCode,
};
use sim_kit::fault::FaultRules;
use sim_kit::host::{Hosted, Hosting, TlsChoice};
use sim_kit::journal::Journal;
use sim_kit::serve::{Handler, Limits, bind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const BODY: &str = "<answer>0123456789</answer>";

/// Answers as the path says.
struct Scripted;

impl Handler for Scripted {
    async fn handle(&self, request: Request) -> Reply {
        let delivery = match request.path.as_str() {
            "/drip" => Delivery::Drip {
                chunk_bytes: 5,
                every: Duration::from_millis(1),
            },
            "/cut" => Delivery::Truncate { at_bytes: 10 },
            "/close" => Delivery::Close,
            "/reset" => Delivery::Reset,
            "/twice" => Delivery::Twice,
            "/hold" => std::future::pending().await,
            "/panic" => panic!("a bug of ours"),
            _ => Delivery::Whole,
        };
        match request.body {
            Err(BodyError::TooLarge { .. }) => Reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Reply::empty(StatusCode::BAD_REQUEST),
            Ok(_) => Reply::new(StatusCode::OK, "text/xml", BODY)
                .with_header(HeaderName::from_static("x-aspnet-version"), VERSION)
                .with_header(
                    HeaderName::from_static("x-said-of"),
                    said_of(&request.headers),
                )
                .delivered(delivery),
        }
    }

    fn spelled(&self) -> &'static [&'static str] {
        &["X-AspNet-Version"]
    }
}

const VERSION: HeaderValue = HeaderValue::from_static("4.0");

fn said_of(headers: &HeaderMap) -> HeaderValue {
    headers.get("host").cloned().unwrap_or(VERSION)
}

struct Nothing;

impl Simulator for Nothing {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    fn reset(&self) {}
}

async fn start(tls: TlsChoice) -> Hosted {
    start_within(tls, Limits::default()).await
}

async fn start_within(tls: TlsChoice, limits: Limits) -> Hosted {
    let limits = Limits {
        body_bytes_max: 100,
        drain_s: 1,
        ..limits
    };
    let ports = Hosting {
        tls,
        http2: true,
        limits,
        ..Hosting::default()
    }
    .bind()
    .await
    .unwrap();
    ports.serve(Arc::new(Scripted), ControlPlane::new(&parts(), vec![]))
}

fn parts() -> Parts {
    Parts {
        name: "scripted",
        clock: SimClock::following(),
        faults: FaultRules::default(),
        journal: Journal::default(),
        simulator: Arc::new(Nothing),
    }
}

/// Everything that comes back until the connection ends, and how it ended.
async fn talk(hosted: &Hosted, request: &str) -> (String, std::io::Result<()>) {
    let mut socket = TcpStream::connect(hosted.local_addr()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(10), socket.read_to_end(&mut bytes))
        .await
        .unwrap();
    (String::from_utf8(bytes).unwrap(), read.map(|_| ()))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_reply_right_behind_a_100_continue_is_spelled_like_any_other() {
    let hosted = start(TlsChoice::Off).await;
    let request = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\
                   Connection: close\r\n\r\nbody";
    let (text, _) = talk(&hosted, request).await;
    assert!(text.contains("HTTP/1.1 200 OK\r\n"), "{text}");
    for name in ["X-AspNet-Version: ", "Content-Length: ", "Content-Type: "] {
        assert_eq!(text.matches(name).count(), 1, "{name}: {text}");
    }
    hosted.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_is_left() {
    let limits = Limits {
        header_read_s: 1,
        body_read_s: 1,
        ..Limits::default()
    };
    let hosted = start_within(TlsChoice::Off, limits).await;
    // Half a head at once, half of the second one, and a body that does not come.
    let whole = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    for (request, status, answers) in [
        ("GET / HTTP/1.1\r\nHo", "", 0),
        (&*format!("{whole}{whole}GET / HT"), "200 OK", 2),
        (body, "400 Bad Request", 1),
    ] {
        let (text, _) = talk(&hosted, request).await;
        assert_eq!(text.matches("HTTP/1.1 ").count(), answers, "{text}");
        assert_eq!(text.matches(status).count(), answers.max(1), "{text}");
    }
    hosted.stop().await;
}

#[tokio::test]
async fn a_reply_arrives_whole_or_as_the_fault_says() {
    let hosted = start(TlsChoice::Off).await;
    for (path, ends_with, complete) in [
        ("/", BODY, true),
        ("/drip", BODY, true),
        ("/cut", "\r\n\r\n<answer>01", false),
        ("/close", "", false),
    ] {
        let (text, ended) = talk(&hosted, &get(path)).await;
        assert!(text.ends_with(ends_with), "{path}: {text}");
        assert_eq!(
            text.contains("Content-Length: 27\r\n"),
            path != "/close",
            "{path}: {text}"
        );
        assert_eq!(text.ends_with(BODY), complete, "{path}: {text}");
        assert!(ended.is_ok(), "{path}: {ended:?}");
    }
    let (text, _) = talk(&hosted, &get("/twice")).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.matches(BODY).count(), 2, "{text}");
    let (text, ended) = talk(&hosted, &get("/reset")).await;
    assert_eq!(text, "");
    assert_eq!(
        ended.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    hosted.stop().await;
}

#[tokio::test]
async fn header_names_are_spelled_in_title_case_or_as_the_handler_says() {
    let hosted = start(TlsChoice::Off).await;
    let (text, _) = talk(&hosted, &get("/")).await;
    assert!(text.contains("\r\nX-AspNet-Version: 4.0\r\n"), "{text}");
    assert!(text.contains("\r\nX-Said-Of: x\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Type: text/xml\r\n"), "{text}");
    hosted.stop().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_told_to_the_handler_and_the_connection_closes() {
    let hosted = start(TlsChoice::Off).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n{}",
        "x".repeat(101)
    );
    let (text, _) = talk(&hosted, &request).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert!(text.contains("Connection: close"), "{text}");
    hosted.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_a_refused_body_to_its_end_still_reads_the_answer() {
    let hosted = start(TlsChoice::Off).await;
    let body = "x".repeat(8 * 1024 * 1024);
    let announced = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!(
        "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for rest in [announced, chunked] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{rest}");
        let (text, ended) = talk(&hosted, &request).await;
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        assert!(ended.is_ok(), "{ended:?}");
    }
    hosted.stop().await;
}

#[tokio::test]
async fn a_body_announced_beyond_the_limit_is_refused_before_it_comes() {
    let hosted = start(TlsChoice::Off).await;
    for expect in ["", "Expect: 100-continue\r\n"] {
        let head =
            format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n{expect}\r\n");
        let (text, _) = talk(&hosted, &head).await;
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        assert!(text.contains("Connection: close"), "{text}");
    }
    hosted.stop().await;
}

#[tokio::test]
async fn a_request_that_names_no_host_or_two_is_no_request() {
    let hosted = start(TlsChoice::Off).await;
    for (version, hosts, status) in [
        ("1.1", "Host: x\r\n", "200"),
        ("1.1", "", "400"),
        ("1.1", "Host: x\r\nHost: x\r\n", "400"),
        ("1.0", "", "200"),
    ] {
        let body = "Content-Length: 2\r\nConnection: close\r\n\r\nok";
        let request = format!("POST / HTTP/{version}\r\n{hosts}{body}");
        let (text, ended) = talk(&hosted, &request).await;
        let expected = format!("HTTP/{version} {status}");
        assert!(text.starts_with(&expected), "{hosts:?}: {text}");
        assert!(ended.is_ok(), "{hosts:?}: {ended:?}");
    }
    hosted.stop().await;
}

#[tokio::test]
async fn http_1_0_and_expect_100_continue_are_served() {
    let hosted = start(TlsChoice::Off).await;
    let (text, _) = talk(&hosted, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(text.ends_with(BODY), "{text}");
    let mut socket = TcpStream::connect(hosted.local_addr()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(Duration::from_secs(10), socket.read_exact(&mut go_on))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    hosted.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_handler_is_kept() {
    let hosted = start(TlsChoice::Off).await;
    let (text, _) = talk(&hosted, &get("/panic")).await;
    assert_eq!(text, "");
    let kept = async {
        while hosted.panics().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), kept)
        .await
        .expect("the panic is kept");
    assert_eq!(hosted.panics(), ["a bug of ours"]);
    hosted.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_cure() {
    let hosted = start(TlsChoice::Off).await;
    let error = bind(hosted.local_addr()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "listen on {}: the port is in use; stop the other program, or take another port (0 for any)",
            hosted.local_addr()
        )
    );
    hosted.stop().await;
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_frees_the_port() {
    let hosted = start(TlsChoice::Off).await;
    let address = hosted.local_addr();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut start_of_reply = [0; 8];
    idle.read_exact(&mut start_of_reply).await.unwrap();
    timeout(Duration::from_secs(10), hosted.stop())
        .await
        .expect("it stops");
    bind(address).await.expect("the port is free");
}

#[tokio::test]
async fn the_control_plane_answers_local_clients_and_refuses_browsers() {
    let hosted = start(TlsChoice::Auto).await;
    let authority = control_authority(&hosted);
    for (request, status) in [
        (control_request(&authority, ""), "200"),
        (control_request("evil.example", ""), "403"),
        (
            control_request(&authority, "Origin: https://evil.example\r\n"),
            "403",
        ),
    ] {
        let text = ask_control(&hosted, &request).await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}")),
            "{request}\n{text}"
        );
    }
    let wrong = control_request(&authority, "").replace("GET ", "DELETE ");
    let text = ask_control(&hosted, &wrong).await;
    assert!(text.starts_with("HTTP/1.1 405"), "{text}");
    assert!(text.contains("\r\nAllow: GET\r\n"), "{text}");
    hosted.stop().await;
}

#[tokio::test]
async fn a_control_port_off_loopback_needs_a_token() {
    let control = "0.0.0.0:0".parse().unwrap();
    let refused = Hosting {
        control,
        ..Hosting::default()
    }
    .bind()
    .await
    .err()
    .unwrap();
    assert!(refused.to_string().contains("--control-token"), "{refused}");
}

#[tokio::test]
async fn a_control_token_is_wanted_whoever_else_holds_the_control_plane() {
    let ports = Hosting {
        tls: TlsChoice::Off,
        control_token: Some("t0k3n".to_owned().into()),
        ..Hosting::default()
    }
    .bind()
    .await
    .unwrap();
    let plane = ControlPlane::new(&parts(), vec![]);
    let held = plane.clone();
    let hosted = ports.serve(Arc::new(Scripted), plane);
    for (header, status) in [
        ("", "401"),
        ("Authorization: Bearer wrong\r\n", "401"),
        ("Authorization: Bearer t0k3n\r\n", "200"),
    ] {
        let text = ask_control(&hosted, &control_request("x", header)).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    }
    drop(held);
    hosted.stop().await;
}

fn control_request(host: &str, more: &str) -> String {
    format!("GET /_sim/v1/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
}

fn control_authority(hosted: &Hosted) -> String {
    hosted
        .control_url()
        .replace("http://", "")
        .replace("/_sim/v1", "")
}

async fn ask_control(hosted: &Hosted, request: &str) -> String {
    let mut socket = TcpStream::connect(control_authority(hosted)).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    timeout(Duration::from_secs(10), socket.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    text
}
