//! The processes that are measured: a simulator, started like anybody starts it, and what it is
//! held against, played by this very program in a process of its own.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sim_kit::ready::Ready;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

const ROLE: &str = "--serve-as";
const SOAP_PATH: &str = "/SecretServer/webservices/SSWebService.asmx";
const NAMESPACE: &str = "urn:thesecretserver.com";
const USER: &str = r"acme.example\sam.ops";
const REST_PATH: &str = "/BeyondTrust/api/public/v3";

/// What a simulator is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// hyper with an answer of 1 KiB that never changes.
    Bare,
    /// The same over TLS 1.3.
    BareTls,
    /// wiremock with the same answer and without recording.
    Wiremock,
}

const ROLES: [(&str, Role); 3] = [
    ("bare", Role::Bare),
    ("bare-tls", Role::BareTls),
    ("wiremock", Role::Wiremock),
];

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `mock-secret-server`: a search that finds one secret.
    SoapSearch,
    /// The same over TLS 1.3.
    SoapSearchTls,
    /// `mock-password-safe`: the accounts of one system.
    AccountList,
}

/// A process that answers one request over and over.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: String,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) request: Request<Full<Bytes>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// What a simulator is held against.
    pub(crate) fn of_role(role: Role) -> Self {
        let name = ROLES.iter().find(|(_, one)| *one == role).unwrap().0;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([ROLE, name]);
        let (child, ready) = started(command);
        let mut peer = Self::at(child, &ready);
        peer.request = soap("Authenticate", "");
        peer
    }

    /// A simulator, with the request that is measured.
    pub(crate) fn of_subject(subject: Subject) -> Self {
        Self::under(subject, Command::new(env!("CARGO_BIN_EXE_ecm-lab")))
    }

    /// A simulator that a given command line runs, its own words added.
    pub(crate) fn under(subject: Subject, mut command: Command) -> Self {
        match subject {
            Subject::SoapSearch => command.args(["mock", "secret-server", "--tls", "off"]),
            Subject::SoapSearchTls => command.args(["mock", "secret-server"]),
            Subject::AccountList => command.args(["mock", "password-safe", "--tls", "off"]),
        };
        let (child, ready) = started(command);
        let mut peer = Self::at(child, &ready);
        let secrets = std::fs::read(ready.secrets_file.unwrap()).unwrap();
        let secrets: Value = serde_json::from_slice(&secrets).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        peer.request = runtime.block_on(async {
            match subject {
                Subject::SoapSearch | Subject::SoapSearchTls => search(&peer, &secrets).await,
                Subject::AccountList => account_list(&peer, &secrets).await,
            }
        });
        peer
    }

    fn at(child: Child, ready: &Ready) -> Self {
        let address = ready.url.split_once("://").unwrap().1.to_owned();
        Self {
            child,
            address,
            ca_pem: ready
                .ca_file
                .as_ref()
                .map(|file| std::fs::read(file).unwrap()),
            request: Request::new(Full::default()),
        }
    }

    /// Stops it as an operator would, and gives what it said on standard error.
    pub(crate) fn stop(mut self) -> String {
        use std::io::Read as _;
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
        }
        self.child.wait().unwrap();
        said
    }

    /// Time that the process has used, user and system; nothing where the system does not tell.
    pub(crate) fn cpu_time(&self) -> Duration {
        cpu_time(self.child.id())
    }
}

/// Time that the threads of a process have used as long as they live, user and system; nothing where
/// the system does not tell.
pub(crate) fn cpu_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let used = |thread: std::fs::DirEntry| {
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        told.split_whitespace().next()?.parse::<u64>().ok()
    };
    let threads = threads.into_iter().flatten().flatten();
    Duration::from_nanos(threads.filter_map(used).sum())
}

fn started(mut command: Command) -> (Child, Ready) {
    let mut child = command
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.find_map(|line| Ready::parse(&line.unwrap()));
    // What it prints later has nobody to read it, and needs nobody.
    drop(lines);
    (child, ready.expect("a ready line"))
}

fn soap(operation: &str, parameters: &str) -> Request<Full<Bytes>> {
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body>\
         <{operation} xmlns=\"{NAMESPACE}\">{parameters}</{operation}></soap:Body></soap:Envelope>"
    );
    Request::post(SOAP_PATH)
        .header("Host", "localhost")
        .header("Content-Type", "text/xml; charset=utf-8")
        .header("SOAPAction", format!("\"{NAMESPACE}/{operation}\""))
        .body(Full::from(envelope))
        .unwrap()
}

