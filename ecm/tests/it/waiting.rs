//! What a call waits for: a connection of its own or one that others give back, an answer, its end.

use std::time::Duration;

use bytes::Bytes;
use ecm::vault_http::{Answer, HttpRules, TransportError, VaultHttp};
use futures_util::future::join_all;
use h2::{Ping, Reason, SendStream};
use http::{HeaderMap, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use crate::tls::{self, Authority, GOOD, authority};
use crate::vault::soon;

fn http(authority: &Authority, answer_timeout: Duration) -> VaultHttp {
    VaultHttp::new(HttpRules {
        ca_file: Some(authority.file.clone()),
        answer_timeout,
        ..HttpRules::default()
    })
    .unwrap()
}

async fn listening() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}/").parse().unwrap();
    (listener, url)
}

async fn post(http: &VaultHttp, url: &Url) -> Result<Answer, TransportError> {
    soon(http.post(url, HeaderMap::new(), Bytes::from_static(b"asked"))).await
}

#[tokio::test]
async fn calls_take_turns_where_a_vault_serves_one_connection_at_a_time() {
    const WELL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[b"http/1.1"]);
    let (listener, url) = listening().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            // Whoever connects meanwhile waits for the handshake until this one is over.
            while stream
                .read(&mut [0; 4096])
                .await
                .is_ok_and(|count| count > 0)
            {
                if stream.write_all(WELL).await.is_err() {
                    break;
                }
            }
        }
    });
    let http = http(&authority, HttpRules::default().answer_timeout);
    post(&http, &url).await.unwrap();
    for answer in join_all((0..4).map(|_| post(&http, &url))).await {
        assert_eq!(&*answer.unwrap().body, b"well");
    }
}

#[tokio::test]
async fn a_call_that_was_never_sent_is_told_to_have_had_no_connection() {
    let authority = authority("Lab CA");
    let (listener, url) = listening().await;
    tokio::spawn(async move {
        let _silent = listener.accept().await;
        std::future::pending::<()>().await;
    });
    let limit = Duration::from_millis(200);
    let answer = post(&http(&authority, limit), &url).await;
    assert_eq!(answer.unwrap_err(), TransportError::ConnectTimeout(limit));
}

#[tokio::test]
async fn an_answer_of_which_nothing_is_missing_counts_however_its_stream_ends() {
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[b"h2"]);
    let (listener, url) = listening().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let mut announced = [4, 5].into_iter();
            let mut pings = connection.ping_pong().unwrap();
            let (streams, mut sent) = mpsc::unbounded_channel::<SendStream<Bytes>>();
            tokio::spawn(async move {
                while let Some(mut stream) = sent.recv().await {
                    // A reset drops what has not left; a ping comes back after all that did.
                    pings.ping(Ping::opaque()).await.unwrap();
                    stream.send_reset(Reason::NO_ERROR);
                }
            });
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                let head = Response::builder().header("content-length", announced.next().unwrap());
                let mut stream = answer.send_response(head.body(()).unwrap(), false).unwrap();
                stream
                    .send_data(Bytes::from_static(b"well"), false)
                    .unwrap();
                streams.send(stream).unwrap();
            }
        }
    });
    let http = http(&authority, HttpRules::default().answer_timeout);
    assert_eq!(&*post(&http, &url).await.unwrap().body, b"well");
    let cut = post(&http, &url).await;
    assert!(matches!(cut, Err(TransportError::Broken(_))), "{cut:?}");
}
