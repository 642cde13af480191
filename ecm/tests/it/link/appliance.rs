//! An appliance that does what a test tells it, byte by byte; plain HTTP on loopback or TLS.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

/// No step of a test takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What the appliance was asked so far, and what it answers next.
#[derive(Default)]
struct Script {
    /// Heads of all requests, in order.
    seen: Vec<String>,
    /// Answers of the next token requests.
    token_answers: VecDeque<Answer>,
    /// Answers of the next upgrades.
    upgrade_answers: VecDeque<Answer>,
    tokens: usize,
}

/// An answer other than an upgrade.
struct Answer {
    status: u16,
    /// Further lines of the head, each with its line break.
    head: String,
    body: String,
}

impl Answer {
    fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            head: String::new(),
            body: body.to_owned(),
        }
    }
}

pub(super) struct Appliance {
    pub(super) url: String,
    script: Arc<Mutex<Script>>,
    links: mpsc::Receiver<ApplianceLink>,
}

impl Appliance {
    pub(super) async fn start() -> Self {
        Self::listen("http", None).await
    }

    pub(super) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::listen("https", Some(acceptor)).await
    }

    async fn listen(scheme: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "{scheme}://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let script = Arc::new(Mutex::new(Script::default()));
        let (to_test, links) = mpsc::channel(64);
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, to_test, tls) = (Arc::clone(&shared), to_test.clone(), tls.clone());
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    answer(stream, &script, &to_test).await;
                });
            }
        });
        Self { url, script, links }
    }

    pub(super) fn refuse_token(&self, status: u16, body: &str) {
        self.script
            .lock()
            .unwrap()
            .token_answers
            .push_back(Answer::new(status, body));
    }

    pub(super) fn refuse_upgrade(&self, status: u16, body: &str) {
        self.script
            .lock()
            .unwrap()
            .upgrade_answers
            .push_back(Answer::new(status, body));
    }

    pub(super) fn redirect_upgrade(&self, location: &str) {
        let redirect = Answer {
            head: format!("location: {location}\r\n"),
            ..Answer::new(302, "")
        };
        self.script
            .lock()
            .unwrap()
            .upgrade_answers
            .push_back(redirect);
    }

    /// The first lines of all requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        let script = self.script.lock().unwrap();
        script
            .seen
            .iter()
            .map(|head| head.lines().next().unwrap().to_owned())
            .collect()
    }

    /// The heads of all requests so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.script.lock().unwrap().seen.clone()
    }

    /// The next upgraded connection, before any frame.
    pub(super) async fn next_upgrade(&mut self) -> ApplianceLink {
        tokio::time::timeout(PATIENCE, self.links.recv())
            .await
            .expect("an upgrade")
            .unwrap()
    }

    /// The next connection, after `hello` and `welcome`.
    pub(super) async fn next_link(&mut self) -> ApplianceLink {
        let mut link = self.next_upgrade().await;
        link.next().await;
        link.send(&welcome()).await;
        link
    }
}

pub(super) fn welcome() -> Value {
    json!({
        "type": "welcome", "protocol_version": 1, "connection_id": "c-1", "ecm_group": "Default",
        "server_time": 1_767_225_600, "ping_interval_s": 30, "max_frame_bytes": 1_048_576,
        "request_timeout_ms": {"find_credentials": 5000, "get_credential": 5000,
            "find_endpoints": 5000, "release_credential": 5000, "other": 5000}
    })
}

/// Serves one HTTP request; an upgrade becomes a link of the test.
async fn answer(
    mut stream: Box<dyn Stream>,
    script: &Mutex<Script>,
    to_test: &mpsc::Sender<ApplianceLink>,
) {
    let Some(head) = read_head(&mut stream).await else {
        return;
    };
    let reply = {
        let mut script = script.lock().unwrap();
        script.seen.push(head.clone());
        if head.starts_with("POST /oauth2/token ") {
            match script.token_answers.pop_front() {
                Some(answer) => Some(answer),
                None => {
                    script.tokens += 1;
                    let token = format!("token-{}", script.tokens);
                    let body =
                        json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
                    Some(Answer::new(200, &body.to_string()))
                }
            }
        } else {
            script.upgrade_answers.pop_front()
        }
    };
    if let Some(Answer { status, head, body }) = reply {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{head}\r\n{body}"
        );
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
        return;
    }
    let key = header(&head, "sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: sim-ecm.v1\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let _ = to_test.send(ApplianceLink { socket }).await;
}

async fn read_head(stream: &mut Box<dyn Stream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(format!("{head}{}", String::from_utf8(body).ok()?))
}

/// The value of a header in a request's head.
pub(super) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

/// The appliance's end of one link.
pub(super) struct ApplianceLink {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl ApplianceLink {
    pub(super) async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub(super) async fn send_raw(&mut self, message: Message) {
        tokio::time::timeout(PATIENCE, self.socket.send(message))
            .await
            .expect("room")
            .unwrap();
    }

    /// The next frame of the ECM.
    pub(super) async fn next(&mut self) -> Value {
        match self.next_message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a frame, got {other:?}"),
        }
    }

    /// Sends a request and waits for the next frame.
    pub(super) async fn ask(&mut self, request: &Value) -> Value {
        self.send(request).await;
        self.next().await
    }

    /// The code with which the ECM closes.
    pub(super) async fn close_code(&mut self) -> u16 {
        match self.next_message().await {
            Some(Message::Close(Some(frame))) => frame.code.into(),
            other => panic!("expected a close, got {other:?}"),
        }
    }

    pub(super) async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        let _ = self.socket.close(Some(frame)).await;
    }

    /// The next message that is neither ping nor pong; `None` at the end of the stream.
    async fn next_message(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("the ECM to say something") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Waits for a ping.
    pub(super) async fn ping(&mut self) {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        assert!(matches!(next.expect("a ping"), Some(Ok(Message::Ping(_)))));
    }
}
