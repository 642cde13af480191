//! A scripted vault on a raw socket. It records every call, can hold the calls of one round trip
//! until all of them have arrived, and can answer with any bytes at all.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecm::clock::Clock;
use ecm::password_safe::PasswordSafe;
use ecm::password_safe::settings::SettingsFile;
use ecm::plugin::{JumpItem, JumpItemType, Product, Session, User};
use ecm::token_cache::TokenCache;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// Planted as key, password and cookie; must be found in no error and no log line.
pub const CANARY: &str = "cnry-5d20e7";

pub const BASE: &str = "/BeyondTrust/api/public/v3/";

/// One call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// Path and query as written.
    pub target: String,
    /// Below the base path, without the query.
    pub endpoint: String,
    pub query: Vec<(String, String)>,
    pub head: String,
    pub body: String,
    /// How many calls of this method and endpoint came before.
    pub nth: usize,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Who calls, according to the `PS-Auth` header.
    pub fn run_as(&self) -> &str {
        let header = self.header("authorization").unwrap_or_default();
        header
            .split("runas=")
            .nth(1)
            .unwrap_or_default()
            .trim_end_matches(';')
    }

    /// Method and endpoint, for example `PUT Requests/124/Checkin`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.endpoint)
    }
}

/// What to do with a call.
pub enum Reply {
    /// Status, further header lines, body.
    Http(u16, Vec<String>, String),
    /// Exactly these bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Never.
    Silence,
}

pub fn json(status: u16, body: impl Into<String>) -> Reply {
    Reply::Http(
        status,
        vec!["Content-Type: application/json".into()],
        body.into(),
    )
}

/// A vault where everything is well: root and a linked account on srv1, request 124.
pub fn well(call: &Call) -> Reply {
    match (call.name().as_str(), call.parameter("type")) {
        ("POST Auth/SignAppin", _) => signed_in(call),
        ("GET ManagedAccounts", Some("system")) => {
            json(200, format!("[{}]", account(5, 10, "root")))
        }
        ("GET ManagedAccounts", _) => json(200, "[]"),
        ("POST Requests", _) => json(201, "124"),
        ("GET Credentials/124", None) => json(200, format!("\"{CANARY}\"")),
        ("GET Credentials/124", _) => json(404, "\"not found\""),
        ("PUT Requests/124/Approve" | "PUT Requests/124/Checkin", _) => json(204, ""),
        ("GET Requests", _) => json(200, "[]"),
        ("GET Configuration/Version", _) => json(401, "\"User not authenticated\""),
        (other, _) => panic!("unexpected {other}"),
    }
}

/// A session of its own for every sign-in.
pub fn signed_in(call: &Call) -> Reply {
    let cookie = format!(
        "Set-Cookie: ASP.NET_SessionId={CANARY}-{}; path=/; HttpOnly",
        call.nth
    );
    let body = r#"{"UserId":1,"SID":null,"EmailAddress":"","UserName":"u","Name":"U"}"#;
    Reply::Http(
        200,
        vec!["Content-Type: application/json".into(), cookie],
        body.into(),
    )
}

pub fn dead_session() -> Reply {
    json(401, "\"User not authenticated\"")
}

pub fn account(system_id: i32, account_id: i32, name: &str) -> String {
    format!(
        r#"{{"PlatformID":2,"SystemId":{system_id},"SystemName":"srv{system_id}","DomainName":null,"AccountId":{account_id},"AccountName":"{name}","ApplicationID":null,"MaximumReleaseDuration":525600,"DefaultReleaseDuration":120}}"#
    )
}

type Script = dyn Fn(&Call) -> Reply + Send + Sync;

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<Call>>,
    /// The round trips expected: how many calls of each are still to come, and where they meet.
    round_trips: Mutex<VecDeque<(usize, Arc<Barrier>)>>,
    connections: AtomicUsize,
}

pub struct Vault {
    pub address: String,
    record: Arc<Record>,
}

