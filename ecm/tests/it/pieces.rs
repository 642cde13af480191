//! The bodies of requests over HTTP/2: whole at the vault however they travel, and sent again when the
//! vault says that it has not handled them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ecm::vault_http::{HttpRules, TransportError, VaultHttp};
use futures_util::future::join_all;
use h2::Reason;
use http::{HeaderMap, Response};
use tokio::net::TcpListener;
use url::Url;

use crate::tls::{self, Authority, GOOD, authority};
use crate::vault::soon;

/// The length that a head announced, and the body behind it.
type Arrived = (Option<String>, Vec<u8>);

/// A vault that refuses its first `refused` requests unread, and keeps what it read of the others.
struct Refusing {
    url: Url,
    authority: Authority,
    bodies: Arc<Mutex<Vec<Arrived>>>,
    asked: Arc<AtomicUsize>,
}

async fn refusing(refused: usize, reason: Reason) -> Refusing {
    let authority = authority("Lab CA");
    let acceptor = tls::acceptor(&authority, GOOD, &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (bodies, asked) = (
        Arc::<Mutex<Vec<_>>>::default(),
        Arc::<AtomicUsize>::default(),
    );
    let (kept, count) = (Arc::clone(&bodies), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let (kept, count) = (Arc::clone(&kept), Arc::clone(&count));
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    if count.fetch_add(1, Ordering::Relaxed) < refused {
                        answer.send_reset(reason);
                        continue;
                    }
                    let kept = Arc::clone(&kept);
                    tokio::spawn(async move {
                        let length = request.headers().get("content-length");
                        let length = length.map(|length| length.to_str().unwrap().to_owned());
                        let mut incoming = request.into_body();
                        let mut body = Vec::new();
                        while let Some(piece) = incoming.data().await {
                            let piece = piece.unwrap();
                            incoming
                                .flow_control()
                                .release_capacity(piece.len())
                                .unwrap();
                            body.extend_from_slice(&piece);
                        }
                        kept.lock().unwrap().push((length, body));
                        let head = Response::builder().status(200).body(()).unwrap();
                        let mut sending = answer.send_response(head, false).unwrap();
                        sending
                            .send_data(Bytes::from_static(b"well"), true)
                            .unwrap();
                    });
                }
            });
        }
    });
    Refusing {
        url: format!("https://localhost:{port}/").parse().unwrap(),
        authority,
        bodies,
        asked,
    }
}

impl Refusing {
    fn http(&self) -> VaultHttp {
        VaultHttp::new(HttpRules {
            ca_file: Some(self.authority.file.clone()),
            ..HttpRules::default()
        })
        .unwrap()
    }
}

fn body(length: usize) -> Bytes {
    (0..length)
        .map(|at| b'a' + (at % 26) as u8)
        .collect::<Vec<_>>()
        .into()
}

#[tokio::test]
async fn a_body_of_any_length_arrives_whole_with_its_length() {
    let vault = refusing(0, Reason::NO_ERROR).await;
    let http = vault.http();
    let lengths = [1, 800, 1022, 1023, 1024, 2046, 2047, 4096, 4097, 70_000];
    let asking = lengths.map(|length| http.post(&vault.url, HeaderMap::new(), body(length)));
    for answer in soon(join_all(asking)).await {
        assert_eq!(&*answer.unwrap().body, b"well");
    }
    let mut arrived = vault.bodies.lock().unwrap().clone();
    arrived.sort_by_key(|(_, body)| body.len());
    for ((said, arrived), length) in arrived.iter().zip(lengths) {
        assert_eq!(arrived[..], body(length));
        assert_eq!(*said, Some(length.to_string()));
    }
    assert_eq!(arrived.len(), lengths.len());
}

#[tokio::test]
async fn what_the_vault_has_not_handled_is_sent_again() {
    for length in [10, 800, 5000] {
        let vault = refusing(2, Reason::REFUSED_STREAM).await;
        let answer = soon(
            vault
                .http()
                .post(&vault.url, HeaderMap::new(), body(length)),
        )
        .await;
        assert_eq!(&*answer.unwrap().body, b"well");
        assert_eq!(vault.bodies.lock().unwrap()[0].1, body(length));
    }
}

#[tokio::test]
async fn what_the_vault_may_have_handled_is_not_sent_again() {
    let vault = refusing(1, Reason::INTERNAL_ERROR).await;
    let answer = soon(vault.http().post(&vault.url, HeaderMap::new(), body(800))).await;
    assert!(
        matches!(answer, Err(TransportError::Broken(_))),
        "{answer:?}"
    );
    assert_eq!(vault.asked.load(Ordering::Relaxed), 1);
}
