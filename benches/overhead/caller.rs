//! The vault's calls of a look-up, made bare over one kept connection, by this program in a process
//! of its own: no cache, no mapping, nothing read of the answers but their status and the tokens.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use sim_kit::clock::Stopwatch;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_rustls::TlsConnector;

const ROLE: &str = "--caller";
const NAMESPACE: &str = "urn:thesecretserver.com";

/// The configuration and the number of searches that the command line names.
pub(crate) fn config_of(arguments: &[String]) -> Option<(PathBuf, usize)> {
    let at = arguments.iter().position(|word| word == ROLE)?;
    let searches = arguments.get(at + 2)?.parse().ok()?;
    Some((arguments.get(at + 1)?.into(), searches))
}

/// The process.
pub(crate) struct Caller {
    _child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Caller {
    pub(crate) async fn start(config: &Path, searches: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(ROLE)
            .arg(config)
            .arg(searches.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            _child: child,
            orders,
            answers: BufReader::new(answers).lines(),
        }
    }

    /// Median time of `times` look-ups that are `warm` or `cold`, in microseconds.
    pub(crate) async fn ask(&mut self, what: &str, times: usize) -> f64 {
        let order = format!("{what} {times}\n");
        self.orders.write_all(order.as_bytes()).await.unwrap();
        let answer = self.answers.next_line().await.unwrap();
        answer.unwrap().parse().unwrap()
    }
}

/// Calls whatever standard input orders.
pub(crate) fn play((config, searches): &(PathBuf, usize)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let vault = Vault::connect(config).await;
        let token = vault.user_token().await;
        for order in std::io::stdin().lines() {
            let order = order.unwrap();
            let (what, times) = order.split_once(' ').unwrap();
            let mut took = Vec::new();
            for _ in 0..times.parse().unwrap() {
                let watch = Stopwatch::start();
                if what == "warm" {
                    join_all((0..*searches).map(|_| vault.search(&token))).await;
                } else {
                    let token = vault.user_token().await;
                    vault.search(&token).await;
                }
                took.push(watch.elapsed_us() as f64);
            }
            println!("{}", super::median(took));
        }
    });
}

struct Vault {
    sender: SendRequest<Full<Bytes>>,
    url: String,
    user: String,
    password: String,
}

impl Vault {
    async fn connect(config: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let section = &table["vault"]["secret-server"];
        let value = |key: &str| section[key].as_str().unwrap().to_owned();
        let url = value("endpoint_url");
        let password = value("api_password");
        let file = config.with_file_name(password.strip_prefix("file:").unwrap());
        let password = std::fs::read_to_string(file).unwrap();
        let authority = url.split('/').nth(2).unwrap();
        let (host, _) = authority.split_once(':').unwrap();
        let socket = TcpStream::connect(authority).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(value("ca_file")).unwrap();
        roots
            .add(CertificateDer::from_pem_slice(&pem).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(tls));
        let stream = TokioIo::new(connector.connect(name, socket).await.unwrap());
        let (sender, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        Self {
            sender,
            user: value("api_user"),
            url,
            password,
        }
    }

    /// Authenticate, then ImpersonateUser.
    async fn user_token(&self) -> String {
        let (user, password) = (&self.user, &self.password);
        let account = format!(
            "<username>{user}</username><password>{password}</password><organization /><domain />"
        );
        let token = token(&self.call("Authenticate", &account).await);
        let user = format!(
            "<token>{token}</token><username>joe.user</username><organization /><domain>ACME</domain>"
        );
        self::token(&self.call("ImpersonateUser", &user).await)
    }

    async fn search(&self, token: &str) {
        let search = format!(
            "<token>{token}</token><fieldName>Machine</fieldName><searchTerm>web01</searchTerm>\
             <showDeleted>false</showDeleted><showRestricted>true</showRestricted>"
        );
        self.call("SearchSecretsByFieldValue", &search).await;
    }

    async fn call(&self, operation: &str, parameters: &str) -> Bytes {
        let envelope = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
             xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
             <{operation} xmlns=\"{NAMESPACE}\">{parameters}</{operation}></soap:Body></soap:Envelope>"
        );
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", format!("\"{NAMESPACE}/{operation}\""))
            .body(Full::from(envelope))
            .unwrap();
        let response = self.sender.clone().send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap().to_bytes()
    }
}

fn token(reply: &Bytes) -> String {
    let reply = std::str::from_utf8(reply).unwrap();
    let token = reply.split_once("<Token>").expect(reply).1;
    token.split_once("</Token>").unwrap().0.to_owned()
}