impl Vault {
    pub async fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let record = Arc::<Record>::default();
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&record);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&script)));
            }
        });
        Self { address, record }
    }

    /// From now on calls are answered in groups of these sizes, none before its whole group has
    /// arrived: a client that needs more round trips than that hangs.
    pub fn expect_round_trips(&self, sizes: &[usize]) {
        let groups = sizes
            .iter()
            .map(|size| (*size, Arc::new(Barrier::new(*size))));
        *self.record.round_trips.lock().unwrap() = groups.collect();
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.record.calls.lock().unwrap())
    }

    /// Names of the calls since the last time.
    pub fn take_names(&self) -> Vec<String> {
        self.take_calls().iter().map(Call::name).collect()
    }

    pub fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    pub fn settings(&self) -> SettingsFile {
        let url = format!("http://{}{BASE}", self.address);
        let mut file = SettingsFile::new(&url, "env:unused");
        file.http.allow_plain_http = true;
        file
    }

    pub fn plugin(&self) -> PasswordSafe {
        plugin(self.settings())
    }
}

pub fn plugin(file: SettingsFile) -> PasswordSafe {
    plugin_at(file, Arc::new(HandClock::default()))
}

pub fn plugin_at(file: SettingsFile, clock: Arc<HandClock>) -> PasswordSafe {
    plugin_with(file, &TokenCache::in_memory(), clock)
}

pub fn plugin_with(file: SettingsFile, tokens: &TokenCache, clock: Arc<HandClock>) -> PasswordSafe {
    let settings = file.check(&format!("key-{CANARY}").into()).unwrap();
    PasswordSafe::new(settings, tokens, clock).unwrap()
}

/// A clock that is moved by hand.
#[derive(Debug, Default)]
pub struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Joe at the console, who wants to reach srv1 by RDP.
pub fn session() -> Session {
    session_of("ACME\\joe.user", JumpItemType::RemoteRdp, "srv1")
}

pub fn session_of(username: &str, item_type: JumpItemType, hostname: &str) -> Session {
    Session {
        session_id: "s-1".into(),
        product: Product::Pra,
        user: User {
            username: username.into(),
            ..User::default()
        },
        jump_item: JumpItem {
            hostname: Some(hostname.into()),
            ..JumpItem::new(item_type, "item")
        },
    }
}

/// The id of root on srv1, as the list gives it.
pub const ROOT: &str = "ps1:5:10::525600::root";

/// Fails instead of hanging: what is tested has no business to take this long.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it hangs")
}

async fn serve(mut stream: TcpStream, record: Arc<Record>, script: Arc<Script>) {
    while let Some(call) = read_call(&mut stream, &record).await {
        let reply = script(&call);
        let meeting = {
            let mut round_trips = record.round_trips.lock().unwrap();
            let meeting = round_trips.front_mut().map(|(left, barrier)| {
                *left -= 1;
                (*left == 0, Arc::clone(barrier))
            });
            meeting.map(|(complete, barrier)| {
                if complete {
                    round_trips.pop_front();
                }
                barrier
            })
        };
        if let Some(meeting) = meeting {
            meeting.wait().await;
        }
        match reply {
            Reply::Http(status, headers, body) => {
                let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
                // 204 has no body and says so by itself.
                let length = match status {
                    204 => String::new(),
                    _ => format!("Content-Length: {}\r\n", body.len()),
                };
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}{length}\r\n{body}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read_call(stream: &mut TcpStream, record: &Record) -> Option<Call> {
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
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let url = url::Url::parse(&format!("http://vault{target}")).unwrap();
    let mut call = Call {
        method,
        endpoint: url
            .path()
            .strip_prefix(BASE)
            .expect("below the base path")
            .to_owned(),
        query: url.query_pairs().into_owned().collect(),
        target,
        head,
        body: String::new(),
        nth: 0,
    };
    let length = match call.header("content-length") {
        Some(length) => length.parse().unwrap(),
        None => {
            assert_eq!(call.method, "GET", "only GET may go without a length");
            0
        }
    };
    while body.len() < length {
        stream.read_buf(&mut body).await.ok()?;
    }
    call.body = String::from_utf8(body).unwrap();
    let mut calls = record.calls.lock().unwrap();
    call.nth = calls
        .iter()
        .filter(|known| known.name() == call.name())
        .count();
    calls.push(call.clone());
    Some(call)
}
