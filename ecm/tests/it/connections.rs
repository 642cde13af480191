//! The connections to a vault: kept, shared, replaced when they are gone, and what goes over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ecm::vault_http::{Answer, HttpRules, TransportError, VaultHttp};
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::Url;

use crate::tls::{self, Authority, GOOD, authority};
use crate::vault::soon;

/// A vault that speaks HTTP/1.1 without TLS, and tells the requests that it had.
struct Plain {
    url: Url,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<String>,
    /// One message for each connection that the ECM has closed.
    closed: mpsc::UnboundedReceiver<()>,
}

/// Answers each request by `answer`; `lasts` says how many one connection carries.
async fn plain(answer: &'static str, lasts: usize) -> Plain {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::<AtomicUsize>::default();
    let (told, requests) = mpsc::unbounded_channel();
    let (gone, closed) = mpsc::unbounded_channel();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let (told, gone) = (told.clone(), gone.clone());
            tokio::spawn(async move {
                for _ in 0..lasts {
                    let Some(request) = read_request(&mut stream).await else {
                        break;
                    };
                    let _ = told.send(request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                let _ = stream.shutdown().await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                let _ = gone.send(());
            });
        }
    });
    Plain {
        url: format!("http://127.0.0.1:{port}/a%20b?c=d#e")
            .parse()
            .unwrap(),
        connections,
        requests,
        closed,
    }
}

/// One request with its head and a body of the length that it tells.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut bytes = [0; 1024];
        let count = stream
            .read(&mut bytes)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        if body.len() >= length {
            return Some(text);
        }
    }
}

const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";

fn over_plain_http() -> VaultHttp {
    VaultHttp::new(HttpRules {
        allow_plain_http: true,
        answer_bytes_max: 1000,
        ..HttpRules::default()
    })
    .unwrap()
}

async fn post(http: &VaultHttp, url: &Url) -> Result<Answer, TransportError> {
    let body = Bytes::from_static(b"asked");
    soon(http.post(url, HeaderMap::new(), body)).await
}

#[tokio::test]
async fn a_request_over_http1_has_what_it_needs_and_nothing_else() {
    let mut vault = plain(WELL, usize::MAX).await;
    let http = over_plain_http();
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("text/xml"),
    )]);
    for (method, body) in [
        (Method::POST, "asked"),
        (Method::GET, ""),
        (Method::DELETE, ""),
    ] {
        let sent = http.send(method, &vault.url, headers.clone(), body.into());
        let (answer, _) = soon(sent).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"well"[..]));
    }
    let host = &vault.url[url::Position::BeforeHost..url::Position::AfterPort];
    let agent = concat!("ecm/", env!("CARGO_PKG_VERSION"));
    let expected = |method: &str, length: &str, body: &str| {
        format!(
            "{method} /a%20b?c=d HTTP/1.1\r\ncontent-type: text/xml\r\nuser-agent: {agent}\r\n\
             accept: */*\r\n{length}host: {host}\r\n\r\n{body}"
        )
    };
    for (method, length, body) in [
        ("POST", "content-length: 5\r\n", "asked"),
        ("GET", "", ""),
        ("DELETE", "content-length: 0\r\n", ""),
    ] {
        let arrived = soon(vault.requests.recv()).await.unwrap();
        assert_eq!(arrived, expected(method, length, body));
    }
    assert_eq!(vault.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_the_caller_accepts_is_what_the_vault_is_told() {
    let mut vault = plain(WELL, 1).await;
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(http::header::ACCEPT, json)]);
    let http = over_plain_http();
    soon(http.post(&vault.url, headers, Bytes::new()))
        .await
        .unwrap();
    let arrived = soon(vault.requests.recv()).await.unwrap();
    assert_eq!(arrived.matches("accept: ").count(), 1, "{arrived}");
    assert!(arrived.contains("accept: application/json\r\n"));
}

#[tokio::test]
async fn a_kept_connection_that_the_vault_has_closed_is_replaced() {
    let mut vault = plain(WELL, 2).await;
    let http = over_plain_http();
    for connections in [1, 1, 2, 2, 3] {
        if connections > vault.connections.load(Ordering::Relaxed) && connections > 1 {
            soon(vault.closed.recv()).await.unwrap();
        }
        assert_eq!(&*post(&http, &vault.url).await.unwrap().body, b"well");
        assert_eq!(vault.connections.load(Ordering::Relaxed), connections);
    }
}

