//! An ECM that says exactly what a test tells it to. It shares no code with the appliance.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _, single_shot_seal};
use mock_appliance::MockAppliance;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::rig::{self, PATIENCE, address};

pub(crate) struct Ecm {
    socket: WebSocketStream<TcpStream>,
    pub(crate) welcome: Value,
}

/// A refused connect: its status and its body.
pub(crate) type Refused = (u16, Value);

pub(crate) fn hello(ecm_id: &str) -> Value {
    json!({
        "type": "hello", "protocol_versions": [1], "ecm_version": "0.1.0", "ecm_id": ecm_id,
        "hostname": format!("host-{ecm_id}"), "os": "linux",
        "plugin": {"name": "Scripted", "version": "1", "description": ""},
        "capabilities": {"credentials_used": true, "health_check": true, "endpoint_search": true},
    })
}

/// Opens a WebSocket with this token, without a `hello`.
pub(crate) async fn open(
    appliance: &MockAppliance,
    token: &str,
    sub_protocol: &str,
) -> Result<WebSocketStream<TcpStream>, Refused> {
    let address = address(appliance);
    let mut request = format!("ws://{address}/api/ecm/v1/connect")
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("sec-websocket-protocol", sub_protocol.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            Err((
                answer.status().as_u16(),
                serde_json::from_slice(&body).unwrap_or_default(),
            ))
        }
        Err(error) => panic!("connect: {error}"),
    }
}

impl Ecm {
    /// Signs in, connects and says hello.
    pub(crate) async fn join(appliance: &MockAppliance, account: &str, ecm_id: &str) -> Self {
        Self::join_saying(appliance, account, hello(ecm_id)).await
    }

    pub(crate) async fn join_saying(
        appliance: &MockAppliance,
        account: &str,
        hello: Value,
    ) -> Self {
        let mut ecm = Self::connect(appliance, account).await.unwrap();
        ecm.say(&hello).await;
        ecm.welcome = ecm.heard().await;
        assert_eq!(ecm.welcome["type"], "welcome");
        let name = ecm.name();
        let there = || {
            appliance
                .ecm_clients()
                .iter()
                .any(|c| c.connection.to_string() == name)
        };
        rig::eventually("the welcomed ECM", there).await;
        ecm
    }

    /// Signs in and connects.
    pub(crate) async fn connect(appliance: &MockAppliance, account: &str) -> Result<Self, Refused> {
        let token = rig::token(appliance, account).await;
        let socket = open(appliance, &token, "sim-ecm.v1").await?;
        Ok(Self {
            socket,
            welcome: Value::Null,
        })
    }

    /// The connection's name.
    pub(crate) fn name(&self) -> String {
        self.welcome["connection_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        self.say_text(frame.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next frame, as text.
    pub(crate) async fn heard_text(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame in time")
            {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// The next frame.
    pub(crate) async fn heard(&mut self) -> Value {
        serde_json::from_str(&self.heard_text().await).unwrap()
    }

    /// The next request, which has to be of this type.
    pub(crate) async fn asked(&mut self, request: &str) -> Value {
        let frame = self.heard().await;
        assert_eq!(frame["type"], request, "{frame}");
        frame
    }

    /// Reads on until the connection ends; the code of the close frame, if there was one.
    pub(crate) async fn ended(&mut self) -> Option<u16> {
        let mut code = None;
        let reading = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Close(Some(frame)) = message {
                    code = Some(frame.code.into());
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("an end in time");
        code
    }

    /// Waits for a ping and lets the answer go out.
    pub(crate) async fn pinged(&mut self) {
        let pinging = async {
            loop {
                if let Some(Ok(Message::Ping(_))) = self.socket.next().await {
                    return;
                }
            }
        };
        timeout(PATIENCE, pinging).await.expect("a ping in time");
        self.socket.flush().await.unwrap();
    }

    /// Answers a request for the list.
    pub(crate) async fn offer(&mut self, credentials: &[(&str, &str)]) {
        let request = self.asked("find_credentials").await;
        let credentials: Vec<_> = credentials
            .iter()
            .map(|(id, name)| json!({"credential_id": id, "display_value": name}))
            .collect();
        self.say(&json!({"type": "credentials", "id": request["id"], "credentials": credentials}))
            .await;
    }

    /// Answers a request for a credential with this plaintext.
    pub(crate) async fn hand_out(&mut self, plaintext: &Value) {
        let request = self.asked("get_credential").await;
        let package = self.package(&request, plaintext);
        self.say(&package).await;
    }

    /// A sealed credential that answers `request`.
    pub(crate) fn package(&self, request: &Value, plaintext: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let bound_to = [
            self.name(),
            text(&request["id"]),
            text(&request["session"]["session_id"]),
            text(&request["credential_id"]),
        ];
        let mut aad = Vec::new();
        for part in bound_to {
            aad.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            aad.extend_from_slice(part.as_bytes());
        }
        let key = STANDARD.decode(text(&request["recipient_key"])).unwrap();
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&key).unwrap();
        let (enc, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            b"sim-ecm.v1 credential",
            plaintext.to_string().as_bytes(),
            &aad,
        )
        .unwrap();
        json!({
            "type": "package", "id": request["id"], "kind": plaintext["kind"],
            "sealed": {
                "enc": STANDARD.encode(enc.to_bytes()), "ciphertext": STANDARD.encode(ciphertext),
            },
        })
    }

    /// Confirms a release.
    pub(crate) async fn confirm_release(&mut self) -> Value {
        let request = self.asked("release_credential").await;
        self.say(&json!({"type": "done", "id": request["id"]}))
            .await;
        request
    }
}

pub(crate) fn password(username: &str, password: &str) -> Value {
    json!({
        "kind": "username_password", "username": username, "domain": "ACME", "password": password,
    })
}