async fn search(peer: &Peer, secrets: &Value) -> Request<Full<Bytes>> {
    let (domain, user) = USER.split_once('\\').unwrap();
    let password = secrets[USER].as_str().expect("the user's password");
    let authenticate = soap(
        "Authenticate",
        &format!(
            "<username>{user}</username><password>{password}</password><organization />\
             <domain>{domain}</domain>"
        ),
    );
    let (_, reply) = call(peer, authenticate).await;
    let token = reply.split_once("<Token>").expect("a token").1;
    let token = token.split_once("</Token>").unwrap().0;
    let search = soap(
        "SearchSecretsByFieldValue",
        &format!(
            "<token>{token}</token><fieldName>Machine</fieldName><searchTerm>web01</searchTerm>\
             <showDeleted>false</showDeleted><showRestricted>true</showRestricted>"
        ),
    );
    let (_, found) = call(peer, search.clone()).await;
    assert_eq!(found.matches("<SecretSummary>").count(), 1, "{found}");
    search
}

async fn account_list(peer: &Peer, secrets: &Value) -> Request<Full<Bytes>> {
    let key = secrets["registration/ECM/key"].as_str().expect("the key");
    let rest = |method: Method, path: &str| {
        Request::builder()
            .method(method)
            .uri(format!("{REST_PATH}{path}"))
            .header("Host", "localhost")
            .header(
                "Authorization",
                format!("PS-Auth key={key}; runas=joe.user;"),
            )
    };
    let sign_in = rest(Method::POST, "/Auth/SignAppin");
    let (cookie, _) = call(peer, sign_in.body(Full::default()).unwrap()).await;
    let list = rest(Method::GET, "/ManagedAccounts?systemName=web01")
        .header("Cookie", cookie.expect("a session"))
        .body(Full::default())
        .unwrap();
    let (_, found) = call(peer, list.clone()).await;
    assert!(found.contains("AccountName"), "{found}");
    list
}

/// One call: the cookie that it set, and the body.
async fn call(peer: &Peer, request: Request<Full<Bytes>>) -> (Option<String>, String) {
    let mut sender = crate::client::connect(peer).await;
    let response = sender.send_request(request).await.unwrap();
    let cookie = response.headers().get("set-cookie").map(|value| {
        let value = value.to_str().unwrap();
        value.split(';').next().unwrap().to_owned()
    });
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (cookie, String::from_utf8_lossy(&body).into_owned())
}

/// The role that the command line asks for.
pub(crate) fn role_of(arguments: &[String]) -> Option<Role> {
    let at = arguments.iter().position(|word| word == ROLE)?;
    let name = arguments.get(at + 1)?;
    ROLES
        .iter()
        .find(|(one, _)| one == name)
        .map(|(_, role)| *role)
}

/// Plays a role until killed.
pub(crate) fn serve(role: Role) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        match role {
            Role::Wiremock => wiremock().await,
            Role::Bare => bare(None).await,
            Role::BareTls => {
                let names = vec!["localhost".to_owned()];
                let own = rcgen::generate_simple_self_signed(names).unwrap();
                bare(Some(own)).await;
            }
        }
    });
}

fn body() -> String {
    let start = "<?xml version=\"1.0\" encoding=\"utf-8\"?><answer>";
    format!("{start}{}</answer>", "x".repeat(1024 - start.len() - 9))
}

fn say_ready(url: &str, ca_file: Option<std::path::PathBuf>) {
    let ready = json!({ "name": "peer", "url": url, "control_url": "", "seed": 0 });
    let mut ready: Ready = serde_json::from_value(ready).unwrap();
    ready.ca_file = ca_file;
    ready.print();
}

async fn wiremock() {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};
    let server = MockServer::builder()
        .disable_request_recording()
        .start()
        .await;
    let answer = ResponseTemplate::new(200).set_body_raw(body(), "text/xml; charset=utf-8");
    Mock::given(matchers::method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    say_ready(&server.uri(), None);
    std::future::pending::<()>().await;
}

async fn bare(own: Option<rcgen::CertifiedKey<rcgen::KeyPair>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = Bytes::from(body());
    let Some(own) = own else {
        say_ready(&format!("http://{address}"), None);
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            tokio::spawn(answer(socket, body.clone()));
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, own.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    say_ready(&format!("https://{address}"), Some(ca_file));
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (acceptor, body) = (acceptor.clone(), body.clone());
        tokio::spawn(async move {
            if let Ok(encrypted) = acceptor.accept(socket).await {
                answer(encrypted, body).await;
            }
        });
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, body: Bytes) {
    let service = service_fn(|request: Request<Incoming>| {
        let body = body.clone();
        async move {
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Full::new(body));
            response.headers_mut().insert(
                "content-type",
                hyper::header::HeaderValue::from_static("text/xml; charset=utf-8"),
            );
            Ok::<_, Infallible>(response)
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