#[tokio::test]
async fn a_connection_that_is_not_to_be_used_again_is_not() {
    const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwell";
    const TOO_LONG: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nwell";
    for (answer, is_well) in [(LAST, true), (TOO_LONG, false)] {
        let mut vault = plain(answer, usize::MAX).await;
        let http = over_plain_http();
        for connections in [1, 2, 3] {
            match post(&http, &vault.url).await {
                Ok(answer) => assert!(is_well && *answer.body == *b"well"),
                Err(error) => assert!(!is_well && error == TransportError::TooLong(1000)),
            }
            assert_eq!(vault.connections.load(Ordering::Relaxed), connections);
            // The ECM closes it; this vault never does.
            soon(vault.closed.recv()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_that_the_vault_may_have_read_is_not_sent_again() {
    let mut vault = plain("", 1).await;
    let answer = post(&over_plain_http(), &vault.url).await;
    assert!(
        matches!(answer, Err(TransportError::Broken(_))),
        "{answer:?}"
    );
    assert!(soon(vault.requests.recv()).await.is_some());
    assert_eq!(vault.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_open_no_more_connections_than_they_are() {
    let vault = plain(WELL, usize::MAX).await;
    let http = over_plain_http();
    for _ in 0..3 {
        for answer in join_all((0..5).map(|_| post(&http, &vault.url))).await {
            assert_eq!(&*answer.unwrap().body, b"well");
        }
        assert!(vault.connections.load(Ordering::Relaxed) <= 5);
    }
}

#[tokio::test]
async fn plain_http_is_refused_unless_it_is_allowed() {
    let vault = plain(WELL, 1).await;
    let http = VaultHttp::new(HttpRules::default()).unwrap();
    let answer = post(&http, &vault.url).await;
    assert!(
        matches!(answer, Err(TransportError::Connect(_))),
        "{answer:?}"
    );
    assert_eq!(vault.connections.load(Ordering::Relaxed), 0);
}

/// A vault that speaks HTTP/2, behind a relay that counts what the ECM sends.
struct Encrypted {
    url: Url,
    authority: Authority,
    connections: Arc<AtomicUsize>,
    /// TLS records of application data from the ECM.
    records: Arc<AtomicUsize>,
    /// One message for each connection that has ended.
    ended: mpsc::UnboundedReceiver<()>,
}

/// Answers `lasts` requests on each connection and then ends it in order; for none, at once. The
/// first `silent` connections get no answer at all.
async fn encrypted(lasts: usize, silent: usize) -> Encrypted {
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connections, records) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (count, counted) = (Arc::clone(&connections), Arc::clone(&records));
    let (end, ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let is_silent = count.fetch_add(1, Ordering::Relaxed) < silent;
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(relay(stream, near, Arc::clone(&counted)));
            let (acceptor, end) = (acceptor.clone(), end.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(far).await.unwrap();
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut left = lasts;
                if left == 0 {
                    connection.abrupt_shutdown(h2::Reason::NO_ERROR);
                }
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    tokio::spawn(async move {
                        if is_silent {
                            std::future::pending::<()>().await;
                        }
                        let mut asked = request.into_body();
                        while asked.data().await.is_some() {}
                        let head = Response::new(());
                        let mut sending = answer.send_response(head, false).unwrap();
                        let _ = sending.send_data(Bytes::from_static(b"well"), true);
                    });
                    left -= 1;
                    if left == 0 {
                        connection.graceful_shutdown();
                    }
                }
                let _ = end.send(());
            });
        }
    });
    Encrypted {
        url: format!("https://localhost:{port}/").parse().unwrap(),
        authority,
        connections,
        records,
        ended,
    }
}

/// Passes bytes on in both directions, and counts records of application data that `stream` brings.
async fn relay(mut stream: TcpStream, near: tokio::io::DuplexStream, records: Arc<AtomicUsize>) {
    const APPLICATION_DATA: u8 = 23;
    let (mut from_vault, mut to_vault) = tokio::io::split(near);
    let (mut from_ecm, mut to_ecm) = stream.split();
    let there = async {
        loop {
            let mut head = [0; 5];
            if from_ecm.read_exact(&mut head).await.is_err() {
                break;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            if from_ecm.read_exact(&mut body).await.is_err() {
                break;
            }
            if head[0] == APPLICATION_DATA {
                records.fetch_add(1, Ordering::Relaxed);
            }
            let _ = to_vault.write_all(&[&head[..], &body].concat()).await;
        }
        let _ = to_vault.shutdown().await;
    };
    let back = async {
        let _ = tokio::io::copy(&mut from_vault, &mut to_ecm).await;
        let _ = to_ecm.shutdown().await;
    };
    tokio::join!(there, back);
}

impl Encrypted {
    fn http(&self) -> VaultHttp {
        self.patient_for(HttpRules::default().answer_timeout)
    }

    fn patient_for(&self, answer_timeout: Duration) -> VaultHttp {
        VaultHttp::new(HttpRules {
            ca_file: Some(self.authority.file.clone()),
            answer_timeout,
            ..HttpRules::default()
        })
        .unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn calls_that_find_no_connection_share_one_over_http2() {
    let vault = encrypted(usize::MAX, 0).await;
    let http = vault.http();
    for answer in join_all((0..20).map(|_| post(&http, &vault.url))).await {
        assert_eq!(&*answer.unwrap().body, b"well");
    }
    assert_eq!(vault.connections(), 1);
}

#[tokio::test]
async fn calls_that_go_out_together_leave_in_one_record_heads_and_bodies() {
    let vault = encrypted(usize::MAX, 0).await;
    let http = vault.http();
    post(&http, &vault.url).await.unwrap();
    // What the connection itself has to say has been said once a second answer is there.
    post(&http, &vault.url).await.unwrap();
    for body_bytes in [5, 800, 2000] {
        let before = vault.records.load(Ordering::Relaxed);
        let body = Bytes::from(vec![b'x'; body_bytes]);
        let calls = (0..4).map(|_| http.post(&vault.url, HeaderMap::new(), body.clone()));
        for answer in soon(join_all(calls)).await {
            assert_eq!(&*answer.unwrap().body, b"well");
        }
        let sent = vault.records.load(Ordering::Relaxed) - before;
        assert_eq!(sent, 1, "records for four bodies of {body_bytes} bytes");
    }
}

#[tokio::test]
async fn a_vault_without_http2_is_spoken_to_over_http1() {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n";
    let authority = authority("Lab CA");
    for alpn in [&[][..], &[&b"http/1.1"[..]]] {
        let acceptor = tls::acceptor(&authority, GOOD, alpn);
        let port = tls::answer_all(acceptor, ANSWER.to_owned()).await;
        let http = VaultHttp::new(HttpRules {
            ca_file: Some(authority.file.clone()),
            ..HttpRules::default()
        });
        let http = http.unwrap();
        let url: Url = format!("https://localhost:{port}/").parse().unwrap();
        for answer in join_all((0..3).map(|_| post(&http, &url))).await {
            assert_eq!(&*answer.unwrap().body, b"well");
        }
    }
}

#[tokio::test]
async fn an_http2_connection_that_the_vault_has_ended_is_replaced() {
    let mut vault = encrypted(2, 0).await;
    let http = vault.http();
    for connections in [1, 1, 2, 2, 3] {
        if connections > vault.connections() && connections > 1 {
            soon(vault.ended.recv()).await.unwrap();
        }
        assert_eq!(&*post(&http, &vault.url).await.unwrap().body, b"well");
        assert_eq!(vault.connections(), connections);
    }
}

#[tokio::test]
async fn a_vault_that_ends_every_connection_at_once_is_given_up() {
    let vault = encrypted(0, 0).await;
    let answer = post(&vault.http(), &vault.url).await;
    assert!(
        matches!(answer, Err(TransportError::Broken(_))),
        "{answer:?}"
    );
    let opened = vault.connections();
    assert!((3..=9).contains(&opened), "{opened} connections");
}

#[tokio::test]
async fn a_connection_over_which_a_call_waited_in_vain_is_not_trusted_with_another() {
    let vault = encrypted(usize::MAX, 1).await;
    let limit = Duration::from_millis(200);
    let http = vault.patient_for(limit);
    let answer = post(&http, &vault.url).await;
    assert_eq!(answer.unwrap_err(), TransportError::AnswerTimeout(limit));
    // With time enough: how long a handshake takes is not the point.
    let again = || async {
        loop {
            if let Ok(answer) = post(&http, &vault.url).await {
                return answer;
            }
        }
    };
    assert_eq!(&*soon(again()).await.body, b"well");
    assert!(vault.connections() >= 2);
}

#[tokio::test]
async fn a_failure_that_nobody_waited_for_is_not_the_next_callers() {
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (gone, mut closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // The first connection gets no handshake.
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read_to_end(&mut Vec::new()).await;
        gone.send(()).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(WELL.as_bytes()).await;
        }
    });
    let http = VaultHttp::new(HttpRules {
        ca_file: Some(authority.file.clone()),
        connect_timeout: Duration::from_secs(1),
        ..HttpRules::default()
    });
    let (http, url) = (http.unwrap(), format!("https://localhost:{port}/"));
    let url: Url = url.parse().unwrap();
    let mut impatient = Box::pin(post(&http, &url));
    // It has begun to connect, and then nobody is interested any more.
    assert!(futures_util::poll!(&mut impatient).is_pending());
    drop(impatient);
    soon(closed.recv()).await.unwrap();
    assert_eq!(&*post(&http, &url).await.unwrap().body, b"well");
}
