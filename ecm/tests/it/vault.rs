//! A scripted vault on a raw socket: it counts connections and calls, can hold calls until others
//! have arrived, and can answer with any bytes at all.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecm::clock::SystemClock;
use ecm::diagnosis::Symptom;
use ecm::error::PluginError;
use ecm::plugin::{JumpItem, JumpItemType, Product, Session, User};
use ecm::secret_server::SecretServer;
use ecm::secret_server::settings::SettingsFile;
use ecm::token_cache::TokenCache;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// Planted in every place where a secret belongs; must be found in no other.
pub const CANARY: &str = "cnry-9f3c1d";

/// One call as it arrived.
pub struct Call {
    pub operation: String,
    pub path: String,
    pub body: String,
    /// How many calls of this operation came before.
    pub nth: usize,
}

impl Call {
    /// The text of a parameter, as written.
    pub fn parameter(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some(start) = self.body.find(&open).map(|at| at + open.len()) else {
            return "";
        };
        let length = self.body[start..].find(&close).unwrap();
        &self.body[start..start + length]
    }
}

/// What to do with a call.
pub enum Reply {
    /// 200 with this inside `<OpResult>`.
    Result(String),
    /// As `Result`, but not before as many calls as the barrier wants have arrived.
    Together(Arc<Barrier>, String),
    /// Exactly these bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Never.
    Silence,
}

/// A successful result.
pub fn ok(inner: &str) -> Reply {
    Reply::Result(format!("<Errors />{inner}"))
}

/// A refusal in words.
pub fn refused(words: &str) -> Reply {
    Reply::Result(format!("<Errors><string>{words}</string></Errors>"))
}

/// A whole HTTP answer.
pub fn http(status: &str, content_type: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    Reply::Raw([head.as_bytes(), body.as_bytes()].concat())
}

/// The answers of a vault where everything is well: tokens, two machine secrets, a password.
pub fn well(call: &Call) -> Reply {
    let token = |whose: &str| format!("<Token>{whose}-{}-{CANARY}</Token>", call.nth);
    match call.operation.as_str() {
        "Authenticate" => ok(&token("api")),
        "ImpersonateUser" => ok(&token("user")),
        "SearchSecretsByFieldValue" => ok(&summaries(&[(7, "srv01\\admin")])),
        "GetSecret" => ok(&password_secret()),
        "GetTokenIsValid" => ok("<MaxOfflineSeconds>0</MaxOfflineSeconds>"),
        "CheckIn" => ok(""),
        other => panic!("unexpected {other}"),
    }
}

pub fn summaries(secrets: &[(i32, &str)]) -> String {
    let rows: String = secrets
        .iter()
        .map(|(id, name)| {
            format!(
                "<SecretSummary><SecretId>{id}</SecretId><SecretName>{name}</SecretName>\
                 <SecretTypeName>Windows Account</SecretTypeName><SecretTypeId>1</SecretTypeId>\
                 <FolderId>3</FolderId><IsRestricted>false</IsRestricted></SecretSummary>"
            )
        })
        .collect();
    format!("<SecretSummaries>{rows}</SecretSummaries>")
}

pub fn password_secret() -> String {
    secret(&[
        item(1, "Username", "admin", "IsNotes"),
        item(2, "Password", CANARY, "IsPassword"),
    ])
}

pub fn secret(items: &[String]) -> String {
    format!(
        "<Secret><Name>srv01</Name><Items>{}</Items><Id>7</Id></Secret>",
        items.concat()
    )
}

pub fn item(id: i32, name: &str, value: &str, flag: &str) -> String {
    format!(
        "<SecretItem><Value>{value}</Value><Id>{id}</Id><FieldName>{name}</FieldName>\
         <{flag}>true</{flag}></SecretItem>"
    )
}

type Script = dyn Fn(&Call) -> Reply + Send + Sync;

pub struct Vault {
    pub address: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Vault {
    pub async fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vault = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            connections: Arc::default(),
        };
        let (calls, connections) = (Arc::clone(&vault.calls), Arc::clone(&vault.connections));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&calls), Arc::clone(&script)));
            }
        });
        vault
    }

    /// The operations called so far, in order of arrival.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        self.calls()
            .iter()
            .filter(|call| *call == operation)
            .count()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn settings(&self) -> SettingsFile {
        let url = format!(
            "http://{}/SecretServer/webservices/SSWebService.asmx",
            self.address
        );
        let mut file = SettingsFile::new(&url, "svc-ecm", "env:unused");
        file.http.allow_plain_http = true;
        file
    }

    pub fn plugin(&self) -> SecretServer {
        plugin(self.settings())
    }
}

pub fn plugin(file: SettingsFile) -> SecretServer {
    plugin_with(file, TokenCache::in_memory())
}

pub fn plugin_with(file: SettingsFile, tokens: TokenCache) -> SecretServer {
    let settings = file.check(format!("pw-{CANARY}").into()).unwrap();
    SecretServer::new(settings, tokens, Arc::new(SystemClock)).unwrap()
}

/// Joe at the console, who wants to reach srv01.
pub fn session() -> Session {
    session_of("joe.user", "srv01")
}

pub fn session_of(username: &str, hostname: &str) -> Session {
    Session {
        session_id: "s-1".into(),
        product: Product::Pra,
        user: User {
            username: username.into(),
            ..User::default()
        },
        jump_item: JumpItem {
            hostname: Some(hostname.into()),
            ..JumpItem::new(JumpItemType::RemoteRdp, "item")
        },
    }
}

/// What the ECM recognised in a failure.
pub fn symptom(error: &PluginError) -> Symptom {
    error
        .symptom
        .unwrap_or_else(|| panic!("not recognised: {error:?}"))
}

/// Fails instead of hanging: what is tested has no business to take this long.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it hangs")
}

async fn serve(mut stream: TcpStream, calls: Arc<Mutex<Vec<String>>>, script: Arc<Script>) {
    while let Some(call) = read_call(&mut stream, &calls).await {
        let response = |inner: String| envelope(&call.operation, &inner);
        let answer: Pin<Box<dyn Future<Output = Vec<u8>> + Send>> = match script(&call) {
            Reply::Result(inner) => Box::pin(async move { response(inner) }),
            Reply::Together(barrier, inner) => Box::pin(async move {
                barrier.wait().await;
                response(inner)
            }),
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Silence => Box::pin(std::future::pending()),
        };
        let answer = answer.await;
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

pub fn envelope(operation: &str, inner: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <{operation}Response xmlns=\"urn:thesecretserver.com\"><{operation}Result>{inner}\
         </{operation}Result></{operation}Response></soap:Body></soap:Envelope>"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn read_call(stream: &mut TcpStream, calls: &Mutex<Vec<String>>) -> Option<Call> {
    let mut received = Vec::new();
    let (head, mut body) = loop {
        if stream.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = received.split_off(end + 4);
            break (String::from_utf8(received).unwrap(), body);
        }
    };
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length: usize = header("content-length").unwrap().parse().unwrap();
    while body.len() < length {
        stream.read_buf(&mut body).await.ok()?;
    }
    assert_eq!(
        header("content-type").as_deref(),
        Some("text/xml; charset=utf-8")
    );
    let action = header("soapaction").unwrap();
    let operation = action
        .strip_prefix("\"urn:thesecretserver.com/")
        .unwrap()
        .trim_end_matches('"')
        .to_owned();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let mut calls = calls.lock().unwrap();
    let nth = calls.iter().filter(|call| **call == operation).count();
    calls.push(operation.clone());
    Some(Call {
        operation,
        path,
        body: String::from_utf8(body).unwrap(),
        nth,
    })
}
