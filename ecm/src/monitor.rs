//! An optional listener on loopback for whoever watches this ECM: `GET /health` and
//! `GET /metrics`.
//!
//! It speaks just enough HTTP/1.1 for a probe: one request a connection, headers read within a
//! limit of time and size, nothing else served. A probe costs the vault nothing: its health is
//! asked for now and then beside the probes, and they see the last answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::clock::{sleep, within};
use crate::metrics::Metrics;
use crate::outbox::{DueCheckIn, Outbox};

/// Limit for one probe from its connection to the end of its answer.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longest request that is read.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Probes at the same time.
const PROBES_MAX: usize = 16;

/// Answers probes until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    outbox: Arc<Outbox>,
    shutdown: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(PROBES_MAX));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, permit)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (metrics, outbox) = (Arc::clone(&metrics), Arc::clone(&outbox));
        tokio::spawn(async move {
            // A probe that fails is its own sender's trouble.
            let _ = within(PROBE_LIMIT, probe(stream, metrics, outbox)).await;
            drop(permit);
        });
    }
}

/// Asks for the vault's health now and every `every` until `shutdown`.
pub(crate) async fn watch_vault(broker: Arc<Broker>, every: Duration, shutdown: CancellationToken) {
    loop {
        let asked = tokio::select! {
            () = shutdown.cancelled() => return,
            asked = broker.vault_health() => asked,
        };
        // A plugin without a health check will not get one.
        let Some(health) = asked else { return };
        let before = broker.metrics().vault().map(|vault| vault.health.healthy);
        if before != Some(health.healthy) {
            let detail = &health.detail;
            match health.healthy {
                true => tracing::info!(detail, "the vault is well"),
                false => tracing::warn!(detail, "the vault is not well"),
            }
        }
        broker.metrics().vault_checked(health);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(every) => {}
        }
    }
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, permit))
}

async fn probe(
    mut stream: TcpStream,
    metrics: Arc<Metrics>,
    outbox: Arc<Outbox>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read_buf(&mut request).await?;
        if read == 0 || request.len() > REQUEST_BYTES_MAX {
            return Ok(());
        }
    }
    // The outbox is not to be looked at while it writes to a slow disk.
    let answering = spawn_blocking(move || answer(&request, &metrics, &outbox).bytes());
    stream.write_all(&answering.await?).await?;
    stream.shutdown().await
}

/// One answer; a HEAD has the length of the body that it does not get.
struct Probed {
    status: &'static str,
    content_type: &'static str,
    allow: Option<&'static str>,
    body: String,
    is_head: bool,
}

