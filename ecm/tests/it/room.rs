//! However many look-ups a hostile vault meets at once, the bytes of its answers that are held at a
//! time have a limit; who gets no room in time is told so, and nobody waits for ever.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use ecm::vault_http::{Answer, HttpRules, TransportError, VaultHttp};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::HeaderMap;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use url::Url;

use crate::tls::{self, GOOD, authority};
use crate::vault::{Call, Reply, Vault, http as answer, soon};

const KIB: usize = 1024;
const CALLERS: usize = 64;
const ANSWER_BYTES: usize = 200 * KIB;

/// A quarter of it is four shares of 64 KiB, and the rest is enough for four such answers.
const ROOM: usize = 1024 * KIB;
const ANSWERS_AT_A_TIME: usize = 4;

fn rules() -> HttpRules {
    HttpRules {
        allow_plain_http: true,
        answer_bytes_max: ANSWER_BYTES,
        held_answers_bytes_max: ROOM,
        ..HttpRules::default()
    }
}

async fn post(http: &VaultHttp, url: &Url) -> Result<Answer, TransportError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/xml; charset=utf-8".parse().unwrap());
    headers.insert(
        "soapaction",
        "\"urn:thesecretserver.com/X\"".parse().unwrap(),
    );
    http.post(url, headers, Bytes::from_static(b"x")).await
}

fn told() -> Reply {
    answer("200 OK", "text/xml", &"x".repeat(ANSWER_BYTES))
}

/// The same without a word about its length.
fn untold() -> Reply {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", 10 * KIB, "x".repeat(10 * KIB));
    let chunks = chunk.repeat(ANSWER_BYTES / KIB / 10);
    Reply::Raw([head, &chunks, "0\r\n\r\n"].concat().into_bytes())
}

async fn vault(reply: fn() -> Reply) -> (Vault, Url) {
    let vault = Vault::start(move |_: &Call| reply()).await;
    let url = format!("http://{}/", vault.address).parse().unwrap();
    (vault, url)
}

/// Lets all callers ask at once and keeps what they get: so many bytes, and why the others got
/// nothing.
async fn all_at_once(http: &VaultHttp, url: &Url) -> (Vec<Answer>, Vec<TransportError>) {
    let asked = join_all((0..CALLERS).map(|_| post(http, url)));
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for outcome in soon(asked).await {
        match outcome {
            Ok(answer) => answers.push(answer),
            Err(error) => errors.push(error),
        }
    }
    (answers, errors)
}

#[tokio::test]
async fn so_many_answers_are_held_at_a_time_and_no_more() {
    for reply in [told as fn() -> Reply, untold] {
        let (_vault, url) = vault(reply).await;
        let limit = Duration::from_secs(2);
        let rules = HttpRules {
            answer_timeout: limit,
            ..rules()
        };
        let http = VaultHttp::new(rules).unwrap();
        let (answers, errors) = all_at_once(&http, &url).await;
        let held: usize = answers.iter().map(|answer| answer.body.len()).sum();
        assert_eq!(held, ANSWERS_AT_A_TIME * ANSWER_BYTES);
        assert_eq!(errors.len(), CALLERS - ANSWERS_AT_A_TIME);
        for error in errors {
            assert_eq!(error, TransportError::NoRoom(limit));
        }
        // Whoever lets go of an answer gives its room back, all of it.
        drop(answers);
        let again = join_all((0..ANSWERS_AT_A_TIME).map(|_| post(&http, &url)));
        for outcome in soon(again).await {
            outcome.unwrap();
        }
    }
}

#[tokio::test]
async fn callers_that_let_go_of_their_answers_are_all_served() {
    for reply in [told as fn() -> Reply, untold] {
        let (_vault, url) = vault(reply).await;
        let http = VaultHttp::new(rules()).unwrap();
        let served = served(&http, &url).await;
        assert_eq!(served, [const { Ok(ANSWER_BYTES) }; CALLERS]);
    }
}

/// What callers get that drop their answers as soon as these are complete.
async fn served(http: &VaultHttp, url: &Url) -> Vec<Result<usize, TransportError>> {
    let length = |answer: Answer| answer.body.len();
    let asking = (0..CALLERS).map(|_| async { post(http, url).await.map(length) });
    soon(asking.collect::<FuturesUnordered<_>>().collect()).await
}

/// Over HTTP/2 all answers share one connection: those that wait for room must not fill it.
#[tokio::test]
async fn answers_that_wait_for_room_leave_the_way_free_for_those_that_have_it() {
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = service_fn(|_| async {
                let body = Full::new(Bytes::from(vec![b'x'; 512 * KIB]));
                Ok::<_, Infallible>(hyper::Response::new(body))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    let rules = HttpRules {
        ca_file: Some(authority.file.clone()),
        answer_bytes_max: 512 * KIB,
        held_answers_bytes_max: 8 * 1024 * KIB,
        ..HttpRules::default()
    };
    let http = VaultHttp::new(rules).unwrap();
    let url = format!("https://localhost:{port}/").parse().unwrap();
    let served = served(&http, &url).await;
    assert_eq!(served, [const { Ok(512 * KIB) }; CALLERS]);
}

/// What the second of two callers is told when the first keeps an answer that fills the room.
pub async fn no_room() -> TransportError {
    let (_vault, url) = vault(told).await;
    let http = VaultHttp::new(HttpRules {
        answer_timeout: Duration::from_secs(1),
        held_answers_bytes_max: KIB,
        ..rules()
    });
    let http = http.unwrap();
    let _kept = soon(post(&http, &url)).await.unwrap();
    soon(post(&http, &url)).await.err().unwrap()
}
