//! The documentation's table of failures of the link against appliances that are broken that way: the
//! real command's log line and advice are those of the row.

use std::process::Stdio;

use ecm::diagnosis::{LinkRow, link_rows};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use super::appliance::Appliance;
use crate::program::{SECRET, configured, ecm};
use crate::tls::{GOOD, acceptor, authority, redirecting};
use crate::vault::soon;

#[tokio::test]
async fn every_row_of_the_links_table_is_what_an_appliance_broken_that_way_leads_to() {
    for row in link_rows() {
        let broken = Broken::new(row.what).await;
        // The log escapes the quotation marks of a value.
        let line = soon(broken.log_line(&row)).await.replace('\\', "");
        let mut rest = line.as_str();
        for part in row.line.split('…') {
            let part = broken.named(part);
            let at = rest.find(&part);
            let at = at.unwrap_or_else(|| panic!("{}: no {part:?} in {line}", row.what));
            rest = &rest[at + part.len()..];
        }
        // What a lost link leads to stands in the table only: the line names the close code.
        let is_told = !row.line.starts_with("the link to the appliance was lost");
        assert!(!is_told || rest.contains(row.cure), "{}: {line}", row.what);
    }
}

/// An appliance that is broken as a row says, and an ECM's configuration for it.
struct Broken {
    url: String,
    directory: TempDir,
    /// Serves as long as it is kept.
    _appliance: Option<Appliance>,
}

impl Broken {
    async fn new(what: &str) -> Self {
        match what {
            "unknown name" => Self::at("https://no-such-host.invalid", ""),
            "connection refused" => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let port = listener.local_addr().unwrap().port();
                Self::at(&format!("https://localhost:{port}"), "")
            }
            "out of reach" => Self::raw("https", async |stream| drop(stream)).await,
            "no answer in time" => Self::raw("https", keep).await,
            "link not answered in time" => Self::raw("http", token_only).await,
            "no TLS" => {
                let plain = async |mut stream: TcpStream| {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                };
                Self::raw("https", plain).await
            }
            "certificate" => {
                let unknown = authority("Unknown CA");
                Self::of(
                    Appliance::start_tls(acceptor(&unknown, GOOD, &[])).await,
                    "",
                )
            }
            "token redirected" => Self::redirected("/login").await,
            "token redirected to plain http" => Self::redirected("http://localhost:9/").await,
            "redirected to plain http" => {
                let known = authority("Lab CA");
                let appliance = Appliance::start_tls(acceptor(&known, GOOD, &[])).await;
                appliance.redirect_upgrade("http://localhost:9/");
                let pem = std::fs::read_to_string(&known.file).unwrap();
                Self::of(appliance, &pem)
            }
            _ => Self::scripted(what).await,
        }
    }

    /// An appliance that answers over plain HTTP, only not what is wanted.
    async fn scripted(what: &str) -> Self {
        let mut appliance = Appliance::start().await;
        match what {
            "no token" => appliance.refuse_token(401, r#"{"error":"invalid_client"}"#),
            "appliance not available" => appliance.refuse_token(503, ""),
            "no token in the answer" => appliance.refuse_token(200, "<html>log in</html>"),
            "token refused" => {
                // The first is answered with another token.
                appliance.refuse_upgrade(401, "");
                appliance.refuse_upgrade(401, "");
            }
            "no permission" => appliance.refuse_upgrade(403, ""),
            "no such page" => appliance.refuse_upgrade(404, ""),
            "too many ECMs" => appliance.refuse_upgrade(409, ""),
            "no common version" => appliance.refuse_upgrade(426, ""),
            "redirected" => appliance.redirect_upgrade("/login"),
            "no ECM link" | "closed: account" | "closed: replaced" => {
                let url = appliance.url.clone();
                let what = what.to_owned();
                tokio::spawn(async move {
                    match what.as_str() {
                        "no ECM link" => {
                            let mut link = appliance.next_upgrade().await;
                            link.send(&json!({"type": "unknown"})).await;
                        }
                        "closed: account" => appliance.next_link().await.close(4401).await,
                        _ => appliance.next_link().await.close(4409).await,
                    }
                    std::future::pending::<()>().await;
                });
                return Self::at(&url, "");
            }
            other => panic!("no set-up for {other:?}"),
        }
        Self::of(appliance, "")
    }

    fn of(appliance: Appliance, ca_pem: &str) -> Self {
        let configured = Self::at(&appliance.url, ca_pem);
        Self {
            _appliance: Some(appliance),
            ..configured
        }
    }

    /// An ECM for the appliance at `url`, which trusts the authorities of `ca_pem`.
    fn at(url: &str, ca_pem: &str) -> Self {
        let directory = configured(url, "http://localhost:1", "");
        let file = directory.path().join("ecm.toml");
        let mut more = "connect_timeout_s = 1\n".to_owned();
        if !ca_pem.is_empty() {
            std::fs::write(directory.path().join("ca.pem"), ca_pem).unwrap();
            more += "ca_file = \"ca.pem\"\n";
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("client_id", &format!("{more}client_id"));
        std::fs::write(&file, text).unwrap();
        Self {
            url: url.to_owned(),
            directory,
            _appliance: None,
        }
    }

    /// A peer that serves every connection by `work`, one after another.
    async fn raw<F: Future<Output = ()> + Send>(
        scheme: &str,
        work: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                work(stream).await;
            }
        });
        Self::at(&format!("{scheme}://localhost:{port}"), "")
    }

    async fn redirected(location: &str) -> Self {
        let known = authority("Lab CA");
        let port = redirecting(&known, location).await;
        let pem = std::fs::read_to_string(&known.file).unwrap();
        Self::at(&format!("https://localhost:{port}"), &pem)
    }

    /// The line with which the command's log tells of `row`.
    async fn log_line(&self, row: &LinkRow) -> String {
        let begins = row.line.split(" site=").next().unwrap();
        let begins = begins.split(": ").next().unwrap();
        let mut child: Child = ecm(self.directory.path(), &["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("{}: no line {begins:?}", row.what));
            assert!(!line.contains(SECRET), "{line}");
            if line.contains(begins) {
                child.kill().await.unwrap();
                return line;
            }
        }
    }

    /// `text` of the documentation, with this appliance in place of the example's.
    fn named(&self, text: &str) -> String {
        let address = self.url.split("://").nth(1).unwrap();
        let with_port = match address.contains(':') {
            true => address.to_owned(),
            false => format!("{address}:443"),
        };
        let host = address.split(':').next().unwrap();
        text.replace("https://access.acme.example/", &format!("{}/", self.url))
            .replace("access.acme.example:443", &with_port)
            .replace("access.acme.example", host)
            .replace("10 s", "1 s")
    }
}

async fn keep(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// Gives a token, and keeps whoever asks for anything else waiting.
async fn token_only(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let read = stream.read(&mut head).await.unwrap_or(0);
    if !head[..read].starts_with(b"POST ") {
        return keep(stream).await;
    }
    let body = r#"{"access_token":"t","token_type":"Bearer"}"#;
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
