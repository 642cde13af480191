//! The same replies and faults over HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use sim_kit::host::{Hosted, TlsChoice};
use sim_kit::serve::bind;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{BODY, start};

const LIMIT: Duration = Duration::from_secs(10);

/// A connection, and the task that ends when it does.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

impl Client {
    async fn connect(hosted: &Hosted) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let authority = hosted.ca_pem().unwrap().as_bytes();
        roots
            .add(CertificateDer::from_pem_slice(authority).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpStream::connect(hosted.local_addr()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let encrypted = connector.connect(name, socket).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(encrypted))
                .await
                .unwrap();
        let connection = tokio::spawn(async move {
            // How it ended is told by its exchanges.
            let _ = connection.await;
        });
        Self { sender, connection }
    }

    /// The body of an answer, or the error that came instead.
    async fn get(&mut self, path: &str) -> Result<String, hyper::Error> {
        let request = hyper::Request::get(format!("https://localhost{path}"))
            .body(Full::default())
            .unwrap();
        let answering = async {
            let response = self.sender.send_request(request).await?;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["x-said-of"], "localhost");
            let body = response.into_body().collect().await?.to_bytes();
            Ok(String::from_utf8(body.to_vec()).unwrap())
        };
        timeout(LIMIT, answering).await.expect("an end")
    }

    async fn ended(self) {
        timeout(LIMIT, self.connection)
            .await
            .expect("an end")
            .unwrap();
    }
}

#[tokio::test]
async fn replies_share_one_connection() {
    let hosted = start(TlsChoice::Auto).await;
    let client = Client::connect(&hosted).await;
    let (mut one, mut two) = (client.sender.clone(), client.sender.clone());
    let request = || {
        hyper::Request::get("https://localhost/drip")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let (one, two) = tokio::join!(one.send_request(request()), two.send_request(request()));
    for answer in [one, two] {
        let body = answer.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), BODY);
    }
    let stats = hosted.stats();
    assert_eq!((stats.tls_handshakes, stats.requests), (1, 2));
    hosted.stop().await;
}

#[tokio::test]
async fn a_fault_that_ends_the_connection_ends_it_here_too() {
    let hosted = start(TlsChoice::Auto).await;
    for path in ["/close", "/reset"] {
        let mut client = Client::connect(&hosted).await;
        client.get(path).await.expect_err(path);
        client.ended().await;
    }
    let mut client = Client::connect(&hosted).await;
    assert_eq!(client.get("/twice").await.unwrap(), BODY);
    client.ended().await;
    let mut client = Client::connect(&hosted).await;
    client.get("/cut").await.expect_err("cut short");
    assert_eq!(client.get("/").await.unwrap(), BODY);
    hosted.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_handler_is_kept_and_ends_the_connection() {
    let hosted = start(TlsChoice::Auto).await;
    let mut client = Client::connect(&hosted).await;
    client.get("/panic").await.expect_err("a panic");
    client.ended().await;
    let kept = async {
        while hosted.panics().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, kept).await.expect("the panic is kept");
    assert_eq!(hosted.panics(), ["a bug of ours"]);
    hosted.stop().await;
}

#[tokio::test]
async fn stopping_cuts_what_is_held_and_frees_the_port() {
    let hosted = start(TlsChoice::Auto).await;
    let address = hosted.local_addr();
    let mut client = Client::connect(&hosted).await;
    assert_eq!(client.get("/").await.unwrap(), BODY);
    let held = tokio::spawn(async move { client.get("/hold").await });
    while hosted.stats().requests < 2 {
        tokio::task::yield_now().await;
    }
    timeout(LIMIT, hosted.stop()).await.expect("it stops");
    held.await.unwrap().expect_err("cut");
    bind(address).await.expect("the port is free");
}
