//! A closed loop: each connection sends its next request when it has the answer to the last one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use sim_kit::clock::Stopwatch;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::peer::Peer;

type Sender = SendRequest<Full<Bytes>>;

/// How hard, and for how long.
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) span: Duration,
}

/// What a peer did in one round.
pub(crate) struct Measured {
    requests: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl Measured {
    pub(crate) fn per_s(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Time of the peer's process, user and system.
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl Load {
    /// One round.
    pub(crate) fn run(&self, peer: &Peer) -> Measured {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut senders = Vec::new();
            for _ in 0..self.connections {
                senders.push(connect(peer).await);
            }
            let cpu = peer.cpu_time();
            let (watch, span) = (Stopwatch::start(), self.span);
            let loops = senders.into_iter().map(|sender| {
                let request = peer.request.clone();
                tokio::spawn(repeat(sender, request, watch, span))
            });
            let loops: Vec<_> = loops.collect();
            let mut requests = 0;
            for one in loops {
                requests += one.await.unwrap();
            }
            Measured {
                requests,
                elapsed: Duration::from_micros(watch.elapsed_us()),
                cpu: peer.cpu_time().saturating_sub(cpu),
            }
        })
    }
}

/// `count` requests over one connection, answers checked.
pub(crate) async fn times(peer: &Peer, count: u64) {
    let mut sender = connect(peer).await;
    for _ in 0..count {
        ask(&mut sender, &peer.request).await;
    }
}

async fn repeat(
    mut sender: Sender,
    request: hyper::Request<Full<Bytes>>,
    watch: Stopwatch,
    span: Duration,
) -> u64 {
    let mut requests = 0;
    while u128::from(watch.elapsed_us()) < span.as_micros() {
        ask(&mut sender, &request).await;
        requests += 1;
    }
    requests
}

async fn ask(sender: &mut Sender, request: &hyper::Request<Full<Bytes>>) {
    sender.ready().await.unwrap();
    let response = sender.send_request(request.clone()).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!body.is_empty());
}

/// A connection to a peer.
pub(crate) async fn connect(peer: &Peer) -> Sender {
    let socket = TcpStream::connect(&peer.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    match &peer.ca_pem {
        None => speak(socket).await,
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(pem).unwrap())
                .unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from("localhost").unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            speak(connector.connect(name, socket).await.unwrap()).await
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Sender {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move {
        // The requests tell when it breaks.
        let _ = connection.await;
    });
    sender
}