impl Probed {
    fn bytes(&self) -> Vec<u8> {
        let allow = self.allow.map(|methods| format!("allow: {methods}\r\n"));
        let head = format!(
            "HTTP/1.1 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{}\
             cache-control: no-store\r\nconnection: close\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len(),
            allow.unwrap_or_default(),
        );
        let body = if self.is_head { "" } else { &self.body };
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

fn answer(request: &[u8], metrics: &Metrics, outbox: &Outbox) -> Probed {
    const METHODS: &str = "GET, HEAD";
    let line = request.split(|&byte| byte == b'\r').next();
    let mut words = line.unwrap_or_default().split(|&byte| byte == b' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split(|&byte| byte == b'?').next();
    let is_head = method == Some(b"HEAD");
    let text = |status, body: &str| Probed {
        status,
        content_type: "text/plain; charset=utf-8",
        allow: None,
        body: body.to_owned(),
        is_head,
    };
    if !matches!(method, Some(b"GET" | b"HEAD")) {
        return Probed {
            allow: Some(METHODS),
            ..text(
                "405 Method Not Allowed",
                "only GET and HEAD are served here\n",
            )
        };
    }
    match path {
        Some(b"/metrics") => Probed {
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            ..text("200 OK", &metrics.render(outbox.owed()))
        },
        Some(b"/health") => {
            let (is_up, report) = health(metrics, outbox.owed(), &outbox.given_up());
            let status = match is_up {
                true => "200 OK",
                false => "503 Service Unavailable",
            };
            Probed {
                content_type: "application/json",
                ..text(status, &format!("{report}\n"))
            }
        }
        _ => text("404 Not Found", "known here: /health and /metrics\n"),
    }
}

/// Whether credentials are served: the link is up, and the vault was well when it was last asked. That
/// a secret may still be checked out is told beside it, since no restart helps against that.
fn health(metrics: &Metrics, owed: usize, given_up: &[DueCheckIn]) -> (bool, Value) {
    let connected = metrics.is_connected();
    let vault = metrics.vault();
    let vault_well = vault.as_ref().is_none_or(|vault| vault.health.healthy);
    let is_up = connected && vault_well;
    let status = match (is_up, given_up.is_empty()) {
        (true, true) => "ok",
        (true, false) => "degraded",
        (false, _) => "down",
    };
    let vault = vault.map(|vault| {
        json!({
            "healthy": vault.health.healthy,
            "detail": vault.health.detail,
            "checked_s_ago": vault.checked.elapsed().as_secs(),
        })
    });
    let given_up: Vec<_> = given_up
        .iter()
        .map(|due| {
            json!({
                "session_id": due.session.session_id,
                "user": due.session.user.username,
                "jump_item": due.session.jump_item.name,
                "vault_user": due.holders.join(" or "),
                "credential_id": due.credential_id,
            })
        })
        .collect();
    let report = json!({
        "status": status,
        "connected": connected,
        "vault": vault,
        "check_ins_owed": owed,
        "check_ins_given_up": given_up,
    });
    (is_up, report)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::CheckInConfig;
    use crate::plugin::Health;

    fn probed(request: &str, metrics: &Metrics) -> Probed {
        probed_with(request, metrics, |_| {})
    }

    fn probed_with(request: &str, metrics: &Metrics, before: impl Fn(&Outbox)) -> Probed {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("check-ins.log");
        let (outbox, _) = Outbox::open(&path, CheckInConfig::default(), 0).unwrap();
        before(&outbox);
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n");
        answer(request.as_bytes(), metrics, &outbox)
    }

    const NOT_WELL: &str = "503 Service Unavailable";

    fn health_of(healthy: bool) -> Health {
        let detail = "said \"so\"".to_owned();
        Health { healthy, detail }
    }

    #[test]
    fn paths_and_methods_are_told_apart_and_a_query_is_ignored() {
        let metrics = Metrics::default();
        metrics.connected();
        for (request, status) in [
            ("GET /health", "200 OK"),
            ("HEAD /health", "200 OK"),
            ("GET /health?verbose=1", "200 OK"),
            ("HEAD /metrics?x", "200 OK"),
            ("GET /metrics", "200 OK"),
            ("GET /", "404 Not Found"),
            ("GET /healthy", "404 Not Found"),
            ("POST /health", "405 Method Not Allowed"),
            ("", "405 Method Not Allowed"),
        ] {
            assert_eq!(probed(request, &metrics).status, status, "{request}");
        }
        let bytes = |request| String::from_utf8(probed(request, &metrics).bytes()).unwrap();
        let (get, head) = (bytes("GET /health"), bytes("HEAD /health"));
        let length = get.find("\r\n\r\n").unwrap() + 4;
        assert_eq!(head, get[..length]);
        assert!(bytes("PUT /health").contains("\r\nallow: GET, HEAD\r\n"));
    }

    #[test]
    fn health_follows_the_link_and_the_vault() {
        let metrics = Metrics::default();
        let status = || probed("GET /health", &metrics).status;
        assert_eq!(status(), NOT_WELL);
        metrics.connected();
        assert_eq!(status(), "200 OK");
        let body: Value = serde_json::from_str(&probed("GET /health", &metrics).body).unwrap();
        assert_eq!(body["status"], "ok");
        metrics.vault_checked(health_of(false));
        assert_eq!(status(), "503 Service Unavailable");
        let body: Value = serde_json::from_str(&probed("GET /health", &metrics).body).unwrap();
        assert_eq!(
            (&body["connected"], &body["vault"]["detail"]),
            (&json!(true), &json!("said \"so\""))
        );
        assert_eq!(body["check_ins_given_up"], json!([]));
        metrics.vault_checked(health_of(true));
        assert_eq!(status(), "200 OK");
    }

    #[test]
    fn health_names_the_check_ins_that_were_given_up() {
        let session = json!({
            "session_id": "s-1", "product": "pra", "user": {"username": "joe"},
            "jump_item": {"type": "shell_jump", "name": "db01", "hostname": "db01"}
        });
        let session = serde_json::from_value(session).unwrap();
        let give_up = |outbox: &Outbox| {
            let holders = ["ACME\\joe".to_owned()];
            let key = outbox.owe(&session, "7", &holders).unwrap();
            outbox.not_delivered(&key, crate::outbox::FetchEnd::Known, 0);
            let week = CheckInConfig::default().give_up_after;
            assert!(matches!(outbox.step(0), crate::outbox::Step::Pay(_)));
            outbox.fail_at_once(&key);
            let later = i64::try_from(week.as_secs()).unwrap();
            assert!(matches!(
                outbox.step(later),
                crate::outbox::Step::GivenUp(_)
            ));
        };
        let metrics = Metrics::default();
        let probe = || {
            let Probed { status, body, .. } = probed_with("GET /health", &metrics, give_up);
            (status, serde_json::from_str::<Value>(&body).unwrap())
        };
        let (status, body) = probe();
        assert_eq!((status, &body["status"]), (NOT_WELL, &json!("down")));
        metrics.connected();
        let (status, body) = probe();
        assert_eq!((status, &body["status"]), ("200 OK", &json!("degraded")));
        let expected = json!([{
            "session_id": "s-1", "user": "joe", "jump_item": "db01",
            "vault_user": "acme\\joe", "credential_id": "7"
        }]);
        assert_eq!(body["check_ins_given_up"], expected);
    }
}
