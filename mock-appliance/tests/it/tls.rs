//! The same over TLS, with the appliance's own authority and no other.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use mock_appliance::MockAppliance;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::rig::{address, basic};
use crate::scripted::hello;

async fn dial(appliance: &MockAppliance) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let pem = appliance.hosted().ca_pem().unwrap();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address(appliance)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_ecm_signs_in_and_connects_over_verified_tls() {
    let appliance = MockAppliance::builder().start().await.unwrap();
    let mut stream = dial(&appliance).await;
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n{}\r\nContent-Length: 29\r\n\
         Connection: close\r\n\r\ngrant_type=client_credentials",
        basic(&appliance, "ECM")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let token = body["access_token"].as_str().unwrap();

    let mut request = "wss://localhost/api/ecm/v1/connect"
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("sec-websocket-protocol", "sim-ecm.v1".parse().unwrap());
    let (mut socket, response) = tokio_tungstenite::client_async(request, dial(&appliance).await)
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "sim-ecm.v1");
    socket
        .send(Message::text(hello("one").to_string()))
        .await
        .unwrap();
    let welcome = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(welcome.starts_with(r#"{"type":"welcome","protocol_version":1,"#));
    assert!(appliance.panics().is_empty());
    appliance.stop().await;
}
